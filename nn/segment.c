/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EnCodec's segments (arXiv 2210.13438, the 48 kHz model): samples are cut into overlapping segments,
 * each brought to the level 1 and encoded as a stream of its own. A segment is one row: the latents of
 * its steps, zeros where it is short, how many steps it has, and its level.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "nn/piece.h"

typedef struct {
    ravel_layer base;
    ravel_layer *inner;
    ravel_segment_spec spec;
    int steps; /* of a whole segment */
} segment;

/* Followed by the rows of the segment that is still to be completed [length][channels]. */
typedef struct {
    int32_t n_held; /* below length between pushes */
    int32_t unused[3];
} segment_state;

static float *held_rows(void *state)
{
    return (float *)((segment_state *)state + 1);
}

static void segment_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    *(segment_state *)state = (segment_state){0};
}

/* Root of the mean square of the mean channel of x [n][channels], and a little so that it is no 0. */
static float level(const float *x, int n, int channels)
{
    double sum = 0.0; /* squares of floats are exact in double */
    for (ptrdiff_t t = 0; t < n; t++) {
        float mean = x[t * channels];
        for (int c = 1; c < channels; c++) {
            mean += x[t * channels + c];
        }
        mean /= (float)channels;
        sum += (double)mean * (double)mean;
    }
    const double square = sum / n;
    return 1e-8f + sqrtf(square < (double)FLT_MAX ? (float)square : FLT_MAX);
}

/* row [out_channels] of the first n_rows rows that are held, n_rows >= 1 */
static void make_row(const segment *self, const float *held, int n_rows, float *row,
                     ravel_arena *scratch)
{
    const size_t mark = scratch->used;
    const int channels = self->base.in_channels, dim = self->inner->out_channels;
    const int count = n_rows * channels;
    const size_t latents = (size_t)ravel_layer_max_out(self->inner, n_rows) * (size_t)dim;
    const float scale = self->spec.normalize ? level(held, n_rows, channels) : 1.0f;
    float *x = ravel_arena_take(scratch, (size_t)count * sizeof *x);
    float *y = ravel_arena_take(scratch, latents * sizeof *y);
    for (int i = 0; i < count; i++) {
        x[i] = held[i] / scale;
    }
    const int made = ravel_piece_run(self->inner, x, n_rows, y, scratch);
    const int n_steps = made < self->steps ? made : self->steps;
    const size_t used = (size_t)n_steps * (size_t)dim, all = (size_t)self->steps * (size_t)dim;
    memcpy(row, y, used * sizeof *row);
    memset(row + used, 0, (all - used) * sizeof *row);
    row[all] = (float)n_steps;
    row[all + 1] = scale;
    scratch->used = mark;
}

/* Gives the segment that is held; what the next one shares with it stays. */
static void give(const segment *self, ravel_lane *lane, ravel_arena *scratch)
{
    segment_state *state = lane->state;
    const int channels = self->base.in_channels, hop = self->spec.hop;
    const int left = state->n_held > hop ? state->n_held - hop : 0;
    float *held = held_rows(state);
    make_row(self, held, state->n_held,
             lane->out + (ptrdiff_t)lane->n_out * self->base.out_channels, scratch);
    lane->n_out++;
    memmove(held, held + (ptrdiff_t)hop * channels, (size_t)left * (size_t)channels * sizeof *held);
    state->n_held = left;
}

static void push_lane(const segment *self, ravel_lane *lane, ravel_arena *scratch)
{
    segment_state *state = lane->state;
    const size_t row = (size_t)self->base.in_channels;
    lane->n_out = 0;
    for (int taken = 0; taken < lane->n_in;) {
        const int room = self->spec.length - state->n_held, left = lane->n_in - taken;
        const int n = left < room ? left : room;
        memcpy(held_rows(state) + (size_t)state->n_held * row, lane->in + (size_t)taken * row,
               (size_t)n * row * sizeof(float));
        state->n_held += n;
        taken += n;
        if (state->n_held == self->spec.length) {
            give(self, lane, scratch);
        }
    }
    while (lane->finish && state->n_held > 0) {
        give(self, lane, scratch);
    }
}

static void segment_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                         ravel_arena *scratch)
{
    for (int l = 0; l < n_lanes; l++) {
        push_lane((const segment *)layer, &lanes[l], scratch);
    }
}

static size_t segment_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const segment *self = (const segment *)layer;
    const int length = self->spec.length, most = ravel_layer_max_out(self->inner, length);
    const size_t rows = ravel_size_add(ravel_rows_bytes(1, length, layer->in_channels),
                                       ravel_rows_bytes(1, most, self->inner->out_channels));
    (void)max_in;
    (void)n_lanes;
    return ravel_size_add(rows, ravel_piece_scratch_size(self->inner, length));
}

static void segment_destroy(ravel_layer *layer)
{
    ravel_layer_destroy(((segment *)layer)->inner);
    free(layer);
}

static const ravel_layer_ops segment_ops = {segment_reset, segment_push, segment_scratch_size,
                                            segment_destroy};

static bool check(const ravel_layer *inner, const ravel_segment_spec *spec, ravel_error *error)
{
    if (spec->hop < 1 || spec->hop > spec->length || spec->length > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "segments of %d rows %d apart", spec->length,
                        spec->hop);
        return false;
    }
    if (inner->up != 1) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a segment's layers make %d rows for %d", inner->up,
                        inner->down);
        return false;
    }
    const int64_t steps = (spec->length - 1) / inner->down + 1;
    if (steps * inner->out_channels + 2 > RAVEL_MAX_DIM ||
        (int64_t)spec->length * inner->in_channels > RAVEL_MAX_ELEMENTS) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a segment of %d rows is too large", spec->length);
        return false;
    }
    return true;
}

static void describe(segment *self)
{
    ravel_layer *base = &self->base;
    const ravel_layer *inner = self->inner;
    const int length = self->spec.length, hop = self->spec.hop;
    base->in_channels = inner->in_channels;
    base->out_channels = self->steps * inner->out_channels + 2;
    base->down = hop;
    base->extra_out = (length - 1) / hop + 1; /* what is left at the end */
    base->lookahead_in = length - hop;
    base->hold_rows = length - 1;
    base->weight_bytes = inner->weight_bytes;
    base->macs = inner->macs * length / hop;
    base->state_size = ravel_state_bytes(
        ravel_size_add(sizeof(segment_state), ravel_rows_bytes(1, length, base->in_channels)));
}

ravel_layer *ravel_segment_new(ravel_layer *inner, const ravel_segment_spec *spec,
                               ravel_error *error)
{
    segment *self = check(inner, spec, error)
                        ? ravel_layer_alloc(sizeof *self, &segment_ops, inner->kernels, error)
                        : NULL;
    if (self == NULL) {
        ravel_layer_destroy(inner);
        return NULL;
    }
    self->inner = inner;
    self->spec = *spec;
    self->steps = (spec->length - 1) / inner->down + 1;
    describe(self);
    return &self->base;
}
