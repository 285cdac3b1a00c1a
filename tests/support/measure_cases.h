/* SPDX-License-Identifier: BSD-3-Clause */
/* Pairs of seeded sounds to try the measures on: one clean, one degraded. */
#ifndef RAVEL_TESTS_MEASURE_CASES_H
#define RAVEL_TESTS_MEASURE_CASES_H

typedef enum {
    RAVEL_CASE_EQUAL,
    RAVEL_CASE_NOISE,   /* noise added */
    RAVEL_CASE_CLIPPED, /* noise, too loud, clipped */
    RAVEL_CASE_DULL,    /* half as loud, without high frequencies */
    RAVEL_N_CASES
} ravel_measure_case;

enum { RAVEL_CASE_SAMPLES = 40000 };

/* clean, degraded: RAVEL_CASE_SAMPLES samples, the same on every machine */
void ravel_measure_sounds(ravel_measure_case which, int rate_hz, float *clean, float *degraded);

#endif
