/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resampling as by `resample` of Octave's signal package, which the authors' programs for STOI use: a
 * Kaiser-windowed sinc with 60 dB of rejection and a transition of a tenth of the stopband edge.
 * (ravel_resampler is the better one, but measures are compared with published ones.)
 */
#ifndef RAVEL_TOOLS_MEASURE_OCTAVE_H
#define RAVEL_TOOLS_MEASURE_OCTAVE_H

/* ceil(n * to_hz / from_hz) */
int ravel_octave_samples(int n, int from_hz, int to_hz);

/* out: ravel_octave_samples(...) samples. return    0, RAVEL_ERR_ARGUMENT, RAVEL_ERR_MEMORY */
int ravel_octave_resample(const float *in, int n, int from_hz, int to_hz, float *out);

#endif
