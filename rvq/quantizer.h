/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Quantisers: latent vectors to codes and back.
 *
 * A quantiser is a tree that is built once and never changes; it has no state. Codebooks are
 * numbered in the order of the tree, coarse to fine. With n_codebooks below the quantiser's number
 * only the first ones are searched or summed, so every prefix of the codebooks is a description.
 *
 * A vector has steps[b] codes of codebook b, mostly one. They stand together, in order of time, and
 * the codebooks one after another: ravel_quantizer_codes() codes in all.
 */
#ifndef RAVEL_RVQ_QUANTIZER_H
#define RAVEL_RVQ_QUANTIZER_H

#include "nn/layer.h"

typedef struct ravel_quantizer ravel_quantizer;

typedef struct {
    /*
     * Finds codes of `n` vectors x [n][dim] and, where y is not NULL, writes what they stand for,
     * y [n][dim]. codes: those of vector i from codes[i * code_stride] on, of the first n_codebooks
     * of this quantiser. y may not be x.
     */
    void (*encode)(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                   uint16_t *codes, int code_stride, float *y, ravel_arena *scratch);
    /* Writes what the codes stand for. Codes are below their codebook's size (checked before). */
    void (*decode)(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                   int n_codebooks, float *y, ravel_arena *scratch);
    /* Upper bound of the arena bytes of either for n vectors. */
    size_t (*scratch_size)(const ravel_quantizer *q, int n);
    void (*destroy)(ravel_quantizer *q);
} ravel_quantizer_ops;

struct ravel_quantizer {
    const ravel_quantizer_ops *ops;
    const ravel_kernels *kernels;
    int dim;
    int width; /* most values that stand for a vector inside, dim at least */
    int n_codebooks;
    int n_head; /* the first codebooks that say nothing of x but its form: of a segment 3; else 0 */
    int codebook_size[RAVEL_MAX_CODEBOOKS];
    int steps[RAVEL_MAX_CODEBOOKS]; /* codes of a vector, 1 ... RAVEL_MAX_STEPS_PER_FRAME */
    size_t weight_bytes;            /* read to encode one vector with all codebooks */
    size_t held_bytes; /* of weights in memory, those that a search may pass over too */
    double macs;       /* multiply-adds to encode one vector with all codebooks */
};

void ravel_quantizer_destroy(ravel_quantizer *q); /* NULL is allowed */

/* Codes of a vector by the first n_codebooks. */
int ravel_quantizer_codes(const ravel_quantizer *q, int n_codebooks);

typedef enum {
    RAVEL_SEARCH_EUCLIDEAN, /* nearest codeword */
    RAVEL_SEARCH_COSINE     /* the codeword of the nearest direction (DAC, arXiv 2306.06546) */
} ravel_search;

/* Leaf: one codebook [size, dim]; a code stands for its codeword as stored. */
ravel_quantizer *ravel_codebook_new(const ravel_kernels *kernels, const ravel_tensor *codewords,
                                    ravel_search search, ravel_error *error);

/*
 * Wraps a quantiser of fewer dimensions between two linear maps; weights [inner, dim] and
 * [dim, inner], rank 2 or 3 with a last 1; biases may be NULL. Takes ownership of inner in either
 * case. Scales belong to I8 weights.
 */
typedef struct {
    const ravel_tensor *in_weight, *in_bias, *in_scale;
    const ravel_tensor *out_weight, *out_bias, *out_scale;
} ravel_projection_spec;

ravel_quantizer *ravel_projected_new(const ravel_kernels *kernels,
                                     const ravel_projection_spec *spec, ravel_quantizer *inner,
                                     ravel_error *error);

/*
 * Residual quantisation: each stage quantises what the stages before it left over; what the codes
 * stand for is the sum, added up in the order of the stages. Takes ownership of the stages.
 */
ravel_quantizer *ravel_residual_quantizer_new(const ravel_kernels *kernels,
                                              ravel_quantizer **stages, int n_stages,
                                              ravel_error *error);

/*
 * A segment as ravel_segment_new gives it: codebook 0 is the number of its steps, 1 and 2 its level (a
 * float32, the upper and the lower 16 bits), the others are `inner` on the latents of all steps, 0
 * behind the last step. A level that is not finite or not above 0 counts as 0; without a codebook of
 * the latents the level is 0. Takes ownership of inner.
 */
ravel_quantizer *ravel_segment_quantizer_new(const ravel_kernels *kernels, int steps,
                                             ravel_quantizer *inner, ravel_error *error);

/*
 * Every part quantises the same vector; what the codes stand for is the sum, added up in the order
 * of the parts. Takes ownership of the parts.
 */
ravel_quantizer *ravel_split_quantizer_new(const ravel_kernels *kernels, ravel_quantizer **parts,
                                           int n_parts, ravel_error *error);

/*
 * Each part quantises consecutive dimensions; those of parts beyond n_codebooks are zeros. Takes
 * ownership of the parts.
 */
ravel_quantizer *ravel_grouped_quantizer_new(const ravel_kernels *kernels, ravel_quantizer **parts,
                                             int n_parts, ravel_error *error);

/*
 * For folded rows, x [steps][inner->dim]: each `stride` rows in succession have the codes of their
 * average, and those stand for the same row so many times. steps is a multiple of stride. Takes
 * ownership of inner.
 */
ravel_quantizer *ravel_strided_quantizer_new(const ravel_kernels *kernels, int steps, int stride,
                                             ravel_quantizer *inner, ravel_error *error);

/*
 * Leaf: dimension k is rounded to levels[k] >= 2 levels; their product is the codebook's size.
 * bound    what the greatest values become, 0.9 ... 1.1 of the distance between the middle and the
 *          last level: below 1 none lies on a tie, of above 1 more become the last level
 */
ravel_quantizer *ravel_fsq_new(const ravel_kernels *kernels, const int *levels, int dim,
                               float bound, ravel_error *error);

#endif
