/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/conceal.h"

#include <stdint.h>
#include <string.h>

#include "ravel/ravel.h"

enum {
    MEAN_MS = 4000,
    APPROACH_MS = 120, /* of the way to the mean; 20 ms go a seventh of it */
    RETURN_SPEED = 8   /* 20 ms back where it is 160 ms down */
};

static int samples_of(int ms, int sample_rate_hz)
{
    return (int)((int64_t)sample_rate_hz * ms / 1000);
}

/* --- Latents -------------------------------------------------------------------------------- */

ravel_trend ravel_trend_new(int dim, int hop_samples, int sample_rate_hz, float *latents)
{
    const float approach = (float)samples_of(APPROACH_MS, sample_rate_hz);
    const int most = samples_of(MEAN_MS, sample_rate_hz) / hop_samples;
    memset(latents, 0, 2 * (size_t)dim * sizeof *latents);
    return (ravel_trend){.dim = dim,
                         .most = most > 1 ? most : 1,
                         .keep = approach / (approach + (float)hop_samples)};
}

/* The mean of all frames at first, then one that forgets. */
void ravel_trend_add(ravel_trend *trend, float *latents, const float *x, int n)
{
    const int dim = trend->dim;
    float *mean = latents + dim;
    for (int i = 0; i < n; i++, x += dim) {
        trend->n_mean += trend->n_mean < trend->most;
        const float weight = 1.0f / (float)trend->n_mean;
        for (int d = 0; d < dim; d++)
            mean[d] += weight * (x[d] - mean[d]);
        memcpy(latents, x, (size_t)dim * sizeof *latents);
    }
}

void ravel_trend_go_on(const ravel_trend *trend, float *latents, float *x, int n)
{
    const int dim = trend->dim;
    const float *mean = latents + dim;
    for (int i = 0; i < n; i++, x += dim) {
        for (int d = 0; d < dim; d++)
            latents[d] = mean[d] + trend->keep * (latents[d] - mean[d]);
        memcpy(x, latents, (size_t)dim * sizeof *latents);
    }
}

void ravel_trend_approach(const ravel_trend *trend, float *latents, const float *next, int distance,
                          float *x)
{
    const float share = 1.0f / (1.0f + (float)distance);
    for (int d = 0; d < trend->dim; d++)
        latents[d] += share * (next[d] - latents[d]);
    memcpy(x, latents, (size_t)trend->dim * sizeof *latents);
}

/* --- Level ---------------------------------------------------------------------------------- */

ravel_fade ravel_fade_new(int sample_rate_hz)
{
    return (ravel_fade){
        .hold = samples_of(RAVEL_CONCEAL_HOLD_MS, sample_rate_hz),
        .length = samples_of(RAVEL_CONCEAL_HOLD_MS + RAVEL_CONCEAL_FADE_MS, sample_rate_hz)};
}

/* 1 up to hold; from there a cubic to 0 at length, level at both ends so that the ear finds no edge. */
static float gain(const ravel_fade *fade)
{
    if (fade->position <= fade->hold)
        return 1.0f;
    float x = (float)(fade->length - fade->position) / (float)(fade->length - fade->hold);
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
