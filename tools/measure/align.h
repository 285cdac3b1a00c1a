/* SPDX-License-Identifier: BSD-3-Clause */
/* How much later one sound comes than another. */
#ifndef RAVEL_TOOLS_MEASURE_ALIGN_H
#define RAVEL_TOOLS_MEASURE_ALIGN_H

typedef struct {
    int delay_samples;  /* sample i of the reference is sample i + delay of the degraded sound */
    double correlation; /* there, 0 ... 1 */
} ravel_alignment;

/*
 * The whole delay within -max_delay ... max_delay at which the waveforms' cross-correlation is
 * greatest, by FFTW, in memory that does not grow with the sounds; the least of equals.
 *
 * return    0 or RAVEL_ERR_MEMORY
 */
int ravel_align(const float *reference, int n_reference, const float *degraded, int n_degraded,
                int max_delay, ravel_alignment *alignment);

#endif
