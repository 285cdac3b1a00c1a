/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance/signal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ravel_signal ravel_signal_new(size_t n, size_t width)
{
    ravel_signal rows = {n, width, calloc(n * width + 1, sizeof(float))};
    if (!rows.values)
        abort();
    return rows;
}

void ravel_signal_free(ravel_signal *rows)
{
    free(rows->values);
    *rows = (ravel_signal){0};
}

ravel_signal ravel_signal_take(ravel_npy *array, bool time_first)
{
    if (!array->values)
        return (ravel_signal){0};
    int last = array->rank - 1;
    size_t b = last >= 0 ? array->shape[last] : 1, a = b ? array->count / b : 0;
    ravel_signal rows = time_first ? ravel_signal_new(a, b) : ravel_signal_new(b, a);
    for (size_t i = 0; i < a; i++)
        for (size_t k = 0; k < b; k++)
            rows.values[time_first ? i * b + k : k * a + i] = array->values[i * b + k];
    ravel_npy_free(array);
    return rows;
}

ravel_signal ravel_signal_cut(const ravel_signal *rows, size_t n, size_t width)
{
    size_t all = rows->n * rows->width / (width ? width : 1);
    ravel_signal cut = ravel_signal_new(n < all ? n : all, width);
    if (cut.n * width > 0)
        memcpy(cut.values, rows->values, cut.n * width * sizeof(float));
    return cut;
}

double ravel_signal_deviation(const ravel_signal *rows)
{
    double sum = 0.0, squares = 0.0, n = (double)(rows->n * rows->width);
    for (size_t i = 0; i < rows->n * rows->width; i++)
        sum += (double)rows->values[i];
    for (size_t i = 0; i < rows->n * rows->width; i++) {
        double d = (double)rows->values[i] - sum / n;
        squares += d * d;
    }
    return sqrt(squares / n);
}

bool ravel_signal_equal(const ravel_signal *a, const ravel_signal *b)
{
    return a->n == b->n && a->width == b->width &&
           memcmp(a->values, b->values, a->n * a->width * sizeof(float)) == 0;
}

/* Not a number counts as infinitely far. */
static double greatest_difference(const ravel_signal *a, const ravel_signal *b)
{
    double most = 0.0;
    for (size_t i = 0; i < a->n * a->width; i++) {
        double d = fabs((double)a->values[i] - (double)b->values[i]);
        most = d <= most ? most : isnan(d) ? HUGE_VAL : d;
    }
    return most;
}

void ravel_signal_check(ravel_set *set, const char *what, const ravel_signal *ours,
                        const ravel_signal *theirs)
{
    if (ours->n != theirs->n || ours->width != theirs->width || theirs->n == 0) {
        ravel_set_check(set, false, what, "%zu rows of %zu values, not %zu of %zu", ours->n,
                        ours->width, theirs->n, theirs->width);
        return;
    }
    double d = greatest_difference(ours, theirs), deviation = ravel_signal_deviation(theirs);
    /* One value, or many that are equal, are measured by their size. */
    d /= deviation > 0.0 ? deviation : fabs((double)theirs->values[0]);
    ravel_set_check(set, d <= RAVEL_CONFORMANCE_BAR, what, "max %.1e of std (bar %g)", d,
                    RAVEL_CONFORMANCE_BAR);
}
