/* SPDX-License-Identifier: BSD-3-Clause */
/* A resampler with room for what it makes, however much is pushed. */
#ifndef RAVEL_AUDIO_IO_FILE_RESAMPLED_H
#define RAVEL_AUDIO_IO_FILE_RESAMPLED_H

#include "ravel/ravel.h"

typedef struct {
    ravel_resampler *resampler;
    int channels;
    float *pcm; /* [room][channels]: what the last push made */
    int room;
} ravel_resampled;

/* in [n][channels]; NULL: the end. return    samples made, or a negative status with *error */
int ravel_resampled_push(ravel_resampled *resampled, const float *in, int n, ravel_error *error);

void ravel_resampled_free(ravel_resampled *resampled);

#endif
