/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/sha256.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

const uint32_t ravel_sha256_keys[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* 6.2.2, step 1 */
static void expand(const uint8_t block[64], uint32_t w[64])
{
    for (int t = 0; t < 16; t++) {
        const uint8_t *b = block + 4 * t;
        w[t] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int t = 16; t < 64; t++) {
        uint32_t a = w[t - 15], b = w[t - 2];
        w[t] = w[t - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[t - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
}

/* 6.2.2, step 3. The names rotate from round to round instead of the values. */
static inline void one_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e,
                             uint32_t f, uint32_t g, uint32_t *h, uint32_t key)
{
    uint32_t t1 = *h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + key;
    uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
    *d += t1;
    *h = t1 + t2;
}

/* 6.2.2, steps 2 to 4 */
static void compress_block(uint32_t hash[8], const uint8_t block[64])
{
    const uint32_t *K = ravel_sha256_keys;
    uint32_t w[64];
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
    uint32_t e = hash[4], f = hash[5], g = hash[6], h = hash[7];
    expand(block, w);
    for (int t = 0; t < 64; t += 8) {
        one_round(a, b, c, &d, e, f, g, &h, K[t] + w[t]);
        one_round(h, a, b, &c, d, e, f, &g, K[t + 1] + w[t + 1]);
        one_round(g, h, a, &b, c, d, e, &f, K[t + 2] + w[t + 2]);
        one_round(f, g, h, &a, b, c, d, &e, K[t + 3] + w[t + 3]);
        one_round(e, f, g, &h, a, b, c, &d, K[t + 4] + w[t + 4]);
        one_round(d, e, f, &g, h, a, b, &c, K[t + 5] + w[t + 5]);
        one_round(c, d, e, &f, g, h, a, &b, K[t + 6] + w[t + 6]);
        one_round(b, c, d, &e, f, g, h, &a, K[t + 7] + w[t + 7]);
    }
    const uint32_t sum[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        hash[i] += sum[i];
}

void ravel_sha256_compress_c(uint32_t hash[8], const uint8_t *blocks, size_t n_blocks)
{
    for (; n_blocks > 0; n_blocks--, blocks += 64)
        compress_block(hash, blocks);
}

#if defined(__x86_64__)

ravel_sha256_compress *ravel_sha256_compress_here(void)
{
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0 ||
        __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & bit_SHA) == 0)
        return ravel_sha256_compress_c;
    return ravel_sha256_compress_cpu;
}

#elif defined(__aarch64__) && defined(__linux__)

ravel_sha256_compress *ravel_sha256_compress_here(void)
{
    enum { SHA2 = 1 << 6 }; /* HWCAP_SHA2 */
    return (getauxval(AT_HWCAP) & SHA2) != 0 ? ravel_sha256_compress_cpu : ravel_sha256_compress_c;
}

#else

ravel_sha256_compress *ravel_sha256_compress_here(void)
{
    return ravel_sha256_compress_c;
}

#endif

void ravel_sha256_init(ravel_sha256 *sha)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    sha->compress = ravel_sha256_compress_here();
    memcpy(sha->h, start, sizeof start);
    sha->n_bytes = 0;
}

void ravel_sha256_update(ravel_sha256 *sha, const void *data, size_t size)
{
    const uint8_t *in = data;
    const size_t at = (size_t)(sha->n_bytes % 64);
    sha->n_bytes += size;
    if (at > 0) {
        const size_t n = size < 64 - at ? size : 64 - at;
        memcpy(sha->block + at, in, n);
        if (at + n < 64)
            return;
        sha->compress(sha->h, sha->block, 1);
        in += n;
        size -= n;
    }
    sha->compress(sha->h, in, size / 64);
    memcpy(sha->block, in + (size - size % 64), size % 64);
}

void ravel_sha256_final(ravel_sha256 *sha, uint8_t digest[RAVEL_SHA256_BYTES])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t n_bits = sha->n_bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    size_t at = (size_t)(sha->n_bytes % 64);
    ravel_sha256_update(sha, padding, (at < 56 ? 56 : 120) - at);
    ravel_sha256_update(sha, length, sizeof length);
    for (int i = 0; i < RAVEL_SHA256_BYTES; i++) {
        digest[i] = (uint8_t)(sha->h[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void ravel_sha256_hex(const uint8_t digest[RAVEL_SHA256_BYTES], char text[RAVEL_SHA256_HEX])
{
    for (int i = 0; i < 2 * RAVEL_SHA256_BYTES; i++) {
        text[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    }
    text[2 * RAVEL_SHA256_BYTES] = '\0';
}
