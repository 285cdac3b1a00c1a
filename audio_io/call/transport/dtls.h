/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake that gives SRTP its keys (DTLS-SRTP, RFC 5763 and 5764), over libre, on one socket.
 * The peer is whoever owns the certificate that its description names, wherever it calls from.
 *
 * Strangers may try as well: few at a time, and each for seconds, so that they take neither the place
 * of the peer nor the machine's time. Nothing that they send ends the handshake with the peer.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_DTLS_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_DTLS_H

#include <stdbool.h>
#include <stdint.h>

#include "audio_io/call/transport/certificate.h"
#include "audio_io/call/transport/libre.h"
#include "audio_io/call/transport/srtp.h"

enum { RAVEL_DTLS_DIGEST = 32, RAVEL_DTLS_LAYER = 20 /* of the socket's helpers */ };

typedef struct ravel_dtls ravel_dtls;

/* None of them may free the handshake. */
typedef struct {
    /* Again, where the peer has lost them and begins anew. */
    void (*keys)(ravel_srtp_suite suite, const uint8_t *send_key, const uint8_t *receive_key,
                 const struct sa *peer, void *context);
    void (*failed)(const char *why, void *context);
    void (*closed)(void *context); /* the peer has ended the call */
    void *context;
} ravel_dtls_handlers;

/* The other side may begin at once. NULL with *error filled. */
ravel_dtls *ravel_dtls_new(const ravel_certificate *certificate, struct udp_sock *socket,
                           const ravel_dtls_handlers *handlers, ravel_error *error);

/* Tells the peer; NULL is allowed. */
void ravel_dtls_free(ravel_dtls *dtls);

/* Whether a packet of DTLS from there is to be looked at; asked before each. An alert that is not
 * encrypted is not: anybody may have sent it. */
bool ravel_dtls_admits(ravel_dtls *dtls, const struct sa *from, const uint8_t *data, size_t size,
                       int64_t now_us);

/* The peer has shown that it has the keys: it will not begin anew. */
void ravel_dtls_confirm(ravel_dtls *dtls);

/* Now it is known who the peer is.
 * active    this side begins
 * peer      where the description says that it is
 * digest    SHA-256 of its certificate */
void ravel_dtls_start(ravel_dtls *dtls, bool active, const struct sa *peer,
                      const uint8_t digest[RAVEL_DTLS_DIGEST]);

#endif
