/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP and SRTCP (RFC 3711, RFC 7714), one direction of a call, by libsrtp.
 *
 * Why not libre's own: its version 1.1.0 moves the roll-over counter of a stream, and makes a stream
 * of an unknown source, before it has looked at the tag. One forged packet silences a stream for
 * good, eight forged sources keep every further one out.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_SRTP_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ravel/ravel.h"

typedef enum { RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80, RAVEL_SRTP_AEAD_AES_128_GCM } ravel_srtp_suite;

enum {
    RAVEL_SRTP_MAX_KEY = 30,      /* bytes of master key and salt */
    RAVEL_SRTP_MAX_OVERHEAD = 148 /* bytes of room behind a packet that is to be protected */
};

typedef struct ravel_srtp ravel_srtp;

typedef enum {
    RAVEL_SRTP_GOOD,
    RAVEL_SRTP_TRUNCATED,
    RAVEL_SRTP_REPLAYED, /* seen, older than the window of 128 packets, or of one source too many */
    RAVEL_SRTP_FORGED
} ravel_srtp_verdict;

/* IANA's name. */
const char *ravel_srtp_suite_name(ravel_srtp_suite suite);

/* Bytes of master key and salt together. */
size_t ravel_srtp_key_size(ravel_srtp_suite suite);

/* key: the master key and after it the master salt. sending: to protect, otherwise to unprotect.
 * NULL without memory. */
ravel_srtp *ravel_srtp_new(ravel_srtp_suite suite, const uint8_t *key, bool sending);
void ravel_srtp_free(ravel_srtp *srtp); /* NULL is allowed */

/* Encrypts in place. packet: RTP or RTCP at a multiple of 4 bytes, with room for RAVEL_SRTP_MAX_OVERHEAD bytes more.
 * *size: bytes, grows. return    0 or a negative status */
int ravel_srtp_protect(ravel_srtp *srtp, uint8_t *packet, size_t *size);
int ravel_srtcp_protect(ravel_srtp *srtp, uint8_t *packet, size_t *size);

/* Checks and decrypts in place. *size: bytes, shrinks; packet and *size hold nothing useful unless
 * the verdict is good. */
ravel_srtp_verdict ravel_srtp_unprotect(ravel_srtp *srtp, uint8_t *packet, size_t *size);
ravel_srtp_verdict ravel_srtcp_unprotect(ravel_srtp *srtp, uint8_t *packet, size_t *size);

#endif
