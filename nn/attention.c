/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Self-attention: one linear map to queries, keys and values, the mixing of values by one of two
 * kinds, causal (attention_ring.c) or of all rows (attention_all.c), and one linear map back.
 */
#include <math.h>
#include <stdlib.h>

#include "nn/attention_impl.h"
#include "nn/rope.h"

typedef ravel_attention attention;

static void attention_reset(const ravel_layer *layer, void *state)
{
    if (!layer->needs_all) {
        ravel_attention_ring_reset(state);
    }
}

/* The weighted values of all rows through the last linear map, to the lanes. */
static void project(const attention *self, ravel_lane *lanes, int n_lanes, const float **rows,
                    const float *mixed, ravel_arena *scratch)
{
    const int channels = self->base.out_channels, width = self->width;
    const ravel_rows x = {
        .row = rows, .n_rows = ravel_lanes_count_in(lanes, n_lanes), .taps = 1, .width = width};
    for (int i = 0; i < x.n_rows; i++) {
        rows[i] = mixed + (ptrdiff_t)i * width;
    }
    float *y = ravel_lanes_target(lanes, n_lanes, channels, scratch);
    self->base.kernels->matmul(&self->out, &x, y, channels, 0);
    ravel_lanes_deliver(lanes, n_lanes, channels, y);
}

static void attention_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                           ravel_arena *scratch)
{
    const attention *self = (const attention *)layer;
    const size_t mark = scratch->used;
    const int channels = layer->in_channels, width = self->width;
    const int n_rows = ravel_lanes_count_in(lanes, n_lanes);
    const size_t count = (size_t)n_rows * (size_t)width;
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = lanes[l].n_in;
    }
    if (n_rows > 0) {
        const float **rows = ravel_lanes_rows(lanes, n_lanes, channels, scratch);
        float *qkv = ravel_arena_take(scratch, 3 * count * sizeof *qkv);
        float *mixed = ravel_arena_take(scratch, count * sizeof *mixed);
        const ravel_rows x = {.row = rows, .n_rows = n_rows, .taps = 1, .width = channels};
        layer->kernels->matmul(&self->qkv, &x, qkv, 3 * (ptrdiff_t)width, 0);
        ptrdiff_t i = 0;
        for (int l = 0; l < n_lanes; i += lanes[l++].n_in) {
            float *own = qkv + i * 3 * width, *y = mixed + i * width;
            if (layer->needs_all) {
                ravel_attention_all(self, own, lanes[l].n_in, y, scratch);
            } else {
                ravel_attention_ring(self, &lanes[l], own, y, scratch);
            }
        }
        project(self, lanes, n_lanes, rows, mixed, scratch);
    }
    scratch->used = mark;
}

static size_t attention_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const attention *self = (const attention *)layer;
    const size_t n_rows = ravel_size_mul((size_t)n_lanes, (size_t)max_in);
    const size_t work = layer->needs_all ? ravel_attention_all_scratch_size(self, max_in)
                                         : ravel_attention_ring_scratch_size(self);
    size_t size = ravel_arena_bytes(ravel_size_mul(n_rows, sizeof(float *)));
    size = ravel_size_add(size, ravel_rows_bytes(n_lanes, max_in, 3 * self->width));
    size = ravel_size_add(size, ravel_rows_bytes(n_lanes, max_in, self->width));
    size = ravel_size_add(size, ravel_lanes_target_bytes(n_lanes, max_in, layer->in_channels));
    return ravel_size_add(size, work);
}

static void attention_destroy(ravel_layer *layer)
{
    attention *self = (attention *)layer;
    ravel_matrix_free(&self->qkv);
    ravel_matrix_free(&self->out);
    free(self->frequency);
    free(self->distance);
    free(self);
}

static const ravel_layer_ops attention_ops = {attention_reset, attention_push,
                                              attention_scratch_size, attention_destroy};

static bool check_weights(const ravel_attention_spec *spec, ravel_error *error)
{
    const ravel_tensor *qkv = spec->qkv_weight, *out = spec->out_weight;
    if (qkv == NULL || qkv->rank != 2 || qkv->shape[1] > RAVEL_MAX_DIM ||
        qkv->shape[0] / 3 > RAVEL_MAX_DIM || qkv->shape[0] % 3 != 0) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "attention takes a weight [3 D, C], unlike %s",
                        qkv != NULL ? qkv->name : "none");
        return false;
    }
    const size_t channels = (size_t)qkv->shape[1], width = (size_t)qkv->shape[0] / 3;
    if (out != NULL && (out->rank != 2 || (size_t)out->shape[0] != channels)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: the last map of attention is not [%zu, %zu]",
                        out->name, channels, width);
        return false;
    }
    return ravel_tensor_has(out, "the last map of attention", channels * width, error) &&
           (spec->qkv_bias == NULL ||
            ravel_tensor_has(spec->qkv_bias, "attention", 3 * width, error)) &&
           (spec->out_bias == NULL ||
            ravel_tensor_has(spec->out_bias, "attention", channels, error)) &&
           ravel_scale_fits(qkv, spec->qkv_scale, 3 * width, error) &&
           ravel_scale_fits(out, spec->out_scale, channels, error);
}

/* [n_heads, context], of a context that was checked; not for all rows, which have no oldest one. */
static bool check_distance(const ravel_attention_spec *spec, ravel_error *error)
{
    const ravel_tensor *bias = spec->distance_bias;
    if (bias == NULL) {
        return true;
    }
    if (spec->all_rows || bias->dtype == RAVEL_I8 || bias->rank != 2 ||
        bias->shape[0] != spec->n_heads || bias->shape[1] != spec->context) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "%s: a bias of distances is [heads, context] of causal attention, here "
                        "[%d, %d], and no I8",
                        bias->name, spec->n_heads, spec->context);
        return false;
    }
    return true;
}

static bool check(const ravel_attention_spec *spec, ravel_error *error)
{
    if (!check_weights(spec, error)) {
        return false;
    }
    const int width = spec->qkv_weight->shape[0] / 3;
    const bool split = spec->n_heads >= 1 && width % spec->n_heads == 0;
    if (!split || (spec->rope != RAVEL_ROPE_NONE && width / spec->n_heads % 2 != 0)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: %d channels do not make %d heads%s",
                        spec->qkv_weight->name, width, spec->n_heads,
                        split ? " of pairs to turn" : "");
        return false;
    }
    if (spec->context < 1 || spec->context > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: a context of %d is not in 1 ... %d",
                        spec->qkv_weight->name, spec->context, RAVEL_MAX_DIM);
        return false;
    }
    if (spec->together < 0 || spec->together > (spec->all_rows ? 0 : spec->context)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: %d rows together, not in 1 ... %d",
                        spec->qkv_weight->name, spec->together, spec->context);
        return false;
    }
    if (spec->rope != RAVEL_ROPE_NONE && !(spec->rope_base > 1 && spec->rope_base <= 1e12f)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: a RoPE base of %g is not in 1 ... 1e12",
                        spec->qkv_weight->name, (double)spec->rope_base);
        return false;
    }
    return check_distance(spec, error);
}

/* As the ring reads it: the farthest row first. NULL without memory. */
static float *farthest_first(const ravel_tensor *bias, int context)
{
    float *values = ravel_tensor_floats(bias);
    for (int h = 0; values != NULL && h < bias->shape[0]; h++) {
        float *head = values + (ptrdiff_t)h * context;
        for (int i = 0, j = context - 1; i < j; i++, j--) {
            const float near = head[i];
            head[i] = head[j];
            head[j] = near;
        }
    }
    return values;
}

static bool pack(attention *self, const ravel_attention_spec *spec, ravel_error *error)
{
    const int channels = spec->qkv_weight->shape[1], width = self->width;
    bool made = ravel_matrix_pack_linear(&self->qkv, channels, 3 * width, spec->qkv_weight,
                                         spec->qkv_bias, spec->qkv_scale) == 0 &&
                ravel_matrix_pack_linear(&self->out, width, channels, spec->out_weight,
                                         spec->out_bias, spec->out_scale) == 0;
    if (made && spec->distance_bias != NULL) {
        self->distance = farthest_first(spec->distance_bias, self->context);
        made = self->distance != NULL;
    }
    if (made && spec->rope != RAVEL_ROPE_NONE) {
        self->frequency = malloc((size_t)self->head_dim / 2 * sizeof *self->frequency);
        made = self->frequency != NULL;
    }
    if (!made) {
        ravel_error_memory(error);
    } else if (self->frequency != NULL) {
        ravel_rope_frequencies(self->frequency, self->head_dim, (double)spec->rope_base);
    }
    return made;
}

ravel_layer *ravel_attention_new(const ravel_kernels *kernels, const ravel_attention_spec *spec,
                                 ravel_error *error)
{
    if (!check(spec, error)) {
        return NULL;
    }
    attention *self = ravel_layer_alloc(sizeof *self, &attention_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    const int channels = spec->qkv_weight->shape[1];
    self->n_heads = spec->n_heads;
    self->width = spec->qkv_weight->shape[0] / 3;
    self->head_dim = self->width / spec->n_heads;
    self->context = spec->context;
    self->together = spec->together > 1 ? spec->together : 1;
    self->rope = spec->rope;
    self->scale = 1.0f / sqrtf((float)self->head_dim);
    if (!pack(self, spec, error)) {
        attention_destroy(&self->base);
        return NULL;
    }
    self->base.in_channels = self->base.out_channels = channels;
    self->base.needs_all = spec->all_rows;
    if (!spec->all_rows) {
        self->base.state_size = ravel_state_bytes(ravel_attention_ring_state_bytes(self));
    }
    self->base.weight_bytes = ravel_matrix_bytes(&self->qkv) + ravel_matrix_bytes(&self->out);
    self->base.macs = (4.0 * channels + 2.0 * self->context) * self->width;
    return &self->base;
}
