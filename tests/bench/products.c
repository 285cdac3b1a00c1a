/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/products.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double MACS_AT_ONCE = 1e7; /* for which a product is called alone: 0.2 ms or so */

/* Kernels have no context. */
static const ravel_kernels *real;
static ravel_kernels watched;
static ravel_products *noted;

double ravel_products_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Out of memory ends a benchmark. */
static void *grown(void *memory, int n, size_t size)
{
    void *more = realloc(memory, (size_t)n * size);
    if (more == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return more;
}

static bool same_shape(const ravel_product *a, const ravel_product *b)
{
    return a->depthwise == b->depthwise && a->n_rows == b->n_rows && a->taps == b->taps &&
           a->width == b->width && a->n_out == b->n_out && a->dtype == b->dtype &&
           a->accumulate == b->accumulate && a->tap_stride == b->tap_stride &&
           a->row_stride == b->row_stride && a->y_stride == b->y_stride;
}

static uintptr_t end_of(const ravel_matrix *part)
{
    const size_t inputs = (size_t)part->n_in * ravel_dtype_size(part->dtype);
    return (uintptr_t)part->panels + inputs * (size_t)part->n_out;
}

static int number_of(const ravel_product *product, const ravel_matrix *part)
{
    int i = 0;
    while (i < product->n_parts && product->parts[i].panels != part->panels) {
        i++;
    }
    return i;
}

/* Whether they are of one matrix: a layer may multiply by one in parts. */
static bool adjoins(const ravel_product *product, const ravel_matrix *part)
{
    const ravel_matrix *last = &product->parts[product->n_parts - 1];
    return number_of(product, part) < product->n_parts || end_of(last) == (uintptr_t)part->panels;
}

static bool same_weights(const ravel_product *a, const ravel_product *b, const ravel_matrix *part)
{
    return part != NULL ? adjoins(a, part) : a->weights == b->weights;
}

/* part: NULL for a depthwise product */
static ravel_product *find(ravel_products *all, const ravel_product *shape,
                           const ravel_matrix *part)
{
    for (int i = 0; i < all->n; i++) {
        ravel_product *p = &all->products[i];
        if (same_shape(p, shape) && same_weights(p, shape, part)) {
            return p;
        }
    }
    if (all->n == all->room) {
        all->room = 2 * all->room + 64;
        all->products = grown(all->products, all->room, sizeof *all->products);
    }
    all->products[all->n] = *shape;
    return &all->products[all->n++];
}

static void add_part(ravel_product *to, const ravel_matrix *part)
{
    if (number_of(to, part) == to->n_parts) {
        to->parts = grown(to->parts, to->n_parts + 1, sizeof *to->parts);
        to->parts[to->n_parts++] = *part;
    }
}

/* Rows of a stream lie at one distance; those of several streams anywhere, and count as separate. */
static ptrdiff_t row_stride(const ravel_rows *x)
{
    const ptrdiff_t span = (x->taps - 1) * x->tap_stride + x->width;
    const uintptr_t bytes = x->n_rows > 1 ? (uintptr_t)x->row[1] - (uintptr_t)x->row[0] : 0;
    const ptrdiff_t floats = (ptrdiff_t)(bytes / sizeof(float));
    return floats > 0 && floats <= span ? floats : span;
}

static void watched_matmul(const ravel_matrix *w, const ravel_rows *x, float *y, ptrdiff_t y_stride,
                           int accumulate)
{
    if (noted == NULL) {
        real->matmul(w, x, y, y_stride, accumulate);
        return;
    }
    const double begin = ravel_products_now_s();
    real->matmul(w, x, y, y_stride, accumulate);
    const double seconds = ravel_products_now_s() - begin;
    ravel_product *product = find(noted,
                                  &(ravel_product){.n_rows = x->n_rows,
                                                   .taps = x->taps,
                                                   .width = x->width,
                                                   .n_out = w->n_out,
                                                   .dtype = w->dtype,
                                                   .accumulate = accumulate,
                                                   .tap_stride = x->taps > 1 ? x->tap_stride : 0,
                                                   .row_stride = row_stride(x),
                                                   .y_stride = y_stride,
                                                   .macs = (double)x->n_rows * w->n_in * w->n_out},
                                  w);
    add_part(product, w);
    product->n_calls++;
    product->model_s += seconds;
}

/* With one tap it scales channels, as norms do: no product of a layer. */
static void watched_depthwise(const float *w, const float *bias, int taps, int channels,
                              const float *x, ptrdiff_t tap_stride, ptrdiff_t x_stride, float *y,
                              ptrdiff_t y_stride, int n_rows)
{
    const double begin = noted != NULL && taps > 1 ? ravel_products_now_s() : 0.0;
    real->depthwise(w, bias, taps, channels, x, tap_stride, x_stride, y, y_stride, n_rows);
    if (noted == NULL || taps == 1) {
        return;
    }
    const double seconds = ravel_products_now_s() - begin;
    ravel_product *product = find(noted,
                                  &(ravel_product){.depthwise = true,
                                                   .n_rows = n_rows,
                                                   .taps = taps,
                                                   .width = channels,
                                                   .n_out = channels,
                                                   .tap_stride = tap_stride,
                                                   .row_stride = x_stride,
                                                   .y_stride = y_stride,
                                                   .weights = w,
                                                   .bias = bias,
                                                   .macs = (double)n_rows * taps * channels},
                                  NULL);
    product->n_calls++;
    product->model_s += seconds;
}

const ravel_kernels *ravel_products_watch(void)
{
    real = ravel_kernels_select();
    if (real == NULL) {
        return NULL;
    }
    watched = *real;
    watched.matmul = watched_matmul;
    watched.depthwise = watched_depthwise;
    return &watched;
}

void ravel_products_note(ravel_products *in)
{
    noted = in;
}

/* --- Alone ------------------------------------------------------------------------------------ */

/* Both fit every product; no more are noted then. */
static bool make_rows(ravel_products *all)
{
    size_t x = 1, y = 1;
    if (all->x != NULL || all->n == 0) {
        return true;
    }
    for (int i = 0; i < all->n; i++) {
        const ravel_product *p = &all->products[i];
        const ptrdiff_t in = (p->n_rows - 1) * p->row_stride + (p->taps - 1) * p->tap_stride;
        const ptrdiff_t out = (p->n_rows - 1) * p->y_stride + p->n_out;
        x = (size_t)(in + p->width) > x ? (size_t)(in + p->width) : x;
        y = (size_t)out > y ? (size_t)out : y;
    }
    all->x = calloc(x, sizeof *all->x);
    all->y = calloc(y, sizeof *all->y);
    return all->x != NULL && all->y != NULL;
}

/* Parts go forth and back, as in an LSTM. */
static void call(const ravel_products *all, const ravel_product *p, const float *const *row, int i)
{
    if (p->depthwise) {
        real->depthwise(p->weights, p->bias, p->taps, p->n_out, all->x, p->tap_stride,
                        p->row_stride, all->y, p->y_stride, p->n_rows);
        return;
    }
    const int n = p->n_parts, at = i % (2 * n);
    const ravel_rows rows = {row, p->n_rows, p->taps, p->width, p->tap_stride};
    real->matmul(&p->parts[at < n ? at : 2 * n - 1 - at], &rows, all->y, p->y_stride,
                 p->accumulate);
}

static void time_alone(const ravel_products *all, ravel_product *p, const float *const *row)
{
    const int few = 2 * (p->n_parts > 0 ? p->n_parts : 1);
    const int n = (int)(MACS_AT_ONCE / p->macs) / few * few + few;
    const double begin = ravel_products_now_s();
    for (int i = 0; i < n; i++) {
        call(all, p, row, i);
    }
    const double seconds = (ravel_products_now_s() - begin) / n;
    p->kernel_s = p->kernel_s == 0.0 || seconds < p->kernel_s ? seconds : p->kernel_s;
}

bool ravel_products_run(ravel_products *all)
{
    bool enough = make_rows(all);
    for (int i = 0; i < all->n && enough; i++) {
        ravel_product *p = &all->products[i];
        const float **row = malloc((size_t)p->n_rows * sizeof *row);
        for (int m = 0; row != NULL && m < p->n_rows; m++) {
            row[m] = all->x + m * p->row_stride;
        }
        enough = row != NULL;
        if (enough) {
            time_alone(all, p, row);
        }
        free(row);
    }
    return enough;
}

void ravel_products_free(ravel_products *all)
{
    for (int i = 0; i < all->n; i++) {
        free(all->products[i].parts);
    }
    free(all->products);
    free(all->x);
    free(all->y);
    *all = (ravel_products){0};
}
