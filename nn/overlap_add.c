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

/* A segment that is being decoded. */
typedef struct {
    ravel_lane *stream;
    const ravel_lane *piece; /* what the layers make of it; NULL: silence, which needs none */
    int n_rows;
    float scale;
} entry;

/* Segments of any streams: layers that reread their weights do so for all of them at once. */
typedef struct {
    entry *entries;     /* [most] */
    ravel_lane *pieces; /* [most] of the inner layer */
    float *y;           /* [most][rows][channels] */
    int most, n, n_pieces;
} batch;

static ptrdiff_t segment_floats(const overlap_add *self)
{
    return (ptrdiff_t)ravel_layer_max_out(self->inner, self->steps) * self->base.out_channels;
}

static void add_row(const overlap_add *self, ravel_lane *stream, const float *row, batch *to)
{
    const float *numbers = row + (ptrdiff_t)self->steps * self->inner->in_channels;
    const int n_steps = steps_of(self, numbers[0]);
    entry *made = &to->entries[to->n];
    *made = (entry){.stream = stream, .n_rows = n_steps * self->inner->up, .scale = numbers[1]};
    if (n_steps > 0 && made->scale > 0.0f) {
        ravel_lane *piece = &to->pieces[to->n_pieces++];
        *piece =
            (ravel_lane){.in = row, .n_in = n_steps, .out = to->y + to->n * segment_floats(self)};
        made->piece = piece;
    }
    to->n++;
}

/* Brings what the layers made to its level; what is missing is silence. */
static void level(const overlap_add *self, const entry *of, float *y)
{
    const int channels = self->base.out_channels;
    const int made = of->piece != NULL ? of->piece->n_out : 0;
    const int good = made < of->n_rows ? made : of->n_rows;
    for (int i = 0; i < good * channels; i++) {
        y[i] *= of->scale;
    }
    memset(y + (ptrdiff_t)good * channels, 0,
           (size_t)(of->n_rows - good) * (size_t)channels * sizeof *y);
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

/* The segment is added to what is there of its neighbours; `hop` rows are complete then. */
static void give(const overlap_add *self, const entry *of, const float *y, overlap now)
{
    const int channels = self->base.out_channels, rest = self->length - self->hop;
    ravel_lane *lane = of->stream;
    overlap_state *state = lane->state;
    const overlap kept = rest_of(self, state);
    state->first = state->first > 0 ? state->first : of->n_rows;
    memset(now.sum, 0, (size_t)self->length * (size_t)channels * sizeof *now.sum);
    memset(now.weight, 0, (size_t)self->length * sizeof *now.weight);
    copy_rows(self, now, kept.sum, kept.weight, rest);
    add(self, now, y, of->n_rows, state->first);
    divide(self, &now, lane->out + (ptrdiff_t)lane->n_out * channels);
    copy_rows(self, kept, now.sum + (ptrdiff_t)self->hop * channels, now.weight + self->hop, rest);
    lane->n_out += self->hop;
}

static void run(const overlap_add *self, batch *together, ravel_arena *scratch)
{
    const size_t mark = scratch->used, length = (size_t)self->length;
    const size_t channels = (size_t)self->base.out_channels;
    if (together->n_pieces > 0) {
        ravel_pieces_run(self->inner, together->pieces, together->n_pieces, scratch);
    }
    const overlap now = {ravel_arena_take(scratch, length * channels * sizeof(float)),
                         ravel_arena_take(scratch, length * sizeof(float))};
    for (int i = 0; i < together->n; i++) {
        float *y = together->y + i * segment_floats(self);
        level(self, &together->entries[i], y);
        give(self, &together->entries[i], y, now);
    }
    together->n = together->n_pieces = 0;
    scratch->used = mark;
}

static int most_together(int max_in, int n_lanes)
{
    return ravel_pieces_together((int64_t)max_in * n_lanes);
}

static batch new_batch(const overlap_add *self, int most, ravel_arena *scratch)
{
    const size_t n = (size_t)most, floats = n * (size_t)segment_floats(self);
    return (batch){.entries = ravel_arena_take(scratch, n * sizeof(entry)),
                   .pieces = ravel_arena_take(scratch, n * sizeof(ravel_lane)),
                   .y = ravel_arena_take(scratch, floats * sizeof(float)),
                   .most = most};
}

static void overlap_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                         ravel_arena *scratch)
{
    const overlap_add *self = (const overlap_add *)layer;
    const size_t mark = scratch->used;
    const int n_rows = ravel_lanes_count_in(lanes, n_lanes);
    batch together = new_batch(self, most_together(n_rows, 1), scratch);
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = 0;
        for (int t = 0; t < lanes[l].n_in; t++) {
            add_row(self, &lanes[l], lanes[l].in + (ptrdiff_t)t * layer->in_channels, &together);
            if (together.n == together.most) {
                run(self, &together, scratch);
            }
        }
    }
    run(self, &together, scratch);
    scratch->used = mark;
}

static size_t overlap_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const overlap_add *self = (const overlap_add *)layer;
    const int most = most_together(max_in, n_lanes);
    const int rows = ravel_layer_max_out(self->inner, self->steps);
    const size_t n = (size_t)most,
                 pieces = ravel_pieces_scratch_size(self->inner, self->steps, most);
    const size_t sums = ravel_size_add(ravel_rows_bytes(1, self->length, layer->out_channels),
                                       ravel_rows_bytes(1, self->length, 1));
    size_t size = ravel_size_add(ravel_arena_bytes(n * sizeof(entry)),
                                 ravel_arena_bytes(n * sizeof(ravel_lane)));
    size = ravel_size_add(size, ravel_rows_bytes(most, rows, layer->out_channels));
    return ravel_size_add(size, pieces > sums ? pieces : sums);
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
