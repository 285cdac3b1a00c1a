/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One LSTM layer. What the inputs add to the gates is one matrix product for all rows at once;
 * what the last output adds is one product a time step, for all lanes together. A gate's sum
 * starts from the sum of both biases, then come the inputs, then the last output.
 */
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

typedef struct {
    ravel_layer base;
    ravel_matrix from_input, from_output; /* [in][4H], [H][4H] */
} lstm;

enum { PART_OUTPUTS = 8 * RAVEL_PANEL };

/* The state is c [H], h [H]. */
static float *cell_of(const ravel_lane *lane)
{
    return lane->state;
}

static void lstm_reset(const ravel_layer *layer, void *state)
{
    memset(state, 0, layer->state_size);
}

/* A step's lanes; their rows stand together in the gates. */
typedef struct {
    const float **row; /* [n]: what the product reads, filled by the caller */
    int *lane;         /* [n] */
    int n;
} step;

static void find_lanes(step *of, const ravel_lane *lanes, int n_lanes, int t)
{
    of->n = 0;
    for (int l = 0; l < n_lanes; l++) {
        if (t < lanes[l].n_in) {
            of->lane[of->n++] = l;
        }
    }
}

/* gates [rows of all lanes][4H], time step after time step */
static void add_inputs(const lstm *self, const ravel_lane *lanes, int n_lanes, step *at,
                       const float **rows, float *gates)
{
    const int in = self->base.in_channels;
    ravel_rows x = {.row = rows, .n_rows = 0, .taps = 1, .width = in};
    for (int t = 0;; t++) {
        find_lanes(at, lanes, n_lanes, t);
        if (at->n == 0) {
            break;
        }
        for (int i = 0; i < at->n; i++) {
            rows[x.n_rows++] = lanes[at->lane[i]].in + (ptrdiff_t)t * in;
        }
    }
    self->base.kernels->matmul(&self->from_input, &x, gates, self->from_input.n_out, 0);
}

/*
 * h: the last outputs. The matrix is larger than the cache next to the core and is read from end to
 * end in every step; read backwards in every other one, it starts with what the cache still has.
 */
static void add_outputs(const lstm *self, const ravel_rows *h, bool backwards, float *gates)
{
    const ravel_matrix *all = &self->from_output;
    const int n_parts = (all->n_out + PART_OUTPUTS - 1) / PART_OUTPUTS;
    for (int i = 0; i < n_parts; i++) {
        const int first = (backwards ? n_parts - 1 - i : i) * PART_OUTPUTS;
        const int left = all->n_out - first;
        const ravel_matrix part =
            ravel_matrix_outputs(all, first, left < PART_OUTPUTS ? left : PART_OUTPUTS);
        self->base.kernels->matmul(&part, h, gates + first, all->n_out, 1);
    }
}

static void recur(const lstm *self, ravel_lane *lanes, int n_lanes, step *at, float *gates)
{
    const ravel_kernels *kernels = self->base.kernels;
    const int hidden = self->base.out_channels;
    const size_t row = (size_t)hidden * sizeof(float);
    for (int t = 0;; t++) {
        find_lanes(at, lanes, n_lanes, t);
        if (at->n == 0) {
            break;
        }
        for (int i = 0; i < at->n; i++) {
            at->row[i] = cell_of(&lanes[at->lane[i]]) + hidden;
        }
        const ravel_rows h = {.row = at->row, .n_rows = at->n, .taps = 1, .width = hidden};
        add_outputs(self, &h, t % 2 != 0, gates);
        for (int i = 0; i < at->n; i++, gates += self->from_output.n_out) {
            ravel_lane *lane = &lanes[at->lane[i]];
            float *cell = cell_of(lane);
            kernels->lstm_cell(gates, cell, cell + hidden, hidden);
            memcpy(lane->out + (ptrdiff_t)t * hidden, cell + hidden, row);
        }
    }
}

static void lstm_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    const lstm *self = (const lstm *)layer;
    const size_t mark = scratch->used;
    const size_t n_rows = (size_t)ravel_lanes_count_in(lanes, n_lanes), n = (size_t)n_lanes;
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = lanes[l].n_in;
    }
    if (n_rows > 0) {
        const size_t gates_bytes = n_rows * (size_t)self->from_input.n_out * sizeof(float);
        float *gates = ravel_arena_take(scratch, gates_bytes);
        const float **rows = ravel_arena_take(scratch, n_rows * sizeof *rows);
        step at = {.row = ravel_arena_take(scratch, n * sizeof *at.row),
                   .lane = ravel_arena_take(scratch, n * sizeof *at.lane)};
        add_inputs(self, lanes, n_lanes, &at, rows, gates);
        recur(self, lanes, n_lanes, &at, gates);
    }
    scratch->used = mark;
}

static size_t lstm_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const lstm *self = (const lstm *)layer;
    const size_t n = (size_t)n_lanes, n_rows = ravel_size_mul(n, (size_t)max_in);
    size_t size = ravel_rows_bytes(n_lanes, max_in, self->from_input.n_out);
    size = ravel_size_add(size, ravel_arena_bytes(ravel_size_mul(n_rows, sizeof(float *))));
    size = ravel_size_add(size, ravel_arena_bytes(n * sizeof(float *)));
    return ravel_size_add(size, ravel_arena_bytes(n * sizeof(int)));
}

static void lstm_destroy(ravel_layer *layer)
{
    lstm *self = (lstm *)layer;
    ravel_matrix_free(&self->from_input);
    ravel_matrix_free(&self->from_output);
    free(self);
}

static const ravel_layer_ops lstm_ops = {lstm_reset, lstm_push, lstm_scratch_size, lstm_destroy};

static bool check(const ravel_lstm_spec *spec, ravel_error *error)
{
    const ravel_tensor *ih = spec->weight_ih, *hh = spec->weight_hh;
    if (ih == NULL || hh == NULL || ih->rank != 2 || hh->rank != 2 || hh->shape[0] % 4 != 0 ||
        hh->shape[1] != hh->shape[0] / 4 || ih->shape[0] != hh->shape[0] ||
        hh->shape[0] > RAVEL_MAX_DIM || ih->shape[1] > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "an LSTM takes weights [4H, in] and [4H, H], unlike %s and %s",
                        ih != NULL ? ih->name : "none", hh != NULL ? hh->name : "none");
        return false;
    }
    const size_t gates = (size_t)ih->shape[0];
    return (spec->bias_ih == NULL || ravel_tensor_has(spec->bias_ih, "an LSTM", gates, error)) &&
           (spec->bias_hh == NULL || ravel_tensor_has(spec->bias_hh, "an LSTM", gates, error)) &&
           ravel_scale_fits(ih, spec->scale_ih, gates, error) &&
           ravel_scale_fits(hh, spec->scale_hh, gates, error);
}

static int pack(lstm *self, const ravel_lstm_spec *spec)
{
    const int in = spec->weight_ih->shape[1], hidden = spec->weight_hh->shape[1];
    int status = ravel_matrix_pack_linear(&self->from_input, in, 4 * hidden, spec->weight_ih,
                                          spec->bias_ih, spec->scale_ih);
    if (status == 0) {
        status = ravel_matrix_pack_linear(&self->from_output, hidden, 4 * hidden, spec->weight_hh,
                                          NULL, spec->scale_hh);
    }
    for (int n = 0; n < 4 * hidden && status == 0 && spec->bias_hh != NULL; n++) {
        self->from_input.bias[n] += ravel_tensor_get(spec->bias_hh, (size_t)n);
    }
    return status;
}

ravel_layer *ravel_lstm_new(const ravel_kernels *kernels, const ravel_lstm_spec *spec,
                            ravel_error *error)
{
    if (!check(spec, error)) {
        return NULL;
    }
    lstm *self = ravel_layer_alloc(sizeof *self, &lstm_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    if (pack(self, spec) != 0) {
        ravel_error_memory(error);
        lstm_destroy(&self->base);
        return NULL;
    }
    const int in = spec->weight_ih->shape[1], hidden = spec->weight_hh->shape[1];
    self->base.in_channels = in;
    self->base.out_channels = hidden;
    self->base.state_size = ravel_state_bytes(2 * (size_t)hidden * sizeof(float));
    self->base.weight_bytes =
        ravel_matrix_bytes(&self->from_input) + ravel_matrix_bytes(&self->from_output);
    self->base.macs = 4.0 * hidden * (in + hidden);
    self->base.rereads = true;
    return &self->base;
}
