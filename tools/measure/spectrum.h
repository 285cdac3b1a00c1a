/* SPDX-License-Identifier: BSD-3-Clause */
/* Power spectra of windowed pieces of sound, by FFTW. */
#ifndef RAVEL_TOOLS_MEASURE_SPECTRUM_H
#define RAVEL_TOOLS_MEASURE_SPECTRUM_H

typedef struct ravel_spectrum ravel_spectrum;

/*
 * The window is the symmetric Hann window without its two zeros,
 * w[i] = (1 - cos(2 pi (i + 1) / (n_window + 1))) / 2.
 *
 * n_fft     even, n_window or more: the piece is padded with zeros
 * return    NULL without memory
 */
ravel_spectrum *ravel_spectrum_new(int n_window, int n_fft);
void ravel_spectrum_free(ravel_spectrum *spectrum); /* NULL is allowed */

const float *ravel_spectrum_window(const ravel_spectrum *spectrum);

/* x: n_window samples; power: [n_fft / 2 + 1] |X[k]|^2 */
void ravel_spectrum_power(ravel_spectrum *spectrum, const float *x, float *power);

#endif
