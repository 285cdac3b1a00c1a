/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels to the number that a model has. To one: the average, so that nothing clips; from one: the
 * same in each. Tokens depend on these bits, so the sum goes in the order of the channels and is
 * divided once.
 */
#ifndef RAVEL_AUDIO_IO_FILE_MIX_H
#define RAVEL_AUDIO_IO_FILE_MIX_H

#include <stdbool.h>
#include <stdint.h>

/* Equal numbers, to one, or from one. */
bool ravel_mix_possible(int from_channels, int to_channels);

/* in [n][from_channels], out [n][to_channels]; they may be the same buffer. */
void ravel_mix(const float *in, int from_channels, int n, float *out, int to_channels);

/* Sets NaN and infinite values to 0 and returns how many there were. */
int64_t ravel_mix_clean(float *pcm, int64_t n_values);

#endif
