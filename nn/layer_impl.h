/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the layers share: sizes, tensors, and rows of several lanes taken together.
 */
#ifndef RAVEL_NN_LAYER_IMPL_H
#define RAVEL_NN_LAYER_IMPL_H

#include "nn/error.h"
#include "nn/layer.h"

/*
 * Most channels, kernel rows, stride, padding and the like. Two of them times the size of a float
 * stay below SIZE_MAX; what multiplies more of them checks.
 */
enum { RAVEL_MAX_DIM = 1 << 20 };

/* Most elements of a matrix, 1 GB of floats. */
enum { RAVEL_MAX_ELEMENTS = 1 << 28 };

/* Sizes for planning; they stick at SIZE_MAX, which no allocation grants. */
size_t ravel_size_add(size_t a, size_t b);
size_t ravel_size_mul(size_t a, size_t b);

/* Arena bytes of n_lanes * rows * width floats. */
size_t ravel_rows_bytes(int n_lanes, int rows, int width);

/* To the next multiple of 16, as states are aligned. */
size_t ravel_state_bytes(size_t bytes);

/* A zeroed layer of that size that keeps the rate, or NULL with *error filled. */
void *ravel_layer_alloc(size_t size, const ravel_layer_ops *ops, const ravel_kernels *kernels,
                        ravel_error *error);

/* Whether the tensor is there with that many elements; otherwise *error names it. */
bool ravel_tensor_has(const ravel_tensor *tensor, const char *role, size_t count,
                      ravel_error *error);
/* Whether a weight of the dtype can do with that scale: I8 needs one of n, others have none. */
bool ravel_scale_fits(const ravel_tensor *weight, const ravel_tensor *scale, size_t n,
                      ravel_error *error);

/* The tensor widened to floats, to be freed; NULL without memory. */
float *ravel_tensor_floats(const ravel_tensor *tensor);

/*
 * A linear map from its weight [n_out, n_in], shapes checked before; rank 3 with a last 1 is
 * flat the same. return: 0 or RAVEL_ERR_MEMORY.
 */
int ravel_matrix_pack_linear(ravel_matrix *matrix, int n_in, int n_out, const ravel_tensor *weight,
                             const ravel_tensor *bias, const ravel_tensor *scale);

/* Rows that go in, all lanes together. */
int ravel_lanes_count_in(const ravel_lane *lanes, int n_lanes);
/* Rows that come out (n_out is set), all lanes together. */
int ravel_lanes_count_out(const ravel_lane *lanes, int n_lanes);

/* Pointers to all input rows of `width` floats, lane after lane, taken from the arena. */
const float **ravel_lanes_rows(const ravel_lane *lanes, int n_lanes, int width,
                               ravel_arena *scratch);

/*
 * A place for the output rows (n_out is set) of all lanes, lane after lane without a gap: the
 * lanes' own buffers where they happen to lie like that, as they do for a single lane and mostly
 * inside a sequence, otherwise the arena. deliver copies the rows to the lanes in the second case.
 */
float *ravel_lanes_target(const ravel_lane *lanes, int n_lanes, int width, ravel_arena *scratch);
void ravel_lanes_deliver(const ravel_lane *lanes, int n_lanes, int width, const float *rows);
/* Bound of the arena bytes that target takes. */
size_t ravel_lanes_target_bytes(int n_lanes, int rows, int width);

#endif
