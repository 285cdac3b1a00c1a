/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * branch(x) + shortcut(x), or their product. Rows of the side that is ahead wait in the state; only
 * one side can be. Both may change the rate of the rows, in the same way.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

typedef struct {
    ravel_layer base;
    ravel_layer *branch, *shortcut;               /* shortcut NULL: the identity */
    bool multiplies;                              /* rather than adds */
    size_t branch_state, shortcut_state, waiting; /* offsets into the state */
    int max_waiting;                              /* rows */
} residual;

/* Followed by the states of the two sides and the waiting rows. */
typedef struct {
    int32_t n_waiting;
    int32_t branch_waits; /* they are the branch's */
    int32_t unused[2];
} residual_state;

/* A run of rows: first those that waited, then those of this push. */
typedef struct {
    const float *waited, *made;
    int n_waited, n;
} side;

static void *part_of(void *state, size_t offset)
{
    return (char *)state + offset;
}

static void residual_reset(const ravel_layer *layer, void *state)
{
    const residual *self = (const residual *)layer;
    *(residual_state *)state = (residual_state){0};
    ravel_layer_reset(self->branch, part_of(state, self->branch_state));
    if (self->shortcut != NULL) {
        ravel_layer_reset(self->shortcut, part_of(state, self->shortcut_state));
    }
}

static const float *row_of(const side *from, int i, int channels)
{
    return i < from->n_waited ? from->waited + (ptrdiff_t)i * channels
                              : from->made + (ptrdiff_t)(i - from->n_waited) * channels;
}

/* Rows first ... first + n of both sides that lie contiguously in both. */
static int run_length(const side *a, const side *b, int first, int n)
{
    if (first < a->n_waited && n > a->n_waited - first) {
        n = a->n_waited - first;
    }
    if (first < b->n_waited && n > b->n_waited - first) {
        n = b->n_waited - first;
    }
    return n;
}

static void keep_rest(const residual *self, residual_state *state, const side *from, int n_used)
{
    const int channels = self->base.out_channels;
    float *waiting = part_of(state, self->waiting);
    const size_t row = (size_t)channels * sizeof(float);
    const int old = from->n_waited > n_used ? from->n_waited - n_used : 0;
    const int made = from->n - n_used - old;
    if (old > 0) {
        memmove(waiting, waiting + (ptrdiff_t)n_used * channels, (size_t)old * row);
    }
    if (made > 0) {
        memcpy(waiting + (ptrdiff_t)old * channels, row_of(from, n_used + old, channels),
               (size_t)made * row);
    }
    state->n_waiting = old + made;
}

static void combine(const residual *self, const float *branch, const float *shortcut, float *out,
                    int n)
{
    const ravel_kernels *kernels = self->base.kernels;
    if (self->multiplies) {
        kernels->scale_channels(branch, shortcut, out, 1, n);
    } else {
        kernels->add(shortcut, branch, out, n);
    }
}

/* Combines what both sides have; the rest waits. */
static void join(const residual *self, ravel_lane *lane, side branch, side shortcut)
{
    residual_state *state = lane->state;
    const int channels = self->base.out_channels;
    side *ahead = state->branch_waits ? &branch : &shortcut;
    ahead->waited = part_of(state, self->waiting);
    ahead->n_waited = state->n_waiting;
    ahead->n += state->n_waiting;
    const int n = branch.n < shortcut.n ? branch.n : shortcut.n;
    for (int i = 0, run; i < n; i += run) {
        run = run_length(&branch, &shortcut, i, n - i);
        combine(self, row_of(&branch, i, channels), row_of(&shortcut, i, channels),
                lane->out + (ptrdiff_t)i * channels, run * channels);
    }
    lane->n_out = n;
    if (!lane->finish) {
        state->branch_waits = branch.n > shortcut.n;
        keep_rest(self, state, branch.n > shortcut.n ? &branch : &shortcut, n);
    }
}

/* The lanes as one side sees them; rows go to the arena, or to the lanes' own output. */
static ravel_lane *push_side(const ravel_layer *layer, size_t state_offset, bool to_out,
                             const ravel_lane *lanes, int n_lanes, ravel_arena *scratch)
{
    ravel_lane *inner = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *inner);
    size_t rows = 0;
    for (int l = 0; l < n_lanes && !to_out; l++) {
        rows += (size_t)ravel_layer_max_out(layer, lanes[l].n_in);
    }
    float *out = ravel_arena_take(scratch, rows * (size_t)layer->out_channels * sizeof *out);
    for (int l = 0; l < n_lanes; l++) {
        inner[l] = lanes[l];
        inner[l].state = part_of(lanes[l].state, state_offset);
        if (!to_out) {
            inner[l].out = out;
            out += (ptrdiff_t)ravel_layer_max_out(layer, lanes[l].n_in) * layer->out_channels;
        }
    }
    ravel_layer_push(layer, inner, n_lanes, scratch);
    return inner;
}

/* Where no row can wait, both sides make the same rows: the branch's need no other place. */
static void residual_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                          ravel_arena *scratch)
{
    const residual *self = (const residual *)layer;
    const size_t mark = scratch->used;
    const ravel_lane *branch = push_side(self->branch, self->branch_state, self->max_waiting == 0,
                                         lanes, n_lanes, scratch);
    const ravel_lane *shortcut =
        self->shortcut == NULL
            ? NULL
            : push_side(self->shortcut, self->shortcut_state, false, lanes, n_lanes, scratch);
    for (int l = 0; l < n_lanes; l++) {
        const side b = {.made = branch[l].out, .n = branch[l].n_out};
        const side s = shortcut != NULL ? (side){.made = shortcut[l].out, .n = shortcut[l].n_out}
                                        : (side){.made = lanes[l].in, .n = lanes[l].n_in};
        join(self, &lanes[l], b, s);
    }
    scratch->used = mark;
}

static size_t side_scratch(const ravel_layer *layer, bool to_out, int max_in, int n_lanes,
                           size_t *inner)
{
    const size_t size = ravel_layer_scratch_size(layer, max_in, n_lanes);
    const int rows = to_out ? 0 : ravel_layer_max_out(layer, max_in);
    *inner = size > *inner ? size : *inner;
    return ravel_size_add(ravel_arena_bytes((size_t)n_lanes * sizeof(ravel_lane)),
                          ravel_rows_bytes(n_lanes, rows, layer->out_channels));
}

static size_t residual_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const residual *self = (const residual *)layer;
    size_t inner = 0;
    size_t size = side_scratch(self->branch, self->max_waiting == 0, max_in, n_lanes, &inner);
    if (self->shortcut != NULL) {
        size = ravel_size_add(size, side_scratch(self->shortcut, false, max_in, n_lanes, &inner));
    }
    return ravel_size_add(size, inner);
}

static void residual_destroy(ravel_layer *layer)
{
    residual *self = (residual *)layer;
    ravel_layer_destroy(self->branch);
    ravel_layer_destroy(self->shortcut);
    free(self);
}

static const ravel_layer_ops residual_ops = {residual_reset, residual_push, residual_scratch_size,
                                             residual_destroy};

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* name: of what is made, for messages */
static bool fits(const char *name, const ravel_layer *branch, const ravel_layer *shortcut,
                 ravel_error *error)
{
    const int in = shortcut != NULL ? shortcut->in_channels : branch->in_channels;
    const int out = shortcut != NULL ? shortcut->out_channels : branch->in_channels;
    if (branch->in_channels != in || branch->out_channels != out) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "a %s's branch turns %d channels into %d, its shortcut %d into %d", name,
                        branch->in_channels, branch->out_channels, in, out);
        return false;
    }
    const int up = shortcut != NULL ? shortcut->up : 1;
    const int down = shortcut != NULL ? shortcut->down : 1;
    if (branch->up != up || branch->down != down || (up > 1 && down > 1)) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "a %s's branch makes %d rows of %d, its shortcut %d of %d", name,
                        branch->up, branch->down, up, down);
        return false;
    }
    return true;
}

/* By how much one side lags behind: in rows of input where rows become fewer, otherwise of output. */
static int64_t delay(const ravel_layer *one)
{
    return one->up == 1 ? one->lookahead_in + (int64_t)one->lookahead_out * one->down
                        : (int64_t)one->lookahead_in * one->up + one->lookahead_out;
}

/* Whether what may wait, and the delay, are numbers that make sense. */
static bool describe_times(residual *self, const ravel_layer *b, const ravel_layer *s)
{
    ravel_layer *base = &self->base;
    const int64_t limit = 1 << 28;
    const int64_t late = delay(b) > delay(s) ? delay(b) : delay(s);
    const int64_t held = (int64_t)base->hold_rows * base->up + base->down - 1;
    const int64_t waiting = held / base->down + (base->down > 1) + base->extra_out;
    if (llabs(late) > limit || waiting > limit) {
        return false;
    }
    base->lookahead_in = base->up == 1 ? (int)late : 0;
    base->lookahead_out = base->up == 1 ? 0 : (int)late;
    self->max_waiting = base->needs_all ? 0 : (int)waiting; /* a single push makes all rows */
    return true;
}

/*
 * The numbers of both sides together. After n rows a side has made at least (n - hold_rows) up /
 * down and at most the whole number above n up / down + extra_out (the rows of a single push), so
 * this is what can be waiting.
 */
static bool describe(residual *self, const char *name, ravel_error *error)
{
    static const ravel_layer identity = {.up = 1, .down = 1};
    const ravel_layer *b = self->branch;
    const ravel_layer *s = self->shortcut != NULL ? self->shortcut : &identity;
    ravel_layer *base = &self->base;
    base->in_channels = b->in_channels;
    base->out_channels = b->out_channels;
    base->extra_out = max_int(b->extra_out, s->extra_out);
    base->hold_rows = max_int(b->hold_rows, s->hold_rows);
    base->start_rows = max_int(b->start_rows, s->start_rows);
    base->up = b->up;
    base->down = b->down;
    base->weight_bytes = b->weight_bytes + s->weight_bytes;
    base->macs = b->macs + s->macs;
    base->needs_all = b->needs_all || s->needs_all;
    base->rereads = b->rereads || s->rereads;
    if (!describe_times(self, b, s)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "rates or delays of a %s are absurd", name);
        return false;
    }
    self->branch_state = sizeof(residual_state);
    self->shortcut_state = ravel_size_add(self->branch_state, b->state_size);
    self->waiting = ravel_size_add(self->shortcut_state, s->state_size);
    base->state_size = ravel_state_bytes(
        ravel_size_add(self->waiting, ravel_rows_bytes(1, self->max_waiting, base->out_channels)));
    return true;
}

static ravel_layer *join_new(const char *name, bool multiplies, ravel_layer *branch,
                             ravel_layer *shortcut, ravel_error *error)
{
    residual *self = fits(name, branch, shortcut, error)
                         ? ravel_layer_alloc(sizeof *self, &residual_ops, branch->kernels, error)
                         : NULL;
    if (self == NULL) {
        ravel_layer_destroy(branch);
        ravel_layer_destroy(shortcut);
        return NULL;
    }
    self->branch = branch;
    self->shortcut = shortcut;
    self->multiplies = multiplies;
    if (!describe(self, name, error)) {
        residual_destroy(&self->base);
        return NULL;
    }
    return &self->base;
}

ravel_layer *ravel_residual_new(ravel_layer *branch, ravel_layer *shortcut, ravel_error *error)
{
    return join_new("residual", false, branch, shortcut, error);
}

ravel_layer *ravel_product_new(ravel_layer *branch, ravel_layer *shortcut, ravel_error *error)
{
    return join_new("product", true, branch, shortcut, error);
}
