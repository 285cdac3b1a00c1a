/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/shortlist.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/int8.h"
#include "ravel/ravel.h"

/* --- Picking ---------------------------------------------------------------------------------- */

/*
 * Lengths are below this. Then scores, below 2^100, and bounds, below 2^103, are far from overflow.
 */
#define LARGE 0x1p50f

/*
 * At least |x|: the thousandth is above what rounding takes from the sum of up to 2^16 squares, the
 * smallest normal numbers are above what denormal squares lose.
 */
static float length_above(const ravel_kernels *kernels, const float *x, int dim)
{
    const float square = kernels->dot(x, x, dim) + (float)dim * FLT_MIN;
    return 1.001f * sqrtf(square);
}

int ravel_shortlist_pick(const ravel_shortlist *list, const ravel_kernels *kernels, const float *x,
                         float *scores, float *room, int candidates[RAVEL_SHORTLIST_MAX])
{
    const int size = list->rough.n_out;
    const size_t bytes = (size_t)size * sizeof(float);
    const float length = length_above(kernels, x, list->rough.n_in);
    if (!(length < LARGE)) /* or not a number */
        return 0;
    float *bound = room, *lower = room + size;
    memcpy(bound, list->offset, bytes);
    kernels->axpy(list->slope, length, bound, size);
    memcpy(lower, scores, bytes);
    kernels->axpy(bound, -1.0f, lower, size);
    const float least = lower[kernels->argmax(lower, size)];
    kernels->add(scores, bound, scores, size);

    int n = 0;
    for (int code = 0; code < size; code++) {
        if (scores[code] >= least) {
            if (n == RAVEL_SHORTLIST_MAX)
                return 0;
            candidates[n++] = code;
        }
    }
    return n;
}

/* --- Making ----------------------------------------------------------------------------------- */

/* What goes into the matrix. */
typedef struct {
    int size, dim;
    const float *codewords;
    int8_t *numbers; /* [size][dim] */
    float *scale;    /* [size] */
    float *bias;     /* [size] */
} draft;

static double length_of(const float *e, int dim)
{
    double square = 0.0;
    for (int k = 0; k < dim; k++) {
        square += (double)e[k] * (double)e[k];
    }
    return sqrt(square);
}

/* Above v >= 0, whatever double and float round. */
static float float_above(double v)
{
    return (float)(v * (1.0 + 1e-6)) + FLT_MIN;
}

/* Numbers that are not finite are not in range either. */
static bool in_range(const draft *a)
{
    for (int n = 0; n < a->size; n++) {
        const float *e = a->codewords + (ptrdiff_t)n * a->dim;
        if (!(length_of(e, a->dim) < (double)LARGE && fabsf(a->bias[n]) < LARGE * LARGE))
            return false;
    }
    return true;
}

/* The rough copy of codeword n; returns the length of what it leaves out. */
static double roughen(draft *a, int n)
{
    const float *e = a->codewords + (ptrdiff_t)n * a->dim;
    int8_t *numbers = a->numbers + (ptrdiff_t)n * a->dim;
    float greatest = 0.0f;
    for (int k = 0; k < a->dim; k++) {
        greatest = fabsf(e[k]) > greatest ? fabsf(e[k]) : greatest;
    }
    const float scale = a->scale[n] = ravel_i8_scale(greatest);
    double square = 0.0;
    for (int k = 0; k < a->dim; k++) {
        numbers[k] = scale > 0.0f ? ravel_narrow_i8(e[k] / scale) : 0;
        const double rest = (double)e[k] - (double)scale * numbers[k];
        square += rest * rest;
    }
    return sqrt(square);
}

/*
 * A sum of dim products and the bias b errs by less than (dim + 2) / 2^24 of |x| |e| + |b|, and a
 * little more; the rough one by as much, where |s q| <= |e| + |e - s q|; then the bounds are added.
 * Denormal products err by less than the smallest normal number, which float_above adds, and, times
 * s, than |e| times the least length_above.
 */
static void bound_errors(ravel_shortlist *list, draft *a)
{
    const double rounding = 1.01 * (a->dim + 8) / 0x1p24;
    for (int n = 0; n < a->size; n++) {
        const double length = length_of(a->codewords + (ptrdiff_t)n * a->dim, a->dim);
        const double rest = roughen(a, n), bias = (double)fabsf(a->bias[n]);
        list->slope[n] = float_above(rest + rounding * (2.0 * length + rest));
        list->offset[n] = float_above(rounding * 2.0 * bias);
    }
}

typedef struct {
    const float *e;
    size_t bytes;
    int code;
} place;

static int compare_places(const void *a, const void *b)
{
    const place *p = a, *q = b;
    const int order = memcmp(p->e, q->e, p->bytes);
    return order ? order : p->code - q->code;
}

/* A codeword that equals one before it never wins. There may be many: those that nothing ever hit. */
static int drop_doubles(draft *a)
{
    place *places = malloc((size_t)a->size * sizeof *places);
    if (!places)
        return RAVEL_ERR_MEMORY;
    for (int n = 0; n < a->size; n++) {
        places[n] = (place){.e = a->codewords + (ptrdiff_t)n * a->dim,
                            .bytes = (size_t)a->dim * sizeof(float),
                            .code = n};
    }
    qsort(places, (size_t)a->size, sizeof *places, compare_places);
    for (int n = 1; n < a->size; n++) {
        if (!memcmp(places[n - 1].e, places[n].e, places[n].bytes))
            a->bias[places[n].code] = -INFINITY;
    }
    free(places);
    return RAVEL_OK;
}

/* context: the draft */
static ptrdiff_t number_of(const void *context, int k, int n)
{
    return (ptrdiff_t)n * ((const draft *)context)->dim + k;
}

static int pack(ravel_shortlist *list, const draft *a)
{
    const ravel_tensor numbers = {
        .data = a->numbers, .dtype = RAVEL_I8, .rank = 2, .shape = {a->size, a->dim}};
    const ravel_tensor scale = {
        .data = a->scale, .dtype = RAVEL_F32, .rank = 1, .shape = {a->size}};
    const ravel_tensor bias = {.data = a->bias, .dtype = RAVEL_F32, .rank = 1, .shape = {a->size}};
    return ravel_matrix_pack(&list->rough, a->dim, a->size, &numbers, number_of, a, &scale, &bias,
                             NULL);
}

static int make(ravel_shortlist *list, draft *a)
{
    const size_t bytes = (size_t)a->size * sizeof(float);
    list->slope = malloc(bytes);
    list->offset = malloc(bytes);
    if (!list->slope || !list->offset)
        return RAVEL_ERR_MEMORY;
    bound_errors(list, a);
    const int status = drop_doubles(a);
    return status ? status : pack(list, a);
}

int ravel_shortlist_make(ravel_shortlist *list, const float *codewords, const float *bias, int size,
                         int dim)
{
    draft a = {.size = size,
               .dim = dim,
               .codewords = codewords,
               .numbers = malloc((size_t)size * (size_t)dim),
               .scale = malloc((size_t)size * sizeof(float)),
               .bias = calloc((size_t)size, sizeof(float))};
    int status = RAVEL_ERR_MEMORY;
    *list = (ravel_shortlist){0};
    if (a.numbers && a.scale && a.bias) {
        if (bias)
            memcpy(a.bias, bias, (size_t)size * sizeof(float));
        status = in_range(&a) ? make(list, &a) : RAVEL_OK;
    }
    if (status)
        ravel_shortlist_free(list);
    free(a.numbers);
    free(a.scale);
    free(a.bias);
    return status;
}

bool ravel_shortlist_exists(const ravel_shortlist *list)
{
    return list->rough.panels != NULL;
}

void ravel_shortlist_free(ravel_shortlist *list)
{
    ravel_matrix_free(&list->rough);
    free(list->slope);
    free(list->offset);
    *list = (ravel_shortlist){0};
}

size_t ravel_shortlist_bytes(const ravel_shortlist *list)
{
    return ravel_matrix_bytes(&list->rough) + 2 * (size_t)list->rough.n_out * sizeof(float);
}
