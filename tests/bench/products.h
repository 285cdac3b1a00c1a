/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The matrix products of a running model: a table of kernels that notes the shape of every call and
 * how long it takes, and the same calls again, each alone and on data that the cache has.
 */
#ifndef RAVEL_TESTS_PRODUCTS_H
#define RAVEL_TESTS_PRODUCTS_H

#include <stdbool.h>

#include "nn/kernels.h"

/* Calls of one shape and with the same weights, or with parts of one matrix. */
typedef struct {
    bool depthwise;
    int n_rows, taps, width, n_out; /* depthwise: width is that of a tap, n_out the channels */
    ravel_dtype dtype;
    int accumulate;
    ptrdiff_t tap_stride, row_stride, y_stride; /* floats */
    ravel_matrix *parts;                        /* [n_parts] views, in the order of their calls */
    int n_parts;
    const float *weights, *bias; /* depthwise */
    int n_calls;
    double macs;     /* of a call */
    double model_s;  /* of all calls in the model, timing included */
    double kernel_s; /* of one call alone, the best so far; 0 before */
} ravel_product;

typedef struct {
    ravel_product *products;
    int n, room;
    float *x, *y; /* for the calls alone */
} ravel_products;

double ravel_products_now_s(void); /* processor time of this thread */

/* The kernels that this machine would use, watched; one such table at a time. NULL: none can run. */
const ravel_kernels *ravel_products_watch(void);

/* What is called from now on is noted there; NULL: nowhere, and the calls cost no more than before. */
void ravel_products_note(ravel_products *in);

/* Every product some more times alone. return: false without memory */
bool ravel_products_run(ravel_products *all);

void ravel_products_free(ravel_products *all);

#endif
