/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Layers that need all rows at once, on a stream of any length: rows are collected to a piece, the
 * inner layer runs on it as on a stream of its own, and its results are handed out evenly while the
 * next piece is collected. So the delay is the same for every row.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"
#include "nn/piece.h"

enum { MAX_ROWS = 1 << 24 };

typedef struct {
    ravel_layer base;
    ravel_layer *inner;
    int rows;       /* of a piece */
    size_t results; /* offset into the state */
} whole;

/* Followed by the rows collected [rows][in] and the results of the piece before them [most][out]. */
typedef struct {
    int32_t n_rows;
    int32_t n_results;
    int32_t n_given; /* results that were handed out */
    int32_t unused;
} whole_state;

static float *rows_of(whole_state *state)
{
    return (float *)(state + 1);
}

static float *results_of(const whole *self, whole_state *state)
{
    return (float *)(void *)((char *)state + self->results);
}

static void whole_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    *(whole_state *)state = (whole_state){0};
}

static void collect(const whole *self, whole_state *state, const float *in, int n)
{
    const ptrdiff_t channels = self->base.in_channels;
    memcpy(rows_of(state) + state->n_rows * channels, in,
           (size_t)n * (size_t)channels * sizeof *in);
    state->n_rows += n;
}

/* Hands out results until `due` of the piece have been. */
static void give(const whole *self, whole_state *state, int due, ravel_lane *lane)
{
    const ptrdiff_t channels = self->base.out_channels;
    const int n = (due < state->n_results ? due : state->n_results) - state->n_given;
    if (n > 0) {
        memcpy(lane->out + lane->n_out * channels,
               results_of(self, state) + state->n_given * channels,
               (size_t)n * (size_t)channels * sizeof *lane->out);
        state->n_given += n;
        lane->n_out += n;
    }
}

static void run(const whole *self, whole_state *state, ravel_arena *scratch)
{
    ravel_lane piece = {
        .in = rows_of(state), .n_in = state->n_rows, .out = results_of(self, state)};
    ravel_pieces_run(self->inner, &piece, 1, scratch);
    state->n_results = piece.n_out;
    state->n_rows = state->n_given = 0;
}

static void push_lane(const whole *self, ravel_lane *lane, ravel_arena *scratch)
{
    whole_state *state = lane->state;
    lane->n_out = 0;
    for (int taken = 0; taken < lane->n_in;) {
        const int left = lane->n_in - taken, room = self->rows - state->n_rows;
        const int n = left < room ? left : room;
        collect(self, state, lane->in + (ptrdiff_t)taken * self->base.in_channels, n);
        taken += n;
        give(self, state, (state->n_rows / self->base.down + 1) * self->base.up, lane);
        if (state->n_rows == self->rows) {
            run(self, state, scratch);
            give(self, state, self->base.up, lane);
        }
    }
    if (lane->finish) {
        give(self, state, state->n_results, lane);
        if (state->n_rows > 0) {
            run(self, state, scratch);
            give(self, state, state->n_results, lane);
        }
    }
}

/* One lane after the other: a piece is large, and many pieces at once save nothing. */
static void whole_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                       ravel_arena *scratch)
{
    for (int l = 0; l < n_lanes; l++) {
        push_lane((const whole *)layer, &lanes[l], scratch);
    }
}

static size_t whole_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const whole *self = (const whole *)layer;
    (void)max_in;
    (void)n_lanes;
    return ravel_pieces_scratch_size(self->inner, self->rows, 1);
}

static void whole_destroy(ravel_layer *layer)
{
    ravel_layer_destroy(((whole *)layer)->inner);
    free(layer);
}

static const ravel_layer_ops whole_ops = {whole_reset, whole_push, whole_scratch_size,
                                          whole_destroy};

static bool check(const ravel_layer *inner, int rows, ravel_error *error)
{
    if (rows < 1 || rows > MAX_ROWS || rows % inner->down != 0) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "a piece of %d rows is not in 1 ... %d, or no multiple of the %d that "
                        "become %d",
                        rows, MAX_ROWS, inner->down, inner->up);
        return false;
    }
    if ((int64_t)rows / inner->down * inner->up > 1 << 28) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a piece of %d rows makes too many: %d for %d",
                        rows, inner->up, inner->down);
        return false;
    }
    return true;
}

/*
 * Row w of the results is given when row w / up * down + rows - 1 has come. The last push gives
 * what is left of one piece and all of the next, which may be as long.
 */
static void describe(whole *self)
{
    const ravel_layer *inner = self->inner;
    ravel_layer *base = &self->base;
    const size_t row_in = (size_t)inner->in_channels * sizeof(float);
    const size_t row_out = (size_t)inner->out_channels * sizeof(float);
    const size_t most = (size_t)ravel_layer_max_out(inner, self->rows);
    base->in_channels = inner->in_channels;
    base->out_channels = inner->out_channels;
    base->up = inner->up;
    base->down = inner->down;
    base->extra_out = self->rows / inner->down * inner->up + inner->up;
    base->lookahead_in = self->rows - inner->down;
    base->hold_rows = self->rows - 1;
    base->weight_bytes = inner->weight_bytes;
    base->macs = inner->macs;
    self->results = ravel_size_add(sizeof(whole_state),
                                   ravel_state_bytes(ravel_size_mul((size_t)self->rows, row_in)));
    base->state_size =
        ravel_size_add(self->results, ravel_state_bytes(ravel_size_mul(most, row_out)));
}

ravel_layer *ravel_whole_new(ravel_layer *inner, int rows, ravel_error *error)
{
    whole *self = check(inner, rows, error)
                      ? ravel_layer_alloc(sizeof *self, &whole_ops, inner->kernels, error)
                      : NULL;
    if (self == NULL) {
        ravel_layer_destroy(inner);
        return NULL;
    }
    self->inner = inner;
    self->rows = rows;
    describe(self);
    return &self->base;
}
