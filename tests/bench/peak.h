/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RAVEL_BENCH_PEAK_H
#define RAVEL_BENCH_PEAK_H

/* Each does n_rounds rounds and returns the number of multiply-adds. */
double peak_c(int n_rounds);
double peak_avx2(int n_rounds);
double peak_avx512(int n_rounds);
double peak_neon(int n_rounds);

#endif
