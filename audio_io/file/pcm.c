/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/pcm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool ravel_pcm_known(int bits)
{
    return bits == 8 || bits == 16 || bits == 24 || bits == 32 || bits == -32 || bits == -64;
}

int ravel_pcm_bytes(int bits)
{
    return abs(bits) / 8;
}

static uint64_t load(const uint8_t *bytes, int n_bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < n_bytes; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static void store(uint8_t *bytes, int n_bytes, uint32_t value)
{
    for (int i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static float decode_float(uint64_t raw, int bits)
{
    if (bits == -32) {
        uint32_t word = (uint32_t)raw;
        float value;
        memcpy(&value, &word, sizeof value);
        return value;
    }
    double value;
    memcpy(&value, &raw, sizeof value);
    return (float)value;
}

/* The sign bit is moved to the top of 32 bits and the scale is one power of two: one rounding. */
static float decode_integer(uint64_t raw, int bits)
{
    uint32_t word = (uint32_t)raw << (32 - bits);
    if (bits == 8)
        word ^= 0x80000000u;
    double value = word < 0x80000000u ? (double)word : (double)word - 4294967296.0;
    return (float)(value / 2147483648.0);
}

void ravel_pcm_decode(const uint8_t *bytes, int bits, size_t n, float *pcm)
{
    int n_bytes = ravel_pcm_bytes(bits);
    for (size_t i = 0; i < n; i++) {
        uint64_t raw = load(bytes + i * (size_t)n_bytes, n_bytes);
        pcm[i] = bits < 0 ? decode_float(raw, bits) : decode_integer(raw, bits);
    }
}

static int32_t quantize(float sample, int bits)
{
    double limit = (double)(1u << (bits - 1));
    double value = floor((double)sample * limit + 0.5);
    if (!(value >= -limit))
        return sample < 0.0f ? (int32_t)-limit : 0; /* NaN compares false twice */
    return value >= limit ? (int32_t)(limit - 1.0) : (int32_t)value;
}

void ravel_pcm_encode(const float *pcm, int bits, size_t n, uint8_t *bytes)
{
    int n_bytes = ravel_pcm_bytes(bits);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        if (bits < 0)
            memcpy(&word, &pcm[i], sizeof word);
        else
            word = (uint32_t)quantize(pcm[i], bits);
        store(bytes + i * (size_t)n_bytes, n_bytes, word);
    }
}

void ravel_pcm_to_int32(const float *pcm, int bits, size_t n, int32_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int32_t)((uint32_t)quantize(pcm[i], bits) << (32 - bits));
}
