/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/matrix.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "ravel/ravel.h"

static size_t padded(int n_out)
{
    return ((size_t)n_out + RAVEL_PANEL - 1) / RAVEL_PANEL * RAVEL_PANEL;
}

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

/*
 * A step reads all weights from end to end; in pages of 4 KB a good part of its time goes into finding
 * where these lie. So large matrices wish for large pages.
 */
static void *alloc_aligned(size_t bytes)
{
#ifdef MADV_HUGEPAGE
    void *memory;
    if (bytes >= HUGE_PAGE) {
        if (posix_memalign(&memory, HUGE_PAGE, bytes) != 0) {
            return NULL;
        }
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
        return memory;
    }
#endif
    return aligned_alloc(LINE, bytes);
}

/* 64-byte aligned and zeroed; NULL without memory or where the size does not fit. */
static void *alloc_zeroed(size_t count, size_t n_in, size_t element_size)
{
    if (n_in > (size_t)PTRDIFF_MAX / 2 / element_size / count) {
        return NULL;
    }
    const size_t bytes = (count * n_in * element_size + LINE - 1) / LINE * LINE;
    void *memory = alloc_aligned(bytes);
    return memory != NULL ? memset(memory, 0, bytes) : NULL;
}

/* Sizes that are known at each copy, so that none is a call: there are millions of them. */
static inline void copy_element(char *to, const char *from, size_t size)
{
    if (size == 4) {
        memcpy(to, from, 4);
    } else if (size == 2) {
        memcpy(to, from, 2);
    } else {
        *to = *from;
    }
}

static void pack_panels(ravel_matrix *matrix, const ravel_tensor *weight, ravel_weight_index *index,
                        const void *context)
{
    const size_t size = ravel_dtype_size(matrix->dtype);
    for (int n = 0; n < matrix->n_out; n++) {
        const size_t panel = (size_t)(n / RAVEL_PANEL);
        char *column =
            (char *)matrix->panels +
            (panel * (size_t)matrix->n_in * RAVEL_PANEL + (size_t)(n % RAVEL_PANEL)) * size;
        for (int k = 0; k < matrix->n_in; k++) {
            const ptrdiff_t i = index(context, k, n);
            if (i >= 0) {
                copy_element(column + (size_t)k * RAVEL_PANEL * size,
                             (const char *)weight->data + (size_t)i * size, size);
            }
        }
    }
}

static void pack_row(float *row, int n_out, const ravel_tensor *values, const int *source_of_n)
{
    for (int n = 0; n < n_out; n++) {
        row[n] = ravel_tensor_get(values, (size_t)(source_of_n != NULL ? source_of_n[n] : n));
    }
}

/* The panels come first: the others fit wherever they do. */
static bool alloc_parts(ravel_matrix *matrix)
{
    const size_t n_out = padded(matrix->n_out);
    const size_t size = ravel_dtype_size(matrix->dtype);
    matrix->panels = alloc_zeroed(n_out, (size_t)matrix->n_in, size);
    if (matrix->panels == NULL) {
        return false;
    }
    matrix->bias = alloc_zeroed(n_out, 1, sizeof(float));
    matrix->scale = matrix->dtype == RAVEL_I8 ? alloc_zeroed(n_out, 1, sizeof(float)) : NULL;
    return matrix->bias != NULL && (matrix->scale != NULL || matrix->dtype != RAVEL_I8);
}

int ravel_matrix_pack(ravel_matrix *matrix, int n_in, int n_out, const ravel_tensor *weight,
                      ravel_weight_index *index, const void *context, const ravel_tensor *scale,
                      const ravel_tensor *bias, const int *source_of_n)
{
    *matrix = (ravel_matrix){.n_in = n_in, .n_out = n_out, .dtype = weight->dtype};
    if (!alloc_parts(matrix)) {
        ravel_matrix_free(matrix);
        return RAVEL_ERR_MEMORY;
    }
    pack_panels(matrix, weight, index, context);
    if (bias != NULL) {
        pack_row(matrix->bias, n_out, bias, source_of_n);
    }
    if (matrix->scale != NULL) {
        pack_row(matrix->scale, n_out, scale, source_of_n);
    }
    return 0;
}

ravel_matrix ravel_matrix_outputs(const ravel_matrix *matrix, int first, int n)
{
    ravel_matrix part = *matrix;
    const size_t skipped = (size_t)first * (size_t)matrix->n_in;
    part.n_out = n;
    part.panels = (char *)matrix->panels + skipped * ravel_dtype_size(matrix->dtype);
    part.scale = matrix->scale != NULL ? matrix->scale + first : NULL;
    part.bias = matrix->bias + first;
    return part;
}

void ravel_matrix_free(ravel_matrix *matrix)
{
    free(matrix->panels);
    free(matrix->scale);
    free(matrix->bias);
    *matrix = (ravel_matrix){0};
}

size_t ravel_matrix_bytes(const ravel_matrix *matrix)
{
    const size_t rows = matrix->scale != NULL ? 2 : 1;
    return padded(matrix->n_out) *
           ((size_t)matrix->n_in * ravel_dtype_size(matrix->dtype) + rows * sizeof(float));
}
