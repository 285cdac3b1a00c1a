/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 (FIPS 180-4). */
#ifndef RAVEL_CODEC_SHA256_H
#define RAVEL_CODEC_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { RAVEL_SHA256_BYTES = 32, RAVEL_SHA256_HEX = 65 };

/* Takes whole blocks of 64 bytes into the hash. */
typedef void ravel_sha256_compress(uint32_t hash[8], const uint8_t *blocks, size_t n_blocks);

typedef struct {
    ravel_sha256_compress *compress;
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

/* FIPS 180-4, 4.2.2: fractional parts of the cube roots of the first 64 primes. */
extern const uint32_t ravel_sha256_keys[64];

/* In plain C; and by instructions that x86-64 and arm64 may have for it (codec/sha256_cpu.c). */
ravel_sha256_compress ravel_sha256_compress_c, ravel_sha256_compress_cpu;

/* The fastest that runs here. */
ravel_sha256_compress *ravel_sha256_compress_here(void);

#endif
