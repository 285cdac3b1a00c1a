/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Self-attention in which every row sees all rows. Keys and values of a head are packed like
 * weights, so that scores and sums are matrix products; of the scores only those of a few queries
 * are there at a time.
 */
#include <string.h>

#include "nn/attention_impl.h"

enum { QUERIES = 64 }; /* whose scores are there at a time */

/* One head of a push, and the room for it. */
typedef struct {
    const float *query, *key, *value; /* of row 0; rows lie `stride` floats apart */
    ptrdiff_t stride;
    int n_rows, head_dim;
    float *key_panels;   /* [ceil(n_rows / 32)][head_dim][32] */
    float *value_panels; /* [ceil(head_dim / 32)][n_rows][32] */
    float *zeros;        /* the bias of either */
    float *scores;       /* [QUERIES][n_rows] */
} head;

static int panels_of(int n)
{
    return (n + RAVEL_PANEL - 1) / RAVEL_PANEL;
}

static size_t panel_floats(int n_in, int n_out)
{
    return (size_t)n_in * (size_t)panels_of(n_out) * RAVEL_PANEL;
}

static void pack_keys(const head *h)
{
    memset(h->key_panels, 0, panel_floats(h->head_dim, h->n_rows) * sizeof(float));
    for (int t = 0; t < h->n_rows; t++) {
        const float *key = h->key + t * h->stride;
        float *column = h->key_panels + panel_floats(h->head_dim, t / RAVEL_PANEL * RAVEL_PANEL) +
                        t % RAVEL_PANEL;
        for (int c = 0; c < h->head_dim; c++) {
            column[c * RAVEL_PANEL] = key[c];
        }
    }
}

static void pack_values(const head *h)
{
    float *row = h->value_panels;
    memset(row, 0, panel_floats(h->n_rows, h->head_dim) * sizeof(float));
    for (int c = 0; c < h->head_dim; c += RAVEL_PANEL) {
        const int n = h->head_dim - c < RAVEL_PANEL ? h->head_dim - c : RAVEL_PANEL;
        for (int t = 0; t < h->n_rows; t++, row += RAVEL_PANEL) {
            memcpy(row, h->value + t * h->stride + c, (size_t)n * sizeof *row);
        }
    }
}

/* Queries first ... first + n - 1: their scores, softmax and weighted values y [n][C]. */
static void attend(const ravel_attention *self, const head *h, int first, int n, float *y)
{
    const ravel_kernels *kernels = self->base.kernels;
    const ravel_matrix keys = {.n_in = h->head_dim,
                               .n_out = h->n_rows,
                               .dtype = RAVEL_F32,
                               .panels = h->key_panels,
                               .bias = h->zeros};
    const ravel_matrix values = {.n_in = h->n_rows,
                                 .n_out = h->head_dim,
                                 .dtype = RAVEL_F32,
                                 .panels = h->value_panels,
                                 .bias = h->zeros};
    const float *queries[QUERIES], *weights[QUERIES];
    for (int i = 0; i < n; i++) {
        queries[i] = h->query + (first + i) * h->stride;
        weights[i] = h->scores + (ptrdiff_t)i * h->n_rows;
    }
    const ravel_rows q = {.row = queries, .n_rows = n, .taps = 1, .width = h->head_dim};
    const ravel_rows w = {.row = weights, .n_rows = n, .taps = 1, .width = h->n_rows};
    kernels->matmul(&keys, &q, h->scores, h->n_rows, 0);
    for (int i = 0; i < n; i++) {
        float *row = h->scores + (ptrdiff_t)i * h->n_rows;
        kernels->scale(row, self->scale, row, h->n_rows);
        kernels->softmax(row, row, h->n_rows);
    }
    kernels->matmul(&values, &w, y, self->width, 0);
}

static size_t zeros_bytes(const ravel_attention *self, int n_rows)
{
    const int most = self->head_dim > n_rows ? self->head_dim : n_rows;
    return (size_t)panels_of(most) * RAVEL_PANEL * sizeof(float);
}

static head take_head(const ravel_attention *self, int n_rows, ravel_arena *scratch)
{
    const int d = self->head_dim;
    head h = {.stride = 3 * (ptrdiff_t)self->width, .n_rows = n_rows, .head_dim = d};
    h.key_panels = ravel_arena_take(scratch, panel_floats(d, n_rows) * sizeof(float));
    h.value_panels = ravel_arena_take(scratch, panel_floats(n_rows, d) * sizeof(float));
    h.scores = ravel_arena_take(scratch, QUERIES * (size_t)n_rows * sizeof(float));
    h.zeros = ravel_arena_take(scratch, zeros_bytes(self, n_rows));
    memset(h.zeros, 0, zeros_bytes(self, n_rows));
    return h;
}

void ravel_attention_all(const ravel_attention *self, float *qkv, int n, float *mixed,
                         ravel_arena *scratch)
{
    const size_t mark = scratch->used;
    const ptrdiff_t width = self->width;
    const ravel_attention_angles angles = ravel_attention_take_angles(self, scratch);
    head h = take_head(self, n, scratch);
    for (int t = 0; t < n; t++) {
        float *row = qkv + 3 * t * width;
        ravel_attention_turn(self, t, row, row + width, &angles);
    }
    for (ptrdiff_t c = 0; c < width; c += self->head_dim) {
        h.query = qkv + c;
        h.key = qkv + width + c;
        h.value = qkv + 2 * width + c;
        pack_keys(&h);
        pack_values(&h);
        for (int t = 0; t < n; t += QUERIES) {
            attend(self, &h, t, n - t < QUERIES ? n - t : QUERIES, mixed + t * width + c);
        }
    }
    scratch->used = mark;
}

size_t ravel_attention_all_scratch_size(const ravel_attention *self, int max_rows)
{
    const int d = self->head_dim;
    const size_t rows = (size_t)max_rows;
    size_t size = ravel_attention_angles_bytes(self);
    size = ravel_size_add(size, ravel_rows_bytes(d, panels_of(max_rows), RAVEL_PANEL));
    size = ravel_size_add(size, ravel_rows_bytes(panels_of(d), max_rows, RAVEL_PANEL));
    size = ravel_size_add(size, ravel_arena_bytes(ravel_size_mul(rows, QUERIES * sizeof(float))));
    return ravel_size_add(size, ravel_arena_bytes(zeros_bytes(self, max_rows)));
}
