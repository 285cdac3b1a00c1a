/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows a clock: from how far two streams have come apart, how much faster one of them must go. A
 * loop of second order, critically damped, quick at first and then so slow (0.02 Hz) that neither the
 * blocks of devices nor late callbacks are heard as a change of pitch.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_DRIFT_H
#define RAVEL_AUDIO_IO_LIVE_DRIFT_H

#include <stdint.h>

typedef struct {
    int64_t begin_ns, last_ns; /* 0: not begun */
    double reference_s;        /* error that is to be held: the mean of the first second */
    double smooth_s[2];        /* error less reference, through two poles */
    double integral;           /* the clocks' difference, as far as it is known */
    double correction;
} ravel_drift;

/*
 * error_s    seconds that the steered stream is ahead
 * return     the correction of its rate: so much more of it, -0.002 ... 0.002
 */
double ravel_drift_update(ravel_drift *drift, double error_s, int64_t now_ns);

/* The next error is the one to be held; what is known of the difference is kept. */
void ravel_drift_restart(ravel_drift *drift);

#endif
