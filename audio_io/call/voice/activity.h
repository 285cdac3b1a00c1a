/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether somebody speaks, by level alone: a frame counts that is well above the noise floor, and
 * what follows it for a while, so that the ends of words are not cut.
 */
#ifndef RAVEL_CALL_VOICE_ACTIVITY_H
#define RAVEL_CALL_VOICE_ACTIVITY_H

#include <stdbool.h>

enum { RAVEL_ACTIVITY_HANGOVER_FRAMES = 15 };

typedef struct {
    float floor_db; /* of the noise, dBFS */
    int hangover;   /* frames left of it */
} ravel_activity;

/* For the first two seconds somebody speaks, until it is known better. */
ravel_activity ravel_activity_new(void);

/* The next frame, n >= 1 samples. return    whether it counts as speech */
bool ravel_activity_step(ravel_activity *activity, const float *pcm, int n);

/* Mean power of n >= 1 samples, dBFS, -100 at least; what is not finite counts as silence. */
float ravel_level_db(const float *pcm, int n);

#endif
