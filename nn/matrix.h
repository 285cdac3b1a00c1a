/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Weights of a matrix product, packed once when a model is opened and read-only afterwards.
 *
 * The matrix is [n_in][n_out] in panels of RAVEL_PANEL outputs: panel p holds, for each input k in
 * increasing order, the weights of outputs p * RAVEL_PANEL ... contiguously; the last panel is
 * padded with zeros. The layout is the same for every instruction set. Elements keep the type they
 * have in the file (F32, F16, BF16, I8) and are widened exactly while they are read.
 */
#ifndef RAVEL_NN_MATRIX_H
#define RAVEL_NN_MATRIX_H

#include "nn/tensor.h"

enum { RAVEL_PANEL = 32 };

typedef struct {
    int n_in, n_out;
    ravel_dtype dtype;
    void *panels; /* [ceil(n_out / 32)][n_in][32], 64-byte aligned */
    float *scale; /* [n_out padded to 32] for I8, else NULL */
    float *bias;  /* [n_out padded to 32], zeros where there is none */
} ravel_matrix;

/*
 * Which element of the source tensor is weight (k, n): the packer asks for each in turn.
 * A negative index means zero.
 */
typedef ptrdiff_t ravel_weight_index(const void *context, int k, int n);

/*
 * Allocates and packs.
 * weight    source elements
 * scale     F32 tensor of one value a source output row (I8 only), else NULL; source_of_n maps
 *           output n to the element of scale and bias that belongs to it (NULL: n itself)
 * bias      F32/F16/BF16 tensor, or NULL for none
 * return    0, or RAVEL_ERR_MEMORY with *matrix zeroed
 */
int ravel_matrix_pack(ravel_matrix *matrix, int n_in, int n_out, const ravel_tensor *weight,
                      ravel_weight_index *index, const void *context, const ravel_tensor *scale,
                      const ravel_tensor *bias, const int *source_of_n);

/* The part that makes outputs first ... first + n - 1; first is a multiple of RAVEL_PANEL. A view. */
ravel_matrix ravel_matrix_outputs(const ravel_matrix *matrix, int first, int n);

void ravel_matrix_free(ravel_matrix *matrix);

/* Bytes that one pass over the weights reads. */
size_t ravel_matrix_bytes(const ravel_matrix *matrix);

#endif
