/* SPDX-License-Identifier: BSD-3-Clause */
/* The media of a call: its description, its transport and its sound. */
#include <stdio.h>
#include <string.h>

#include "audio_io/call/session_inside.h"
#include "audio_io/call/transport/certificate.h"
#include "audio_io/live/clock.h"
#include "nn/error.h"

enum {
    TICK_MS = 100,
    PATIENCE_US = 30000000, /* nothing has come: the peer, or the way to him, is gone */
    FAREWELL_US = 3000000   /* after his goodbye in RTCP, which some send between two streams */
};

_Static_assert((int)RAVEL_SENDER_MAX_BYTES <= (int)RAVEL_TRANSPORT_MAX_PAYLOAD,
               "what is said can be sent");

/* --- The description -------------------------------------------------------------------------- */

/* What is known of the peer's certificate. */
static int look_at_key(ravel_session *session, ravel_error *error)
{
    ravel_call_status *status = &session->status;
    (void)snprintf(status->fingerprint, sizeof status->fingerprint, "%s",
                   ravel_transport_peer_fingerprint(session->transport));
    return ravel_pins_look(session->config->folder, status->peer, status->fingerprint, &status->pin,
                           status->known, error);
}

static int decode(ravel_session *session, struct mbuf *body, bool offer, ravel_error *error)
{
    int code = sdp_decode(session->description, body, offer);
    if (code != 0)
        return ravel_error_set(error, RAVEL_ERR_DATA, "the peer's description cannot be read: %s",
                               strerror(code));
    if (sdp_media_dir(session->media) != SDP_SENDRECV)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "the peer wants to hold the call, or to speak "
                               "one way only, which is not known here");
    return 0;
}

int ravel_session_read(ravel_session *session, struct mbuf *body, bool offer, ravel_error *error)
{
    ravel_agreement *codec = &session->status.codec;
    int status = decode(session, body, offer, error);
    if (status == 0)
        status = ravel_offer_agree(&session->config->offer, session->media, offer, codec, error);
    if (status == 0)
        status = ravel_transport_apply(session->transport, offer, error);
    if (status == 0)
        status = look_at_key(session, error);
    if (status < 0)
        return status;
    session->status.agreed = true;
    ravel_transport_set_format(session->transport, codec->receive_type, codec->send_type,
                               codec->clock_hz);
    return 0;
}

int ravel_session_read_again(ravel_session *session, struct mbuf *body, ravel_error *error)
{
    const ravel_agreement *old = &session->status.codec;
    ravel_agreement now = {.receive_type = -1};
    int status = decode(session, body, true, error);
    if (status == 0)
        status = ravel_offer_agree(&session->config->offer, session->media, true, &now, error);
    if (status < 0)
        return status;
    if (now.voice.model != old->voice.model || now.receive_type != old->receive_type ||
        now.send_type != old->send_type)
        return ravel_error_set(error, RAVEL_ERR_DATA, "another codec in the middle of a call");
    return ravel_transport_apply(session->transport, true, error);
}

struct mbuf *ravel_session_write(ravel_session *session, bool offer, ravel_error *error)
{
    struct mbuf *body = NULL;
    if (ravel_transport_describe(session->transport, offer, error) < 0)
        return NULL;
    if (sdp_encode(&body, session->description, offer) != 0)
        (void)ravel_error_memory(error);
    return body;
}

/* --- The transport's handlers ----------------------------------------------------------------- */

static void packet_came(const ravel_rtp_packet *packet, void *context)
{
    ravel_session *session = context;
    ravel_voice_packet voice;
    if (session->sound == NULL || packet->size > sizeof voice.bytes)
        return;
    voice.sequence = packet->sequence;
    voice.timestamp = packet->timestamp;
    voice.marker = packet->marker;
    voice.time_us = packet->arrival_us;
    voice.n_bytes = (int)packet->size;
    memcpy(voice.bytes, packet->payload, packet->size);
    ravel_sound_put(session->sound, &voice);
}

static void report_came(const ravel_network_report *report, void *context)
{
    ravel_session *session = context;
    if (session->sound != NULL)
        ravel_sound_report(session->sound, report);
}

/* The peer has proved that the certificate is his; now it is worth keeping. */
static void keep_key(ravel_session *session)
{
    ravel_call_status *status = &session->status;
    if (status->pin != RAVEL_PIN_SAME && status->fingerprint[0] != '\0')
        status->forgotten =
            ravel_pins_keep(session->config->folder, status->peer, status->fingerprint, NULL) < 0;
}

static void secured(ravel_session *session)
{
    session->talk_begin_us = session->heard_us = ravel_clock_now_us();
    keep_key(session);
    ravel_session_send(session); /* drops what waited: in a burst it would look like jitter */
    ravel_session_enter(session, RAVEL_CALL_TALKING);
}

static void event_came(ravel_transport_event event, const char *text, void *context)
{
    ravel_session *session = context;
    if (session->ending)
        return;
    switch (event) {
    case RAVEL_TRANSPORT_GATHERED:
        session->gathered = true;
        if (session->status.outgoing || session->answered)
            session->go_on(session);
        break;
    case RAVEL_TRANSPORT_SECURE:
        secured(session);
        break;
    case RAVEL_TRANSPORT_FAILED:
        ravel_session_end(session, RAVEL_CALL_FAILED, "%s", text);
        break;
    case RAVEL_TRANSPORT_BYE:
        session->goodbye_us = ravel_clock_now_us();
        break;
    }
}

/* --- Time ------------------------------------------------------------------------------------- */

/* Whether the peer has been silent, in voice and reports, for too long. */
static void hear(ravel_session *session, int64_t now_us)
{
    ravel_transport_status transport;
    ravel_transport_get_status(session->transport, &transport);
    uint64_t heard = transport.received_packets + transport.reports_received;
    const bool left = session->goodbye_us != 0;
    if (heard != session->heard) {
        session->heard = heard;
        session->heard_us = now_us;
        if (left && now_us - session->goodbye_us > FAREWELL_US) /* it was of one stream only */
            session->goodbye_us = 0;
    } else if (left && now_us - session->heard_us > FAREWELL_US) {
        ravel_session_end(session, RAVEL_CALL_ENDED, "the peer has left");
    } else if (now_us - session->heard_us > PATIENCE_US) {
        ravel_session_end(session, RAVEL_CALL_FAILED, "nothing has come from the peer for %d s",
                          (int)((now_us - session->heard_us) / 1000000));
    }
}

/* The line is opened on a thread of its own; what came of it is seen here. */
static void look_at_sound(ravel_session *session)
{
    ravel_sound_status sound;
    ravel_error error = {0};
    ravel_sound_get_status(session->sound, &sound);
    if (sound.state != RAVEL_SOUND_FAILED)
        return;
    (void)ravel_sound_close(session->sound, &error);
    session->sound = NULL;
    ravel_session_end(session, RAVEL_CALL_FAILED, "%s", error.text);
}

static void tick(void *context)
{
    ravel_session *session = context;
    const int64_t now_us = ravel_clock_now_us();
    const int64_t talk_us = (int64_t)session->config->talk_s * 1000000;
    tmr_start(&session->tick, TICK_MS, tick, session);
    ravel_session_send(session);
    if (session->status.state == RAVEL_CALL_TALKING) {
        hear(session, now_us);
        if (talk_us > 0 && now_us - session->talk_begin_us > talk_us)
            ravel_session_end(session, RAVEL_CALL_ENDED, "the time of the call is over");
    }
    look_at_sound(session);
}

/* --- Begin and end ---------------------------------------------------------------------------- */

int ravel_session_open_media(ravel_session *session, const struct sa *local, ravel_error *error)
{
    const ravel_call_config *config = session->config;
    const ravel_transport_config transport = {.address = local,
                                              .certificate = config->certificate,
                                              .weakest = config->weakest,
                                              .ice = config->ice,
                                              .stun_server = config->stun_server};
    const ravel_transport_handlers handlers = {packet_came, report_came, event_came, session};
    (void)snprintf(session->status.own_fingerprint, sizeof session->status.own_fingerprint, "%s",
                   ravel_certificate_fingerprint(config->certificate));
    session->transport = ravel_transport_open(&transport, &handlers, error);
    if (session->transport == NULL)
        return (int)error->status;
    if (sdp_session_alloc(&session->description, local) != 0)
        return ravel_error_memory(error);
    int status =
        ravel_transport_add_media(session->transport, session->description, &session->media, error);
    return status < 0 ? status : ravel_offer_add(&config->offer, session->media, error);
}

/* The sound begins before it can be sent: the devices take time to open. */
void ravel_session_secure(ravel_session *session)
{
    ravel_error error = {0};
    session->sound = ravel_sound_open(&session->status.codec.voice, &session->config->line,
                                      session->handlers.ready, session->handlers.context, &error);
    if (session->sound == NULL || ravel_transport_start(session->transport, &error) < 0) {
        ravel_session_end(session, RAVEL_CALL_FAILED, "%s", error.text);
        return;
    }
    ravel_sound_mute(session->sound, session->muted);
    tmr_start(&session->tick, TICK_MS, tick, session);
    ravel_session_enter(session, RAVEL_CALL_SECURING);
}

/* A packet from before the talk is dropped, and one that the system does not take now. */
void ravel_session_send(ravel_session *session)
{
    ravel_voice_packet packet;
    while (session->sound != NULL && ravel_sound_take(session->sound, &packet))
        if (session->status.state == RAVEL_CALL_TALKING)
            (void)ravel_transport_send(session->transport, packet.marker, packet.timestamp,
                                       packet.bytes, (size_t)packet.n_bytes);
}

int ravel_session_close_media(ravel_session *session, ravel_error *error)
{
    ravel_call_status last;
    ravel_session_get_status(session, &last);
    session->status = last;
    ravel_transport_close(session->transport);
    session->transport = NULL;
    session->media = NULL; /* of the description */
    session->description = mem_deref(session->description);
    int status = ravel_sound_close(session->sound, error);
    session->sound = NULL;
    return status;
}
