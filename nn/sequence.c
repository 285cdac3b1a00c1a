/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Layers one after the other. Rows pass through two buffers in turn; a layer that can work in
 * place does so in the buffer where its input lies. A push of more rows than the cache holds goes in
 * pieces, which changes no bit: so long pushes take little memory.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

enum {
    MAX_PIECE = 1 << 16,    /* rows */
    GOOD_SCRATCH = 1 << 20, /* the size of the cache next to a core, roughly */
    LARGE_SCRATCH = 32 << 20
};

typedef struct {
    ravel_layer *layer;
    size_t offset; /* of its state */
} step;

typedef struct {
    ravel_layer base;
    int n;
    step *steps;
    int first_at_end; /* from this step on all work in place: their rows lie in the caller's out */
    int piece;        /* rows of a lane that are pushed at once */
    bool one_by_one;  /* lanes: all rows of one are many, and would leave the cache together */
} sequence;

/* The buffers of a push. */
typedef struct {
    float *buffer[2];
    int filled; /* the one in which the last layer's output lies */
} buffers;

static void sequence_reset(const ravel_layer *layer, void *state)
{
    const sequence *self = (const sequence *)layer;
    for (int i = 0; i < self->n; i++) {
        ravel_layer_reset(self->steps[i].layer, (char *)state + self->steps[i].offset);
    }
}

/* Where layer i puts the rows of every lane. */
static void place_outputs(const sequence *self, int i, const ravel_lane *outer, ravel_lane *inner,
                          int n_lanes, buffers *rows)
{
    const ravel_layer *layer = self->steps[i].layer;
    if (i + 1 >= self->first_at_end) {
        for (int l = 0; l < n_lanes; l++) {
            inner[l].out = outer[l].out;
        }
        return;
    }
    if (layer->in_place && i > 0) {
        return; /* where the layer before put them */
    }
    rows->filled = !rows->filled;
    float *next = rows->buffer[rows->filled];
    for (int l = 0; l < n_lanes; l++) {
        inner[l].out = next;
        next += (ptrdiff_t)ravel_layer_max_out(layer, inner[l].n_in) * layer->out_channels;
    }
}

static bool nothing_left(const ravel_lane *lanes, int n_lanes)
{
    for (int l = 0; l < n_lanes; l++) {
        if (lanes[l].n_in > 0 || lanes[l].finish) {
            return false;
        }
    }
    return true;
}

/* Bytes of one buffer: the largest output between two layers. */
static size_t buffer_bytes(const sequence *self, int max_in, int n_lanes)
{
    size_t bytes = 0;
    for (int i = 0; i + 1 < self->first_at_end; i++) {
        max_in = ravel_layer_max_out(self->steps[i].layer, max_in);
        const size_t rows = ravel_rows_bytes(n_lanes, max_in, self->steps[i].layer->out_channels);
        bytes = rows > bytes ? rows : bytes;
    }
    return bytes;
}

static int largest_in(const ravel_lane *lanes, int n_lanes)
{
    int rows = 0;
    for (int l = 0; l < n_lanes; l++) {
        rows = lanes[l].n_in > rows ? lanes[l].n_in : rows;
    }
    return rows;
}

static void push_at_once(const sequence *self, ravel_lane *lanes, int n_lanes, ravel_arena *scratch)
{
    const size_t mark = scratch->used;
    const size_t bytes = buffer_bytes(self, largest_in(lanes, n_lanes), n_lanes);
    ravel_lane *inner = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *inner);
    buffers rows = {{ravel_arena_take(scratch, bytes), ravel_arena_take(scratch, bytes)}, 0};
    memcpy(inner, lanes, (size_t)n_lanes * sizeof *inner);
    int i = 0;
    for (; i < self->n && !nothing_left(inner, n_lanes); i++) {
        for (int l = 0; l < n_lanes; l++) {
            inner[l].state = (char *)lanes[l].state + self->steps[i].offset;
        }
        place_outputs(self, i, lanes, inner, n_lanes, &rows);
        ravel_layer_push(self->steps[i].layer, inner, n_lanes, scratch);
        for (int l = 0; l < n_lanes; l++) {
            inner[l].in = inner[l].out;
            inner[l].n_in = inner[l].n_out;
        }
    }
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = inner[l].n_in;
    }
    scratch->used = mark;
}

static void push_in_pieces(const sequence *self, ravel_lane *lane, ravel_arena *scratch)
{
    int taken = 0;
    lane->n_out = 0;
    do {
        const int left = lane->n_in - taken;
        ravel_lane part = {.state = lane->state,
                           .in = lane->in + (ptrdiff_t)taken * self->base.in_channels,
                           .out = lane->out + (ptrdiff_t)lane->n_out * self->base.out_channels,
                           .n_in = left < self->piece ? left : self->piece};
        taken += part.n_in;
        part.finish = lane->finish && taken == lane->n_in;
        push_at_once(self, &part, 1, scratch);
        lane->n_out += part.n_out;
    } while (taken < lane->n_in);
}

static void sequence_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                          ravel_arena *scratch)
{
    const sequence *self = (const sequence *)layer;
    if (!self->one_by_one && largest_in(lanes, n_lanes) <= self->piece) {
        push_at_once(self, lanes, n_lanes, scratch);
        return;
    }
    for (int l = 0; l < n_lanes; l++) {
        push_in_pieces(self, &lanes[l], scratch);
    }
}

static size_t scratch_at_once(const sequence *self, int max_in, int n_lanes)
{
    const size_t bytes = buffer_bytes(self, max_in, n_lanes);
    const size_t own = ravel_size_add(ravel_arena_bytes((size_t)n_lanes * sizeof(ravel_lane)),
                                      ravel_size_mul(2, bytes));
    size_t inner = 0;
    for (int i = 0; i < self->n; i++) {
        const size_t size = ravel_layer_scratch_size(self->steps[i].layer, max_in, n_lanes);
        inner = size > inner ? size : inner;
        max_in = ravel_layer_max_out(self->steps[i].layer, max_in);
    }
    return ravel_size_add(own, inner);
}

static size_t sequence_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const sequence *self = (const sequence *)layer;
    return scratch_at_once(self, max_in < self->piece ? max_in : self->piece,
                           self->one_by_one ? 1 : n_lanes);
}

static void sequence_destroy(ravel_layer *layer)
{
    sequence *self = (sequence *)layer;
    for (int i = 0; i < self->n; i++) {
        ravel_layer_destroy(self->steps[i].layer);
    }
    free(self->steps);
    free(self);
}

static const ravel_layer_ops sequence_ops = {sequence_reset, sequence_push, sequence_scratch_size,
                                             sequence_destroy};

static int64_t divide_up(int64_t a, int64_t b)
{
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Numbers of a chain that is being put together; int64 so that one more layer cannot overflow. */
typedef struct {
    int64_t up, down, extra_out, lookahead_in, lookahead_out, hold_rows, start_rows;
} chain;

/* Rows of input for which the chain gives n rows. */
static int64_t rows_for(const chain *all, int64_t n)
{
    const int64_t rows =
        all->lookahead_in + divide_up((n + all->lookahead_out) * all->down, all->up);
    return rows > all->start_rows ? rows : all->start_rows;
}

/*
 * Adds a layer. The rows by which it lags behind the layers before it are counted in rows of input
 * where those only shrink the rate, in rows of output where it only raises the rate; otherwise
 * rounded up to rows of input.
 */
static void extend(chain *all, const ravel_layer *layer)
{
    const int64_t up = layer->up, down = layer->down;
    const int64_t between = all->lookahead_out + layer->lookahead_in; /* rows between the two */
    /* n rows that are rounded up to whole ones before they are multiplied make a few more */
    if (layer->start_rows > 0)
        all->start_rows = rows_for(all, layer->start_rows);
    const int64_t rounded = up > 1 ? divide_up((all->down - 1) * up, all->down * down) : 0;
    all->lookahead_out = layer->lookahead_out;
    if (all->up == 1) {
        all->lookahead_in += between * all->down;
    } else if (down == 1) {
        all->lookahead_out += between * up;
    } else {
        all->lookahead_in += divide_up(between * all->down, all->up);
    }
    all->extra_out = divide_up(all->extra_out * up, down) + rounded + layer->extra_out;
    all->hold_rows += divide_up((int64_t)layer->hold_rows * all->down, all->up);
    const int64_t divisor = common_divisor(all->up * up, all->down * down);
    all->up = all->up * up / divisor;
    all->down = all->down * down / divisor;
}

static bool in_range(const chain *all)
{
    const int64_t limit = 1 << 28;
    return all->up <= limit && all->down <= limit && all->extra_out <= limit &&
           all->hold_rows <= limit && all->start_rows <= limit &&
           llabs(all->lookahead_in) <= limit && llabs(all->lookahead_out) <= limit;
}

/*
 * The rows of a piece: as many as the cache holds, but for what does not depend on them (`whole`);
 * more where a piece reads many more bytes of weights than that.
 */
static int choose_piece(const sequence *self)
{
    const size_t share = self->base.weight_bytes / 4;
    const size_t most = share < LARGE_SCRATCH ? share : LARGE_SCRATCH;
    const size_t good =
        ravel_size_add(scratch_at_once(self, 0, 1), most > GOOD_SCRATCH ? most : GOOD_SCRATCH);
    int rows = MAX_PIECE;
    while (rows > 1 && scratch_at_once(self, rows, 1) > good) {
        rows /= 2;
    }
    return rows;
}

/* Sums up what is to be known of the layers. */
static bool describe(sequence *self, ravel_error *error)
{
    ravel_layer *base = &self->base;
    chain all = {.up = 1, .down = 1};
    base->in_place = true;
    self->first_at_end = 0;
    for (int i = 0; i < self->n; i++) {
        const ravel_layer *layer = self->steps[i].layer;
        if (i > 0 && self->steps[i - 1].layer->out_channels != layer->in_channels) {
            ravel_error_set(error, RAVEL_ERR_MODEL, "layer %d gives %d channels, layer %d takes %d",
                            i - 1, self->steps[i - 1].layer->out_channels, i, layer->in_channels);
            return false;
        }
        base->macs += layer->macs * (double)all.up / (double)all.down;
        base->weight_bytes += layer->weight_bytes;
        self->steps[i].offset = base->state_size;
        base->state_size = ravel_size_add(base->state_size, layer->state_size);
        extend(&all, layer);
        if (!in_range(&all)) {
            ravel_error_set(error, RAVEL_ERR_MODEL, "rates or delays up to layer %d are absurd", i);
            return false;
        }
        base->in_place = base->in_place && layer->in_place;
        base->needs_all = base->needs_all || layer->needs_all;
        base->rereads = base->rereads || layer->rereads;
        self->first_at_end = layer->in_place ? self->first_at_end : i + 1;
    }
    base->up = (int)all.up;
    base->down = (int)all.down;
    base->extra_out = (int)all.extra_out;
    base->lookahead_in = (int)all.lookahead_in;
    base->lookahead_out = (int)all.lookahead_out;
    base->hold_rows = (int)all.hold_rows;
    base->start_rows = (int)all.start_rows;
    base->in_channels = self->steps[0].layer->in_channels;
    base->out_channels = self->steps[self->n - 1].layer->out_channels;
    self->piece = base->needs_all ? INT_MAX : choose_piece(self);
    self->one_by_one = base->needs_all && !base->rereads;
    return true;
}

/* A sequence with room for its steps, or NULL. */
static sequence *alloc(const ravel_layer *first, int n, ravel_error *error)
{
    sequence *self = ravel_layer_alloc(sizeof *self, &sequence_ops, first->kernels, error);
    if (self == NULL) {
        return NULL;
    }
    self->steps = calloc((size_t)n, sizeof *self->steps);
    if (self->steps == NULL) {
        ravel_error_memory(error);
        free(self);
        return NULL;
    }
    return self;
}

ravel_layer *ravel_sequence_new(ravel_layer **layers, int n, ravel_error *error)
{
    if (n < 1) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a sequence has no layers");
        return NULL;
    }
    sequence *self = alloc(layers[0], n, error);
    if (self == NULL) {
        for (int i = 0; i < n; i++) {
            ravel_layer_destroy(layers[i]);
        }
        return NULL;
    }
    self->n = n;
    for (int i = 0; i < n; i++) {
        self->steps[i].layer = layers[i];
    }
    if (!describe(self, error)) {
        sequence_destroy(&self->base);
        return NULL;
    }
    return &self->base;
}
