/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/tables.h"

#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "rvq/frequencies.h"

typedef struct {
    int size, rank; /* rank 0: by itself only */
    float *logits;  /* [size] */
    float *from;    /* [size of the codebook before][rank] */
    ravel_matrix to;
} table;

struct ravel_tables {
    const ravel_kernels *kernels;
    int n_codebooks;
    size_t bytes;
    table of[RAVEL_MAX_CODEBOOKS];
};

void ravel_tables_logits(const ravel_tables *tables, int codebook, const uint16_t *before,
                         ptrdiff_t stride, int n, float *logits)
{
    const table *t = &tables->of[codebook];
    const float *row[RAVEL_TABLES_MAX_ROWS];
    const ravel_rows rows = {.row = row, .n_rows = n, .taps = 1, .width = t->rank};
    if (t->rank == 0) {
        for (int i = 0; i < n; i++) {
            memcpy(logits + (ptrdiff_t)i * t->size, t->logits, (size_t)t->size * sizeof *logits);
        }
        return;
    }
    for (int i = 0; i < n; i++) {
        row[i] = t->from + (ptrdiff_t)before[i * stride] * t->rank;
    }
    tables->kernels->matmul(&t->to, &rows, logits, t->size, 0);
}

size_t ravel_tables_bytes(const ravel_tables *tables)
{
    return tables->bytes;
}

/* --- Construction --------------------------------------------------------------------------- */

static int check_shape(const ravel_tensor *tensor, int rows, int columns, ravel_error *error)
{
    const int rank = columns > 0 ? 2 : 1;
    if (tensor->dtype == RAVEL_I8) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "table %s: I8 is not supported",
                               tensor->name);
    }
    if (tensor->rank != rank || tensor->shape[0] != rows ||
        (rank == 2 && tensor->shape[1] != columns)) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "table %s: not %d x %d in %d dimensions",
                               tensor->name, rows, columns > 0 ? columns : 1, rank);
    }
    return RAVEL_OK;
}

static int check(const ravel_table_spec *spec, const int *size, int codebook, ravel_error *error)
{
    if (size[codebook] > RAVEL_FREQUENCIES_MAX_SYMBOLS) {
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "tables for codebook %d of %d codewords; %d at most", codebook,
                               size[codebook], RAVEL_FREQUENCIES_MAX_SYMBOLS);
    }
    int status = check_shape(spec->logits, size[codebook], 0, error);
    if (status || (!spec->from && !spec->to))
        return status;
    if (codebook == 0 || !spec->from || !spec->to) {
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "tables of codebook %d: 'from' and 'to' belong together, and to a "
                               "codebook after the first",
                               codebook);
    }
    const int rank = spec->to->rank == 2 ? spec->to->shape[1] : 0;
    if (rank < 1 || rank > RAVEL_TABLES_MAX_RANK) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "table %s: not of rank 1 to %d",
                               spec->to->name, RAVEL_TABLES_MAX_RANK);
    }
    status = check_shape(spec->to, size[codebook], rank, error);
    return status ? status : check_shape(spec->from, size[codebook - 1], rank, error);
}

/* The tensor's values as floats, or NULL without memory. */
static float *widen(const ravel_tensor *tensor, size_t *bytes)
{
    const size_t n = ravel_tensor_count(tensor);
    float *values = malloc(n * sizeof *values);
    for (size_t i = 0; values && i < n; i++) {
        values[i] = ravel_tensor_get(tensor, i);
    }
    *bytes += n * sizeof *values;
    return values;
}

/* context: the tensor [size, rank] */
static ptrdiff_t element(const void *context, int k, int n)
{
    return (ptrdiff_t)n * ((const ravel_tensor *)context)->shape[1] + k;
}

static int build(ravel_tables *tables, const ravel_table_spec *spec, int size)
{
    table *t = &tables->of[tables->n_codebooks++];
    t->size = size;
    t->logits = widen(spec->logits, &tables->bytes);
    if (!t->logits)
        return RAVEL_ERR_MEMORY;
    if (!spec->to)
        return RAVEL_OK;
    t->rank = spec->to->shape[1];
    t->from = widen(spec->from, &tables->bytes);
    if (!t->from)
        return RAVEL_ERR_MEMORY;
    const int status = ravel_matrix_pack(&t->to, t->rank, size, spec->to, element, spec->to, NULL,
                                         spec->logits, NULL);
    tables->bytes += ravel_matrix_bytes(&t->to);
    return status;
}

ravel_tables *ravel_tables_new(const ravel_kernels *kernels, const ravel_table_spec *specs,
                               const int *codebook_size, int n_codebooks, ravel_error *error)
{
    for (int k = 0; k < n_codebooks; k++) {
        if (check(&specs[k], codebook_size, k, error))
            return NULL;
    }
    ravel_tables *tables = calloc(1, sizeof *tables);
    int status = tables ? RAVEL_OK : RAVEL_ERR_MEMORY;
    for (int k = 0; !status && k < n_codebooks; k++) {
        status = build(tables, &specs[k], codebook_size[k]);
    }
    if (status) {
        ravel_tables_free(tables);
        ravel_error_memory(error);
        return NULL;
    }
    tables->kernels = kernels;
    return tables;
}

void ravel_tables_free(ravel_tables *tables)
{
    if (!tables)
        return;
    for (int k = 0; k < tables->n_codebooks; k++) {
        free(tables->of[k].logits);
        free(tables->of[k].from);
        ravel_matrix_free(&tables->of[k].to);
    }
    free(tables);
}
