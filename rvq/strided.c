/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A quantiser at a rate of its own, for folded rows (nn/fold.c): `stride` rows in succession share
 * the codes of their average. Residual stages of falling stride are the multi-scale quantisation of
 * SNAC (arXiv 2410.14411).
 */
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "rvq/layout.h"
#include "rvq/quantizer.h"

enum { MAX_DIM = 65536 };

typedef struct {
    ravel_quantizer base;
    ravel_quantizer *inner;
    int groups, stride; /* a vector is [groups][stride][inner->dim] */
} strided;

static size_t rows_bytes(const strided *self, int n)
{
    return (size_t)n * (size_t)self->groups * (size_t)self->inner->dim * sizeof(float);
}

/* Bytes of the codes of n vectors. */
static size_t codes_bytes(const strided *self, int n, int n_codebooks)
{
    return (size_t)n * (size_t)ravel_quantizer_codes(&self->base, n_codebooks) * sizeof(uint16_t);
}

/* mean [n_groups][dim] of x [n_groups][stride][dim] */
static void average(const strided *self, const float *x, int n_groups, float *mean)
{
    const ptrdiff_t dim = self->inner->dim;
    for (int g = 0; g < n_groups; g++, x += self->stride * dim, mean += dim) {
        for (int d = 0; d < dim; d++) {
            float sum = x[d];
            for (int i = 1; i < self->stride; i++) {
                sum += x[i * dim + d];
            }
            mean[d] = sum / (float)self->stride;
        }
    }
}

/* y [n_groups][stride][dim] of x [n_groups][dim] */
static void repeat(const strided *self, const float *x, int n_groups, float *y)
{
    const ptrdiff_t dim = self->inner->dim;
    for (int g = 0; g < n_groups; g++, x += dim) {
        for (int i = 0; i < self->stride; i++, y += dim) {
            memcpy(y, x, (size_t)dim * sizeof *y);
        }
    }
}

/*
 * One vector's codes in the two orders: here the steps of a codebook stand together, inside they are
 * [groups][codes of a group].
 */
static void codes_from_groups(const strided *self, const uint16_t *inside, int n_codebooks,
                              uint16_t *codes)
{
    const int width = ravel_quantizer_codes(self->inner, n_codebooks);
    for (int b = 0; b < n_codebooks; b++) {
        const int steps = self->inner->steps[b];
        for (int g = 0; g < self->groups; g++, codes += steps) {
            memcpy(codes, inside + (ptrdiff_t)g * width, (size_t)steps * sizeof *codes);
        }
        inside += steps;
    }
}

static void codes_to_groups(const strided *self, const uint16_t *codes, int n_codebooks,
                            uint16_t *inside)
{
    const int width = ravel_quantizer_codes(self->inner, n_codebooks);
    for (int b = 0; b < n_codebooks; b++) {
        const int steps = self->inner->steps[b];
        for (int g = 0; g < self->groups; g++, codes += steps) {
            memcpy(inside + (ptrdiff_t)g * width, codes, (size_t)steps * sizeof *codes);
        }
        inside += steps;
    }
}

static void strided_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                           uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const strided *self = (const strided *)q;
    const ravel_arena mark = *scratch;
    const int n_groups = n * self->groups;
    const int width = ravel_quantizer_codes(self->inner, n_codebooks);
    uint16_t *inside = ravel_arena_take(scratch, codes_bytes(self, n, n_codebooks));
    float *mean = ravel_arena_take(scratch, rows_bytes(self, n));
    float *said = y ? ravel_arena_take(scratch, rows_bytes(self, n)) : NULL;

    average(self, x, n_groups, mean);
    self->inner->ops->encode(self->inner, mean, n_groups, n_codebooks, inside, width, said,
                             scratch);
    for (ptrdiff_t i = 0; i < n; i++) {
        codes_from_groups(self, inside + i * self->groups * width, n_codebooks,
                          codes + i * code_stride);
    }
    if (y)
        repeat(self, said, n_groups, y);
    *scratch = mark;
}

static void strided_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                           int n_codebooks, float *y, ravel_arena *scratch)
{
    const strided *self = (const strided *)q;
    const ravel_arena mark = *scratch;
    const int n_groups = n * self->groups;
    const int width = ravel_quantizer_codes(self->inner, n_codebooks);
    uint16_t *inside = ravel_arena_take(scratch, codes_bytes(self, n, n_codebooks));
    float *said = ravel_arena_take(scratch, rows_bytes(self, n));

    for (ptrdiff_t i = 0; i < n; i++) {
        codes_to_groups(self, codes + i * code_stride, n_codebooks,
                        inside + i * self->groups * width);
    }
    self->inner->ops->decode(self->inner, inside, width, n_groups, n_codebooks, said, scratch);
    repeat(self, said, n_groups, y);
    *scratch = mark;
}

static size_t strided_scratch_size(const ravel_quantizer *q, int n)
{
    const strided *self = (const strided *)q;
    return ravel_arena_bytes(codes_bytes(self, n, q->n_codebooks)) +
           2 * ravel_arena_bytes(rows_bytes(self, n)) +
           self->inner->ops->scratch_size(self->inner, n * self->groups);
}

static void strided_destroy(ravel_quantizer *q)
{
    ravel_quantizer_destroy(((strided *)q)->inner);
    free(q);
}

static const ravel_quantizer_ops strided_ops = {strided_encode, strided_decode,
                                                strided_scratch_size, strided_destroy};

/* --- Construction --------------------------------------------------------------------------- */

static int check(int steps, int stride, const ravel_quantizer *inner, ravel_error *error)
{
    if (steps < 1 || steps > RAVEL_MAX_STEPS_PER_FRAME || stride < 1 || steps % stride != 0) {
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "strided quantiser: %d steps, not 1 to %d, or no multiple of %d",
                               steps, RAVEL_MAX_STEPS_PER_FRAME, stride);
    }
    if (inner->dim > MAX_DIM / steps) {
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "strided quantiser: %d steps of %d dimensions are more than %d",
                               steps, inner->dim, MAX_DIM);
    }
    for (int b = 0; b < inner->n_codebooks; b++) {
        if (inner->steps[b] > RAVEL_MAX_STEPS_PER_FRAME / (steps / stride)) {
            return ravel_error_set(error, RAVEL_ERR_MODEL,
                                   "strided quantiser: %d times %d codes of codebook %d, not %d",
                                   steps / stride, inner->steps[b], b + 1,
                                   RAVEL_MAX_STEPS_PER_FRAME);
        }
    }
    return RAVEL_OK;
}

ravel_quantizer *ravel_strided_quantizer_new(const ravel_kernels *kernels, int steps, int stride,
                                             ravel_quantizer *inner, ravel_error *error)
{
    strided *self = NULL;
    if (!check(steps, stride, inner, error)) {
        self = calloc(1, sizeof *self);
        if (!self)
            ravel_error_memory(error);
    }
    if (!self) {
        ravel_quantizer_destroy(inner);
        return NULL;
    }
    self->base = *inner; /* its codebooks are this one's */
    self->base.ops = &strided_ops;
    self->base.kernels = kernels;
    self->base.dim = steps * inner->dim;
    self->inner = inner;
    self->groups = steps / stride;
    self->base.width = self->groups * inner->width; /* below 2^25, as the steps are few */
    if (self->base.width < self->base.dim)
        self->base.width = self->base.dim;
    self->base.macs *= self->groups;
    self->stride = stride;
    for (int b = 0; b < inner->n_codebooks; b++) {
        self->base.steps[b] *= self->groups;
    }
    return &self->base;
}
