/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/conceal.h"

#include "ravel/ravel.h"

enum { RETURN_SPEED = 8 }; /* 10 ms back where it is 80 ms down */

ravel_fade ravel_fade_new(int sample_rate_hz)
{
    return (ravel_fade){.length = (int)((int64_t)sample_rate_hz * RAVEL_CONCEAL_FADE_MS / 1000)};
}

/* A cubic from 1 at position 0 to 0 at length, level at both ends so that the ear finds no edge. */
static float gain(const ravel_fade *fade)
{
    float x = (float)(fade->length - fade->position) / (float)fade->length;
    return x * x * (3.0f - 2.0f * x);
}

static void step(ravel_fade *fade, int lost)
{
    int next = fade->position + (lost ? 1 : -RETURN_SPEED);
    if (next < 0)
        next = 0;
    fade->position = next > fade->length ? fade->length : next;
}

void ravel_fade_apply(ravel_fade *fade, int lost, float *pcm, int n, int channels)
{
    for (int i = 0; i < n; i++) {
        if (!lost && fade->position == 0)
            return;
        step(fade, lost);
        float g = gain(fade);
        for (int c = 0; c < channels; c++)
            pcm[(long)i * channels + c] *= g;
    }
}
