/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Change of sampling rate whose ratio may be moved while it runs, without a click: speexdsp's
 * resampler, which holds back 1 to 2 ms. Mono. Nothing here allocates after the begin.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_RATE_H
#define RAVEL_AUDIO_IO_LIVE_RATE_H

typedef struct ravel_rate ravel_rate;

/* Rates 8000 ... 384000 Hz. NULL without memory. */
ravel_rate *ravel_rate_new(int from_hz, int to_hz);
void ravel_rate_free(ravel_rate *rate); /* NULL is allowed */

/*
 * From now on 1 + correction times as many samples come out as the rates say; -0.02 ... 0.02. To be
 * called a few times a second: each call computes the filter anew (0.1 ms), and the ratio is met in
 * the mean of the calls, in steps of 30 in a million at most.
 */
void ravel_rate_steer(ravel_rate *rate, double correction);

/*
 * in, out    apart from each other
 * n_in       samples given; set to those taken: all, if out is large enough
 * return     samples written, capacity at most
 */
int ravel_rate_push(ravel_rate *rate, const float *in, int *n_in, float *out, int capacity);

/* Any thread: samples at the first rate that are held back. */
int ravel_rate_delay(const ravel_rate *rate);

#endif
