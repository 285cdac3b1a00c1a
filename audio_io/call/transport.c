/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdalign.h>
#include <string.h>
#include <time.h>

#include "audio_io/call/ice.h"
#include "audio_io/call/sdes.h"
#include "audio_io/call/transport_state.h"
#include "nn/error.h"

enum {
    FIRST_PORT = 16384, /* of those that are tried, in pairs */
    PORT_PAIRS = 16384,
    PORT_TRIALS = 64,
    SOCKET_BUFFER = 1 << 20, /* bytes: a flood's 20 ms must not push the peer's packets out */
    MAX_PACKET = 1500,       /* bytes of UDP payload */
    GUARD_LAYER = -100,      /* before ICE and DTLS */
    MOVE_AFTER = 5,          /* packets from a new address and none from the old one */
    FIRST_REPORT_MS = 1000,
    REPORT_MS = 2000 /* on average */
};

int64_t ravel_transport_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

const char *ravel_drop_name(ravel_drop kind)
{
    static const char *const names[RAVEL_DROP_KINDS] = {
        [RAVEL_DROP_TRUNCATED] = "truncated",
        [RAVEL_DROP_OVERSIZED] = "oversized",
        [RAVEL_DROP_UNKNOWN] = "unknown",
        [RAVEL_DROP_EARLY] = "early",
        [RAVEL_DROP_UNAUTHENTICATED] = "unauthenticated",
        [RAVEL_DROP_REPLAYED] = "replayed",
        [RAVEL_DROP_PAYLOAD_TYPE] = "payload type",
        [RAVEL_DROP_HANDSHAKE] = "handshake",
    };
    return names[kind];
}

void ravel_transport_emit(ravel_transport *transport, ravel_transport_event event, const char *text)
{
    if (transport->failed || (event == RAVEL_TRANSPORT_SECURE && transport->secure))
        return;
    transport->failed = event == RAVEL_TRANSPORT_FAILED;
    transport->secure = transport->secure || event == RAVEL_TRANSPORT_SECURE;
    transport->handlers.event(event, text, transport->handlers.context);
}

/* --- Sending -------------------------------------------------------------------------------- */

/* data: with room for the overhead of protection. */
static int send_bytes(const ravel_channel *channel, uint8_t *data, size_t size)
{
    struct mbuf packet = {.buf = data, .size = size, .pos = 0, .end = size};
    return udp_send(channel->socket, &channel->peer, &packet) == 0 ? RAVEL_OK : RAVEL_ERR_IO;
}

int ravel_transport_send(ravel_transport *transport, bool marker, uint32_t timestamp,
                         const uint8_t *payload, size_t size)
{
    alignas(4)
        uint8_t packet[RAVEL_RTP_HEADER + RAVEL_TRANSPORT_MAX_PAYLOAD + RAVEL_SRTP_MAX_OVERHEAD];
    ravel_channel *channel = &transport->media;
    if (!channel->ready || size > RAVEL_TRANSPORT_MAX_PAYLOAD)
        return RAVEL_ERR_ARGUMENT;
    ravel_rtp_header header = {.marker = marker,
                               .payload_type = transport->send_type,
                               .sequence = transport->sequence++,
                               .timestamp = timestamp + transport->timestamp_offset,
                               .ssrc = transport->ssrc};
    ravel_rtp_header_write(&header, packet);
    memcpy(packet + RAVEL_RTP_HEADER, payload, size);
    size_t n = RAVEL_RTP_HEADER + size;
    if (channel->send != NULL && ravel_srtp_protect(channel->send, packet, &n) != RAVEL_OK)
        return RAVEL_ERR_IO;
    ravel_rtcp_note_sent(&transport->rtcp, header.timestamp, size, ravel_transport_clock_us());
    transport->status.sent_packets++;
    transport->status.sent_bytes += n;
    return send_bytes(channel, packet, n);
}

static ravel_channel *report_channel(ravel_transport *transport)
{
    return transport->peer.multiplexed ? &transport->media : &transport->reports;
}

static void send_report(ravel_transport *transport, bool bye)
{
    alignas(4) uint8_t packet[RAVEL_RTCP_MAX + RAVEL_SRTP_MAX_OVERHEAD];
    ravel_channel *channel = report_channel(transport);
    if (!channel->ready)
        return;
    size_t n = ravel_rtcp_write(&transport->rtcp, bye, ravel_transport_clock_us(), packet);
    if (channel->send != NULL && ravel_srtcp_protect(channel->send, packet, &n) != RAVEL_OK)
        return;
    transport->status.reports_sent++;
    transport->status.report_bytes_sent += n;
    (void)send_bytes(channel, packet, n); /* the next one makes up for it */
}

/* Between half and one and a half times the interval, so that reports do not fall into step. */
static void on_report_timer(void *arg)
{
    ravel_transport *transport = arg;
    send_report(transport, false);
    tmr_start(&transport->report_timer, REPORT_MS / 2 + rand_u32() % REPORT_MS, on_report_timer,
              transport);
}

/* --- Receiving ------------------------------------------------------------------------------ */

static void drop(ravel_transport *transport, ravel_drop kind)
{
    transport->status.dropped[kind]++;
}

/* Sends to a new address of the peer once packets come from there and none from the old one. Not at
 * the first: who races ahead with a copy of a packet must not draw the call to himself. */
static void follow_peer(ravel_channel *channel, const struct sa *from)
{
    if (sa_cmp(from, &channel->peer, SA_ALL)) {
        channel->n_stirred = 0;
        channel->heard = true;
        return;
    }
    channel->n_stirred = sa_cmp(from, &channel->stirred, SA_ALL) ? channel->n_stirred + 1 : 1;
    channel->stirred = *from;
    if (channel->n_stirred < MOVE_AFTER)
        return;
    channel->peer = *from;
    channel->n_stirred = 0;
    channel->owner->status.peer_moved++;
}

/* In the clear an address is all there is: the described one, or, where it stays silent because it
 * stands behind a translator, the first that speaks. */
static bool is_peer_in_clear(ravel_channel *channel, const struct sa *from)
{
    if (sa_cmp(from, &channel->peer, SA_ALL)) {
        channel->heard = true;
        return true;
    }
    if (channel->heard)
        return false;
    channel->peer = *from;
    channel->heard = true;
    channel->owner->status.peer_moved++;
    return true;
}

/* Counts what is dropped. return    whether the packet is good */
static bool judge(ravel_channel *channel, ravel_srtp_verdict verdict, const struct sa *from)
{
    static const ravel_drop kinds[] = {[RAVEL_SRTP_TRUNCATED] = RAVEL_DROP_TRUNCATED,
                                       [RAVEL_SRTP_REPLAYED] = RAVEL_DROP_REPLAYED,
                                       [RAVEL_SRTP_FORGED] = RAVEL_DROP_UNAUTHENTICATED};
    if (verdict == RAVEL_SRTP_GOOD) {
        follow_peer(channel, from);
        return true;
    }
    /* A copy that came first from elsewhere does not make the peer's own packet count for less. */
    if (verdict == RAVEL_SRTP_REPLAYED && sa_cmp(from, &channel->peer, SA_ALL))
        channel->n_stirred = 0;
    drop(channel->owner, kinds[verdict]);
    return false;
}

static bool authenticate(ravel_channel *channel, const struct sa *from, bool report, uint8_t *data,
                         size_t *size)
{
    ravel_transport *transport = channel->owner;
    if (!channel->ready) {
        drop(transport, RAVEL_DROP_EARLY);
        return false;
    }
    if (channel->receive != NULL)
        return judge(channel,
                     report ? ravel_srtcp_unprotect(channel->receive, data, size)
                            : ravel_srtp_unprotect(channel->receive, data, size),
                     from);
    if (is_peer_in_clear(channel, from))
        return true;
    drop(transport, RAVEL_DROP_UNAUTHENTICATED);
    return false;
}

static void receive_media(ravel_channel *channel, const struct sa *from, uint8_t *data, size_t size)
{
    ravel_transport *transport = channel->owner;
    int64_t now_us = ravel_transport_clock_us();
    ravel_rtp_header header;
    if (!ravel_rtp_header_read(&header, data, size)) {
        drop(transport, RAVEL_DROP_TRUNCATED);
        return;
    }
    if (channel->ready && header.payload_type != transport->receive_type) {
        drop(transport, RAVEL_DROP_PAYLOAD_TYPE);
        return;
    }
    size_t wire = size;
    if (!authenticate(channel, from, false, data, &size))
        return;
    int n = ravel_rtp_payload_size(&header, data, size);
    if (n < 0) {
        drop(transport, RAVEL_DROP_TRUNCATED);
        return;
    }
    ravel_rtcp_note_received(&transport->rtcp, &header, now_us);
    transport->status.received_packets++;
    transport->status.received_bytes += wire;
    ravel_rtp_packet packet = {.sequence = header.sequence,
                               .timestamp = header.timestamp,
                               .marker = header.marker,
                               .payload = data + header.size,
                               .size = (size_t)n,
                               .arrival_us = now_us};
    transport->handlers.packet(&packet, transport->handlers.context);
}

static void receive_report(ravel_channel *channel, const struct sa *from, uint8_t *data,
                           size_t size)
{
    ravel_transport *transport = channel->owner;
    ravel_network_report report;
    if (!authenticate(channel, from, true, data, &size))
        return;
    int found = ravel_rtcp_read(&transport->rtcp, data, size, ravel_transport_clock_us(), &report);
    if (found < 0) {
        drop(transport, RAVEL_DROP_TRUNCATED);
        return;
    }
    transport->status.reports_received++;
    if ((found & RAVEL_RTCP_REPORT) != 0) {
        transport->status.last_report = report;
        transport->handlers.report(&report, transport->handlers.context);
    }
    if ((found & RAVEL_RTCP_BYE) != 0)
        ravel_transport_emit(transport, RAVEL_TRANSPORT_BYE, "the peer has left");
}

/* Everything that arrives, before anybody else sees it, by RFC 7983's first byte; RTCP by its second
 * (RFC 5761). return    true: dealt with; false: STUN or DTLS, for the next in line */
static bool on_datagram(struct sa *from, struct mbuf *datagram, void *arg)
{
    ravel_channel *channel = arg;
    ravel_transport *transport = channel->owner;
    uint8_t *data = mbuf_buf(datagram);
    size_t size = mbuf_get_left(datagram);
    if (size > MAX_PACKET) {
        drop(transport, RAVEL_DROP_OVERSIZED);
    } else if (size < 2) {
        drop(transport, RAVEL_DROP_TRUNCATED);
    } else if (data[0] >= 128 && data[0] < 192) {
        bool report = data[1] >= 192 && data[1] < 224;
        if (channel != (report ? report_channel(transport) : &transport->media))
            drop(transport, RAVEL_DROP_UNKNOWN);
        else
            (report ? receive_report : receive_media)(channel, from, data, size);
    } else if (data[0] >= 20 && data[0] < 64) {
        if (channel->dtls != NULL &&
            ravel_dtls_admits(channel->dtls, from, ravel_transport_clock_us()))
            return false;
        drop(transport, RAVEL_DROP_HANDSHAKE);
    } else if (data[0] < 4 && transport->ice != NULL) {
        return false;
    } else {
        drop(transport, RAVEL_DROP_UNKNOWN);
    }
    return true;
}

/* What ICE and DTLS have let through. */
static void on_unwanted(const struct sa *from, struct mbuf *datagram, void *arg)
{
    (void)from;
    (void)datagram;
    const ravel_channel *channel = arg;
    drop(channel->owner, RAVEL_DROP_UNKNOWN);
}

/* --- Keys ----------------------------------------------------------------------------------- */

static const char *protection(ravel_transport *transport)
{
    return transport->peer.security == RAVEL_MEDIA_CLEAR ? "none" : transport->status.suite;
}

static void begin(ravel_channel *channel)
{
    ravel_transport *transport = channel->owner;
    channel->ready = true;
    if (channel == report_channel(transport))
        tmr_start(&transport->report_timer, FIRST_REPORT_MS, on_report_timer, transport);
    if (channel == &transport->media)
        ravel_transport_emit(transport, RAVEL_TRANSPORT_SECURE, protection(transport));
}

void ravel_channel_secure(ravel_channel *channel, ravel_srtp_suite suite, const uint8_t *send_key,
                          const uint8_t *receive_key)
{
    ravel_transport *transport = channel->owner;
    channel->send = ravel_srtp_new(suite, send_key, true);
    channel->receive = ravel_srtp_new(suite, receive_key, false);
    if (channel->send == NULL || channel->receive == NULL) {
        ravel_transport_emit(transport, RAVEL_TRANSPORT_FAILED, "no memory for the keys");
        return;
    }
    transport->status.suite = ravel_srtp_suite_name(suite);
    begin(channel);
}

static void on_keys(ravel_srtp_suite suite, const uint8_t *send_key, const uint8_t *receive_key,
                    const struct sa *peer, void *context)
{
    ravel_channel *channel = context;
    channel->peer = *peer;
    ravel_channel_secure(channel, suite, send_key, receive_key);
}

static void on_handshake_failed(const char *why, void *context)
{
    ravel_channel *channel = context;
    if (channel == &channel->owner->media) /* without reports there is still a call */
        ravel_transport_emit(channel->owner, RAVEL_TRANSPORT_FAILED, why);
}

static void on_handshake_closed(void *context)
{
    ravel_channel *channel = context;
    if (channel == &channel->owner->media)
        ravel_transport_emit(channel->owner, RAVEL_TRANSPORT_BYE, "the peer has left");
}

static int open_dtls(ravel_channel *channel, ravel_error *error)
{
    const ravel_dtls_handlers handlers = {.keys = on_keys,
                                          .failed = on_handshake_failed,
                                          .closed = on_handshake_closed,
                                          .context = channel};
    channel->dtls = ravel_dtls_new(channel->owner->certificate, channel->socket, &handlers, error);
    return channel->dtls != NULL ? RAVEL_OK : RAVEL_ERR_IO;
}

static void start_channel(ravel_channel *channel, const struct sa *peer)
{
    ravel_transport *transport = channel->owner;
    if (!sa_isset(&channel->peer, SA_ALL))
        channel->peer = *peer;
    if (transport->peer.security == RAVEL_MEDIA_DTLS)
        ravel_dtls_start(channel->dtls, transport->peer.active, &channel->peer,
                         transport->peer.digest);
    else if (transport->peer.security == RAVEL_MEDIA_SDES)
        ravel_channel_secure(channel, (ravel_srtp_suite)RAVEL_SDES_SUITE, transport->key,
                             transport->peer.key);
    else
        begin(channel);
}

static void on_start(void *arg)
{
    ravel_transport *transport = arg;
    start_channel(&transport->media, &transport->peer.media);
    if (!transport->peer.multiplexed)
        start_channel(&transport->reports, &transport->peer.reports);
}

/* --- ICE ------------------------------------------------------------------------------------ */

static void on_gathered(void *arg)
{
    ravel_transport_emit(arg, RAVEL_TRANSPORT_GATHERED, "");
}

static void on_connected(const struct sa *peer, void *arg)
{
    ravel_transport *transport = arg;
    if (transport->media.ready) {
        transport->media.peer = *peer;
        return;
    }
    transport->media.peer = *peer;
    on_start(transport);
}

static void on_unreachable(const char *why, void *arg)
{
    ravel_transport_emit(arg, RAVEL_TRANSPORT_FAILED, why);
}

static int open_ice(ravel_transport *transport, const ravel_transport_config *config,
                    ravel_error *error)
{
    const ravel_ice_handlers handlers = {.gathered = on_gathered,
                                         .connected = on_connected,
                                         .failed = on_unreachable,
                                         .context = transport};
    transport->ice = ravel_ice_new(transport->media.socket, config->address, config->stun_server,
                                   &handlers, error);
    return transport->ice != NULL ? RAVEL_OK : RAVEL_ERR_IO;
}

/* --- Opening and closing -------------------------------------------------------------------- */

static void close_channel(ravel_channel *channel)
{
    ravel_dtls_free(channel->dtls);
    ravel_srtp_free(channel->send);
    ravel_srtp_free(channel->receive);
    mem_deref(channel->guard);
    mem_deref(channel->socket);
    *channel = (ravel_channel){.owner = channel->owner};
}

static int bind_channel(ravel_channel *channel, const struct sa *address, uint16_t port)
{
    struct sa local = *address;
    sa_set_port(&local, port);
    int failed = udp_listen(&channel->socket, &local, on_unwanted, channel);
    if (failed != 0)
        return failed;
    udp_rxsz_set(channel->socket, MAX_PACKET + 1);
    (void)udp_sockbuf_set(channel->socket, SOCKET_BUFFER); /* as much as the system grants */
    return udp_register_helper(&channel->guard, channel->socket, GUARD_LAYER, NULL, on_datagram,
                               channel);
}

/* The ports of media and of reports, which is the next one. */
static int bind_pair(ravel_transport *transport, const struct sa *address, uint16_t port)
{
    int failed = bind_channel(&transport->media, address, port);
    if (failed == 0)
        failed = bind_channel(&transport->reports, address, (uint16_t)(port + 1));
    if (failed != 0) {
        close_channel(&transport->media);
        close_channel(&transport->reports);
    }
    return failed;
}

static int open_sockets(ravel_transport *transport, const struct sa *address, ravel_error *error)
{
    int wanted = sa_port(address), failed = EADDRINUSE;
    for (int i = 0; i < (wanted != 0 ? 1 : PORT_TRIALS) && failed == EADDRINUSE; i++) {
        uint32_t port = FIRST_PORT + 2 * (rand_u32() % PORT_PAIRS);
        failed = bind_pair(transport, address, (uint16_t)(wanted != 0 ? (uint32_t)wanted : port));
    }
    char text[INET6_ADDRSTRLEN];
    if (failed == 0)
        return RAVEL_OK;
    return ravel_error_set(error, RAVEL_ERR_IO, "UDP port %d and the next, at %s: %s", wanted,
                           sa_ntop(address, text, sizeof text) == 0 ? text : "?", strerror(failed));
}

/* The sequence starts in the lower half: the receiver takes the first number that it hears for one
 * without roll-over (RFC 3711 3.3.1). */
static int choose_numbers(ravel_transport *transport)
{
    struct {
        uint32_t ssrc, timestamp;
        uint16_t sequence;
        uint8_t name[12];
    } random;
    char name[RAVEL_RTCP_CNAME];
    size_t n = sizeof name - 1;
    if (RAND_bytes((unsigned char *)&random, sizeof random) != 1 ||
        RAND_bytes(transport->key, sizeof transport->key) != 1 ||
        base64_encode(random.name, sizeof random.name, name, &n) != 0)
        return RAVEL_ERR_IO;
    name[n] = '\0';
    transport->ssrc = random.ssrc;
    transport->timestamp_offset = random.timestamp;
    transport->sequence = random.sequence & 0x7fff;
    ravel_rtcp_init(&transport->rtcp, random.ssrc, 48000, name);
    return RAVEL_OK;
}

static int open_inside(ravel_transport *transport, const ravel_transport_config *config,
                       ravel_error *error)
{
    if (choose_numbers(transport) != RAVEL_OK)
        return ravel_error_set(error, RAVEL_ERR_IO, "OpenSSL has no random numbers");
    int status = open_sockets(transport, config->address, error);
    if (status == RAVEL_OK)
        status = open_dtls(&transport->media, error);
    if (status == RAVEL_OK)
        status = open_dtls(&transport->reports, error);
    if (status == RAVEL_OK && config->ice)
        return open_ice(transport, config, error);
    tmr_start(&transport->event_timer, 0, on_gathered, transport);
    return status;
}

ravel_transport *ravel_transport_open(const ravel_transport_config *config,
                                      const ravel_transport_handlers *handlers, ravel_error *error)
{
    ravel_transport *transport = mem_zalloc(sizeof *transport, NULL);
    if (transport == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    transport->handlers = *handlers;
    transport->certificate = config->certificate;
    transport->weakest = transport->peer.security = config->weakest;
    transport->peer.multiplexed = true;
    transport->media.owner = transport->reports.owner = transport;
    transport->status.last_report.round_trip_us = -1;
    transport->status.suite = "";
    if (open_inside(transport, config, error) == RAVEL_OK)
        return transport;
    ravel_transport_close(transport);
    return NULL;
}

void ravel_transport_close(ravel_transport *transport)
{
    if (transport == NULL)
        return;
    send_report(transport, true);
    tmr_cancel(&transport->event_timer);
    tmr_cancel(&transport->report_timer);
    ravel_ice_free(transport->ice);
    transport->ice = NULL;
    close_channel(&transport->media);
    close_channel(&transport->reports);
    mem_deref(transport->session);
    OPENSSL_cleanse(transport->key, sizeof transport->key);
    mem_deref(transport);
}

void ravel_transport_set_format(ravel_transport *transport, int receive_type, int send_type,
                                int clock_hz)
{
    transport->receive_type = receive_type;
    transport->send_type = send_type;
    transport->rtcp.clock_hz = clock_hz;
}

int ravel_transport_start(ravel_transport *transport, ravel_error *error)
{
    if (!transport->described || transport->started)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "the transport was started before the peer was known, or twice");
    transport->started = true;
    if (transport->peer.multiplexed)
        close_channel(&transport->reports);
    if (transport->ice != NULL)
        return ravel_ice_start(transport->ice, error);
    tmr_start(&transport->event_timer, 0, on_start, transport);
    return RAVEL_OK;
}

/* --- Telling -------------------------------------------------------------------------------- */

ravel_media_security ravel_transport_security(const ravel_transport *transport)
{
    return transport->peer.security;
}

const char *ravel_transport_peer_fingerprint(const ravel_transport *transport)
{
    return transport->peer.fingerprint;
}

void ravel_transport_get_status(const ravel_transport *transport, ravel_transport_status *status)
{
    *status = transport->status;
    status->lost = ravel_rtcp_lost(&transport->rtcp);
    status->jitter_us = ravel_rtcp_jitter_us(&transport->rtcp);
}
