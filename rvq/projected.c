/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A quantiser in a space of its own between two linear maps: the factorised codebooks of DAC
 * (arXiv 2306.06546) search in 8 dimensions what the network says in 1024.
 */
#include <stdlib.h>

#include "nn/error.h"
#include "rvq/quantizer.h"

typedef struct {
    ravel_quantizer base;
    ravel_quantizer *inner;
    ravel_matrix in;  /* [dim][inner->dim] */
    ravel_matrix out; /* [inner->dim][dim] */
} projected;

static size_t row_bytes(int n)
{
    return (size_t)n * sizeof(const float *);
}

static size_t inner_bytes(const projected *self, int n)
{
    return (size_t)n * (size_t)self->inner->dim * sizeof(float);
}

/* y [n][w->n_out] = w applied to x [n][w->n_in] */
static void apply(const projected *self, const ravel_matrix *w, const float *x, int n, float *y,
                  ravel_arena *scratch)
{
    const ravel_arena mark = *scratch;
    const float **row = ravel_arena_take(scratch, row_bytes(n));
    for (int i = 0; i < n; i++) {
        row[i] = x + (ptrdiff_t)i * w->n_in;
    }
    const ravel_rows rows = {.row = row, .n_rows = n, .taps = 1, .width = w->n_in};
    self->base.kernels->matmul(w, &rows, y, w->n_out, 0);
    *scratch = mark;
}

static void projected_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                             uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const projected *self = (const projected *)q;
    const ravel_arena mark = *scratch;
    float *inner_x = ravel_arena_take(scratch, inner_bytes(self, n));
    float *inner_y = y ? ravel_arena_take(scratch, inner_bytes(self, n)) : NULL;

    apply(self, &self->in, x, n, inner_x, scratch);
    self->inner->ops->encode(self->inner, inner_x, n, n_codebooks, codes, code_stride, inner_y,
                             scratch);
    if (y)
        apply(self, &self->out, inner_y, n, y, scratch);
    *scratch = mark;
}

static void projected_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride,
                             int n, int n_codebooks, float *y, ravel_arena *scratch)
{
    const projected *self = (const projected *)q;
    const ravel_arena mark = *scratch;
    float *inner_y = ravel_arena_take(scratch, inner_bytes(self, n));

    self->inner->ops->decode(self->inner, codes, code_stride, n, n_codebooks, inner_y, scratch);
    apply(self, &self->out, inner_y, n, y, scratch);
    *scratch = mark;
}

static size_t projected_scratch_size(const ravel_quantizer *q, int n)
{
    const projected *self = (const projected *)q;
    const size_t rows = ravel_arena_bytes(row_bytes(n));
    const size_t inner = self->inner->ops->scratch_size(self->inner, n);
    return 2 * ravel_arena_bytes(inner_bytes(self, n)) + (rows > inner ? rows : inner);
}

static void projected_destroy(ravel_quantizer *q)
{
    projected *self = (projected *)q;
    ravel_quantizer_destroy(self->inner);
    ravel_matrix_free(&self->in);
    ravel_matrix_free(&self->out);
    free(self);
}

static const ravel_quantizer_ops projected_ops = {projected_encode, projected_decode,
                                                  projected_scratch_size, projected_destroy};

/* --- Construction --------------------------------------------------------------------------- */

static int check_weight(const ravel_tensor *t, ravel_error *error)
{
    if (t->rank != 2 && !(t->rank == 3 && t->shape[2] == 1)) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: rank %d, not [out, in] or [out, in, 1]",
                               t->name, t->rank);
    }
    return RAVEL_OK;
}

/* bias and scale: NULL or one value an output; only the bias may be left out with I8 weights */
static int check_rows(const ravel_tensor *weight, const ravel_tensor *bias,
                      const ravel_tensor *scale, ravel_error *error)
{
    if ((weight->dtype == RAVEL_I8) != (scale != NULL)) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: %s", weight->name,
                               scale ? "a scale, but the weights are not I8"
                                     : "I8 weights without a scale");
    }
    if (bias &&
        (bias->dtype == RAVEL_I8 || bias->rank != 1 || bias->shape[0] != weight->shape[0])) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: not a bias of %d floats", bias->name,
                               (int)weight->shape[0]);
    }
    if (scale &&
        (scale->dtype != RAVEL_F32 || scale->rank != 1 || scale->shape[0] != weight->shape[0])) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: not a scale of %d F32", scale->name,
                               (int)weight->shape[0]);
    }
    return RAVEL_OK;
}

static int check(const ravel_projection_spec *s, const ravel_quantizer *inner, ravel_error *error)
{
    if (check_weight(s->in_weight, error) || check_weight(s->out_weight, error) ||
        check_rows(s->in_weight, s->in_bias, s->in_scale, error) ||
        check_rows(s->out_weight, s->out_bias, s->out_scale, error)) {
        return RAVEL_ERR_MODEL;
    }
    if (s->in_weight->shape[0] != inner->dim) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: %d outputs, but the quantiser has %d",
                               s->in_weight->name, (int)s->in_weight->shape[0], inner->dim);
    }
    if (s->out_weight->shape[1] != inner->dim) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: %d inputs, but the quantiser has %d",
                               s->out_weight->name, (int)s->out_weight->shape[1], inner->dim);
    }
    if (s->out_weight->shape[0] != s->in_weight->shape[1]) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "%s: %d outputs, but %s has %d inputs",
                               s->out_weight->name, (int)s->out_weight->shape[0],
                               s->in_weight->name, (int)s->in_weight->shape[1]);
    }
    return RAVEL_OK;
}

/* context: the tensor [out, in] or [out, in, 1] */
static ptrdiff_t linear_element(const void *context, int k, int n)
{
    const ravel_tensor *t = context;
    return (ptrdiff_t)n * t->shape[1] + k;
}

static int pack(ravel_matrix *matrix, const ravel_tensor *weight, const ravel_tensor *scale,
                const ravel_tensor *bias)
{
    return ravel_matrix_pack(matrix, weight->shape[1], weight->shape[0], weight, linear_element,
                             weight, scale, bias, NULL);
}

static void describe(projected *self, const ravel_kernels *kernels)
{
    const double products = (double)self->in.n_in * self->in.n_out;
    const size_t projections = ravel_matrix_bytes(&self->in) + ravel_matrix_bytes(&self->out);
    self->base = *self->inner; /* its codebooks are this one's */
    self->base.ops = &projected_ops;
    self->base.kernels = kernels;
    self->base.dim = self->in.n_in;
    if (self->base.width < self->base.dim)
        self->base.width = self->base.dim;
    self->base.weight_bytes += projections;
    self->base.held_bytes += projections;
    self->base.macs += 2 * products;
}

ravel_quantizer *ravel_projected_new(const ravel_kernels *kernels,
                                     const ravel_projection_spec *spec, ravel_quantizer *inner,
                                     ravel_error *error)
{
    if (check(spec, inner, error)) {
        ravel_quantizer_destroy(inner);
        return NULL;
    }
    projected *self = calloc(1, sizeof *self);
    if (!self) {
        ravel_quantizer_destroy(inner);
        ravel_error_memory(error);
        return NULL;
    }
    self->inner = inner;
    if (pack(&self->in, spec->in_weight, spec->in_scale, spec->in_bias) ||
        pack(&self->out, spec->out_weight, spec->out_scale, spec->out_bias)) {
        projected_destroy(&self->base);
        ravel_error_memory(error);
        return NULL;
    }
    describe(self, kernels);
    return &self->base;
}
