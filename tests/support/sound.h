/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeded sounds that are equal to the last bit on every machine: no libm, 16-bit values. */
#ifndef RAVEL_TESTS_SOUND_H
#define RAVEL_TESTS_SOUND_H

#include <stdint.h>

/*
 * Like speech: harmonics under moving formants with vibrato, bursts of noise, and silence, in turns
 * of 50 to 300 ms. pcm: n_samples, |pcm| <= 1, multiples of 1/32768.
 */
void ravel_test_speech(float *pcm, int n_samples, int rate_hz, uint32_t seed);

/* The next number of a sequence, xorshift (Marsaglia 2003). *state != 0. */
uint32_t ravel_test_random(uint32_t *state);

#endif
