/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows [n][width] of floats, and how far they are from what a reference made. */
#ifndef RAVEL_TESTS_CONFORMANCE_SIGNAL_H
#define RAVEL_TESTS_CONFORMANCE_SIGNAL_H

#include "tests/support/conformance/set.h"

/* Of arrays that a reference made: greatest difference, in standard deviations of the array. */
#define RAVEL_CONFORMANCE_BAR 1e-4

typedef struct {
    size_t n, width;
    float *values; /* [n][width], owned; NULL where there are none */
} ravel_signal;

ravel_signal ravel_signal_new(size_t n, size_t width); /* zeros */
void ravel_signal_free(ravel_signal *rows);

/*
 * An array as rows: time is its last dimension, [..., width, n], unless `time_first`, [..., n,
 * width]. Frees the array. Any dimensions before those two are 1.
 */
ravel_signal ravel_signal_take(ravel_npy *array, bool time_first);

/* The first n rows, or those that there are, again as rows of `width` values: [n * width] floats. */
ravel_signal ravel_signal_cut(const ravel_signal *rows, size_t n, size_t width);

double ravel_signal_deviation(const ravel_signal *rows);

/* Whether all bits are equal, and how many rows there are. */
bool ravel_signal_equal(const ravel_signal *a, const ravel_signal *b);

/* A line of the report: `ours` is as `theirs`. Shapes that differ fail. */
void ravel_signal_check(ravel_set *set, const char *what, const ravel_signal *ours,
                        const ravel_signal *theirs);

#endif
