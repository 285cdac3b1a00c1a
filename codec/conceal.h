/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Concealment of lost frames. The decoder's network runs on, so that pitch, envelope and phase are
 * continued as ever and no seam has a click; the latents that it runs on are made up here. Each is a
 * step from the last one towards the mean of the last seconds, which is the best guess for a latent
 * far off; or, where the next good one is known, towards that. The sound keeps its level for a
 * moment and then fades, lest a held vowel becomes a drone. tests/bench/conceal.c compares this with
 * other ways.
 */
#ifndef RAVEL_CODEC_CONCEAL_H
#define RAVEL_CODEC_CONCEAL_H

/* --- Latents -------------------------------------------------------------------------------- */

/* The memory of a stream, flat; its latents, [2][dim], lie elsewhere: the last one, and the mean. */
typedef struct {
    int dim;
    int n_mean, most; /* frames that the mean is of, and the most it is of: four seconds */
    float keep;       /* share of the distance to the mean that is left after a frame */
} ravel_trend;

/* Sets the latents to zero. */
ravel_trend ravel_trend_new(int dim, int hop_samples, int sample_rate_hz, float *latents);

/* Good latents x [n][dim]. */
void ravel_trend_add(ravel_trend *trend, float *latents, const float *x, int n);

/* Goes on for n frames, into x [n][dim]. */
void ravel_trend_go_on(const ravel_trend *trend, float *latents, float *x, int n);

/* Goes one frame, into x [dim], towards next [dim], which stands distance >= 1 frames behind x. */
void ravel_trend_approach(const ravel_trend *trend, float *latents, const float *next, int distance,
                          float *x);

/* --- Level ---------------------------------------------------------------------------------- */

typedef struct {
    int hold, length; /* samples at full level; of hold and fade to silence together */
    int position;     /* 0: not faded ... length: silent */
} ravel_fade;

/* At full level. */
ravel_fade ravel_fade_new(int sample_rate_hz);

/*
 * Moves on by n samples [n][channels] and weights them: towards silence while frames are lost,
 * else back, eight times as fast.
 */
void ravel_fade_apply(ravel_fade *fade, int lost, float *pcm, int n, int channels);

#endif
