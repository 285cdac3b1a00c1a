/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The matrices behind the short-time Fourier transform and its inverse. The even and the odd part
 * of a frame (x[n] + x[N - n] and x[n] - x[N - n]) meet the cosines and the sines alone, so each
 * is a product of half the size. The window, a periodic Hann, is even too and is multiplied into
 * the matrices.
 */
#ifndef RAVEL_NN_FOURIER_H
#define RAVEL_NN_FOURIER_H

#include "nn/layer.h"

enum { RAVEL_MAX_FFT = 4096 };

/* Periodic Hann window, 0 <= n < n_fft. */
double ravel_hann(int n_fft, int n);
/* cos(2 pi k n / n_fft), sin(2 pi k n / n_fft) */
double ravel_fourier_cosine(int n_fft, int k, int n);
double ravel_fourier_sine(int n_fft, int k, int n);

/* An element of a matrix, row i, column j. */
typedef double ravel_fourier_element(int n_fft, int i, int j);

/* Packs the matrix [n_in][n_out]. return: whether there was memory. */
bool ravel_fourier_pack(ravel_matrix *matrix, int n_fft, int n_in, int n_out,
                        ravel_fourier_element *element, ravel_error *error);

/* n_fft even and not too large, hop at most n_fft. */
bool ravel_fourier_check(int n_fft, int hop, ravel_error *error);

#endif
