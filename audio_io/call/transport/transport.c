/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/transport.h"

#ifdef __linux__
#include <linux/sock_diag.h>
#endif
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "audio_io/call/transport/ice.h"
#include "audio_io/call/transport/sdes.h"
#include "audio_io/call/transport/state.h"
#include "nn/error.h"

enum {
    FIRST_PORT = 16384, /* of those that are tried, in pairs */
    PORT_PAIRS = 16384,
    PORT_TRIALS = 64,
    SOCKET_BUFFER = 1 << 20, /* bytes: 50 ms of a flood */
    GUARD_LAYER = -100,      /* before ICE and DTLS */
    FIRST_REPORT_MS = 1000,
    REPORT_MS = 2000 /* on average */
};

/* --- Keys ----------------------------------------------------------------------------------- */

static const char *protection(ravel_transport *transport)
{
    return transport->peer.security == RAVEL_MEDIA_CLEAR ? "none" : transport->status.suite;
}

/* Between half and one and a half times the interval, so that reports do not fall into step. */
static void on_report_timer(void *arg)
{
    ravel_transport *transport = arg;
    ravel_transport_send_report(transport, false);
    tmr_start(&transport->report_timer, REPORT_MS / 2 + rand_u32() % REPORT_MS, on_report_timer,
              transport);
}

static void begin(ravel_channel *channel)
{
    ravel_transport *transport = channel->owner;
    channel->ready = true;
    if (channel == ravel_transport_report_channel(transport))
        tmr_start(&transport->report_timer, FIRST_REPORT_MS, on_report_timer, transport);
    if (channel == &transport->media)
        ravel_transport_emit(transport, RAVEL_TRANSPORT_SECURE, protection(transport));
}

static void secure(ravel_channel *channel, ravel_srtp_suite suite, const uint8_t *send_key,
                   const uint8_t *receive_key)
{
    ravel_transport *transport = channel->owner;
    ravel_srtp_free(channel->send);
    ravel_srtp_free(channel->receive);
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
    secure(channel, suite, send_key, receive_key);
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
        secure(channel, (ravel_srtp_suite)RAVEL_SDES_SUITE, transport->key, transport->peer.key);
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
    ravel_transport *transport = arg;
    transport->gathered = true;
    ravel_transport_emit(transport, RAVEL_TRANSPORT_GATHERED, "");
}

static void on_connected(const struct sa *peer, void *arg)
{
    ravel_transport *transport = arg;
    transport->media.peer = *peer;
    if (!transport->media.ready)
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

void ravel_transport_drop_ice(ravel_transport *transport)
{
    ravel_ice_free(transport->ice);
    transport->ice = NULL;
    if (!transport->gathered)
        tmr_start(&transport->event_timer, 0, on_gathered, transport);
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

/* As much as the system grants: root all of it, others up to net.core.rmem_max. */
static void widen(struct udp_sock *socket)
{
    const int size = SOCKET_BUFFER;
#ifdef SO_RCVBUFFORCE
    if (udp_setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0)
        return;
#endif
    (void)udp_setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int bind_channel(ravel_channel *channel, const struct sa *address, uint16_t port)
{
    struct sa local = *address;
    sa_set_port(&local, port);
    int failed = udp_listen(&channel->socket, &local, ravel_channel_receive_rest, channel);
    if (failed != 0)
        return failed;
    udp_rxsz_set(channel->socket, RAVEL_TRANSPORT_MAX_PACKET + 1);
    widen(channel->socket);
    return udp_register_helper(&channel->guard, channel->socket, GUARD_LAYER, NULL,
                               ravel_channel_receive, channel);
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
    if (status != RAVEL_OK)
        return status;
    if (config->ice)
        return open_ice(transport, config, error);
    tmr_start(&transport->event_timer, 0, on_gathered, transport);
    return RAVEL_OK;
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
    ravel_transport_send_report(transport, true);
    tmr_cancel(&transport->event_timer);
    tmr_cancel(&transport->report_timer);
    ravel_ice_free(transport->ice);
    transport->ice = NULL;
    close_channel(&transport->media);
    close_channel(&transport->reports);
    mem_deref(transport->session);
    OPENSSL_cleanse(transport->key, sizeof transport->key);
    OPENSSL_cleanse(transport->peer.key, sizeof transport->peer.key);
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

/* What the system could not queue, ours or not. */
static uint64_t overflow_of(const ravel_channel *channel)
{
#ifdef SO_MEMINFO
    uint32_t figures[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof figures;
    if (channel->socket != NULL && getsockopt(udp_sock_fd(channel->socket, AF_INET6), SOL_SOCKET,
                                              SO_MEMINFO, figures, &size) == 0)
        return figures[SK_MEMINFO_DROPS];
#endif
    (void)channel;
    return 0;
}

void ravel_transport_get_status(const ravel_transport *transport, ravel_transport_status *status)
{
    *status = transport->status;
    status->dropped[RAVEL_DROP_OVERFLOW] =
        overflow_of(&transport->media) + overflow_of(&transport->reports);
    status->lost = ravel_rtcp_lost(&transport->rtcp);
    status->jitter_us = ravel_rtcp_jitter_us(&transport->rtcp);
}
