/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeded numbers for tests, the same on every machine (splitmix64). */
#ifndef RAVEL_TESTS_RANDOM_H
#define RAVEL_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t ravel_random_bits(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* 0 ... n - 1 */
static inline int ravel_random_below(uint64_t *seed, int n)
{
    return (int)((ravel_random_bits(seed) >> 32) % (uint32_t)n);
}

/* -1 ... 1 */
static inline float ravel_random_float(uint64_t *seed)
{
    return (float)(int32_t)(ravel_random_bits(seed) >> 40) / 8388608.0f - 1.0f;
}

#endif
