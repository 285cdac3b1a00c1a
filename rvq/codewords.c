/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/codewords.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int ravel_codewords_copy(ravel_codewords *codewords, const ravel_tensor *t, ravel_search search)
{
    const size_t bytes = ravel_tensor_count(t) * ravel_dtype_size(t->dtype);
    void *data = malloc(bytes);
    if (!data)
        return RAVEL_ERR_MEMORY;
    memcpy(data, t->data, bytes);
    codewords->search = search;
    codewords->stored = *t;
    codewords->stored.data = data;
    codewords->stored.name = NULL;
    return RAVEL_OK;
}

void ravel_codewords_free(ravel_codewords *codewords)
{
    free((void *)codewords->stored.data);
}

void ravel_codeword(const ravel_codewords *codewords, int code, float *y)
{
    const ravel_tensor *t = &codewords->stored;
    const size_t dim = (size_t)t->shape[1], first = (size_t)code * dim;
    if (t->dtype == RAVEL_F32) {
        memcpy(y, (const float *)t->data + first, dim * sizeof *y);
        return;
    }
    for (size_t k = 0; k < dim; k++) {
        y[k] = ravel_tensor_get(t, first + k);
    }
}

/* |e|^2: dimensions in increasing order, fused multiply-adds. */
static float squared_norm(const float *e, int dim)
{
    float sum = 0.0f;
    for (int k = 0; k < dim; k++) {
        sum = fmaf(e[k], e[k], sum);
    }
    return sum;
}

/* The length is bounded below as in torch.nn.functional.normalize. */
static void normalise(float *e, int dim)
{
    const float length = sqrtf(squared_norm(e, dim)), norm = length > 1e-12f ? length : 1e-12f;
    for (int k = 0; k < dim; k++) {
        e[k] /= norm;
    }
}

void ravel_codeword_searched(const ravel_codewords *codewords, int code, float *e)
{
    ravel_codeword(codewords, code, e);
    if (codewords->search == RAVEL_SEARCH_COSINE)
        normalise(e, codewords->stored.shape[1]);
}

float ravel_codeword_bias(const ravel_codewords *codewords, const float *e)
{
    const bool cosine = codewords->search == RAVEL_SEARCH_COSINE;
    return cosine ? 0.0f : -0.5f * squared_norm(e, codewords->stored.shape[1]);
}
