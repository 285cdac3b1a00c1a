/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which codewords of a codebook can be the nearest one: a search that reads a quarter of the bytes
 * of the full one and ends with the same code, always.
 *
 * The full search computes x.e + bias for every codeword e and takes the greatest. A rough copy of
 * the codebook has whole numbers q within +/- 127 and a scale s in the place of e. By the inequality
 * of Cauchy and Schwarz
 *
 *    |x.e - x.(s q)| <= |x| |e - s q|
 *
 * and what rounding adds to either sum is bounded by the same lengths (Higham, Accuracy and Stability
 * of Numerical Algorithms, section 3.1). So every codeword has an interval in which its score lies as
 * the full search computes it, and one that does not reach the greatest of the lower ends cannot
 * win. Of 2048 codewords of 256 dimensions one to five are left, whose scores are then computed. An
 * instruction set may leave others than the next, but all leave the winner, and all that equal it.
 */
#ifndef RAVEL_RVQ_SHORTLIST_H
#define RAVEL_RVQ_SHORTLIST_H

#include "nn/kernels.h"

enum { RAVEL_SHORTLIST_MAX = 32 }; /* candidates; of more the full search makes less work */

typedef struct {
    ravel_matrix rough; /* [dim][size], I8; no panels: there is no shortlist */
    float *slope;       /* [size]: score and rough score differ by slope |x| + offset at most */
    float *offset;      /* [size] */
} ravel_shortlist;

/*
 * Codewords as they are searched, [size][dim], and their biases [size] or NULL. Makes none where
 * numbers are not finite or so large that sums could overflow. return: 0 or RAVEL_ERR_MEMORY.
 */
int ravel_shortlist_make(ravel_shortlist *list, const float *codewords, const float *bias, int size,
                         int dim);
void ravel_shortlist_free(ravel_shortlist *list);

/* Whether there is one. */
bool ravel_shortlist_exists(const ravel_shortlist *list);

/* Bytes that picking reads. */
size_t ravel_shortlist_bytes(const ravel_shortlist *list);

/*
 * The codewords that can win for x [dim], in increasing order.
 * scores    rough scores of x [size], from a product with list->rough; overwritten
 * room      [2][size]
 * return    their number, at least 1, or 0 where it is above RAVEL_SHORTLIST_MAX, or x is not finite
 *           or too large: search in full
 */
int ravel_shortlist_pick(const ravel_shortlist *list, const ravel_kernels *kernels, const float *x,
                         float *scores, float *room, int candidates[RAVEL_SHORTLIST_MAX]);

#endif
