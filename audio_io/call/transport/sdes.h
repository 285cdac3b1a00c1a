/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key in the description (RFC 4568): a=crypto:TAG SUITE inline:KEY. One suite, the one that every
 * implementation has, without lifetime, key index or parameters of our own.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_SDES_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_SDES_H

#include <stdbool.h>
#include <stdint.h>

#include "audio_io/call/transport/srtp.h"

enum {
    RAVEL_SDES_SUITE = RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80,
    RAVEL_SDES_TEXT = 96 /* bytes with the zero */
};

void ravel_sdes_write(int tag, const uint8_t key[RAVEL_SRTP_MAX_KEY], char text[RAVEL_SDES_TEXT]);

/* What stands after "a=crypto:", anything. A lifetime is passed over: we send fewer packets than
 * any. return    false: another suite, a key index (MKI), parameters, or damaged */
bool ravel_sdes_read(const char *text, int *tag, uint8_t key[RAVEL_SRTP_MAX_KEY]);

#endif
