/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that hold for every streaming layer, and small seeded inputs for them.
 */
#ifndef RAVEL_TESTS_LAYER_CHECK_H
#define RAVEL_TESTS_LAYER_CHECK_H

#include <stdint.h>

#include "nn/layer.h"

typedef struct {
    uint64_t seed;
} ravel_test_random;

int ravel_test_between(ravel_test_random *random, int least, int most);

/* n values in -1 ... 1, to be freed. */
float *ravel_test_values(ravel_test_random *random, int n);

/* n zeros, to be freed. */
double *ravel_test_zeros(int n);

/* An F32 tensor of such values; rank by the first dimension that is 0. Free the data. */
ravel_tensor ravel_test_tensor(ravel_test_random *random, const char *name, int a, int b, int c);

/* Rows that came out, [n][channels]. */
typedef struct {
    int n;
    float *rows; /* to be freed */
} ravel_test_rows;

/*
 * Pushes n rows and finishes; with `random` in random pieces, otherwise all at once. Every push
 * has exactly the scratch that the layer planned, with guards behind it and behind the rows
 * given out, and the layer's numbers (extra_out, hold_rows) are checked.
 */
ravel_test_rows ravel_test_run(const ravel_layer *layer, const float *in, int n,
                               ravel_test_random *random);

/*
 * Fails the test where random pieces, or lanes of different lengths pushed together, give other
 * bits than one push. n: rows of the longest stream.
 */
void ravel_test_streaming(const ravel_layer *layer, int n, ravel_test_random *random);

/* Fails where the rows differ from the n of a reference by more than 1e-5 of its largest value. */
void ravel_test_near(const ravel_test_rows *rows, const double *reference, int n, int channels,
                     const char *what);

#endif
