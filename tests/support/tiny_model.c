/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/tiny_model.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model_write.h"
#include "codec/sha256.h"

enum { MAX_TENSORS = 200, MAX_TEXT = 20000 };

/* A model file in the making: the text of its graph, and its tensors. */
typedef struct {
    char text[MAX_TEXT];
    size_t length;
    ravel_tensor tensors[MAX_TENSORS];
    size_t n_tensors;
    uint32_t seed;
} tiny;

static void add_text(tiny *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_text(tiny *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    t->length += (size_t)vsnprintf(t->text + t->length, MAX_TEXT - t->length, format, arguments);
    va_end(arguments);
    if (t->length >= MAX_TEXT)
        abort();
}

/* Evenly in -1 ... 1. */
static float next_random(tiny *t)
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

/* Values of centre +/- spread. The shape ends at the first 0. */
static void add_tensor(tiny *t, ravel_dtype dtype, float centre, float spread, const int shape[4],
                       const char *name, const char *suffix)
{
    char full[120];
    ravel_tensor *tensor = &t->tensors[t->n_tensors++];
    if (t->n_tensors > MAX_TENSORS)
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

/* Weights of a layer of `fan_in` inputs that keep the level, with a bias, and scales for I8. */
static void add_weights(tiny *t, ravel_dtype dtype, const char *name, const char *prefix,
                        const int shape[4], int n_out, int fan_in)
{
    char suffix[40];
    float spread = sqrtf(3.0f / (float)fan_in);
    (void)snprintf(suffix, sizeof suffix, "%sweight", prefix);
    add_tensor(t, dtype, 0.0f, dtype == RAVEL_I8 ? 1.0f : spread, shape, name, suffix);
    (void)snprintf(suffix, sizeof suffix, "%sbias", prefix);
    add_tensor(t, RAVEL_F32, 0.0f, 0.1f, (int[4]){n_out}, name, suffix);
    if (dtype != RAVEL_I8)
        return;
    (void)snprintf(suffix, sizeof suffix, "%sscale", prefix);
    add_tensor(t, RAVEL_F32, spread / 100.0f, 0.0f, (int[4]){n_out}, name, suffix);
}

/* [out, in / groups, k]; `fields` is JSON for the node, beginning with a comma, or "" */
static void conv(tiny *t, ravel_dtype dtype, const char *name, int n_out, int n_in, int k,
                 const char *fields)
{
    add_weights(t, dtype, name, "", (int[4]){n_out, n_in, k}, n_out, n_in * k);
    add_text(t, "{\"type\":\"conv\",\"name\":\"%s\"%s}", name, fields);
}

static void conv_transpose(tiny *t, const char *name, int n_in, int n_out, int k, int stride,
                           const char *fields)
{
    add_weights(t, RAVEL_F32, name, "", (int[4]){n_in, n_out, k}, n_out, n_in * k / stride);
    add_text(t, "{\"type\":\"conv_transpose\",\"name\":\"%s\",\"stride\":%d%s}", name, stride,
             fields);
}

static void layer_norm(tiny *t, const char *name, int channels)
{
    add_tensor(t, RAVEL_F32, 1.0f, 0.1f, (int[4]){channels}, name, "weight");
    add_tensor(t, RAVEL_F32, 0.0f, 0.1f, (int[4]){channels}, name, "bias");
    add_text(t, "{\"type\":\"layer_norm\",\"name\":\"%s\",\"eps\":1e-6}", name);
}

static void codebooks(tiny *t, int n, int size, int dim)
{
    add_text(t, "{\"type\":\"residual\",\"stages\":[");
    for (int i = 0; i < n; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "rvq.%d", i);
        add_tensor(t, RAVEL_F32, 0.0f, 1.5f / (float)(1 + i), (int[4]){size, dim}, name,
                   "codebook.weight");
        add_text(t, "%s{\"type\":\"codebook\",\"name\":\"%s\"}", i ? "," : "", name);
    }
    add_text(t, "]}");
}

/* Between two linear maps; searched by direction. */
static void factorised_codebooks(tiny *t, int n, int size, int dim, int inner)
{
    add_text(t, "{\"type\":\"residual\",\"stages\":[");
    for (int i = 0; i < n; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "rvq.%d", i);
        add_weights(t, RAVEL_F16, name, "in_proj.", (int[4]){inner, dim}, inner, dim);
        add_weights(t, RAVEL_F16, name, "out_proj.", (int[4]){dim, inner}, dim, inner);
        add_tensor(t, RAVEL_F32, 0.0f, 1.0f, (int[4]){size, inner}, name, "codebook.weight");
        add_text(t,
                 "%s{\"type\":\"projected\",\"name\":\"%s\",\"inner\":"
                 "{\"type\":\"codebook\",\"name\":\"%s\",\"search\":\"cosine\"}}",
                 i ? "," : "", name, name);
    }
    add_text(t, "]}");
}

static void open_graph(tiny *t, const char *name, int rate_hz, int channels, int hop, int tail)
{
    add_text(t,
             "{\"format\":1,\"name\":\"%s\",\"licence\":\"BSD-3-Clause\",\"sample_rate\":%d,"
             "\"channels\":%d,\"hop\":%d,\"tail\":%d,\"encoder\":",
             name, rate_hz, channels, hop, tail);
}

/* --- default-like ----------------------------------------------------------------------------- */

enum { WIDTH = 24 };

static void convnext(tiny *t, const char *name)
{
    char part[40];
    add_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.dw", name);
    conv(t, RAVEL_F16, part, WIDTH, 1, 7, ",\"groups\":24,\"pad\":[6,0]");
    add_text(t, ",");
    (void)snprintf(part, sizeof part, "%s.norm", name);
    layer_norm(t, part, WIDTH);
    add_text(t, ",");
    (void)snprintf(part, sizeof part, "%s.up", name);
    conv(t, RAVEL_F16, part, 2 * WIDTH, WIDTH, 1, "");
    add_text(t, ",{\"type\":\"gelu\"},");
    (void)snprintf(part, sizeof part, "%s.down", name);
    conv(t, RAVEL_BF16, part, WIDTH, 2 * WIDTH, 1, "");
    add_text(t, "]}");
}

/* What lies between the spectra that go in and the numbers of which a sound is made. */
static void default_network(tiny *t)
{
    convnext(t, "e.fine");
    add_text(t, ",");
    conv(t, RAVEL_F16, "e.down", WIDTH, WIDTH, 2, ",\"stride\":2");
    convnext(t, "e.coarse");
    add_text(t, ",");
    conv(t, RAVEL_F16, "e.out", 16, WIDTH, 1, "");
    add_text(t, "],\"quantizer\":");
    factorised_codebooks(t, 4, 32, 16, 4);
    add_text(t, ",\"decoder\":[");
    conv(t, RAVEL_F16, "d.embed", WIDTH, 16, 3, ",\"pad\":[2,0]");
    convnext(t, "d.coarse");
    add_text(t, ",");
    conv_transpose(t, "d.up", WIDTH, WIDTH, 2, 2, "");
    convnext(t, "d.fine");
    add_text(t, ",");
    layer_norm(t, "d.norm", WIDTH);
    add_text(t, ",");
}

static void build_default(tiny *t, const char *name)
{
    open_graph(t, name, 16000, 1, 32, 16);
    add_text(t, "[{\"type\":\"stft\",\"n_fft\":32,\"hop\":16,\"pad\":[16,0]},"
                "{\"type\":\"compress\",\"eps\":1e-6},");
    conv(t, RAVEL_F16, "e.embed", WIDTH, 34, 1, "");
    default_network(t);
    conv(t, RAVEL_F16, "d.head", 34, WIDTH, 1, "");
    add_text(t, ",{\"type\":\"istft\",\"n_fft\":32,\"hop\":16,\"trim\":[16,0],"
                "\"normalize\":false,\"max_magnitude\":100}]}");
}

/* --- source-filter ---------------------------------------------------------------------------- */

/* Spectra, and a linear map of them as they are and rectified. */
static void add_spectrum(tiny *t, const char *name, int n_fft, int hop)
{
    char part[40];
    add_text(t,
             "{\"type\":\"stft\",\"n_fft\":%d,\"hop\":%d,\"pad\":[%d,0]},"
             "{\"type\":\"compress\",\"eps\":1e-6},{\"type\":\"residual\","
             "\"branch\":[{\"type\":\"leaky_relu\",\"slope\":0},",
             n_fft, hop, n_fft - hop);
    (void)snprintf(part, sizeof part, "%s.rectified", name);
    conv(t, RAVEL_F16, part, WIDTH, n_fft + 2, 1, "");
    add_text(t, "],\"shortcut\":[");
    conv(t, RAVEL_F16, name, WIDTH, n_fft + 2, 1, "");
    add_text(t, "]}");
}

static void build_source_filter(tiny *t)
{
    open_graph(t, "source-filter", 16000, 1, 32, 16);
    add_text(t, "[{\"type\":\"residual\",\"branch\":[");
    conv(t, RAVEL_F32, "e.low", 1, 1, 16, ",\"stride\":4,\"pad\":[12,0]");
    add_text(t, ",");
    add_spectrum(t, "e.low_embed", 14, 4);
    add_text(t, "],\"shortcut\":[");
    add_spectrum(t, "e.embed", 32, 16);
    add_text(t, "]}");
    default_network(t);
    conv(t, RAVEL_F16, "d.head", 1 + 3 * 17, WIDTH, 1, "");
    add_text(t, ",{\"type\":\"harmonic_noise\",\"n_fft\":32,\"hop\":16,\"max_magnitude\":1000},"
                "{\"type\":\"istft\",\"n_fft\":32,\"hop\":16,\"trim\":[16,0],"
                "\"normalize\":false,\"spectrum\":\"complex\"}]}");
}

/* --- EnCodec-like ----------------------------------------------------------------------------- */

/* A convolution as EnCodec pads it: left only, and at the end what makes the window whole. */
static void causal_conv(tiny *t, const char *mode, const char *name, int n_out, int n_in, int k,
                        int stride)
{
    char fields[100];
    (void)snprintf(fields, sizeof fields,
                   ",\"stride\":%d,\"pad\":[%d,0],\"mode\":\"%s\",\"complete_last\":true", stride,
                   k - stride, mode);
    conv(t, RAVEL_F32, name, n_out, n_in, k, fields);
}

static void seanet_block(tiny *t, const char *mode, const char *name, int channels)
{
    char part[40];
    add_text(t, "{\"type\":\"residual\",\"branch\":[{\"type\":\"elu\"},");
    (void)snprintf(part, sizeof part, "%s.0", name);
    causal_conv(t, mode, part, channels / 2, channels, 3, 1);
    add_text(t, ",{\"type\":\"elu\"},");
    (void)snprintf(part, sizeof part, "%s.1", name);
    causal_conv(t, mode, part, channels, channels / 2, 1, 1);
    add_text(t, "],\"shortcut\":");
    (void)snprintf(part, sizeof part, "%s.s", name);
    causal_conv(t, mode, part, channels, channels, 1, 1);
    add_text(t, "}");
}

static void add_lstm(tiny *t, const char *name, int width)
{
    float spread = sqrtf(3.0f / (float)width);
    const int square[4] = {4 * width, width}, bias[4] = {4 * width};
    add_tensor(t, RAVEL_F32, 0.0f, spread, square, name, "weight_ih");
    add_tensor(t, RAVEL_F32, 0.0f, spread, square, name, "weight_hh");
    add_tensor(t, RAVEL_F32, 0.0f, 0.1f, bias, name, "bias_ih");
    add_tensor(t, RAVEL_F32, 0.0f, 0.1f, bias, name, "bias_hh");
    add_text(t, "{\"type\":\"lstm\",\"name\":\"%s\"}", name);
}

static void two_lstms(tiny *t, const char *name, int width)
{
    char part[40];
    add_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.0", name);
    add_lstm(t, part, width);
    add_text(t, ",");
    (void)snprintf(part, sizeof part, "%s.1", name);
    add_lstm(t, part, width);
    add_text(t, "]}");
}

static void build_seanet(tiny *t, const char *name, const char *mode)
{
    open_graph(t, name, 8000, 1, 8, 0);
    add_text(t, "[");
    causal_conv(t, mode, "e.first", 4, 1, 7, 1);
    add_text(t, ",");
    seanet_block(t, mode, "e.a", 4);
    add_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "e.a.down", 8, 4, 4, 2);
    add_text(t, ",");
    seanet_block(t, mode, "e.b", 8);
    add_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "e.b.down", 16, 8, 8, 4);
    two_lstms(t, "e.lstm", 16);
    add_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "e.last", 8, 16, 7, 1);
    add_text(t, "],\"quantizer\":");
    codebooks(t, 6, 20, 8);
    add_text(t, ",\"decoder\":[");
    causal_conv(t, mode, "d.first", 16, 8, 7, 1);
    two_lstms(t, "d.lstm", 16);
    add_text(t, ",{\"type\":\"elu\"},");
    conv_transpose(t, "d.b.up", 16, 8, 8, 4, ",\"trim\":[0,4]");
    add_text(t, ",");
    seanet_block(t, mode, "d.b", 8);
    add_text(t, ",{\"type\":\"elu\",\"alpha\":1},");
    conv_transpose(t, "d.a.up", 8, 4, 4, 2, ",\"trim\":[0,2]");
    add_text(t, ",");
    seanet_block(t, mode, "d.a", 4);
    add_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "d.last", 1, 4, 7, 1);
    add_text(t, "]}");
}

/* --- transformer ------------------------------------------------------------------------------ */

static void transformer_layer(tiny *t, const char *name, const char *rope, int width)
{
    char part[40];
    add_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.norm", name);
    layer_norm(t, part, width);
    (void)snprintf(part, sizeof part, "%s.attention", name);
    add_weights(t, RAVEL_I8, part, "in_proj.", (int[4]){3 * width, width}, 3 * width, width);
    add_weights(t, RAVEL_F32, part, "out_proj.", (int[4]){width, width}, width, width);
    add_text(t,
             ",{\"type\":\"attention\",\"name\":\"%s\",\"heads\":2,\"context\":9,"
             "\"rope\":\"%s\"}]},{\"type\":\"residual\",\"branch\":[",
             part, rope);
    (void)snprintf(part, sizeof part, "%s.up", name);
    conv(t, RAVEL_I8, part, 2 * width, width, 1, "");
    add_text(t, ",{\"type\":\"silu\"},");
    (void)snprintf(part, sizeof part, "%s.down", name);
    conv(t, RAVEL_F32, part, width, 2 * width, 1, "");
    (void)snprintf(part, sizeof part, "%s.gain", name);
    add_tensor(t, RAVEL_F32, 0.5f, 0.1f, (int[4]){width}, part, "gain");
    add_text(t, ",{\"type\":\"scale\",\"name\":\"%s\"}]}", part);
}

static void build_transformer(tiny *t)
{
    open_graph(t, "transformer", 12000, 2, 10, 0);
    add_text(t, "[");
    conv(t, RAVEL_F32, "e.first", 16, 2, 10, ",\"stride\":5,\"pad\":[5,0]");
    transformer_layer(t, "e.0", "interleaved", 16);
    add_text(t, ",");
    conv(t, RAVEL_F32, "e.down", 16, 16, 4, ",\"stride\":2,\"pad\":[2,0],\"mode\":\"replicate\"");
    transformer_layer(t, "e.1", "half", 16);
    add_text(t, "],\"quantizer\":");
    codebooks(t, 3, 50, 16);
    add_text(t, ",\"decoder\":[");
    conv(t, RAVEL_F32, "d.first", 16, 16, 1, "");
    transformer_layer(t, "d.0", "none", 16);
    add_text(t, ",");
    conv_transpose(t, "d.up", 16, 2, 20, 10, ",\"trim\":[0,10]");
    add_text(t, ",{\"type\":\"tanh\"}]}");
}

/* --- lookahead -------------------------------------------------------------------------------- */

static void snake(tiny *t, const char *name, int channels)
{
    add_tensor(t, RAVEL_F32, 1.0f, 0.5f, (int[4]){1, channels, 1}, name, "alpha");
    add_text(t, "{\"type\":\"snake\",\"name\":\"%s\"},", name);
}

/* DAC's residual unit: dilated and symmetric. */
static void snake_block(tiny *t, const char *name, int channels)
{
    char part[40];
    add_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.snake", name);
    snake(t, part, channels);
    (void)snprintf(part, sizeof part, "%s.wide", name);
    conv(t, RAVEL_F32, part, channels, channels, 7, ",\"dilation\":3,\"pad\":[9,9]");
    add_text(t, ",{\"type\":\"leaky_relu\",\"slope\":0.1},");
    (void)snprintf(part, sizeof part, "%s.narrow", name);
    conv(t, RAVEL_F32, part, channels, channels, 1, "");
    add_text(t, "]}");
}

/* early: the decoder ends 3 samples before its last frame does, and no tail makes up for it. */
static void build_lookahead(tiny *t, bool early)
{
    open_graph(t, early ? "early" : "lookahead", 44100, 1, 6, !early);
    add_text(t, "[");
    conv(t, RAVEL_F32, "e.first", 6, 1, 7, ",\"pad\":[3,3]");
    snake_block(t, "e.a", 6);
    add_text(t, ",");
    conv(t, RAVEL_F32, "e.a.down", 8, 6, 6, ",\"stride\":3,\"pad\":[2,2]");
    snake_block(t, "e.b", 8);
    add_text(t, ",");
    conv(t, RAVEL_F32, "e.b.down", 10, 8, 4, ",\"stride\":2,\"pad\":[1,1]");
    add_text(t, ",");
    conv(t, RAVEL_F32, "e.last", 6, 10, 3, ",\"pad\":[1,1],\"mode\":\"reflect\"");
    add_text(t, "],\"quantizer\":");
    codebooks(t, 5, 33, 6);
    add_text(t, ",\"decoder\":[");
    conv(t, RAVEL_F32, "d.first", 10, 6, 7, ",\"pad\":[3,3]");
    add_text(t, ",");
    conv_transpose(t, "d.b.up", 10, 8, 4, 2, ",\"trim\":[1,1]");
    snake_block(t, "d.b", 8);
    add_text(t, ",");
    conv_transpose(t, "d.a.up", 8, 6, 6, 3, early ? ",\"trim\":[2,4]" : ",\"trim\":[2,2]");
    snake_block(t, "d.a", 6);
    add_text(t, ",");
    conv(t, RAVEL_F32, "d.last", 1, 6, 7, ",\"pad\":[3,3]");
    add_text(t, "]}");
}

const char *ravel_tiny_name(ravel_tiny_kind kind)
{
    static const char *const names[RAVEL_TINY_KINDS] = {
        "default-like", "seanet-zero", "seanet-reflect", "transformer",
        "lookahead",    "prior",       "source-filter",  "early"};
    return names[kind];
}

static void *finish(tiny *t, size_t *size)
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

static tiny *begin(ravel_tiny_kind kind)
{
    tiny *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->seed = 12345u + (uint32_t)kind;
    return t;
}

/* --- prior ------------------------------------------------------------------------------------ */

/* The tokeniser's identity of the codec alone, in hex. */
static void write_tokenizer(char text[2 * RAVEL_IDENTITY_BYTES + 1])
{
    size_t size = 0;
    tiny *t = begin(RAVEL_TINY_PRIOR);
    build_default(t, "prior");
    void *file = finish(t, &size);
    ravel_model *model = ravel_model_open_memory(file, size, NULL);
    if (!model)
        abort();
    ravel_sha256_hex(ravel_model_get_info(model)->tokenizer_identity, text);
    ravel_model_free(model);
    free(file);
}

static void add_head(tiny *t, int codebook, int size, int rank, bool last)
{
    enum { HIDDEN = 20, NARROW = 7 };
    char name[20];
    (void)snprintf(name, sizeof name, "prior.%d", codebook);
    add_tensor(t, RAVEL_F16, 0.0f, 1.0f, (int[4]){size, rank}, name, "features");
    if (!last)
        add_tensor(t, RAVEL_F16, 0.0f, 0.5f, (int[4]){WIDTH, rank}, name, "within.weight");
    add_weights(t, RAVEL_I8, name, "hidden.", (int[4]){HIDDEN, WIDTH}, HIDDEN, WIDTH);
    add_weights(t, RAVEL_F32, name, "narrow.", (int[4]){NARROW, HIDDEN}, NARROW, HIDDEN);
    add_weights(t, RAVEL_BF16, name, "logits.", (int[4]){size, NARROW}, size, NARROW);
}

/* For 4 codebooks of 32 codewords, behind the other parts of the graph. */
static void add_prior(tiny *t)
{
    enum { CODEBOOKS = 4, SIZE = 32, RANK = 5 };
    char tokenizer[2 * RAVEL_IDENTITY_BYTES + 1];
    write_tokenizer(tokenizer);
    t->length--;
    add_text(t, ",\"prior\":{\"name\":\"prior\",\"tokenizer\":\"%s\",\"trunk\":[", tokenizer);
    conv(t, RAVEL_I8, "prior.first", WIDTH, WIDTH, 1, "");
    convnext(t, "prior.convnext");
    transformer_layer(t, "prior.transformer", "half", WIDTH);
    add_text(t, "]}}");
    add_tensor(t, RAVEL_F32, 0.0f, 1.0f, (int[4]){WIDTH}, "prior", "start");
    add_tensor(t, RAVEL_F32, 0.0f, 0.5f, (int[4]){CODEBOOKS, WIDTH}, "prior", "rate");
    add_weights(t, RAVEL_I8, "prior", "embed.", (int[4]){WIDTH, CODEBOOKS * RANK}, WIDTH,
                CODEBOOKS * RANK);
    for (int k = 0; k < CODEBOOKS; k++)
        add_head(t, k, SIZE, RANK, k + 1 == CODEBOOKS);
}

/* Static tables for the same codebooks; the last one goes without pairs. */
static void add_tables(tiny *t)
{
    enum { CODEBOOKS = 4, SIZE = 32, RANK = 3 };
    char tokenizer[2 * RAVEL_IDENTITY_BYTES + 1], name[20];
    write_tokenizer(tokenizer);
    t->length--;
    add_text(t, ",\"tables\":{\"name\":\"tables\",\"tokenizer\":\"%s\"}}", tokenizer);
    for (int k = 0; k < CODEBOOKS; k++) {
        (void)snprintf(name, sizeof name, "tables.%d", k);
        add_tensor(t, RAVEL_F16, -3.5f, 1.0f, (int[4]){SIZE}, name, "logits");
        if (k == 0 || k == CODEBOOKS - 1)
            continue;
        add_tensor(t, RAVEL_F16, 0.0f, 1.0f, (int[4]){SIZE, RANK}, name, "from");
        add_tensor(t, RAVEL_F16, 0.0f, 1.0f, (int[4]){SIZE, RANK}, name, "to");
    }
}

void *ravel_test_model(ravel_tiny_kind kind, size_t *size)
{
    tiny *t = begin(kind);
    switch (kind) {
    case RAVEL_TINY_DEFAULT:
        build_default(t, "default-like");
        break;
    case RAVEL_TINY_SEANET_ZERO:
    case RAVEL_TINY_SEANET_REFLECT:
        build_seanet(t, ravel_tiny_name(kind), kind == RAVEL_TINY_SEANET_ZERO ? "zero" : "reflect");
        break;
    case RAVEL_TINY_TRANSFORMER:
        build_transformer(t);
        break;
    case RAVEL_TINY_LOOKAHEAD:
    case RAVEL_TINY_EARLY:
        build_lookahead(t, kind == RAVEL_TINY_EARLY);
        break;
    case RAVEL_TINY_PRIOR:
        build_default(t, "prior");
        add_prior(t);
        add_tables(t);
        break;
    case RAVEL_TINY_SOURCE_FILTER:
        build_source_filter(t);
        break;
    case RAVEL_TINY_KINDS:
        abort();
    }
    return finish(t, size);
}

ravel_model *ravel_test_model_open(ravel_tiny_kind kind)
{
    ravel_error error = {RAVEL_OK, ""};
    size_t size = 0;
    void *file = ravel_test_model(kind, &size);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    free(file);
    if (model)
        return model;
    (void)fprintf(stderr, "tiny model %s: %s\n", ravel_tiny_name(kind), error.text);
    abort();
}
