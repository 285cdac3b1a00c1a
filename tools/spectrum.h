/* SPDX-License-Identifier: BSD-3-Clause */
/* Power spectra of windowed pieces, for measurements. */
#ifndef RAVEL_TOOLS_SPECTRUM_H
#define RAVEL_TOOLS_SPECTRUM_H

enum { RAVEL_SPECTRUM_MAX = 1024 };

/*
 * The symmetric Hann window without its two zeros: w[i] = (1 - cos(2 pi (i + 1) / (n + 1))) / 2.
 */
void ravel_hann(float *window, int n);

/*
 * x, window    n_window samples, multiplied and padded with zeros to n_fft
 * n_fft        a power of two, n_window ... RAVEL_SPECTRUM_MAX
 * power        [n_fft / 2 + 1] |X[k]|^2
 */
void ravel_power_spectrum(const float *x, const float *window, int n_window, int n_fft,
                          double *power);

#endif
