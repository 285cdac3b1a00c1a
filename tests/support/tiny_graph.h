/* SPDX-License-Identifier: BSD-3-Clause */
/* Model files in the making, with seeded weights: the text of a graph, node by node, and its tensors. */
#ifndef RAVEL_TESTS_TINY_GRAPH_H
#define RAVEL_TESTS_TINY_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "nn/error.h"
#include "nn/kernels.h"

enum { RAVEL_TINY_TENSORS = 200, RAVEL_TINY_TEXT = 20000 };

typedef struct {
    char text[RAVEL_TINY_TEXT];
    size_t length;
    ravel_tensor tensors[RAVEL_TINY_TENSORS];
    size_t n_tensors;
    uint32_t seed;
} ravel_tiny;

ravel_tiny *ravel_tiny_begin(uint32_t seed);

/* The model file, to be freed; frees what it was made of. */
void *ravel_tiny_finish(ravel_tiny *t, size_t *size);

void ravel_tiny_text(ravel_tiny *t, const char *format, ...) RAVEL_PRINTF(2, 3);

/* The keys before "encoder", which comes next. */
void ravel_tiny_header(ravel_tiny *t, const char *name, int rate_hz, int channels, int hop,
                       int tail);

/* NAME.SUFFIX, of values centre +/- spread. The shape ends at the first 0. */
void ravel_tiny_tensor(ravel_tiny *t, ravel_dtype dtype, float centre, float spread,
                       const int shape[4], const char *name, const char *suffix);

/* Weights of a layer of `fan_in` inputs that keep the level, with a bias, and scales for I8. */
void ravel_tiny_weights(ravel_tiny *t, ravel_dtype dtype, const char *name, const char *prefix,
                        const int shape[4], int n_out, int fan_in);

/*
 * Nodes with their tensors. n_in: of a group.
 * fields    JSON for the node, beginning with a comma, or ""
 */
void ravel_tiny_conv(ravel_tiny *t, ravel_dtype dtype, const char *name, int n_out, int n_in, int k,
                     const char *fields);
void ravel_tiny_conv_transpose(ravel_tiny *t, const char *name, int n_in, int n_out, int k,
                               int stride, const char *fields);
void ravel_tiny_layer_norm(ravel_tiny *t, const char *name, int channels);
void ravel_tiny_codebooks(ravel_tiny *t, int n, int size, int dim);

/* Between two linear maps; searched by direction. */
void ravel_tiny_factorised_codebooks(ravel_tiny *t, int n, int size, int dim, int inner);

#endif
