/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Concealment of lost frames, first form: the decoder goes on with the last latent it was given,
 * and what it makes fades to silence. The network's own continuity sees to it that there is no
 * click; the fade sees to it that a held vowel does not become a drone.
 */
#ifndef RAVEL_CODEC_CONCEAL_H
#define RAVEL_CODEC_CONCEAL_H

typedef struct {
    int length;   /* samples of a whole fade to silence */
    int position; /* 0: not faded ... length: silent */
} ravel_fade;

/* At full level. */
ravel_fade ravel_fade_new(int sample_rate_hz);

/*
 * Moves on by n samples [n][channels] and weights them: towards silence while frames are lost,
 * else back, eight times as fast.
 */
void ravel_fade_apply(ravel_fade *fade, int lost, float *pcm, int n, int channels);

#endif
