/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tensor is a view of weights as they lie in a model file: little-endian, C order, not owned,
 * not necessarily aligned. Layers read tensors when they are built and never afterwards.
 */
#ifndef RAVEL_NN_TENSOR_H
#define RAVEL_NN_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { RAVEL_F32, RAVEL_F16, RAVEL_BF16, RAVEL_I8 } ravel_dtype;

enum { RAVEL_MAX_RANK = 4 };

typedef struct {
    const char *name;
    const void *data;
    ravel_dtype dtype;
    int rank;
    int32_t shape[RAVEL_MAX_RANK]; /* each > 0; the product fits in int32_t */
} ravel_tensor;

/* Bytes of one element: 4, 2, 2 or 1. */
size_t ravel_dtype_size(ravel_dtype dtype);

/* Number of elements. */
size_t ravel_tensor_count(const ravel_tensor *tensor);

/* Element i of the flat array, widened exactly to float (I8: the integer itself, without scale). */
float ravel_tensor_get(const ravel_tensor *tensor, size_t i);

/* Whether no element is infinite or not a number. */
bool ravel_tensor_finite(const ravel_tensor *tensor);

#endif
