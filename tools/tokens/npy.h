/* SPDX-License-Identifier: BSD-3-Clause */
/* NumPy's .npy: a magic, a header that is a Python dictionary, the elements. */
#ifndef RAVEL_TOOLS_TOKENS_NPY_H
#define RAVEL_TOOLS_TOKENS_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ravel/ravel.h"

enum { RAVEL_NPY_HEADER_BYTES = 128 };

/*
 * Header of little-endian unsigned integers of `bytes` bytes, [rows][row_elements], or [rows] for
 * row_elements 0: padded so that the elements are aligned to 64 bytes.
 */
void ravel_npy_header(int bytes, int64_t rows, int64_t row_elements,
                      char header[RAVEL_NPY_HEADER_BYTES]);

typedef struct {
    int bytes;                  /* of an element: 1, 2, 4 or 8 */
    bool is_signed;             /* two's complement; integers only */
    int64_t rows, row_elements; /* row_elements 0: one dimension */
    size_t header_bytes;        /* before the elements */
} ravel_npy;

/*
 * Little-endian integers of one or two dimensions, row by row, from whoever wrote them.
 * size      of the whole file; the elements must be there
 * return    0, or RAVEL_ERR_DATA with *error
 */
int ravel_npy_parse(const uint8_t *file, size_t size, ravel_npy *npy, ravel_error *error);

#endif
