/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finite scalar quantisation (arXiv 2309.15505, appendix A): every dimension is bounded and rounded
 * to a few levels. The digits of a vector, the first one lowest, make one code.
 */
#include <stdlib.h>

#include "nn/error.h"
#include "nn/turn.h"
#include "rvq/layout.h"
#include "rvq/quantizer.h"

enum { MAX_DIM = 16 }; /* 2^16 codewords */

/* With L levels: digit = round(gain * tanh(x + shift) - offset) + L / 2 */
typedef struct {
    int levels, half; /* half: L / 2 without the rest */
    float gain;       /* (L - 1) / 2 times the bound */
    float offset;     /* 1/2 where L is even, 0 where it is odd */
    float shift;      /* so that 0 is the digit of 0 */
} scalar;

typedef struct {
    ravel_quantizer base;
    scalar scalar[MAX_DIM]; /* [dim] */
} fsq;

/* To the nearest whole number, ties to the even one; |x| below 2^22. */
static float round_half_even(float x)
{
    const float rounder = 0x1.8p23f;
    return x + rounder - rounder;
}

/* bounded    tanh(x + shift); what is no number becomes digit 0 */
static int digit_of(const scalar *s, float bounded)
{
    const float digit = round_half_even(s->gain * bounded - s->offset) + (float)s->half;
    if (!(digit > 0.0f))
        return 0;
    return digit < (float)s->levels ? (int)digit : s->levels - 1;
}

static float value_of(const scalar *s, int digit)
{
    return (float)(digit - s->half) / (float)s->half;
}

static void decode_vector(const fsq *self, int code, float *y)
{
    for (int k = 0; k < self->base.dim; k++) {
        const scalar *s = &self->scalar[k];
        y[k] = value_of(s, code % s->levels);
        code /= s->levels;
    }
}

static int encode_vector(const fsq *self, const float *x)
{
    const int dim = self->base.dim;
    float bounded[MAX_DIM];
    int code = 0;
    for (int k = 0; k < dim; k++) {
        bounded[k] = x[k] + self->scalar[k].shift;
    }
    self->base.kernels->tanh(bounded, bounded, dim);
    for (int k = dim - 1; k >= 0; k--) {
        code = code * self->scalar[k].levels + digit_of(&self->scalar[k], bounded[k]);
    }
    return code;
}

static void fsq_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                       uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const fsq *self = (const fsq *)q;
    (void)n_codebooks;
    (void)scratch;
    for (ptrdiff_t i = 0; i < n; i++) {
        const int code = encode_vector(self, x + i * q->dim);
        codes[i * code_stride] = (uint16_t)code;
        if (y)
            decode_vector(self, code, y + i * q->dim);
    }
}

static void fsq_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                       int n_codebooks, float *y, ravel_arena *scratch)
{
    (void)n_codebooks;
    (void)scratch;
    for (ptrdiff_t i = 0; i < n; i++) {
        decode_vector((const fsq *)q, codes[i * code_stride], y + i * q->dim);
    }
}

static size_t fsq_scratch_size(const ravel_quantizer *q, int n)
{
    (void)q;
    (void)n;
    return 0;
}

static void fsq_destroy(ravel_quantizer *q)
{
    free(q);
}

static const ravel_quantizer_ops fsq_ops = {fsq_encode, fsq_decode, fsq_scratch_size, fsq_destroy};

/* return    the number of codewords, or a negative status */
static int check(const int *levels, int dim, float bound, ravel_error *error)
{
    int size = 1;
    if (!(bound >= 0.9f && bound <= 1.1f)) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "fsq: a bound of %g, not 0.9 to 1.1",
                               (double)bound);
    }
    if (dim < 1 || dim > MAX_DIM) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "fsq: %d dimensions, not 1 to %d", dim,
                               MAX_DIM);
    }
    for (int k = 0; k < dim; k++) {
        if (levels[k] < 2 || levels[k] > RAVEL_MAX_CODEBOOK_SIZE / size) {
            return ravel_error_set(error, RAVEL_ERR_MODEL,
                                   "fsq: %d levels in dimension %d, not at least 2, with at most "
                                   "%d codewords",
                                   levels[k], k, RAVEL_MAX_CODEBOOK_SIZE);
        }
        size *= levels[k];
    }
    return size;
}

/* The tangent of the shift belongs to the paper's code; the inverse of tanh would be another. */
static scalar new_scalar(int levels, float bound)
{
    const double radians_to_turns = 0.15915494309189535;
    scalar s = {.levels = levels, .half = levels / 2};
    s.gain = (float)(levels - 1) / 2.0f * bound;
    s.offset = levels % 2 == 0 ? 0.5f : 0.0f;
    const float ratio = s.offset / s.gain; /* 0 ... 1.112 radians */
    const ravel_angle angle = ravel_turn((double)ratio * radians_to_turns);
    s.shift = (float)(angle.sine / angle.cosine);
    return s;
}

ravel_quantizer *ravel_fsq_new(const ravel_kernels *kernels, const int *levels, int dim,
                               float bound, ravel_error *error)
{
    const int size = check(levels, dim, bound, error);
    if (size < 0)
        return NULL;
    fsq *self = calloc(1, sizeof *self);
    if (!self) {
        ravel_error_memory(error);
        return NULL;
    }
    self->base = (ravel_quantizer){.ops = &fsq_ops,
                                   .kernels = kernels,
                                   .dim = dim,
                                   .width = dim,
                                   .n_codebooks = 1,
                                   .codebook_size = {size},
                                   .steps = {1}};
    for (int k = 0; k < dim; k++) {
        self->scalar[k] = new_scalar(levels[k], bound);
    }
    return &self->base;
}
