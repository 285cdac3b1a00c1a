/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading .npy arrays: little-endian, of the types that the reference vectors use. */
#ifndef RAVEL_TESTS_NPY_H
#define RAVEL_TESTS_NPY_H

#include <stddef.h>

enum { RAVEL_NPY_RANK = 4 };

typedef struct {
    int rank;
    size_t shape[RAVEL_NPY_RANK];
    size_t count;  /* of all elements */
    float *values; /* [count] in C order, whatever the file; exact for the integers used */
} ravel_npy;

/* return    0, or -1 where the file is not there or not understood; *array is empty then */
int ravel_npy_read(const char *path, ravel_npy *array);
void ravel_npy_free(ravel_npy *array);

#endif
