/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole sounds in memory, mono. */
#ifndef RAVEL_TOOLS_COMPARE_SOUND_H
#define RAVEL_TOOLS_COMPARE_SOUND_H

#include "ravel/ravel.h"

enum { RAVEL_SOUND_MAX_SAMPLES = 1 << 28 }; /* three hours at 24 kHz */

typedef struct {
    float *pcm; /* NULL or freed by ravel_sound_free */
    int n;
} ravel_sound;

/* Silence of n samples. return    0, or RAVEL_ERR_MEMORY with *error filled */
int ravel_sound_new(ravel_sound *sound, int n, ravel_error *error);
void ravel_sound_free(ravel_sound *sound);

/* A file of any rate and channels, or "-", mixed and resampled. return    0 or a negative status */
int ravel_sound_load(ravel_sound *sound, const char *path, int rate_hz, ravel_error *error);

/* A sound of another rate, of n * to_hz / from_hz samples, rounded up. */
int ravel_sound_resample(ravel_sound *out, const ravel_sound *in, int from_hz, int to_hz,
                         ravel_error *error);

/* Makes sample i of it what sample i + delay was, n samples long, with silence where none was. */
int ravel_sound_shift(ravel_sound *sound, int delay, int n, ravel_error *error);

#endif
