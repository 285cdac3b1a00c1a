/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Layers that treat every row alone and keep its shape: activations, Snake, gains, normalisation,
 * compression. All of them may work in place.
 */
#include <stdlib.h>

#include "nn/layer_impl.h"

typedef struct rowwise rowwise;

/* Makes n_rows rows of y from those of x. */
typedef void rowwise_map(const rowwise *layer, const float *x, float *y, int n_rows);

struct rowwise {
    ravel_layer base;
    rowwise_map *map;
    ravel_activation kind;
    float parameter;       /* alpha, slope or eps */
    float *first, *second; /* [channels]: alpha and its inverse, gamma and beta, or a gain */
};

static void rowwise_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    (void)state;
}

static void rowwise_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                         ravel_arena *scratch)
{
    const rowwise *self = (const rowwise *)layer;
    (void)scratch;
    for (int l = 0; l < n_lanes; l++) {
        lanes[l].n_out = lanes[l].n_in;
        if (lanes[l].n_in > 0) {
            self->map(self, lanes[l].in, lanes[l].out, lanes[l].n_in);
        }
    }
}

static size_t rowwise_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)layer;
    (void)max_in;
    (void)n_lanes;
    return 0;
}

static void rowwise_destroy(ravel_layer *layer)
{
    free(((rowwise *)layer)->first);
    free(((rowwise *)layer)->second);
    free(layer);
}

static const ravel_layer_ops rowwise_ops = {rowwise_reset, rowwise_push, rowwise_scratch_size,
                                            rowwise_destroy};

static rowwise *rowwise_new(const ravel_kernels *kernels, rowwise_map *map, int64_t channels,
                            ravel_error *error)
{
    if (channels < 1 || channels > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%lld channels are not in 1 ... %d",
                        (long long)channels, RAVEL_MAX_DIM);
        return NULL;
    }
    rowwise *self = ravel_layer_alloc(sizeof *self, &rowwise_ops, kernels, error);
    if (self != NULL) {
        self->map = map;
        self->base.in_channels = self->base.out_channels = (int)channels;
        self->base.in_place = true;
    }
    return self;
}

/* A layer with one vector of channels, checked by the caller to be there. */
static rowwise *vector_new(const ravel_kernels *kernels, rowwise_map *map,
                           const ravel_tensor *vector, ravel_error *error)
{
    rowwise *self = rowwise_new(kernels, map, (int64_t)ravel_tensor_count(vector), error);
    if (self == NULL) {
        return NULL;
    }
    self->first = ravel_tensor_floats(vector);
    if (self->first == NULL) {
        ravel_error_memory(error);
        rowwise_destroy(&self->base);
        return NULL;
    }
    self->base.weight_bytes = ravel_tensor_count(vector) * sizeof(float);
    return self;
}

static bool is_there(const ravel_tensor *tensor, const char *role, ravel_error *error)
{
    return ravel_tensor_has(tensor, role, tensor != NULL ? ravel_tensor_count(tensor) : 0, error);
}

static void clamp(const float *x, float *y, int n, float limit)
{
    for (int i = 0; i < n; i++) {
        const float above = x[i] < -limit ? -limit : x[i];
        y[i] = above > limit ? limit : above;
    }
}

static void map_activation(const rowwise *layer, const float *x, float *y, int n_rows)
{
    const ravel_kernels *kernels = layer->base.kernels;
    const int n = n_rows * layer->base.in_channels;
    switch (layer->kind) {
    case RAVEL_ELU:
        kernels->elu(x, y, n, layer->parameter);
        break;
    case RAVEL_LEAKY_RELU:
        kernels->leaky_relu(x, y, n, layer->parameter);
        break;
    case RAVEL_GELU:
        kernels->gelu(x, y, n);
        break;
    case RAVEL_SILU:
        kernels->silu(x, y, n);
        break;
    case RAVEL_TANH:
        kernels->tanh(x, y, n);
        break;
    case RAVEL_CLAMP:
        clamp(x, y, n, layer->parameter);
        break;
    }
}

ravel_layer *ravel_activation_new(const ravel_kernels *kernels, ravel_activation kind,
                                  float parameter, int channels, ravel_error *error)
{
    rowwise *self = rowwise_new(kernels, map_activation, channels, error);
    if (self == NULL) {
        return NULL;
    }
    self->kind = kind;
    self->parameter = parameter;
    return &self->base;
}

static void map_snake(const rowwise *layer, const float *x, float *y, int n_rows)
{
    layer->base.kernels->snake(x, layer->first, layer->second, y, n_rows, layer->base.in_channels);
}

/* [C], [1, C] or [1, C, 1] */
static bool is_vector(const ravel_tensor *tensor)
{
    return tensor->rank == 1 ||
           (tensor->shape[0] == 1 &&
            (tensor->rank == 2 || (tensor->rank == 3 && tensor->shape[2] == 1)));
}

ravel_layer *ravel_snake_new(const ravel_kernels *kernels, const ravel_tensor *alpha,
                             ravel_error *error)
{
    if (!is_there(alpha, "the alpha of Snake", error)) {
        return NULL;
    }
    if (!is_vector(alpha)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "tensor '%s' is not [C], [1, C] or [1, C, 1]",
                        alpha->name);
        return NULL;
    }
    rowwise *self = vector_new(kernels, map_snake, alpha, error);
    if (self == NULL) {
        return NULL;
    }
    self->second = ravel_tensor_floats(alpha);
    if (self->second == NULL) {
        ravel_error_memory(error);
        rowwise_destroy(&self->base);
        return NULL;
    }
    for (int c = 0; c < self->base.in_channels; c++) {
        self->second[c] = 1.0f / (self->first[c] + 1e-9f);
    }
    self->base.weight_bytes *= 2;
    return &self->base;
}

static void map_scale(const rowwise *layer, const float *x, float *y, int n_rows)
{
    layer->base.kernels->scale_channels(x, layer->first, y, n_rows, layer->base.in_channels);
}

ravel_layer *ravel_scale_new(const ravel_kernels *kernels, const ravel_tensor *gain,
                             ravel_error *error)
{
    if (!is_there(gain, "the gain of a scale", error)) {
        return NULL;
    }
    rowwise *self = vector_new(kernels, map_scale, gain, error);
    return self != NULL ? &self->base : NULL;
}

static void map_norm(const rowwise *layer, const float *x, float *y, int n_rows)
{
    layer->base.kernels->layer_norm(x, layer->first, layer->second, layer->parameter, y, n_rows,
                                    layer->base.in_channels);
}

ravel_layer *ravel_layer_norm_new(const ravel_kernels *kernels, const ravel_tensor *gamma,
                                  const ravel_tensor *beta, float eps, ravel_error *error)
{
    if (!is_there(gamma, "the weight of LayerNorm", error) ||
        !ravel_tensor_has(beta, "the bias of LayerNorm", ravel_tensor_count(gamma), error)) {
        return NULL;
    }
    if (!(eps > 0)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s: eps %g is not above 0", gamma->name,
                        (double)eps);
        return NULL;
    }
    rowwise *self = vector_new(kernels, map_norm, gamma, error);
    if (self == NULL) {
        return NULL;
    }
    self->parameter = eps;
    self->second = ravel_tensor_floats(beta);
    if (self->second == NULL) {
        ravel_error_memory(error);
        rowwise_destroy(&self->base);
        return NULL;
    }
    self->base.weight_bytes *= 2;
    return &self->base;
}

static void map_compress(const rowwise *layer, const float *x, float *y, int n_rows)
{
    const int bins = layer->base.in_channels / 2;
    for (int t = 0; t < n_rows; t++, x += 2 * bins, y += 2 * bins) {
        layer->base.kernels->compress(x, x + bins, layer->parameter, y, y + bins, bins);
    }
}

ravel_layer *ravel_compress_new(const ravel_kernels *kernels, int channels, float eps,
                                ravel_error *error)
{
    if (channels % 2 != 0 || !(eps > 0)) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "compression takes real and imaginary parts and eps above 0, "
                        "not %d channels and %g",
                        channels, (double)eps);
        return NULL;
    }
    rowwise *self = rowwise_new(kernels, map_compress, channels, error);
    if (self == NULL) {
        return NULL;
    }
    self->parameter = eps;
    return &self->base;
}
