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

/* Complete segments, of any streams: layers that reread their weights do so for all of them at once. */
typedef struct {
    ravel_lane *lanes; /* [most] of the inner layer */
    float **rows;      /* [most] what becomes of them */
    float *x;          /* [most][length][channels] */
    int most, n;
} batch;

/* Most segments that a push of max_in rows in each of n_lanes lanes completes, as far as they fit. */
static int most_together(const ravel_layer *layer, int max_in, int n_lanes)
{
    return ravel_pieces_together((int64_t)n_lanes * ravel_layer_max_out(layer, max_in));
}

static batch new_batch(const segment *self, int most, ravel_arena *scratch)
{
    const int length = self->spec.length, most_steps = ravel_layer_max_out(self->inner, length);
    const size_t in = (size_t)length * (size_t)self->base.in_channels;
    const size_t out = (size_t)most_steps * (size_t)self->inner->out_channels, n = (size_t)most;
    const batch made = {.lanes = ravel_arena_take(scratch, n * sizeof *made.lanes),
                        .rows = ravel_arena_take(scratch, n * sizeof *made.rows),
                        .x = ravel_arena_take(scratch, n * in * sizeof *made.x),
                        .most = most};
    float *y = ravel_arena_take(scratch, n * out * sizeof *y);
    for (size_t i = 0; i < n; i++) {
        made.lanes[i] = (ravel_lane){.in = made.x + i * in, .out = y + i * out};
    }
    return made;
}

/* The latents of the steps, and how many there are. */
static void fill_row(const segment *self, const ravel_lane *lane, float *row)
{
    const size_t dim = (size_t)self->inner->out_channels;
    const int n_steps = lane->n_out < self->steps ? lane->n_out : self->steps;
    const size_t used = (size_t)n_steps * dim, all = (size_t)self->steps * dim;
    memcpy(row, lane->out, used * sizeof *row);
    memset(row + used, 0, (all - used) * sizeof *row);
    row[all] = (float)n_steps;
}

static void run(const segment *self, batch *together, ravel_arena *scratch)
{
    if (together->n > 0) {
        ravel_pieces_run(self->inner, together->lanes, together->n, scratch);
    }
    for (int i = 0; i < together->n; i++) {
        fill_row(self, &together->lanes[i], together->rows[i]);
    }
    together->n = 0;
}

/* A segment of n_rows >= 1 rows, to be run with others; the row it becomes gets its level. */
static void add(const segment *self, const float *rows, int n_rows, float *row, batch *to)
{
    const int channels = self->base.in_channels;
    const float scale = self->spec.normalize ? level(rows, n_rows, channels) : 1.0f;
    float *x = to->x + (ptrdiff_t)to->n * self->spec.length * channels;
    for (int i = 0; i < n_rows * channels; i++) {
        x[i] = rows[i] / scale;
    }
    row[self->base.out_channels - 1] = scale;
    to->lanes[to->n].n_in = n_rows;
    to->rows[to->n++] = row;
}

/* Gives the segment that is held; what the next one shares with it stays. */
static void give(const segment *self, ravel_lane *lane, batch *together, ravel_arena *scratch)
{
    segment_state *state = lane->state;
    const int channels = self->base.in_channels, hop = self->spec.hop;
    const int left = state->n_held > hop ? state->n_held - hop : 0;
    float *held = held_rows(state);
    float *row = lane->out + (ptrdiff_t)lane->n_out++ * self->base.out_channels;
    add(self, held, state->n_held, row, together);
    if (together->n == together->most) {
        run(self, together, scratch);
    }
    memmove(held, held + (ptrdiff_t)hop * channels, (size_t)left * (size_t)channels * sizeof *held);
    state->n_held = left;
}

static void push_lane(const segment *self, ravel_lane *lane, batch *together, ravel_arena *scratch)
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
            give(self, lane, together, scratch);
        }
    }
    while (lane->finish && state->n_held > 0) {
        give(self, lane, together, scratch);
    }
}

static void segment_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                         ravel_arena *scratch)
{
    const segment *self = (const segment *)layer;
    const size_t mark = scratch->used;
    int longest = 0;
    for (int l = 0; l < n_lanes; l++) {
        longest = lanes[l].n_in > longest ? lanes[l].n_in : longest;
    }
    batch together = new_batch(self, most_together(layer, longest, n_lanes), scratch);
    for (int l = 0; l < n_lanes; l++) {
        push_lane(self, &lanes[l], &together, scratch);
    }
    run(self, &together, scratch);
    scratch->used = mark;
}

static size_t segment_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const segment *self = (const segment *)layer;
    const int length = self->spec.length, most = most_together(layer, max_in, n_lanes);
    const size_t n = (size_t)most;
    size_t size = ravel_size_add(ravel_arena_bytes(n * sizeof(ravel_lane)),
                                 ravel_arena_bytes(n * sizeof(float *)));
    size = ravel_size_add(size, ravel_rows_bytes(most, length, layer->in_channels));
    size = ravel_size_add(size, ravel_rows_bytes(most, ravel_layer_max_out(self->inner, length),
                                                 self->inner->out_channels));
    return ravel_size_add(size, ravel_pieces_scratch_size(self->inner, length, most));
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
