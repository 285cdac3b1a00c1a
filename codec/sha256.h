/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 (FIPS 180-4). */
#ifndef RAVEL_CODEC_SHA256_H
#define RAVEL_CODEC_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { RAVEL_SHA256_BYTES = 32, RAVEL_SHA256_HEX = 65 };

typedef struct {
    uint32_t h[8];
    uint8_t block[64];
    uint64_t n_bytes; /* so far */
} ravel_sha256;

void ravel_sha256_init(ravel_sha256 *sha);
void ravel_sha256_update(ravel_sha256 *sha, const void *data, size_t size);
/* Afterwards only init is allowed. */
void ravel_sha256_final(ravel_sha256 *sha, uint8_t digest[RAVEL_SHA256_BYTES]);

/* The digest in lower-case hexadecimal with a closing zero. */
void ravel_sha256_hex(const uint8_t digest[RAVEL_SHA256_BYTES], char text[RAVEL_SHA256_HEX]);

#endif
