/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/compound.h"

#include <stdlib.h>

#include "nn/error.h"

enum { MAX_DIM = 65536 };

int ravel_compound_codebooks(const ravel_quantizer *part, int left)
{
    return left < part->n_codebooks ? left : part->n_codebooks;
}

size_t ravel_vector_bytes(const ravel_quantizer *q, int n)
{
    return (size_t)n * (size_t)q->dim * sizeof(float);
}

void ravel_compound_decode_sum(const ravel_quantizer *q, const uint16_t *codes, int code_stride,
                               int n, int n_codebooks, float *y, ravel_arena *scratch)
{
    const ravel_compound *self = (const ravel_compound *)q;
    const ravel_arena mark = *scratch;
    float *said = ravel_arena_take(scratch, ravel_vector_bytes(q, n));

    for (int p = 0, left = n_codebooks; left > 0; p++) {
        const ravel_quantizer *part = self->part[p];
        const int now = ravel_compound_codebooks(part, left);
        part->ops->decode(part, codes, code_stride, n, now, p == 0 ? y : said, scratch);
        if (p > 0)
            q->kernels->add(y, said, y, n * q->dim);
        codes += ravel_quantizer_codes(part, now);
        left -= now;
    }
    *scratch = mark;
}

size_t ravel_compound_scratch_size(const ravel_quantizer *q, int n)
{
    const ravel_compound *self = (const ravel_compound *)q;
    size_t most = 0;
    for (int p = 0; p < self->n_parts; p++) {
        const size_t size = self->part[p]->ops->scratch_size(self->part[p], n);
        most = size > most ? size : most;
    }
    return most;
}

void ravel_compound_destroy(ravel_quantizer *q)
{
    ravel_compound *self = (ravel_compound *)q;
    for (int p = 0; p < self->n_parts; p++) {
        ravel_quantizer_destroy(self->part[p]);
    }
    free(self);
}

/* return    dimensions of the whole, or a negative status */
static int check(ravel_compound_shape shape, const char *called, ravel_quantizer *const *parts,
                 int n_parts, ravel_error *error)
{
    int n_codebooks = 0, dim = 0;
    if (n_parts < 1) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s 1 is missing", called);
    }
    for (int p = 0; p < n_parts; p++) {
        n_codebooks += parts[p]->n_codebooks;
        dim = shape == RAVEL_COMPOUND_ALIKE ? parts[0]->dim : dim + parts[p]->dim;
        if (n_codebooks > RAVEL_MAX_CODEBOOKS) {
            return ravel_error_set(error, RAVEL_ERR_MODEL, "%s %d of %d: more than %d codebooks",
                                   called, p + 1, n_parts, RAVEL_MAX_CODEBOOKS);
        }
        if (shape == RAVEL_COMPOUND_ALIKE && parts[p]->dim != dim) {
            return ravel_error_set(error, RAVEL_ERR_MODEL, "%s %d has %d dimensions, the first %d",
                                   called, p + 1, parts[p]->dim, dim);
        }
        if (dim > MAX_DIM) {
            return ravel_error_set(error, RAVEL_ERR_MODEL, "%s %d of %d: more than %d dimensions",
                                   called, p + 1, n_parts, MAX_DIM);
        }
    }
    return dim;
}

static void add_part(ravel_compound *self, ravel_quantizer *part)
{
    ravel_quantizer *q = &self->base;
    for (int b = 0; b < part->n_codebooks; b++) {
        q->steps[q->n_codebooks] = part->steps[b];
        q->codebook_size[q->n_codebooks++] = part->codebook_size[b];
    }
    if (q->width < part->width)
        q->width = part->width;
    q->weight_bytes += part->weight_bytes;
    q->held_bytes += part->held_bytes;
    q->macs += part->macs;
    self->part[self->n_parts++] = part;
}

ravel_quantizer *ravel_compound_new(const ravel_kernels *kernels, const ravel_quantizer_ops *ops,
                                    ravel_compound_shape shape, const char *called,
                                    ravel_quantizer **parts, int n_parts, ravel_error *error)
{
    ravel_compound *self = NULL;
    const int dim = check(shape, called, parts, n_parts, error);
    if (dim > 0) {
        self = calloc(1, sizeof *self);
        if (!self)
            ravel_error_memory(error);
    }
    if (!self) {
        for (int p = 0; p < n_parts; p++) {
            ravel_quantizer_destroy(parts[p]);
        }
        return NULL;
    }
    self->base = (ravel_quantizer){.ops = ops, .kernels = kernels, .dim = dim, .width = dim};
    for (int p = 0; p < n_parts; p++) {
        add_part(self, parts[p]);
    }
    return &self->base;
}
