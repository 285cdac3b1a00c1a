/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SHA-256 by the instructions that many processors have for it, five times as fast as plain C: a
 * model file is hashed whole when it is opened. (Compiled with -msha -msse4.1, or +sha2.)
 */
#include "codec/sha256.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* The eight words a ... h as the instructions want them: a b e f and c d g h, a and c on top. */
typedef struct {
    __m128i abef, cdgh;
} state;

static state load(const uint32_t hash[8])
{
    const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)hash), 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(hash + 4)), 0x1b);
    return (state){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

static void store(uint32_t hash[8], state s)
{
    const __m128i feba = _mm_shuffle_epi32(s.abef, 0x1b), dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)hash, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(hash + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static inline __m128i message(const uint8_t *bytes)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)bytes), swap);
}

/* The next four words of the schedule after w ... z. */
static inline __m128i extend(__m128i w, __m128i x, __m128i y, __m128i z)
{
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w, x), _mm_alignr_epi8(z, y, 4));
    return _mm_sha256msg2_epu32(sum, z);
}

/* Two rounds an instruction; each makes a b e f of the one half, and the other becomes c d g h. */
static inline void four_rounds(state *s, __m128i w, const uint32_t *keys)
{
    const __m128i sum = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)keys));
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sum);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

typedef __m128i words;

static inline void add(state *s, state before)
{
    s->abef = _mm_add_epi32(s->abef, before.abef);
    s->cdgh = _mm_add_epi32(s->cdgh, before.cdgh);
}

#else /* arm64 */

#include <arm_neon.h>

typedef struct {
    uint32x4_t abcd, efgh;
} state;

static state load(const uint32_t hash[8])
{
    return (state){vld1q_u32(hash), vld1q_u32(hash + 4)};
}

static void store(uint32_t hash[8], state s)
{
    vst1q_u32(hash, s.abcd);
    vst1q_u32(hash + 4, s.efgh);
}

static inline uint32x4_t message(const uint8_t *bytes)
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes)));
}

/* The next four words of the schedule after w ... z. */
static inline uint32x4_t extend(uint32x4_t w, uint32x4_t x, uint32x4_t y, uint32x4_t z)
{
    return vsha256su1q_u32(vsha256su0q_u32(w, x), y, z);
}

static inline void four_rounds(state *s, uint32x4_t w, const uint32_t *keys)
{
    const uint32x4_t sum = vaddq_u32(w, vld1q_u32(keys)), abcd = s->abcd;
    s->abcd = vsha256hq_u32(abcd, s->efgh, sum);
    s->efgh = vsha256h2q_u32(s->efgh, abcd, sum);
}

typedef uint32x4_t words;

static inline void add(state *s, state before)
{
    s->abcd = vaddq_u32(s->abcd, before.abcd);
    s->efgh = vaddq_u32(s->efgh, before.efgh);
}

#endif

/* 6.2.2, four words at a time. */
static inline void compress_block(state *s, const uint8_t *block)
{
    const uint32_t *keys = ravel_sha256_keys;
    const state before = *s;
    words w = message(block), x = message(block + 16);
    words y = message(block + 32), z = message(block + 48);
    for (int t = 0; t < 64; t += 16) {
        four_rounds(s, w, keys + t);
        four_rounds(s, x, keys + t + 4);
        four_rounds(s, y, keys + t + 8);
        four_rounds(s, z, keys + t + 12);
        w = extend(w, x, y, z);
        x = extend(x, y, z, w);
        y = extend(y, z, w, x);
        z = extend(z, w, x, y);
    }
    add(s, before);
}

void ravel_sha256_compress_cpu(uint32_t hash[8], const uint8_t *blocks, size_t n_blocks)
{
    state s = load(hash);
    for (; n_blocks > 0; n_blocks--, blocks += 64)
        compress_block(&s, blocks);
    store(hash, s);
}
