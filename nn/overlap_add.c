/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other end of nn/segment.c: each row is decoded as a stream of its own, brought back to its
 * level and faded into its neighbours. With L the rows that the first segment of the stream makes,
 * row i of a segment has the weight min(i + 1, L - i), which is a triangle, and at least 1; sums are
 * divided by those of the weights.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "nn/piece.h"

typedef struct {
    ravel_layer base;
    ravel_layer *inner;
    int steps, hop;
    int length; /* rows of a segment with all its steps */
} overlap_add;

/* Followed by the sum [length - hop][channels] and the weights [length - hop] behind the last hop. */
typedef struct {
    int32_t first; /* rows of the first segment; 0: there was none */
    int32_t unused[3];
} overlap_state;

/* A sum under way, or the rest of one. */
typedef struct {
    float *sum;    /* [length][channels] */
    float *weight; /* [length] */
} overlap;

static overlap rest_of(const overlap_add *self, void *state)
{
    float *sum = (float *)((overlap_state *)state + 1);
    const ptrdiff_t rest = self->length - self->hop;
    return (overlap){sum, sum + rest * self->base.out_channels};
}

static void copy_rows(const overlap_add *self, overlap to, const float *sum, const float *weight,
                      int n)
{
    memcpy(to.sum, sum, (size_t)n * (size_t)self->base.out_channels * sizeof *sum);
    memcpy(to.weight, weight, (size_t)n * sizeof *weight);
}

static void overlap_reset(const ravel_layer *layer, void *state)
{
    memset(state, 0, layer->state_size);
}

/* Rows may come from a concealer, which does not know what their last two numbers are. */
static int steps_of(const overlap_add *self, float number)
{
    const float steps = (float)self->steps;
    return number >= 0.5f ? (int)(number < steps ? number + 0.5f : steps) : 0;
}

/* y [rows of the segment][channels]; silence needs no layers. return    rows */
static int decode(const overlap_add *self, const float *row, float *y, ravel_arena *scratch)
{
    const int channels = self->base.out_channels;
    const float *numbers = row + (ptrdiff_t)self->steps * self->inner->in_channels;
    const int n_steps = steps_of(self, numbers[0]), n = n_steps * self->inner->up;
    const float scale = numbers[1];
    const bool sounds = n > 0 && scale > 0.0f;
    const int made = sounds ? ravel_piece_run(self->inner, row, n_steps, y, scratch) : 0;
    const int good = made < n ? made : n;
    for (int i = 0; i < good * channels; i++) {
        y[i] *= scale;
    }
    memset(y + (ptrdiff_t)good * channels, 0, (size_t)(n - good) * (size_t)channels * sizeof *y);
    return n;
}

static void add(const overlap_add *self, overlap to, const float *y, int n, int first)
{
    const int channels = self->base.out_channels;
    for (int t = 0; t < n; t++, y += channels, to.sum += channels) {
        const int rising = t + 1, falling = first - t > 1 ? first - t : 1;
        const float weight = (float)(rising < falling ? rising : falling);
        to.weight[t] += weight;
        for (int c = 0; c < channels; c++) {
            to.sum[c] = fmaf(weight, y[c], to.sum[c]);
        }
    }
}

/* Rows that no segment reaches are silence. */
static void divide(const overlap_add *self, const overlap *by, float *out)
{
    const int channels = self->base.out_channels;
    for (int t = 0; t < self->hop; t++, out += channels) {
        const float *sum = by->sum + (ptrdiff_t)t * channels;
        for (int c = 0; c < channels; c++) {
            out[c] = by->weight[t] > 0.0f ? sum[c] / by->weight[t] : 0.0f;
        }
    }
}

static void add_row(const overlap_add *self, ravel_lane *lane, const float *row,
                    ravel_arena *scratch)
{
    const size_t mark = scratch->used, length = (size_t)self->length;
    const int channels = self->base.out_channels, rest = self->length - self->hop;
    const size_t most = (size_t)ravel_layer_max_out(self->inner, self->steps);
    overlap_state *state = lane->state;
    const overlap kept = rest_of(self, state);
    float *y = ravel_arena_take(scratch, most * (size_t)channels * sizeof *y);
    const overlap now = {ravel_arena_take(scratch, length * (size_t)channels * sizeof(float)),
                         ravel_arena_take(scratch, length * sizeof(float))};
    const int n = decode(self, row, y, scratch);
    state->first = state->first > 0 ? state->first : n;
    memset(now.sum, 0, length * (size_t)channels * sizeof(float));
    memset(now.weight, 0, length * sizeof(float));
    copy_rows(self, now, kept.sum, kept.weight, rest);
    add(self, now, y, n, state->first);
    divide(self, &now, lane->out + (ptrdiff_t)lane->n_out * channels);
    copy_rows(self, kept, now.sum + (ptrdiff_t)self->hop * channels, now.weight + self->hop, rest);
    lane->n_out += self->hop;
    scratch->used = mark;
}

static void overlap_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                         ravel_arena *scratch)
{
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = 0;
        for (int t = 0; t < lanes[l].n_in; t++) {
            add_row((const overlap_add *)layer, &lanes[l],
                    lanes[l].in + (ptrdiff_t)t * layer->in_channels, scratch);
        }
    }
}

static size_t overlap_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const overlap_add *self = (const overlap_add *)layer;
    const int most = ravel_layer_max_out(self->inner, self->steps);
    const size_t sums = ravel_size_add(ravel_rows_bytes(1, self->length, layer->out_channels),
                                       ravel_rows_bytes(1, self->length, 1));
    const size_t rows = ravel_rows_bytes(1, most, layer->out_channels);
    (void)max_in;
    (void)n_lanes;
    return ravel_size_add(ravel_size_add(sums, rows),
                          ravel_piece_scratch_size(self->inner, self->steps));
}

static void overlap_destroy(ravel_layer *layer)
{
    ravel_layer_destroy(((overlap_add *)layer)->inner);
    free(layer);
}

static const ravel_layer_ops overlap_ops = {overlap_reset, overlap_push, overlap_scratch_size,
                                            overlap_destroy};

static bool check(const ravel_layer *inner, int steps, int hop, ravel_error *error)
{
    const int64_t length = (int64_t)steps * inner->up;
    if (inner->down != 1) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a segment's layers make %d rows for %d", inner->up,
                        inner->down);
        return false;
    }
    if (steps < 1 || (int64_t)steps * inner->in_channels + 2 > RAVEL_MAX_DIM ||
        length > RAVEL_MAX_DIM || length * inner->out_channels > RAVEL_MAX_ELEMENTS) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a segment of %d steps is too large", steps);
        return false;
    }
    if (hop < 1 || hop > length) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "segments of %lld rows %d apart", (long long)length,
                        hop);
        return false;
    }
    return true;
}

static void describe(overlap_add *self)
{
    ravel_layer *base = &self->base;
    const ravel_layer *inner = self->inner;
    const int rest = self->length - self->hop;
    base->in_channels = self->steps * inner->in_channels + 2;
    base->out_channels = inner->out_channels;
    base->up = self->hop;
    base->weight_bytes = inner->weight_bytes;
    base->macs = inner->macs * self->steps;
    base->state_size = ravel_state_bytes(ravel_size_add(
        sizeof(overlap_state),
        ravel_size_mul((size_t)rest, ((size_t)base->out_channels + 1) * sizeof(float))));
}

ravel_layer *ravel_overlap_add_new(ravel_layer *inner, int steps, int hop, ravel_error *error)
{
    overlap_add *self = check(inner, steps, hop, error)
                            ? ravel_layer_alloc(sizeof *self, &overlap_ops, inner->kernels, error)
                            : NULL;
    if (self == NULL) {
        ravel_layer_destroy(inner);
        return NULL;
    }
    self->inner = inner;
    self->steps = steps;
    self->hop = hop;
    self->length = steps * inner->up;
    describe(self);
    return &self->base;
}
