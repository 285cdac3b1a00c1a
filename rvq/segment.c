/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame that is a segment of EnCodec's 48 kHz model (nn/segment.c): how many steps it has, its level,
 * and the latents of its steps. The level is kept to the bit, as the upper and the lower half of a
 * float32.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "rvq/layout.h"
#include "rvq/quantizer.h"

enum { STEPS, LEVEL_HIGH, LEVEL_LOW, HEAD };

typedef struct {
    ravel_quantizer base;
    ravel_quantizer *inner; /* of the latents of all steps, codebook HEAD and on */
    int steps;
} segment;

/* A number of steps that went through nothing but floats, or through anything. */
static int steps_of(const segment *self, float number)
{
    const float steps = (float)self->steps;
    return number >= 0.5f ? (int)(number < steps ? number + 0.5f : steps) : 0;
}

/* What is no level counts as silence. */
static float level_of(float number)
{
    return isfinite(number) && number > 0.0f ? number : 0.0f;
}

static void put_level(float level, uint16_t *high, uint16_t *low)
{
    uint32_t bits;
    memcpy(&bits, &level, sizeof bits);
    *high = (uint16_t)(bits >> 16);
    *low = (uint16_t)(bits & 0xffff);
}

static float get_level(uint16_t high, uint16_t low)
{
    const uint32_t bits = (uint32_t)high << 16 | low;
    float level;
    memcpy(&level, &bits, sizeof level);
    return level_of(level);
}

/* What a segment of these numbers is without its latents. y [dim] */
static void put_numbers(const segment *self, int n_steps, float level, float *y)
{
    const int count = self->inner->dim;
    y[count] = (float)n_steps;
    y[count + 1] = level;
}

/* Zeros for what lies behind the last step. y [steps][channels] */
static void clear_latents(const segment *self, int n_steps, float *y)
{
    const int channels = self->inner->dim / self->steps;
    memset(y + (ptrdiff_t)n_steps * channels, 0,
           (size_t)(self->steps - n_steps) * (size_t)channels * sizeof *y);
}

/* So that equal sounds have equal codes: 0 for steps that are not there. */
static void clear_codes(const segment *self, int n_steps, int n_codebooks, uint16_t *codes)
{
    for (int b = 0; b < n_codebooks; b++) {
        const int all = self->inner->steps[b];
        const int used = (n_steps * all + self->steps - 1) / self->steps;
        memset(codes + used, 0, (size_t)(all - used) * sizeof *codes);
        codes += all;
    }
}

static void encode_one(const segment *self, const float *x, int n_codebooks, uint16_t *codes,
                       float *y, ravel_arena *scratch)
{
    const int inner_codebooks = n_codebooks - HEAD;
    const int n_steps = steps_of(self, x[self->inner->dim]);
    const float level = level_of(x[self->inner->dim + 1]);
    uint16_t head[HEAD] = {(uint16_t)n_steps};
    put_level(level, &head[LEVEL_HIGH], &head[LEVEL_LOW]);
    memcpy(codes, head, (size_t)(n_codebooks < HEAD ? n_codebooks : HEAD) * sizeof *codes);
    if (inner_codebooks > 0) {
        self->inner->ops->encode(self->inner, x, 1, inner_codebooks, codes + HEAD,
                                 ravel_quantizer_codes(self->inner, inner_codebooks), y, scratch);
        clear_codes(self, n_steps, inner_codebooks, codes + HEAD);
    }
    if (y) {
        clear_latents(self, inner_codebooks > 0 ? n_steps : 0, y);
        put_numbers(self, n_steps, inner_codebooks > 0 ? level : 0.0f, y);
    }
}

static void segment_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                           uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        encode_one((const segment *)q, x + i * q->dim, n_codebooks, codes + i * code_stride,
                   y ? y + i * q->dim : NULL, scratch);
    }
}

/* Without a code of its latents a segment is silent. */
static void decode_one(const segment *self, const uint16_t *codes, int n_codebooks, float *y,
                       ravel_arena *scratch)
{
    const int inner_codebooks = n_codebooks - HEAD;
    if (inner_codebooks <= 0) {
        clear_latents(self, 0, y);
        put_numbers(self, codes[STEPS], 0.0f, y);
        return;
    }
    self->inner->ops->decode(self->inner, codes + HEAD,
                             ravel_quantizer_codes(self->inner, inner_codebooks), 1,
                             inner_codebooks, y, scratch);
    clear_latents(self, codes[STEPS], y);
    put_numbers(self, codes[STEPS], get_level(codes[LEVEL_HIGH], codes[LEVEL_LOW]), y);
}

static void segment_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                           int n_codebooks, float *y, ravel_arena *scratch)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        decode_one((const segment *)q, codes + i * code_stride, n_codebooks, y + i * q->dim,
                   scratch);
    }
}

static size_t segment_scratch_size(const ravel_quantizer *q, int n)
{
    const ravel_quantizer *inner = ((const segment *)q)->inner;
    (void)n;
    return inner->ops->scratch_size(inner, 1);
}

static void segment_destroy(ravel_quantizer *q)
{
    ravel_quantizer_destroy(((segment *)q)->inner);
    free(q);
}

static const ravel_quantizer_ops segment_ops = {segment_encode, segment_decode,
                                                segment_scratch_size, segment_destroy};

static int check(const ravel_quantizer *inner, int steps, ravel_error *error)
{
    if (steps < 1 || steps > RAVEL_MAX_STEPS_PER_FRAME || inner->dim % steps != 0) {
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "a segment of %d steps does not fit to %d dimensions", steps,
                               inner->dim);
    }
    if (inner->n_codebooks > RAVEL_MAX_CODEBOOKS - HEAD) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "a segment has %d codebooks more than %d",
                               HEAD, inner->n_codebooks);
    }
    for (int b = 0; b < inner->n_codebooks; b++) {
        if (inner->steps[b] > steps) {
            return ravel_error_set(error, RAVEL_ERR_MODEL,
                                   "a segment of %d steps, but codebook %d inside has %d", steps, b,
                                   inner->steps[b]);
        }
    }
    return RAVEL_OK;
}

static void describe(segment *self, const ravel_kernels *kernels)
{
    const ravel_quantizer *inner = self->inner;
    ravel_quantizer *q = &self->base;
    q->ops = &segment_ops;
    q->kernels = kernels;
    q->dim = q->width = inner->dim + 2; /* one vector at a time goes inside */
    q->n_codebooks = HEAD + inner->n_codebooks;
    q->n_head = HEAD;
    q->weight_bytes = inner->weight_bytes;
    q->held_bytes = inner->held_bytes;
    q->macs = inner->macs;
    q->codebook_size[STEPS] = self->steps + 1;
    q->codebook_size[LEVEL_HIGH] = q->codebook_size[LEVEL_LOW] = RAVEL_MAX_CODEBOOK_SIZE;
    for (int b = 0; b < q->n_codebooks; b++) {
        q->steps[b] = b < HEAD ? 1 : inner->steps[b - HEAD];
        if (b >= HEAD)
            q->codebook_size[b] = inner->codebook_size[b - HEAD];
    }
}

ravel_quantizer *ravel_segment_quantizer_new(const ravel_kernels *kernels, int steps,
                                             ravel_quantizer *inner, ravel_error *error)
{
    segment *self = NULL;
    if (!check(inner, steps, error)) {
        self = calloc(1, sizeof *self);
        if (!self)
            ravel_error_memory(error);
    }
    if (!self) {
        ravel_quantizer_destroy(inner);
        return NULL;
    }
    self->inner = inner;
    self->steps = steps;
    describe(self, kernels);
    return &self->base;
}
