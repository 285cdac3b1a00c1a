/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The matrix product of nn/kernels.h over nn/simd.h, included once by each variant.
 *
 * A tile is a few rows by one or more panels whose sums stay in registers while k runs. Between
 * tiles sums rest in a buffer: storing and loading a float changes nothing, so where k is cut is
 * free. Few rows (a live step) are bound by the bytes of the weights: they are read once, in their
 * own type, several panels at a time where one alone has too few sums to fill the latency of the
 * multiply-adder, or too few bytes to fill that of the memory. Many rows (a file) are bound by
 * arithmetic: weights are widened once for all rows, in blocks that stay in the first-level cache.
 * While a tile runs, weights that will be needed soon are fetched by the way: reading and
 * multiplying then take turns no more.
 */
#ifndef RAVEL_NN_MATMUL_TEMPLATE_H
#define RAVEL_NN_MATMUL_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include "nn/kernels.h"
#include "nn/simd.h"

enum {
    PANEL_VECTORS = RAVEL_PANEL / V_LANES,
    TILE_ROWS = 8,     /* of the largest tile of any variant */
    WIDEN_ROWS = 9,    /* from that many rows on, widening first pays */
    BLOCK_ROWS = 64,   /* rows whose sums wait together: 8 KB */
    BLOCK_DEPTH = 128, /* inputs whose weights are widened together: 16 KB */
    AHEAD_BYTES = 2048 /* weights that are on their way from memory, a panel */
};

V_INLINE int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* What a tile works on: sums[row][panel * 32 + output] += x[row][k] * w[k], begin <= k < end. */
typedef struct {
    const void *weights;    /* of input `begin` in the first panel */
    ptrdiff_t panel_stride; /* elements from panel to panel */
    const ravel_rows *x;
    int first_row;
    int begin, end;
    uintptr_t ahead;       /* where to fetch, */
    uintptr_t ahead_step;  /* so many bytes further with every input; it may go past the weights */
    uintptr_t ahead_panel; /* and so many with every panel */
    float *sums;
} tile;

/* A hint, of an address that may lie behind the weights: no pointer could go there. */
V_INLINE void fetch(uintptr_t address)
{
    __builtin_prefetch((const void *)address); /* NOLINT(performance-no-int-to-ptr) */
}

V_INLINE vfloat load_widened(ravel_dtype dtype, const void *weights, ptrdiff_t i)
{
    switch (dtype) {
    case RAVEL_F16:
        return v_load_f16((const uint16_t *)weights + i);
    case RAVEL_BF16:
        return v_load_bf16((const uint16_t *)weights + i);
    case RAVEL_I8:
        return v_load_i8((const int8_t *)weights + i);
    default:
        return v_load((const float *)weights + i);
    }
}

static void widen(ravel_dtype dtype, const void *weights, int n, float *widened)
{
    for (int i = 0; i < n; i += V_LANES) {
        v_store(widened + i, load_widened(dtype, weights, i));
    }
}

/* n_rows, n_panels and n_vectors (of each panel) are constants, so that sums are registers. */
V_INLINE void run_tile(ravel_dtype dtype, int n_rows, int n_panels, int n_vectors, const tile *t)
{
    const ravel_rows *x = t->x;
    const float *row[TILE_ROWS];
    vfloat sum[TILE_ROWS][PANEL_VECTORS]; /* [row * n_panels + panel][vector] */
    V_UNROLL
    for (int r = 0; r < n_rows; r++) {
        row[r] = x->row[t->first_row + r];
    }
    V_UNROLL
    for (int i = 0; i < n_rows * n_panels; i++) {
        V_UNROLL
        for (int v = 0; v < n_vectors; v++) {
            sum[i][v] = v_load(t->sums + i * RAVEL_PANEL + v * V_LANES);
        }
    }
    ptrdiff_t at = 0; /* of the weights of input k in a panel */
    uintptr_t ahead = t->ahead;
    for (int k = t->begin, n = 0; k < t->end; k += n) {
        const int tap = k / x->width, first = k % x->width;
        n = min_int(x->width - first, t->end - k);
        const ptrdiff_t offset = tap * x->tap_stride + first;
        for (ptrdiff_t i = offset; i < offset + n; i++) {
            V_UNROLL
            for (int p = 0; p < n_panels; p++) {
                fetch(ahead + (uintptr_t)p * t->ahead_panel);
                if (dtype == RAVEL_F32) { /* two lines of the cache an input */
                    fetch(ahead + (uintptr_t)p * t->ahead_panel + t->ahead_step / 2);
                }
            }
            ahead += t->ahead_step;
            V_UNROLL
            for (int j = 0; j < n_panels * n_vectors; j++) {
                const int p = j / n_vectors, v = j % n_vectors;
                const vfloat w =
                    load_widened(dtype, t->weights, p * t->panel_stride + at + v * V_LANES);
                V_UNROLL
                for (int r = 0; r < n_rows; r++) {
                    vfloat *s = &sum[r * n_panels + p][v];
                    *s = v_fma(v_set1(row[r][i]), w, *s);
                }
            }
            at += RAVEL_PANEL;
        }
    }
    V_UNROLL
    for (int i = 0; i < n_rows * n_panels; i++) {
        V_UNROLL
        for (int v = 0; v < n_vectors; v++) {
            v_store(t->sums + i * RAVEL_PANEL + v * V_LANES, sum[i][v]);
        }
    }
}

/* One panel by 1 to TILE_ROWS rows; `full` is the greatest number of rows that fits registers. */
#define ROWS(n, full, n_vectors)                                                                   \
    case n:                                                                                        \
        if (n <= full) {                                                                           \
            run_tile(dtype, n, 1, n_vectors, t);                                                   \
        }                                                                                          \
        break;

#define ANY_ROWS(full, n_vectors)                                                                  \
    switch (n_rows) {                                                                              \
        ROWS(1, full, n_vectors)                                                                   \
        ROWS(2, full, n_vectors)                                                                   \
        ROWS(3, full, n_vectors)                                                                   \
        ROWS(4, full, n_vectors)                                                                   \
        ROWS(5, full, n_vectors)                                                                   \
        ROWS(6, full, n_vectors)                                                                   \
        ROWS(7, full, n_vectors)                                                                   \
        ROWS(8, full, n_vectors)                                                                   \
    }

/* The tile of that shape; `narrow`: only the first vector of the panel. */
V_INLINE void choose_tile(ravel_dtype dtype, int n_rows, int n_panels, bool narrow, const tile *t)
{
    if (n_panels == 1 && narrow) {
        ANY_ROWS(TILE_ROWS, 1)
    } else if (n_panels == 1) {
        ANY_ROWS(V_TILE_ROWS, PANEL_VECTORS)
    } else if (n_rows == 1 && V_PANELS_1_ROW > 1) {
        run_tile(dtype, 1, V_PANELS_1_ROW, PANEL_VECTORS, t);
    } else if (n_rows == 2 && V_PANELS_2_ROWS > 1) {
        run_tile(dtype, 2, V_PANELS_2_ROWS, PANEL_VECTORS, t);
    } else if (n_rows == 3 && V_PANELS_3_ROWS > 1) {
        run_tile(dtype, 3, V_PANELS_3_ROWS, PANEL_VECTORS, t);
    } else if (n_rows == 4 && V_PANELS_4_ROWS > 1) {
        run_tile(dtype, 4, V_PANELS_4_ROWS, PANEL_VECTORS, t);
    }
}

static void any_tile(ravel_dtype dtype, int n_rows, int n_panels, bool narrow, const tile *t)
{
    switch (dtype) {
    case RAVEL_F32:
        choose_tile(RAVEL_F32, n_rows, n_panels, narrow, t);
        break;
    case RAVEL_F16:
        choose_tile(RAVEL_F16, n_rows, n_panels, narrow, t);
        break;
    case RAVEL_BF16:
        choose_tile(RAVEL_BF16, n_rows, n_panels, narrow, t);
        break;
    case RAVEL_I8:
        choose_tile(RAVEL_I8, n_rows, n_panels, narrow, t);
        break;
    }
}

/* A product as the loops below see it. */
typedef struct {
    const ravel_matrix *w;
    ravel_rows x;
    float *y;
    ptrdiff_t y_stride;
    bool accumulate;
} product;

/* What output n of row m starts from: y itself or the bias; `valid` outputs of the vector exist. */
V_INLINE vfloat start_value(const product *a, int m, int n, int valid)
{
    if (!a->accumulate) {
        return v_load(a->w->bias + n);
    }
    return valid > 0 ? v_load_part(a->y + m * a->y_stride + n, valid) : v_set1(0.0f);
}

/* sums[row][n_panels * 32] of outputs from first_n on */
static void begin_sums(const product *a, int first_row, int n_rows, int first_n, int n_panels,
                       float *sums)
{
    for (int m = first_row; m < first_row + n_rows; m++) {
        for (int i = 0; i < n_panels * RAVEL_PANEL; i += V_LANES) {
            const int n = first_n + i;
            v_store(sums + i,
                    a->w->dtype == RAVEL_I8 ? v_set1(0.0f) : start_value(a, m, n, a->w->n_out - n));
        }
        sums += n_panels * RAVEL_PANEL;
    }
}

static void end_sums(const product *a, int first_row, int n_rows, int first_n, int n_panels,
                     const float *sums)
{
    const int n_valid = min_int(a->w->n_out - first_n, n_panels * RAVEL_PANEL);
    for (int m = first_row; m < first_row + n_rows; m++) {
        for (int i = 0; i < n_valid; i += V_LANES) {
            const int n = first_n + i, valid = n_valid - i;
            vfloat sum = v_load(sums + i);
            if (a->w->dtype == RAVEL_I8) {
                sum = v_fma(sum, v_load(a->w->scale + n), start_value(a, m, n, valid));
            }
            v_store_part(a->y + m * a->y_stride + n, sum, valid);
        }
        sums += n_panels * RAVEL_PANEL;
    }
}

/* Bytes of the weights of one input in a panel. */
static size_t input_bytes(const ravel_matrix *w)
{
    return RAVEL_PANEL * ravel_dtype_size(w->dtype);
}

static const void *weights_at(const ravel_matrix *w, ptrdiff_t panel, ptrdiff_t k)
{
    const ptrdiff_t i = (panel * w->n_in + k) * RAVEL_PANEL;
    return (const char *)w->panels + i * (ptrdiff_t)ravel_dtype_size(w->dtype);
}

/*
 * Whether one vector holds all outputs that are left. So it is for the last convolution of a codec,
 * to one channel: a tile is then one vector by many rows, that is, by samples of time.
 */
static bool is_narrow(const ravel_matrix *w, int first_n)
{
    return w->n_out - first_n <= V_LANES;
}

/* Rows [first_row, first_row + n_rows) by n_panels panels from `panel` on, in one tile. */
static void direct_tile(const product *a, int first_row, int n_rows, int panel, int n_panels)
{
    _Alignas(64) float sums[TILE_ROWS * RAVEL_PANEL];
    const int first_n = panel * RAVEL_PANEL;
    const tile t = {.weights = weights_at(a->w, panel, 0),
                    .panel_stride = (ptrdiff_t)a->w->n_in * RAVEL_PANEL,
                    .x = &a->x,
                    .first_row = first_row,
                    .end = a->w->n_in,
                    .ahead = (uintptr_t)weights_at(a->w, panel, 0) + AHEAD_BYTES,
                    .ahead_step = input_bytes(a->w),
                    .ahead_panel = (uintptr_t)a->w->n_in * input_bytes(a->w),
                    .sums = sums};
    begin_sums(a, first_row, n_rows, first_n, n_panels, sums);
    any_tile(a->w->dtype, n_rows, n_panels, is_narrow(a->w, first_n), &t);
    end_sums(a, first_row, n_rows, first_n, n_panels, sums);
}

/* Few rows: a panel comes from memory for the first tile of rows, from the cache for the others. */
static void multiply_direct(const product *a)
{
    static const int panels_of_rows[] = {1, V_PANELS_1_ROW, V_PANELS_2_ROWS, V_PANELS_3_ROWS,
                                         V_PANELS_4_ROWS};
    const int n_rows = a->x.n_rows;
    const int n_panels = (a->w->n_out + RAVEL_PANEL - 1) / RAVEL_PANEL;
    const int wide = n_rows <= 4 ? panels_of_rows[n_rows] : 1;
    for (int panel = 0, step = 0; panel < n_panels; panel += step) {
        step = n_panels - panel >= wide ? wide : 1;
        const int most = is_narrow(a->w, panel * RAVEL_PANEL) ? TILE_ROWS : V_TILE_ROWS;
        for (int m = 0; m < n_rows; m += most) {
            direct_tile(a, m, min_int(n_rows - m, most), panel, step);
        }
    }
}

/*
 * Many rows: a block of them by one panel, k in blocks whose weights are widened for all rows. The
 * tiles of a block share the fetching of the next block's weights, which lie behind its own.
 */
static void block_panel(const product *a, int first_row, int n_rows, int panel)
{
    _Alignas(64) float sums[BLOCK_ROWS * RAVEL_PANEL];
    _Alignas(64) float widened[BLOCK_DEPTH * RAVEL_PANEL];
    const ravel_matrix *w = a->w;
    const int first_n = panel * RAVEL_PANEL;
    const bool narrow = is_narrow(w, first_n);
    const int most = narrow ? TILE_ROWS : V_TILE_ROWS;
    const size_t n_tiles = (size_t)((n_rows + most - 1) / most);
    const size_t step = input_bytes(w) / n_tiles;
    begin_sums(a, first_row, n_rows, first_n, 1, sums);
    for (int k = 0; k < w->n_in; k += BLOCK_DEPTH) {
        const int end = min_int(k + BLOCK_DEPTH, w->n_in);
        const void *weights = weights_at(w, panel, k);
        uintptr_t ahead = (uintptr_t)weights_at(w, panel, end);
        if (w->dtype != RAVEL_F32) {
            widen(w->dtype, weights, (end - k) * RAVEL_PANEL, widened);
            weights = widened;
        }
        for (int m = 0; m < n_rows; m += most) {
            const tile t = {.weights = weights,
                            .x = &a->x,
                            .first_row = first_row + m,
                            .begin = k,
                            .end = end,
                            .ahead = ahead,
                            .ahead_step = step,
                            .sums = sums + m * RAVEL_PANEL};
            choose_tile(RAVEL_F32, min_int(n_rows - m, most), 1, narrow, &t);
            ahead += step * (size_t)(end - k);
        }
    }
    end_sums(a, first_row, n_rows, first_n, 1, sums);
}

static void multiply_blocks(const product *a)
{
    for (int m = 0; m < a->x.n_rows; m += BLOCK_ROWS) {
        for (int n = 0; n < a->w->n_out; n += RAVEL_PANEL) {
            block_panel(a, m, min_int(a->x.n_rows - m, BLOCK_ROWS), n / RAVEL_PANEL);
        }
    }
}

static void matmul(const ravel_matrix *w, const ravel_rows *x, float *y, ptrdiff_t y_stride,
                   int accumulate)
{
    product a = {.w = w, .x = *x, .y = y, .y_stride = y_stride, .accumulate = accumulate != 0};
    if (x->taps == 1 || x->tap_stride == x->width) { /* one long piece is faster than many */
        a.x.width = w->n_in;
        a.x.taps = 1;
    }
    if (x->n_rows < WIDEN_ROWS) {
        multiply_direct(&a);
    } else {
        multiply_blocks(&a);
    }
}

#endif
