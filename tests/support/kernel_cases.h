/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call of every kernel on data that an integer generator makes, so that it is the same on every
 * machine. test_kernels compares the variants of one machine by it, kernel_hash those of all.
 */
#ifndef RAVEL_TESTS_KERNEL_CASES_H
#define RAVEL_TESTS_KERNEL_CASES_H

#include <stdbool.h>
#include <stdint.h>

#include "nn/kernels.h"

enum {
    CASE_MAX = 128,             /* greatest n */
    CASE_INPUTS = 4,            /* arrays given */
    CASE_LENGTH = 4 * CASE_MAX, /* floats in each, and room in y */
    PRODUCT_LENGTH = 160 * 1024 /* most floats that a product writes */
};

typedef struct {
    const char *name;
    /* Runs the kernel on n elements, 1 <= n <= CASE_MAX; returns how many floats of y it wrote. */
    int (*run)(const ravel_kernels *k, const float *const in[CASE_INPUTS], int n, float *y);
    bool in_place; /* in[0] may be y */
} kernel_case;

extern const kernel_case kernel_cases[];
extern const int n_kernel_cases;

/* A matrix product; rows lie row_step floats apart, taps tap_step. */
typedef struct {
    ravel_dtype dtype;
    int n_rows, taps, width, row_step, tap_step, n_out, y_stride;
    bool accumulate;
} product_case;

uint32_t case_random(uint64_t *seed);

/* Some shape that the layers could ask for. */
product_case case_product(uint64_t *seed);

/*
 * n floats: tame ones lie within -16 ... 16; wild ones are zeros of both signs, denormals, huge,
 * infinite, not a number, or any bits at all.
 */
void case_fill(float *x, int n, bool wild, uint64_t *seed);

/*
 * The product p, of weights, x and start values made from *seed, into y: y_stride * n_rows floats.
 * With kernels NULL as the definition says, one fmaf after the other.
 */
void case_run_product(const ravel_kernels *kernels, const product_case *p, bool wild,
                      uint64_t *seed, float *y);

/* The bits of x, but the same for every NaN. */
uint32_t case_bits(float x);

#endif
