/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The most that this core does, the measure that kernels are held against: multiply-adds, and bytes
 * read. Taken in the same run as they, and in turns with them, it slows down as they do when the
 * core's clock falls or something else runs on it.
 */
#ifndef RAVEL_TOOLS_PEAK_H
#define RAVEL_TOOLS_PEAK_H

#include <stddef.h>

/*
 * Runs n_rounds of independent chains of fused multiply-adds in registers, with the instruction set
 * of the kernels of that name. return    the number of multiply-adds
 */
double ravel_peak_run(const char *kernels, int n_rounds);

/* Reads n floats, n a multiple of 64. return    a sum, so that they have to be read */
float ravel_peak_read(const char *kernels, const float *x, size_t n);

/* One instruction set each: tools/peak_loop.c, built once for each. */
double ravel_peak_c(int n_rounds);
double ravel_peak_avx2(int n_rounds);
double ravel_peak_avx512(int n_rounds);
double ravel_peak_neon(int n_rounds);
float ravel_peak_read_c(const float *x, size_t n);
float ravel_peak_read_avx2(const float *x, size_t n);
float ravel_peak_read_avx512(const float *x, size_t n);
float ravel_peak_read_neon(const float *x, size_t n);

#endif
