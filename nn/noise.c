/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rows times white noise: a normal number for each row, a function of the row's number and the seed,
 * so that a decoder which draws noise (SNAC's noise blocks) still gives the same samples every time.
 */
#include <math.h>
#include <stdlib.h>

#include "nn/layer_impl.h"

typedef struct {
    ravel_layer base;
    uint64_t seed;
    float *values; /* [n_values] in the place of the numbers drawn, zeros after them; or NULL */
    size_t n_values;
} noise;

typedef struct {
    uint64_t n_rows; /* so far */
    uint64_t unused;
} noise_state;

static void noise_reset(const ravel_layer *layer, void *state)
{
    (void)layer;
    *(noise_state *)state = (noise_state){0};
}

/* The output of splitmix64 (Steele et al., OOPSLA 2014) number i. */
static uint64_t hash(uint64_t i)
{
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/*
 * Numbers first ... first + n - 1 (Box and Muller 1958): the radius by a uniform number in 0 ... 1
 * without 0, the cosine of a uniform angle. angle [n]: room.
 */
static void draw(const noise *self, uint64_t first, float *normal, float *angle, int n)
{
    const ravel_kernels *kernels = self->base.kernels;
    for (int i = 0; i < n; i++) {
        const uint64_t random = hash((self->seed << 40) + first + (uint64_t)i);
        normal[i] = (float)((random >> 40) + 1) * 0x1p-24f;
        angle[i] = (float)(random >> 16 & 0xffffff) * 0x1p-24f * 0x1.921fb6p+2f;
    }
    kernels->log(normal, normal, n);
    kernels->cos(angle, angle, n);
    for (int i = 0; i < n; i++) {
        normal[i] = sqrtf(-2.0f * normal[i]) * angle[i];
    }
}

static void look_up(const noise *self, uint64_t first, float *normal, int n)
{
    for (int i = 0; i < n; i++) {
        const uint64_t at = first + (uint64_t)i;
        normal[i] = at < self->n_values ? self->values[at] : 0.0f;
    }
}

static void noise_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                       ravel_arena *scratch)
{
    const noise *self = (const noise *)layer;
    const ptrdiff_t channels = layer->in_channels;
    for (int l = 0; l < n_lanes; l++) {
        const size_t mark = scratch->used;
        const int n = lanes[l].n_in;
        noise_state *state = lanes[l].state;
        float *normal = ravel_arena_take(scratch, (size_t)n * sizeof *normal);
        float *angle = ravel_arena_take(scratch, (size_t)n * sizeof *angle);
        if (self->values != NULL) {
            look_up(self, state->n_rows, normal, n);
        } else {
            draw(self, state->n_rows, normal, angle, n);
        }
        for (int t = 0; t < n; t++) {
            layer->kernels->scale(lanes[l].in + t * channels, normal[t],
                                  lanes[l].out + t * channels, layer->in_channels);
        }
        state->n_rows += (uint64_t)n;
        lanes[l].n_out = n;
        scratch->used = mark;
    }
}

static size_t noise_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    (void)layer;
    (void)n_lanes;
    return 2 * ravel_rows_bytes(1, max_in, 1);
}

static void noise_destroy(ravel_layer *layer)
{
    free(((noise *)layer)->values);
    free(layer);
}

static const ravel_layer_ops noise_ops = {noise_reset, noise_push, noise_scratch_size,
                                          noise_destroy};

static bool check(int seed, int channels, ravel_error *error)
{
    if (channels < 1 || channels > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%d channels are not in 1 ... %d", channels,
                        RAVEL_MAX_DIM);
        return false;
    }
    if (seed < 0 || seed > RAVEL_MAX_NOISE_SEED) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "the seed %d of noise is not in 0 ... %d", seed,
                        RAVEL_MAX_NOISE_SEED);
        return false;
    }
    return true;
}

ravel_layer *ravel_noise_new(const ravel_kernels *kernels, int seed, const ravel_tensor *values,
                             int channels, ravel_error *error)
{
    if (!check(seed, channels, error)) {
        return NULL;
    }
    noise *self = ravel_layer_alloc(sizeof *self, &noise_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    self->seed = (uint64_t)seed;
    self->base.in_channels = self->base.out_channels = channels;
    self->base.in_place = true;
    self->base.state_size = ravel_state_bytes(sizeof(noise_state));
    if (values == NULL) {
        return &self->base;
    }
    self->n_values = ravel_tensor_count(values);
    self->values = ravel_tensor_floats(values);
    if (self->values == NULL) {
        ravel_error_memory(error);
        noise_destroy(&self->base);
        return NULL;
    }
    self->base.weight_bytes = self->n_values * sizeof(float);
    return &self->base;
}
