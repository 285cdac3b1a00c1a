/* SPDX-License-Identifier: BSD-3-Clause */
/* Residual vector quantisation (SoundStream, arXiv 2107.03312, section III-C). */
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "rvq/quantizer.h"

typedef struct {
    ravel_quantizer base;
    int n_stages;
    ravel_quantizer *stage[RAVEL_MAX_CODEBOOKS]; /* each has at least one codebook */
} residual;

static size_t vector_bytes(const ravel_quantizer *q, int n)
{
    return (size_t)n * (size_t)q->dim * sizeof(float);
}

/* Codebooks of a stage that are used where `left` codebooks are left for it and those after it. */
static int stage_codebooks(const ravel_quantizer *stage, int left)
{
    return left < stage->n_codebooks ? left : stage->n_codebooks;
}

static void residual_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                            uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const residual *self = (const residual *)q;
    const int count = n * q->dim;
    const ravel_arena mark = *scratch;
    float *rest = ravel_arena_take(scratch, vector_bytes(q, n));
    float *part = ravel_arena_take(scratch, vector_bytes(q, n));
    memcpy(rest, x, vector_bytes(q, n));

    for (int s = 0, left = n_codebooks; left > 0; s++) {
        const ravel_quantizer *stage = self->stage[s];
        const int now = stage_codebooks(stage, left);
        const int last = left == now;
        stage->ops->encode(stage, rest, n, now, codes, code_stride, last && !y ? NULL : part,
                           scratch);
        if (!last)
            q->kernels->axpy(part, -1.0f, rest, count);
        if (y && s == 0)
            memcpy(y, part, vector_bytes(q, n));
        if (y && s > 0)
            q->kernels->add(y, part, y, count);
        codes += ravel_quantizer_codes(stage, now);
        left -= now;
    }
    *scratch = mark;
}

static void residual_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                            int n_codebooks, float *y, ravel_arena *scratch)
{
    const residual *self = (const residual *)q;
    const ravel_arena mark = *scratch;
    float *part = ravel_arena_take(scratch, vector_bytes(q, n));

    for (int s = 0, left = n_codebooks; left > 0; s++) {
        const ravel_quantizer *stage = self->stage[s];
        const int now = stage_codebooks(stage, left);
        stage->ops->decode(stage, codes, code_stride, n, now, s == 0 ? y : part, scratch);
        if (s > 0)
            q->kernels->add(y, part, y, n * q->dim);
        codes += ravel_quantizer_codes(stage, now);
        left -= now;
    }
    *scratch = mark;
}

static size_t residual_scratch_size(const ravel_quantizer *q, int n)
{
    const residual *self = (const residual *)q;
    size_t most = 0;
    for (int s = 0; s < self->n_stages; s++) {
        const size_t size = self->stage[s]->ops->scratch_size(self->stage[s], n);
        most = size > most ? size : most;
    }
    return 2 * ravel_arena_bytes(vector_bytes(q, n)) + most;
}

static void residual_destroy(ravel_quantizer *q)
{
    residual *self = (residual *)q;
    for (int s = 0; s < self->n_stages; s++) {
        ravel_quantizer_destroy(self->stage[s]);
    }
    free(self);
}

static const ravel_quantizer_ops residual_ops = {residual_encode, residual_decode,
                                                 residual_scratch_size, residual_destroy};

static int check(ravel_quantizer *const *stages, int n_stages, ravel_error *error)
{
    int n_codebooks = 0;
    if (n_stages < 1) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "residual quantiser without stages");
    }
    for (int s = 0; s < n_stages; s++) {
        n_codebooks += stages[s]->n_codebooks;
        if (n_codebooks > RAVEL_MAX_CODEBOOKS) {
            return ravel_error_set(error, RAVEL_ERR_MODEL,
                                   "residual quantiser: more than %d codebooks at stage %d of %d",
                                   RAVEL_MAX_CODEBOOKS, s + 1, n_stages);
        }
        if (stages[s]->dim != stages[0]->dim) {
            return ravel_error_set(error, RAVEL_ERR_MODEL,
                                   "residual quantiser: stage %d has %d dimensions, stage 1 has %d",
                                   s + 1, stages[s]->dim, stages[0]->dim);
        }
    }
    return RAVEL_OK;
}

static void add_stage(residual *self, ravel_quantizer *stage)
{
    ravel_quantizer *q = &self->base;
    for (int b = 0; b < stage->n_codebooks; b++) {
        q->steps[q->n_codebooks] = stage->steps[b];
        q->codebook_size[q->n_codebooks++] = stage->codebook_size[b];
    }
    q->weight_bytes += stage->weight_bytes;
    q->macs += stage->macs;
    self->stage[self->n_stages++] = stage;
}

ravel_quantizer *ravel_residual_quantizer_new(const ravel_kernels *kernels,
                                              ravel_quantizer **stages, int n_stages,
                                              ravel_error *error)
{
    residual *self = NULL;
    if (!check(stages, n_stages, error)) {
        self = calloc(1, sizeof *self);
        if (!self)
            ravel_error_memory(error);
    }
    if (!self) {
        for (int s = 0; s < n_stages; s++) {
            ravel_quantizer_destroy(stages[s]);
        }
        return NULL;
    }
    self->base.ops = &residual_ops;
    self->base.kernels = kernels;
    self->base.dim = stages[0]->dim;
    for (int s = 0; s < n_stages; s++) {
        add_stage(self, stages[s]);
    }
    return &self->base;
}
