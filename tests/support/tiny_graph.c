/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/tiny_graph.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model_write.h"

ravel_tiny *ravel_tiny_begin(uint32_t seed)
{
    ravel_tiny *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->seed = seed;
    return t;
}

void ravel_tiny_text(ravel_tiny *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    t->length +=
        (size_t)vsnprintf(t->text + t->length, RAVEL_TINY_TEXT - t->length, format, arguments);
    va_end(arguments);
    if (t->length >= RAVEL_TINY_TEXT)
        abort();
}

/* Evenly in -1 ... 1. */
static float next_random(ravel_tiny *t)
{
    t->seed = t->seed * 1664525u + 1013904223u;
    return (float)((int32_t)(t->seed >> 24) - 128) / 128.0f;
}

/* Towards zero; what would be a denormal becomes 0. */
static uint16_t to_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u;
    int exponent = (int)(bits >> 23 & 255u) - 112;
    return (uint16_t)(exponent <= 0 ? sign
                                    : sign | (uint32_t)exponent << 10 | (bits >> 13 & 1023u));
}

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static void store(void *data, ravel_dtype dtype, size_t i, float x)
{
    switch (dtype) {
    case RAVEL_F32:
        ((float *)data)[i] = x;
        break;
    case RAVEL_F16:
        ((uint16_t *)data)[i] = to_f16(x);
        break;
    case RAVEL_BF16:
        ((uint16_t *)data)[i] = to_bf16(x);
        break;
    case RAVEL_I8:
        ((int8_t *)data)[i] = (int8_t)(x * 100.0f);
        break;
    }
}

void ravel_tiny_tensor(ravel_tiny *t, ravel_dtype dtype, float centre, float spread,
                       const int shape[4], const char *name, const char *suffix)
{
    char full[120];
    ravel_tensor *tensor = &t->tensors[t->n_tensors++];
    if (t->n_tensors > RAVEL_TINY_TENSORS)
        abort();
    size_t n = 1;
    memset(tensor, 0, sizeof *tensor);
    tensor->dtype = dtype;
    while (tensor->rank < 4 && shape[tensor->rank] > 0) {
        tensor->shape[tensor->rank] = shape[tensor->rank];
        n *= (size_t)shape[tensor->rank++];
    }
    (void)snprintf(full, sizeof full, "%s.%s", name, suffix);
    tensor->name = strdup(full);
    void *data = malloc(n * ravel_dtype_size(dtype));
    if (!tensor->name || !data)
        abort();
    for (size_t i = 0; i < n; i++)
        store(data, dtype, i, centre + spread * next_random(t));
    tensor->data = data;
}

void ravel_tiny_weights(ravel_tiny *t, ravel_dtype dtype, const char *name, const char *prefix,
                        const int shape[4], int n_out, int fan_in)
{
    char suffix[40];
    float spread = sqrtf(3.0f / (float)fan_in);
    (void)snprintf(suffix, sizeof suffix, "%sweight", prefix);
    ravel_tiny_tensor(t, dtype, 0.0f, dtype == RAVEL_I8 ? 1.0f : spread, shape, name, suffix);
    (void)snprintf(suffix, sizeof suffix, "%sbias", prefix);
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 0.1f, (int[4]){n_out}, name, suffix);
    if (dtype != RAVEL_I8)
        return;
    (void)snprintf(suffix, sizeof suffix, "%sscale", prefix);
    ravel_tiny_tensor(t, RAVEL_F32, spread / 100.0f, 0.0f, (int[4]){n_out}, name, suffix);
}

void ravel_tiny_conv(ravel_tiny *t, ravel_dtype dtype, const char *name, int n_out, int n_in, int k,
                     const char *fields)
{
    ravel_tiny_weights(t, dtype, name, "", (int[4]){n_out, n_in, k}, n_out, n_in * k);
    ravel_tiny_text(t, "{\"type\":\"conv\",\"name\":\"%s\"%s}", name, fields);
}

void ravel_tiny_conv_transpose(ravel_tiny *t, const char *name, int n_in, int n_out, int k,
                               int stride, const char *fields)
{
    ravel_tiny_weights(t, RAVEL_F32, name, "", (int[4]){n_in, n_out, k}, n_out, n_in * k / stride);
    ravel_tiny_text(t, "{\"type\":\"conv_transpose\",\"name\":\"%s\",\"stride\":%d%s}", name,
                    stride, fields);
}

void ravel_tiny_layer_norm(ravel_tiny *t, const char *name, int channels)
{
    ravel_tiny_tensor(t, RAVEL_F32, 1.0f, 0.1f, (int[4]){channels}, name, "weight");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 0.1f, (int[4]){channels}, name, "bias");
    ravel_tiny_text(t, "{\"type\":\"layer_norm\",\"name\":\"%s\",\"eps\":1e-6}", name);
}

void ravel_tiny_codebooks(ravel_tiny *t, int n, int size, int dim)
{
    ravel_tiny_text(t, "{\"type\":\"residual\",\"stages\":[");
    for (int i = 0; i < n; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "rvq.%d", i);
        ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 1.5f / (float)(1 + i), (int[4]){size, dim}, name,
                          "codebook.weight");
        ravel_tiny_text(t, "%s{\"type\":\"codebook\",\"name\":\"%s\"}", i ? "," : "", name);
    }
    ravel_tiny_text(t, "]}");
}

void ravel_tiny_factorised_codebooks(ravel_tiny *t, int n, int size, int dim, int inner)
{
    ravel_tiny_text(t, "{\"type\":\"residual\",\"stages\":[");
    for (int i = 0; i < n; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "rvq.%d", i);
        ravel_tiny_weights(t, RAVEL_F16, name, "in_proj.", (int[4]){inner, dim}, inner, dim);
        ravel_tiny_weights(t, RAVEL_F16, name, "out_proj.", (int[4]){dim, inner}, dim, inner);
        ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 1.0f, (int[4]){size, inner}, name, "codebook.weight");
        ravel_tiny_text(t,
                        "%s{\"type\":\"projected\",\"name\":\"%s\",\"inner\":"
                        "{\"type\":\"codebook\",\"name\":\"%s\",\"search\":\"cosine\"}}",
                        i ? "," : "", name, name);
    }
    ravel_tiny_text(t, "]}");
}

void ravel_tiny_header(ravel_tiny *t, const char *name, int rate_hz, int channels, int hop,
                       int tail)
{
    ravel_tiny_text(t,
                    "{\"format\":1,\"name\":\"%s\",\"licence\":\"BSD-3-Clause\",\"sample_rate\":%d,"
                    "\"channels\":%d,\"hop\":%d,\"tail\":%d,\"encoder\":",
                    name, rate_hz, channels, hop, tail);
}

void *ravel_tiny_finish(ravel_tiny *t, size_t *size)
{
    void *file = NULL;
    cJSON *graph = cJSON_Parse(t->text);
    if (!graph)
        abort();
    (void)ravel_model_write(graph, t->tensors, t->n_tensors, &file, size, NULL);
    cJSON_Delete(graph);
    for (size_t i = 0; i < t->n_tensors; i++) {
        free((void *)t->tensors[i].name);
        free((void *)t->tensors[i].data);
    }
    free(t);
    return file;
}
