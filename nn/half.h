/* SPDX-License-Identifier: BSD-3-Clause */
/* Sixteen-bit floats, widened exactly and rounded by integer arithmetic: the same on every machine. */
#ifndef RAVEL_NN_HALF_H
#define RAVEL_NN_HALF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline float ravel_float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/*
 * IEEE 754 binary16. A subnormal m * 2^-24 is made as the difference of 2^-14 + m * 2^-24, whose
 * mantissa holds m, and 2^-14: both and their difference are floats.
 */
static inline float ravel_widen_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t mantissa = (uint32_t)(half & 0x3ffu) << 13;
    if (exponent == 0x1fu) {
        return ravel_float_of_bits(sign | 0x7f800000u | mantissa);
    }
    if (exponent == 0) {
        const float magnitude = ravel_float_of_bits(0x38800000u | mantissa) - 0x1p-14f;
        return sign != 0 ? -magnitude : magnitude;
    }
    return ravel_float_of_bits(sign | (((exponent + 112u) << 23) + mantissa));
}

/* The nearest binary16, of two that are equally near the even one; from 65520 on infinite. */
static inline uint16_t ravel_narrow_f16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x47800000u) { /* 65536 */
        return (uint16_t)(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u : 0u));
    }
    if (magnitude < 0x33000000u) { /* 2^-25 */
        return (uint16_t)sign;
    }
    const bool normal = magnitude >= 0x38800000u; /* 2^-14 */
    const uint32_t shift = normal ? 13 : 126 - (magnitude >> 23);
    const uint32_t exact = normal ? magnitude - (112u << 23) : (magnitude & 0x7fffffu) | 0x800000u;
    const uint32_t tie = (1u << (shift - 1)) - 1 + (exact >> shift & 1);
    return (uint16_t)(sign | (exact + tie) >> shift);
}

/* The upper half of a binary32. */
static inline float ravel_widen_bf16(uint16_t half)
{
    return ravel_float_of_bits((uint32_t)half << 16);
}

#endif
