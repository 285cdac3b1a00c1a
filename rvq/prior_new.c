/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a prior of weights that may come from a stranger. */
#include <stdlib.h>

#include "nn/layer_impl.h"
#include "rvq/layout.h"
#include "rvq/prior_impl.h"

enum { MAX_WIDTH = 1 << 14 }; /* of every row: products of two of them stay small */

/* Extent i of the tensor, 0 where it has none. */
static int extent(const ravel_tensor *tensor, int i)
{
    return i < tensor->rank ? tensor->shape[i] : 0;
}

static bool refuse(const ravel_tensor *tensor, int rows, int columns, ravel_error *error)
{
    ravel_error_set(error, RAVEL_ERR_MODEL, "%s is [%d, %d] where the prior takes [%d, %d]",
                    tensor->name, extent(tensor, 0), extent(tensor, 1), rows, columns);
    return false;
}

static bool check_matrix(const ravel_tensor *tensor, int rows, int columns, ravel_error *error)
{
    return (tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns) ||
           refuse(tensor, rows, columns, error);
}

static bool check_extent(const ravel_tensor *tensor, int i, int low, int high, ravel_error *error)
{
    if (tensor->rank == 2 && tensor->shape[i] >= low && tensor->shape[i] <= high) {
        return true;
    }
    ravel_error_set(error, RAVEL_ERR_MODEL, "%s: extent %d of %d is %d, not %d ... %d",
                    tensor->name, i + 1, tensor->rank, extent(tensor, i), low, high);
    return false;
}

static bool check_map(const ravel_prior_map *map, int n_in, int n_out, ravel_error *error)
{
    return check_matrix(map->weight, n_out, n_in, error) &&
           (map->bias == NULL || ravel_tensor_has(map->bias, "the prior", (size_t)n_out, error)) &&
           ravel_scale_fits(map->weight, map->scale, (size_t)n_out, error);
}

/* A map whose number of outputs is its own business. */
static bool check_free_map(const ravel_prior_map *map, int n_in, int most, ravel_error *error)
{
    return check_extent(map->weight, 0, 1, most, error) &&
           check_map(map, n_in, map->weight->shape[0], error);
}

static bool check_head(const ravel_prior_head *head, int width, int rank, bool last,
                       ravel_error *error)
{
    if (head->features->dtype == RAVEL_I8) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s may not be I8", head->features->name);
        return false;
    }
    return check_extent(head->features, 0, 2, RAVEL_MAX_CODEBOOK_SIZE, error) &&
           check_matrix(head->features, head->features->shape[0], rank, error) &&
           (last || check_map(&head->within, rank, width, error)) &&
           check_free_map(&head->hidden, width, MAX_WIDTH, error) &&
           check_free_map(&head->narrow, head->hidden.weight->shape[0], MAX_WIDTH, error) &&
           check_map(&head->logits, head->narrow.weight->shape[0], head->features->shape[0], error);
}

/* One row out for each row in, at once, of those before and at it. */
static bool check_trunk(const ravel_layer *trunk, ravel_error *error)
{
    const bool causal = trunk->up == 1 && trunk->down == 1 && trunk->extra_out == 0 &&
                        trunk->lookahead_in == 0 && trunk->lookahead_out == 0 &&
                        trunk->hold_rows == 0;
    if (causal && trunk->in_channels == trunk->out_channels && trunk->in_channels <= MAX_WIDTH) {
        return true;
    }
    ravel_error_set(error, RAVEL_ERR_MODEL,
                    "the trunk of a prior gives a row at once for each row, as wide as that and at "
                    "most %d: not %d rows of %d for %d of %d with a lookahead of %d",
                    MAX_WIDTH, trunk->up, trunk->out_channels, trunk->down, trunk->in_channels,
                    trunk->lookahead_in + trunk->lookahead_out);
    return false;
}

static bool check(const ravel_prior_spec *spec, ravel_error *error)
{
    const int n = spec->n_codebooks;
    if (n < 1 || n > RAVEL_MAX_CODEBOOKS) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "a prior of %d codebooks", n);
        return false;
    }
    if (!check_trunk(spec->trunk, error) ||
        !check_extent(spec->head[0].features, 1, 1, MAX_WIDTH / RAVEL_MAX_CODEBOOKS, error)) {
        return false;
    }
    const int width = spec->trunk->in_channels, rank = spec->head[0].features->shape[1];
    for (int k = 0; k < n; k++) {
        if (!check_head(&spec->head[k], width, rank, k + 1 == n, error)) {
            return false;
        }
    }
    return check_map(&spec->embed, n * rank, width, error) &&
           ravel_tensor_has(spec->start, "the prior", (size_t)width, error) &&
           ravel_tensor_has(spec->rate, "the prior", (size_t)n * (size_t)width, error);
}

static bool pack_map(ravel_matrix *matrix, const ravel_prior_map *map)
{
    return ravel_matrix_pack_linear(matrix, map->weight->shape[1], map->weight->shape[0],
                                    map->weight, map->bias, map->scale) == 0;
}

static bool pack_head(ravel_prior_net *net, const ravel_prior_head *head, bool last)
{
    net->features = ravel_tensor_floats(head->features);
    return net->features != NULL && (last || pack_map(&net->within, &head->within)) &&
           pack_map(&net->hidden, &head->hidden) && pack_map(&net->narrow, &head->narrow) &&
           pack_map(&net->logits, &head->logits);
}

static bool pack(ravel_prior *prior, const ravel_prior_spec *spec)
{
    prior->start = ravel_tensor_floats(spec->start);
    prior->rate = ravel_tensor_floats(spec->rate);
    bool packed =
        prior->start != NULL && prior->rate != NULL && pack_map(&prior->embed, &spec->embed);
    for (int k = 0; packed && k < spec->n_codebooks; k++) {
        packed = pack_head(&prior->head[k], &spec->head[k], k + 1 == spec->n_codebooks);
    }
    return packed;
}

ravel_prior *ravel_prior_new(const ravel_kernels *kernels, const ravel_prior_spec *spec,
                             ravel_error *error)
{
    ravel_prior *prior = NULL;
    if (check(spec, error)) {
        prior = calloc(1, sizeof *prior);
        if (prior == NULL) {
            ravel_error_memory(error);
        }
    }
    if (prior == NULL) {
        ravel_layer_destroy(spec->trunk);
        return NULL;
    }
    prior->kernels = kernels;
    prior->n_codebooks = spec->n_codebooks;
    prior->width = spec->trunk->in_channels;
    prior->rank = spec->head[0].features->shape[1];
    prior->trunk = spec->trunk;
    if (!pack(prior, spec)) {
        ravel_prior_free(prior);
        ravel_error_memory(error);
        return NULL;
    }
    return prior;
}

void ravel_prior_free(ravel_prior *prior)
{
    if (prior == NULL) {
        return;
    }
    for (int k = 0; k < prior->n_codebooks; k++) {
        ravel_prior_net *net = &prior->head[k];
        free(net->features);
        ravel_matrix_free(&net->within);
        ravel_matrix_free(&net->hidden);
        ravel_matrix_free(&net->narrow);
        ravel_matrix_free(&net->logits);
    }
    ravel_matrix_free(&prior->embed);
    free(prior->start);
    free(prior->rate);
    ravel_layer_destroy(prior->trunk);
    free(prior);
}
