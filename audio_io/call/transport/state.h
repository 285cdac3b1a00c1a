/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a transport: transport.c opens it, gets its keys and closes it,
 * description.c writes and reads descriptions, packets.c sends and receives.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_STATE_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_STATE_H

#include "audio_io/call/transport/dtls.h"
#include "audio_io/call/transport/libre.h"
#include "audio_io/call/transport/rtcp.h"
#include "audio_io/call/transport/srtp.h"
#include "audio_io/call/transport/transport.h"

typedef struct ravel_ice ravel_ice;

enum { RAVEL_TRANSPORT_MAX_PACKET = 1500 /* bytes of UDP payload */ };

/* A socket with what secures it: one for all, or a second one for the reports of peers that do not
 * multiplex them. */
typedef struct {
    ravel_transport *owner;
    struct udp_sock *socket; /* NULL: not in use */
    struct udp_helper *guard;
    struct sa peer;    /* that packets are sent to */
    struct sa stirred; /* from where authenticated packets came lately instead, and how many */
    int n_stirred;
    bool heard; /* something authenticated came from the peer's address */
    bool ready; /* to send */
    ravel_dtls *dtls;
    ravel_srtp *send, *receive; /* NULL in the clear, and before there are keys */
} ravel_channel;

/* What a description of the peer says, once it has been found good. */
typedef struct {
    ravel_media_security security;
    bool active; /* this side begins the handshake */
    bool multiplexed;
    struct sa media, reports;
    uint8_t digest[RAVEL_DTLS_DIGEST]; /* of its certificate */
    char fingerprint[RAVEL_FINGERPRINT_TEXT];
    int tag; /* of its key in the description */
    uint8_t key[RAVEL_SRTP_MAX_KEY];
} ravel_peer_description;

struct ravel_transport {
    ravel_transport_handlers handlers;
    const ravel_certificate *certificate;
    ravel_media_security weakest;
    ravel_channel media, reports;
    ravel_ice *ice; /* NULL: not wanted, or not by the peer */

    struct sdp_session *session; /* a reference */
    struct sdp_media *line;      /* the session's */
    bool gathered, described, started;
    ravel_peer_description peer;
    uint8_t key[RAVEL_SRTP_MAX_KEY]; /* ours, where keys stand in the description */

    int receive_type, send_type; /* payload types */
    uint32_t ssrc, timestamp_offset;
    uint16_t sequence;
    ravel_rtcp rtcp;
    struct tmr event_timer, report_timer;
    bool secure, failed;
    ravel_transport_status status;
};

/* --- state.c ---------------------------------------------------------------------------------- */

/* Tells the owner, of being secure once, and of nothing after a failure. */
void ravel_transport_emit(ravel_transport *transport, ravel_transport_event event,
                          const char *text);

/* Which carries the reports. */
ravel_channel *ravel_transport_report_channel(ravel_transport *transport);

/* --- transport.c ------------------------------------------------------------------------------ */

/* The peer has no ICE. What it was to gather for us is not waited for. */
void ravel_transport_drop_ice(ravel_transport *transport);

/* --- packets.c -------------------------------------------------------------------------------- */

/* Nothing while there are no keys. */
void ravel_transport_send_report(ravel_transport *transport, bool bye);

/* A helper of libre's sockets, of the channel `arg`: sees all that arrives before anybody else.
 * return    true: dealt with; false: STUN or DTLS, for the next in line */
bool ravel_channel_receive(struct sa *from, struct mbuf *datagram, void *arg);

/* What neither ICE nor DTLS wanted after that. */
void ravel_channel_receive_rest(const struct sa *from, struct mbuf *datagram, void *arg);

#endif
