/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Speed of the matrix product: 10^9 multiply-adds a second by shape, weight type and variant, its
 * share of what the core's multiply-adders do at that moment, and the bytes of weights read.
 *
 *     bench_matmul [VARIANT]
 *
 * Both are timed in turns, in processor time, and the best of each is taken: what else runs on the
 * machine slows both. Small products use weights of WORKING_SET bytes in turn, as the layers of a
 * model do, so that they come from where a model's come from.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nn/kernels.h"
#include "tools/peak.h"

enum { WORKING_SET = 6 << 20, TURNS = 15, MAX_ROWS = 128, MAX_SIDE = 768 };

typedef struct {
    int n_rows, n_in, n_out;
} shape;

static const shape shapes[] = {
    {1, 256, 768},  {2, 256, 768},  {3, 256, 768},  {4, 256, 768},  {8, 256, 768},
    {16, 256, 768}, {32, 256, 768}, {64, 256, 768}, {64, 768, 256}, {128, 768, 768},
    {1, 768, 256},  {2, 768, 256},  {64, 7, 32},    {64, 224, 1},   {128, 64, 64},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static ptrdiff_t row_major(const void *n_in, int k, int n)
{
    return (ptrdiff_t)n * *(const int *)n_in + k;
}

/* Returns how many matrices were made, or 0 without memory. */
static int make_matrices(ravel_matrix **matrices, const shape *s, ravel_dtype dtype)
{
    static uint8_t zeros[MAX_SIDE * MAX_SIDE * 4];
    static const float ones[MAX_SIDE] = {1.0f};
    const ravel_tensor weight = {"w", zeros, dtype, 2, {s->n_out, s->n_in}};
    const ravel_tensor scale = {"s", ones, RAVEL_F32, 1, {s->n_out}};
    const size_t bytes = (size_t)s->n_in * (size_t)s->n_out * ravel_dtype_size(dtype);
    const int n = (int)(WORKING_SET / bytes) + 1;
    *matrices = calloc((size_t)n, sizeof **matrices);
    for (int i = 0; *matrices != NULL && i < n; i++) {
        if (ravel_matrix_pack(*matrices + i, s->n_in, s->n_out, &weight, row_major, &s->n_in,
                              &scale, NULL, NULL) < 0) {
            return 0;
        }
    }
    return *matrices != NULL ? n : 0;
}

static void measure(const ravel_kernels *kernels, const shape *s, ravel_dtype dtype,
                    const char *type_name)
{
    static float x[MAX_ROWS * MAX_SIDE], y[MAX_ROWS * MAX_SIDE];
    const float *row[MAX_ROWS];
    for (int m = 0; m < s->n_rows; m++) {
        row[m] = x + (ptrdiff_t)m * s->n_in;
    }
    const ravel_rows rows = {row, s->n_rows, 1, s->n_in, s->n_in};
    ravel_matrix *matrices;
    const int n_matrices = make_matrices(&matrices, s, dtype);
    const double macs = (double)s->n_rows * s->n_in * s->n_out;
    const int n_calls = (int)((strcmp(kernels->name, "c") == 0 ? 2e6 : 6e7) / macs) + 1;
    double best = 0.0, best_peak = 0.0;
    for (int turn = 0, next = 0; turn < TURNS && n_matrices > 0; turn++) {
        double start = now();
        const double peak = ravel_peak_run(kernels->name, 20000) / (now() - start);
        start = now();
        for (int i = 0; i < n_calls; i++, next = (next + 1) % n_matrices) {
            kernels->matmul(matrices + next, &rows, y, s->n_out, 0);
        }
        const double rate = n_calls * macs / (now() - start);
        best = rate > best ? rate : best;
        best_peak = peak > best_peak ? peak : best_peak;
    }
    printf("%-7s %4d %5d %5d  %-4s %8.2f GMAC/s %5.1f %% of peak %7.2f GB/s\n", kernels->name,
           s->n_rows, s->n_in, s->n_out, type_name, best * 1e-9, 100.0 * best / best_peak,
           best * 1e-9 / s->n_rows * (double)ravel_dtype_size(dtype));
    for (int i = 0; i < n_matrices; i++) {
        ravel_matrix_free(matrices + i);
    }
    free(matrices);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"avx512", "avx2", "neon", "c"};
    static const char *const type_names[] = {"f32", "f16", "bf16", "i8"};
    for (size_t v = 0; v < sizeof names / sizeof names[0]; v++) {
        const ravel_kernels *kernels = ravel_kernels_named(names[v]);
        if (kernels == NULL || (argc > 1 && strcmp(argv[1], names[v]) != 0)) {
            continue;
        }
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            for (int type = RAVEL_F32; type <= RAVEL_I8; type++) {
                measure(kernels, shapes + i, (ravel_dtype)type, type_names[type]);
            }
        }
    }
    return 0;
}
