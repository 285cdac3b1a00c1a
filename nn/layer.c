/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/layer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layer_impl.h"

int ravel_layer_max_out(const ravel_layer *layer, int n_in)
{
    const int64_t rows =
        ((int64_t)n_in * layer->up + layer->down - 1) / layer->down + layer->extra_out;
    return rows > INT_MAX ? INT_MAX : (int)rows;
}

void ravel_layer_reset(const ravel_layer *layer, void *state)
{
    layer->ops->reset(layer, state);
}

void ravel_layer_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    layer->ops->push(layer, lanes, n_lanes, scratch);
}

size_t ravel_layer_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    return layer->ops->scratch_size(layer, max_in, n_lanes);
}

void ravel_layer_destroy(ravel_layer *layer)
{
    if (layer != NULL) {
        layer->ops->destroy(layer);
    }
}

void *ravel_layer_alloc(size_t size, const ravel_layer_ops *ops, const ravel_kernels *kernels,
                        ravel_error *error)
{
    ravel_layer *layer = calloc(1, size);
    if (layer == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    layer->ops = ops;
    layer->kernels = kernels;
    layer->up = layer->down = 1;
    return layer;
}

size_t ravel_state_bytes(size_t bytes)
{
    return ravel_size_add(bytes, 15) & ~(size_t)15;
}

bool ravel_tensor_has(const ravel_tensor *tensor, const char *role, size_t count,
                      ravel_error *error)
{
    if (tensor == NULL) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s is missing", role);
        return false;
    }
    if (ravel_tensor_count(tensor) != count) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s has %zu elements where %s takes %zu",
                        tensor->name, ravel_tensor_count(tensor), role, count);
        return false;
    }
    return true;
}

bool ravel_scale_fits(const ravel_tensor *weight, const ravel_tensor *scale, size_t n,
                      ravel_error *error)
{
    if (weight->dtype == RAVEL_I8) {
        return ravel_tensor_has(scale, "the scale of an I8 weight", n, error);
    }
    if (scale != NULL) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s is not I8 and may not have the scale %s",
                        weight->name, scale->name);
        return false;
    }
    return true;
}

float *ravel_tensor_floats(const ravel_tensor *tensor)
{
    const size_t count = ravel_tensor_count(tensor);
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++) {
        values[i] = ravel_tensor_get(tensor, i);
    }
    return values;
}

static ptrdiff_t linear_index(const void *context, int k, int n)
{
    const int *n_in = context;
    return (ptrdiff_t)n * *n_in + k;
}

int ravel_matrix_pack_linear(ravel_matrix *matrix, int n_in, int n_out, const ravel_tensor *weight,
                             const ravel_tensor *bias, const ravel_tensor *scale)
{
    return ravel_matrix_pack(matrix, n_in, n_out, weight, linear_index, &n_in, scale, bias, NULL);
}

int ravel_lanes_count_in(const ravel_lane *lanes, int n_lanes)
{
    int count = 0;
    for (int l = 0; l < n_lanes; l++) {
        count += lanes[l].n_in;
    }
    return count;
}

int ravel_lanes_count_out(const ravel_lane *lanes, int n_lanes)
{
    int count = 0;
    for (int l = 0; l < n_lanes; l++) {
        count += lanes[l].n_out;
    }
    return count;
}

const float **ravel_lanes_rows(const ravel_lane *lanes, int n_lanes, int width,
                               ravel_arena *scratch)
{
    const size_t count = (size_t)ravel_lanes_count_in(lanes, n_lanes);
    const float **rows = ravel_arena_take(scratch, count * sizeof *rows);
    const float **next = rows;
    for (int l = 0; l < n_lanes; l++) {
        for (int t = 0; t < lanes[l].n_in; t++) {
            *next++ = lanes[l].in + (ptrdiff_t)t * width;
        }
    }
    return rows;
}

/* The first lane's output if all rows, written from there on, fall into their places, or NULL. */
static float *common_place(const ravel_lane *lanes, int n_lanes, int width)
{
    float *first = NULL, *next = NULL;
    for (int l = 0; l < n_lanes; l++) {
        if (lanes[l].n_out == 0) {
            continue;
        }
        if (first == NULL) {
            first = lanes[l].out;
        } else if (lanes[l].out != next) {
            return NULL;
        }
        next = lanes[l].out + (ptrdiff_t)lanes[l].n_out * width;
    }
    return first;
}

float *ravel_lanes_target(const ravel_lane *lanes, int n_lanes, int width, ravel_arena *scratch)
{
    float *place = common_place(lanes, n_lanes, width);
    if (place != NULL) {
        return place;
    }
    const size_t rows = (size_t)ravel_lanes_count_out(lanes, n_lanes);
    return ravel_arena_take(scratch, rows * (size_t)width * sizeof(float));
}

void ravel_lanes_deliver(const ravel_lane *lanes, int n_lanes, int width, const float *rows)
{
    if (common_place(lanes, n_lanes, width) == rows) {
        return;
    }
    for (int l = 0; l < n_lanes; l++) {
        const size_t count = (size_t)lanes[l].n_out * (size_t)width;
        if (count > 0) {
            memcpy(lanes[l].out, rows, count * sizeof(float));
        }
        rows += count;
    }
}

size_t ravel_lanes_target_bytes(int n_lanes, int rows, int width)
{
    return n_lanes > 1 ? ravel_rows_bytes(n_lanes, rows, width) : 0;
}
