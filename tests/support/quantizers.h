/* SPDX-License-Identifier: BSD-3-Clause */
/* Seeded quantisers for tests, and running them with no more memory than they plan. */
#ifndef RAVEL_TESTS_QUANTIZERS_H
#define RAVEL_TESTS_QUANTIZERS_H

#include <stddef.h>
#include <stdint.h>

#include "rvq/quantizer.h"

enum { RAVEL_TEST_MAX_WEIGHTS = 1 << 17 };

/* A tensor with random data of its own; free() it. */
typedef struct {
    ravel_tensor t;
    float values[RAVEL_TEST_MAX_WEIGHTS];
} ravel_test_weights;

/* [a, b], or [a] where b is 0 */
ravel_test_weights *ravel_test_weights_new(const char *name, int a, int b, uint64_t seed);

/* n random vectors; free() them. */
float *ravel_test_vectors(int n, int dim, uint64_t seed);

ravel_quantizer *ravel_test_codebook(int size, int dim, ravel_search search, uint64_t seed);

/* An arena with exactly the room that the quantiser plans, and a guard behind it. */
typedef struct {
    ravel_arena arena;
    size_t size;
} ravel_test_planned;

ravel_test_planned ravel_test_planned_new(const ravel_quantizer *q, int n);
void ravel_test_planned_free(ravel_test_planned *p);

/* The operations with such an arena; codes [n][codes of a vector]. */
void ravel_test_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                       uint16_t *codes, float *y);
void ravel_test_decode(const ravel_quantizer *q, const uint16_t *codes, int n, int n_codebooks,
                       float *y);

#endif
