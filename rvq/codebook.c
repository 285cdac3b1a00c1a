/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One codebook. The search is a matrix product and an argmax:
 *
 *    Euclidean    |x - e|^2 is least where x.e - |e|^2 / 2 is greatest; the second term is the bias
 *    cosine       x.e / |e|, codewords brought to length 1 beforehand; |x| scales every score alike
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "rvq/layout.h"
#include "rvq/quantizer.h"

enum {
    MAX_SLICE = 32,           /* vectors searched at once */
    SLICE_SCORES = 32 * 1024, /* most scores of a slice of more than one vector: 128 KiB */
    MAX_DIM = 65536
};

typedef struct {
    ravel_quantizer base;
    ravel_tensor codewords; /* own copy, [size][dim]: what a code stands for */
    ravel_matrix scores;    /* [dim][size]: what is searched */
} codebook;

static int slice_vectors(int size)
{
    const int fit = SLICE_SCORES / size;
    return fit < 1 ? 1 : fit > MAX_SLICE ? MAX_SLICE : fit;
}

static void copy_codeword(const codebook *self, int code, float *y)
{
    const size_t dim = (size_t)self->base.dim;
    for (size_t k = 0; k < dim; k++) {
        y[k] = ravel_tensor_get(&self->codewords, (size_t)code * dim + k);
    }
}

/* scores [n][size], n at most MAX_SLICE */
static void score(const codebook *self, const float *x, int n, float *scores)
{
    const float *row[MAX_SLICE];
    for (int i = 0; i < n; i++) {
        row[i] = x + (ptrdiff_t)i * self->base.dim;
    }
    const ravel_rows rows = {.row = row, .n_rows = n, .taps = 1, .width = self->base.dim};
    self->base.kernels->matmul(&self->scores, &rows, scores, self->scores.n_out, 0);
}

static void codebook_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                            uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const codebook *self = (const codebook *)q;
    const int size = q->codebook_size[0], slice = slice_vectors(size);
    const ravel_arena mark = *scratch;
    float *scores = ravel_arena_take(scratch, (size_t)slice * (size_t)size * sizeof(float));
    (void)n_codebooks;

    for (int done = 0; done < n; done += slice) {
        const int now = n - done < slice ? n - done : slice;
        score(self, x + (ptrdiff_t)done * q->dim, now, scores);
        for (int i = 0; i < now; i++) {
            const int code = q->kernels->argmax(scores + (ptrdiff_t)i * size, size);
            codes[(ptrdiff_t)(done + i) * code_stride] = (uint16_t)code;
            if (y)
                copy_codeword(self, code, y + (ptrdiff_t)(done + i) * q->dim);
        }
    }
    *scratch = mark;
}

static void codebook_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                            int n_codebooks, float *y, ravel_arena *scratch)
{
    (void)n_codebooks;
    (void)scratch;
    for (ptrdiff_t i = 0; i < n; i++) {
        copy_codeword((const codebook *)q, codes[i * code_stride], y + i * q->dim);
    }
}

static size_t codebook_scratch_size(const ravel_quantizer *q, int n)
{
    const int size = q->codebook_size[0];
    (void)n;
    return ravel_arena_bytes((size_t)slice_vectors(size) * (size_t)size * sizeof(float));
}

static void codebook_destroy(ravel_quantizer *q)
{
    codebook *self = (codebook *)q;
    ravel_matrix_free(&self->scores);
    free((void *)self->codewords.data);
    free(self);
}

static const ravel_quantizer_ops codebook_ops = {codebook_encode, codebook_decode,
                                                 codebook_scratch_size, codebook_destroy};

/* --- Construction --------------------------------------------------------------------------- */

static int check(const ravel_tensor *t, ravel_error *error)
{
    if (t->dtype == RAVEL_I8) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: I8 is not supported", t->name);
    }
    if (t->rank != 2) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: rank %d, not [size, dim]",
                               t->name, t->rank);
    }
    if (t->shape[0] < 2 || t->shape[0] > RAVEL_MAX_CODEBOOK_SIZE) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: %d codewords, not 2 to %d",
                               t->name, (int)t->shape[0], RAVEL_MAX_CODEBOOK_SIZE);
    }
    if (t->shape[1] < 1 || t->shape[1] > MAX_DIM) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: %d dimensions, not 1 to %d",
                               t->name, (int)t->shape[1], MAX_DIM);
    }
    return RAVEL_OK;
}

/* |e|^2 of codeword n: dimensions in increasing order, fused multiply-adds. */
static float squared_norm(const ravel_tensor *t, int n)
{
    const size_t dim = (size_t)t->shape[1];
    float sum = 0.0f;
    for (size_t k = 0; k < dim; k++) {
        const float e = ravel_tensor_get(t, (size_t)n * dim + k);
        sum = fmaf(e, e, sum);
    }
    return sum;
}

/* context: the tensor [size, dim] */
static ptrdiff_t codeword_element(const void *context, int k, int n)
{
    const ravel_tensor *t = context;
    return (ptrdiff_t)n * t->shape[1] + k;
}

static int pack_euclidean(codebook *self)
{
    const ravel_tensor *t = &self->codewords;
    const int size = t->shape[0];
    float *half_norm = malloc((size_t)size * sizeof(float));
    if (!half_norm)
        return RAVEL_ERR_MEMORY;
    for (int n = 0; n < size; n++) {
        half_norm[n] = -0.5f * squared_norm(t, n);
    }
    const ravel_tensor bias = {.data = half_norm, .dtype = RAVEL_F32, .rank = 1, .shape = {size}};
    const int status = ravel_matrix_pack(&self->scores, t->shape[1], size, t, codeword_element, t,
                                         NULL, &bias, NULL);
    free(half_norm);
    return status;
}

/* The length is bounded below as in torch.nn.functional.normalize. */
static int pack_cosine(codebook *self)
{
    const ravel_tensor *t = &self->codewords;
    const size_t dim = (size_t)t->shape[1], count = ravel_tensor_count(t);
    float *unit = malloc(count * sizeof(float));
    if (!unit)
        return RAVEL_ERR_MEMORY;
    for (int n = 0; n < t->shape[0]; n++) {
        const float norm = fmaxf(sqrtf(squared_norm(t, n)), 1e-12f);
        for (size_t k = 0; k < dim; k++) {
            const size_t i = (size_t)n * dim + k;
            unit[i] = ravel_tensor_get(t, i) / norm;
        }
    }
    ravel_tensor normalised = *t;
    normalised.data = unit;
    normalised.dtype = RAVEL_F32;
    const int status = ravel_matrix_pack(&self->scores, t->shape[1], t->shape[0], &normalised,
                                         codeword_element, t, NULL, NULL, NULL);
    free(unit);
    return status;
}

/* The file's bytes may go away; the name is not kept. */
static int copy_codewords(codebook *self, const ravel_tensor *t)
{
    const size_t bytes = ravel_tensor_count(t) * ravel_dtype_size(t->dtype);
    void *data = malloc(bytes);
    if (!data)
        return RAVEL_ERR_MEMORY;
    memcpy(data, t->data, bytes);
    self->codewords = *t;
    self->codewords.data = data;
    self->codewords.name = NULL;
    return RAVEL_OK;
}

static int build(codebook *self, const ravel_tensor *codewords, ravel_search search)
{
    const int status = copy_codewords(self, codewords);
    if (status)
        return status;
    return search == RAVEL_SEARCH_COSINE ? pack_cosine(self) : pack_euclidean(self);
}

ravel_quantizer *ravel_codebook_new(const ravel_kernels *kernels, const ravel_tensor *codewords,
                                    ravel_search search, ravel_error *error)
{
    if (check(codewords, error))
        return NULL;
    codebook *self = calloc(1, sizeof *self);
    if (!self || build(self, codewords, search)) {
        if (self)
            codebook_destroy(&self->base);
        ravel_error_memory(error);
        return NULL;
    }
    self->base = (ravel_quantizer){
        .ops = &codebook_ops,
        .kernels = kernels,
        .dim = codewords->shape[1],
        .width = codewords->shape[1],
        .n_codebooks = 1,
        .codebook_size = {codewords->shape[0]},
        .steps = {1},
        .weight_bytes = ravel_matrix_bytes(&self->scores),
        .macs = (double)codewords->shape[0] * (double)codewords->shape[1],
    };
    return &self->base;
}
