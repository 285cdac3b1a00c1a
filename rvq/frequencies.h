/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the numbers that a model gives for each symbol (logits) to intervals of the range coder, in
 * a way that is the same on every machine: exp is the kernels' own, its values become whole numbers
 * by one truncation, and all that follows is in whole numbers.
 *
 *    weight[i]     = floor(2^19 exp(logit[i] - greatest))
 *    cumulative[i] = sum of weight[j], j < i
 *    begin[i]      = i + floor(cumulative[i] * (2^16 - n) / cumulative[n])
 *
 * Symbol i has the interval from begin[i] to begin[i + 1]: 2^16 in all, 1 at least for every
 * symbol. Only the sums are stored: of the intervals few are asked for.
 */
#ifndef RAVEL_RVQ_FREQUENCIES_H
#define RAVEL_RVQ_FREQUENCIES_H

#include "nn/kernels.h"
#include "rvq/range_coder.h"

/* Of larger codebooks codes are not entropy-coded: the share that is every symbol's is too great. */
enum { RAVEL_FREQUENCIES_MAX_SYMBOLS = 4096 };

/*
 * n             symbols, 2 ... RAVEL_FREQUENCIES_MAX_SYMBOLS
 * logits        [n], overwritten; NaN counts as impossible, and where nothing is left all are alike
 * cumulative    [n + 1], written
 */
void ravel_frequencies_make(const ravel_kernels *kernels, float *logits, int n,
                            uint32_t *cumulative);

/* symbol in 0 ... n - 1 */
ravel_interval ravel_frequencies_interval(const uint32_t *cumulative, int n, int symbol);

/* The symbol whose interval holds target, 0 ... RAVEL_RANGE_TOTAL - 1. */
int ravel_frequencies_find(const uint32_t *cumulative, int n, uint32_t target);

#endif
