/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The most that the multiply-adders of this core do: the measure that kernels are held against. Taken
 * in the same run as they, and in turns with them, it slows down as they do when the core's clock
 * falls or something else runs on it.
 */
#ifndef RAVEL_TOOLS_PEAK_H
#define RAVEL_TOOLS_PEAK_H

/*
 * Runs n_rounds of independent chains of fused multiply-adds in registers, with the instruction set
 * of the kernels of that name. return    the number of multiply-adds
 */
double ravel_peak_run(const char *kernels, int n_rounds);

/* One instruction set each: tools/peak_loop.c, built once for each. */
double ravel_peak_c(int n_rounds);
double ravel_peak_avx2(int n_rounds);
double ravel_peak_avx512(int n_rounds);
double ravel_peak_neon(int n_rounds);

#endif
