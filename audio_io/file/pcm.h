/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Little-endian PCM and float samples. `bits` is 8 (unsigned), 16, 24 or 32 (signed), or -32 or -64
 * (IEEE float). Full scale is 1: an integer is divided by 2^(bits - 1), so that reading what was
 * written gives the integers back.
 */
#ifndef RAVEL_AUDIO_IO_FILE_PCM_H
#define RAVEL_AUDIO_IO_FILE_PCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool ravel_pcm_known(int bits);

/* Bytes of one sample. */
int ravel_pcm_bytes(int bits);

void ravel_pcm_decode(const uint8_t *bytes, int bits, size_t n, float *pcm);

/* Rounds to the nearest integer, clips; NaN becomes 0. bits: 16, 24, 32 or -32. */
void ravel_pcm_encode(const float *pcm, int bits, size_t n, uint8_t *bytes);

/* The same integers, left-justified in 32 bits as libsndfile takes them. bits: 16, 24 or 32. */
void ravel_pcm_to_int32(const float *pcm, int bits, size_t n, int32_t *out);

#endif
