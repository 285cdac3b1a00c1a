/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The media transport of a call: one UDP socket that carries RTP, RTCP (multiplexed, RFC 5761), the
 * DTLS handshake (RFC 5764) and, with ICE, STUN, told apart by their first byte (RFC 7983).
 *
 * Media is encrypted (SRTP) by keys of a DTLS handshake between two self-made certificates, whose
 * fingerprints the descriptions (SDP) carry. Keys in the description itself (SDES, RFC 4568) and
 * clear media are offered and accepted only where `weakest` says so.
 *
 * Everything that arrives is hostile until its tag has been checked: it is counted by what is wrong
 * with it and dropped, and changes no state. The address that media is sent to changes only after
 * an authenticated packet came from the new one.
 *
 * A call that is placed                      A call that is answered
 *
 *     ravel_transport_open                       ravel_transport_open
 *     ravel_transport_add_media                  ravel_transport_add_media
 *     wait for RAVEL_TRANSPORT_GATHERED          sdp_decode of the offer
 *     ravel_transport_describe(offer)            ravel_transport_apply(offer)
 *     sdp_encode, send; later sdp_decode         wait for RAVEL_TRANSPORT_GATHERED
 *     ravel_transport_apply(answer)              ravel_transport_describe(answer), sdp_encode, send
 *     ravel_transport_start                      ravel_transport_start
 *     wait for RAVEL_TRANSPORT_SECURE            wait for RAVEL_TRANSPORT_SECURE
 *     ravel_transport_send                       ravel_transport_send
 *     ravel_transport_close                      ravel_transport_close
 *
 * All functions and handlers run on the thread of libre's main loop. Handlers must not close the
 * transport that calls them.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_TRANSPORT_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio_io/call/transport/network_report.h"
#include "ravel/ravel.h"

struct sa;
struct sdp_media;
struct sdp_session;

typedef struct ravel_transport ravel_transport;
typedef struct ravel_certificate ravel_certificate; /* audio_io/call/transport/certificate.h */

/* From strong to weak. */
typedef enum {
    RAVEL_MEDIA_DTLS,
    RAVEL_MEDIA_SDES, /* whoever sees the signalling can listen */
    RAVEL_MEDIA_CLEAR /* whoever sees the packets can listen, and speak */
} ravel_media_security;

enum {
    RAVEL_TRANSPORT_MAX_PAYLOAD = 1200, /* bytes: with all headers below every path's limit */
    RAVEL_FINGERPRINT_TEXT = 96         /* "AB:CD:..." of SHA-256, and a zero */
};

/* An RTP packet that has been authenticated (unless media is clear). */
typedef struct {
    uint16_t sequence;
    uint32_t timestamp; /* units of the payload's clock */
    bool marker;
    const uint8_t *payload; /* valid during the handler */
    size_t size;            /* bytes */
    int64_t arrival_us;     /* of ravel_clock_now_us */
} ravel_rtp_packet;

typedef enum {
    RAVEL_TRANSPORT_GATHERED, /* the description can be written */
    RAVEL_TRANSPORT_SECURE,   /* media may be sent; text: the protection's name */
    RAVEL_TRANSPORT_FAILED,   /* no media will flow; text: why, for the user */
    RAVEL_TRANSPORT_BYE       /* the peer's RTCP says that it has left */
} ravel_transport_event;

typedef struct {
    void (*packet)(const ravel_rtp_packet *packet, void *context);
    void (*report)(const ravel_network_report *report, void *context);
    void (*event)(ravel_transport_event event, const char *text, void *context);
    void *context;
} ravel_transport_handlers;

typedef struct {
    const struct sa *address;             /* to bind and to name in the description; port 0: any */
    const ravel_certificate *certificate; /* outlives the transport */
    ravel_media_security weakest;         /* offered; the best that the peer has is answered */
    bool ice;
    const struct sa *stun_server; /* NULL: none; needs ice */
} ravel_transport_config;

/* NULL with *error filled. The event RAVEL_TRANSPORT_GATHERED follows from the main loop. */
ravel_transport *ravel_transport_open(const ravel_transport_config *config,
                                      const ravel_transport_handlers *handlers, ravel_error *error);

/* Says goodbye to the peer and frees; NULL is allowed. */
void ravel_transport_close(ravel_transport *transport);

/* Adds the line m=audio, whose formats are the caller's, with every protocol that is accepted. The
 * transport keeps a reference to the session, and lets go of the one before.
 * return    0 or a negative status */
int ravel_transport_add_media(ravel_transport *transport, struct sdp_session *session,
                              struct sdp_media **media, ravel_error *error);

/* Writes the attributes of this side; again for each new offer or answer. */
int ravel_transport_describe(ravel_transport *transport, bool offer, ravel_error *error);

/* Reads what sdp_decode has left of the peer's description, an offer or an answer. Again with the
 * same keys is allowed, with others it is refused.
 * return    0 or a negative status: the description is hostile, weaker than allowed, or lacks what
 *           is needed; nothing has changed */
int ravel_transport_apply(ravel_transport *transport, bool offer, ravel_error *error);

/* The payload type that is received (all others are dropped), the one that is sent, and the RTP
 * clock of both. Before the start. */
void ravel_transport_set_format(ravel_transport *transport, int receive_type, int send_type,
                                int clock_hz);

/* ICE, then the handshake. Ends in RAVEL_TRANSPORT_SECURE or RAVEL_TRANSPORT_FAILED. */
int ravel_transport_start(ravel_transport *transport, ravel_error *error);

/* One packet. timestamp: units of the clock, from any start; the wire has a random offset.
 * return    0, or RAVEL_ERR_ARGUMENT before RAVEL_TRANSPORT_SECURE and for too long a payload, or
 *           RAVEL_ERR_IO where the system refuses, which may pass */
int ravel_transport_send(ravel_transport *transport, bool marker, uint32_t timestamp,
                         const uint8_t *payload, size_t size);

/* The security that came of offer and answer; what was offered until then. */
ravel_media_security ravel_transport_security(const ravel_transport *transport);

/* The peer's certificate, SHA-256, as in its description: to be shown and pinned. "" without DTLS,
 * and before ravel_transport_apply. The handshake proves it: RAVEL_TRANSPORT_SECURE. */
const char *ravel_transport_peer_fingerprint(const ravel_transport *transport);

/* Why a packet was dropped. */
typedef enum {
    RAVEL_DROP_TRUNCATED,       /* shorter than its headers say */
    RAVEL_DROP_OVERSIZED,       /* longer than any packet of ours or of Opus */
    RAVEL_DROP_UNKNOWN,         /* neither RTP, RTCP, DTLS nor STUN */
    RAVEL_DROP_EARLY,           /* media before there are keys */
    RAVEL_DROP_UNAUTHENTICATED, /* the tag is wrong, or in the clear not from the peer's address */
    RAVEL_DROP_REPLAYED,        /* was here before, or is too old to tell */
    RAVEL_DROP_PAYLOAD_TYPE,    /* not the one agreed on */
    RAVEL_DROP_HANDSHAKE,       /* DTLS that nobody asked for, or too much of it */
    RAVEL_DROP_OVERFLOW,        /* by the system, before anybody saw it: too much at once (Linux) */
    RAVEL_DROP_KINDS
} ravel_drop;

const char *ravel_drop_name(ravel_drop kind); /* "unauthenticated" */

typedef struct {
    uint64_t sent_packets, sent_bytes;         /* RTP; bytes as UDP payload */
    uint64_t received_packets, received_bytes; /* RTP given to the handler */
    uint64_t reports_sent, reports_received;   /* RTCP */
    uint64_t report_bytes_sent;
    uint64_t dropped[RAVEL_DROP_KINDS];
    uint64_t peer_moved; /* times that the peer's address changed */
    uint64_t lost;       /* RTP packets of the peer that did not come (RFC 3550 A.3) */
    int jitter_us;       /* of the peer's packets at this side */
    ravel_network_report last_report;
    const char *suite; /* of SRTP, by its IANA name; "" while there are no keys */
} ravel_transport_status;

void ravel_transport_get_status(const ravel_transport *transport, ravel_transport_status *status);

#endif
