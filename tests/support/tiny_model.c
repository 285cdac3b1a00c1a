/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/tiny_model.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/sha256.h"
#include "tests/support/tiny_graph.h"

/* --- default-like ----------------------------------------------------------------------------- */

enum { WIDTH = 24 };

static void convnext(ravel_tiny *t, const char *name)
{
    char part[40];
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.dw", name);
    ravel_tiny_conv(t, RAVEL_F16, part, WIDTH, 1, 7, ",\"groups\":24,\"pad\":[6,0]");
    ravel_tiny_text(t, ",");
    (void)snprintf(part, sizeof part, "%s.norm", name);
    ravel_tiny_layer_norm(t, part, WIDTH);
    ravel_tiny_text(t, ",");
    (void)snprintf(part, sizeof part, "%s.up", name);
    ravel_tiny_conv(t, RAVEL_F16, part, 2 * WIDTH, WIDTH, 1, "");
    ravel_tiny_text(t, ",{\"type\":\"gelu\"},");
    (void)snprintf(part, sizeof part, "%s.down", name);
    ravel_tiny_conv(t, RAVEL_BF16, part, WIDTH, 2 * WIDTH, 1, "");
    ravel_tiny_text(t, "]}");
}

/* What lies between the spectra that go in and the numbers of which a sound is made. */
static void default_network(ravel_tiny *t)
{
    convnext(t, "e.fine");
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F16, "e.down", WIDTH, WIDTH, 2, ",\"stride\":2");
    convnext(t, "e.coarse");
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F16, "e.out", 16, WIDTH, 1, "");
    ravel_tiny_text(t, "],\"quantizer\":");
    ravel_tiny_factorised_codebooks(t, 4, 32, 16, 4);
    ravel_tiny_text(t, ",\"decoder\":[");
    ravel_tiny_conv(t, RAVEL_F16, "d.embed", WIDTH, 16, 3, ",\"pad\":[2,0]");
    convnext(t, "d.coarse");
    ravel_tiny_text(t, ",");
    ravel_tiny_conv_transpose(t, "d.up", WIDTH, WIDTH, 2, 2, "");
    convnext(t, "d.fine");
    ravel_tiny_text(t, ",");
    ravel_tiny_layer_norm(t, "d.norm", WIDTH);
    ravel_tiny_text(t, ",");
}

static void build_default(ravel_tiny *t, const char *name)
{
    ravel_tiny_header(t, name, 16000, 1, 32, 16);
    ravel_tiny_text(t, "[{\"type\":\"stft\",\"n_fft\":32,\"hop\":16,\"pad\":[16,0]},"
                       "{\"type\":\"compress\",\"eps\":1e-6},");
    ravel_tiny_conv(t, RAVEL_F16, "e.embed", WIDTH, 34, 1, "");
    default_network(t);
    ravel_tiny_conv(t, RAVEL_F16, "d.head", 34, WIDTH, 1, "");
    ravel_tiny_text(t, ",{\"type\":\"istft\",\"n_fft\":32,\"hop\":16,\"trim\":[16,0],"
                       "\"normalize\":false,\"max_magnitude\":100}]}");
}

/* --- source-filter ---------------------------------------------------------------------------- */

/* Spectra, and a linear map of them as they are and rectified. */
static void add_spectrum(ravel_tiny *t, const char *name, int n_fft, int hop)
{
    char part[40];
    ravel_tiny_text(t,
                    "{\"type\":\"stft\",\"n_fft\":%d,\"hop\":%d,\"pad\":[%d,0]},"
                    "{\"type\":\"compress\",\"eps\":1e-6},{\"type\":\"residual\","
                    "\"branch\":[{\"type\":\"leaky_relu\",\"slope\":0},",
                    n_fft, hop, n_fft - hop);
    (void)snprintf(part, sizeof part, "%s.rectified", name);
    ravel_tiny_conv(t, RAVEL_F16, part, WIDTH, n_fft + 2, 1, "");
    ravel_tiny_text(t, "],\"shortcut\":[");
    ravel_tiny_conv(t, RAVEL_F16, name, WIDTH, n_fft + 2, 1, "");
    ravel_tiny_text(t, "]}");
}

static void build_source_filter(ravel_tiny *t)
{
    ravel_tiny_header(t, "source-filter", 16000, 1, 32, 16);
    ravel_tiny_text(t, "[{\"type\":\"residual\",\"branch\":[");
    ravel_tiny_conv(t, RAVEL_F32, "e.low", 1, 1, 16, ",\"stride\":4,\"pad\":[12,0]");
    ravel_tiny_text(t, ",");
    add_spectrum(t, "e.low_embed", 14, 4);
    ravel_tiny_text(t, "],\"shortcut\":[");
    add_spectrum(t, "e.embed", 32, 16);
    ravel_tiny_text(t, "]}");
    default_network(t);
    ravel_tiny_conv(t, RAVEL_F16, "d.head", 1 + 3 * 17, WIDTH, 1, "");
    ravel_tiny_text(t,
                    ",{\"type\":\"harmonic_noise\",\"n_fft\":32,\"hop\":16,\"max_magnitude\":1000},"
                    "{\"type\":\"istft\",\"n_fft\":32,\"hop\":16,\"trim\":[16,0],"
                    "\"normalize\":false,\"spectrum\":\"complex\"}]}");
}

/* --- EnCodec-like ----------------------------------------------------------------------------- */

/* A convolution as EnCodec pads it: left only, and at the end what makes the window whole. */
static void causal_conv(ravel_tiny *t, const char *mode, const char *name, int n_out, int n_in,
                        int k, int stride)
{
    char fields[100];
    (void)snprintf(fields, sizeof fields,
                   ",\"stride\":%d,\"pad\":[%d,0],\"mode\":\"%s\",\"complete_last\":true", stride,
                   k - stride, mode);
    ravel_tiny_conv(t, RAVEL_F32, name, n_out, n_in, k, fields);
}

static void seanet_block(ravel_tiny *t, const char *mode, const char *name, int channels)
{
    char part[40];
    ravel_tiny_text(t, "{\"type\":\"residual\",\"branch\":[{\"type\":\"elu\"},");
    (void)snprintf(part, sizeof part, "%s.0", name);
    causal_conv(t, mode, part, channels / 2, channels, 3, 1);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    (void)snprintf(part, sizeof part, "%s.1", name);
    causal_conv(t, mode, part, channels, channels / 2, 1, 1);
    ravel_tiny_text(t, "],\"shortcut\":");
    (void)snprintf(part, sizeof part, "%s.s", name);
    causal_conv(t, mode, part, channels, channels, 1, 1);
    ravel_tiny_text(t, "}");
}

static void add_lstm(ravel_tiny *t, const char *name, int width)
{
    float spread = sqrtf(3.0f / (float)width);
    const int square[4] = {4 * width, width}, bias[4] = {4 * width};
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, spread, square, name, "weight_ih");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, spread, square, name, "weight_hh");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 0.1f, bias, name, "bias_ih");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 0.1f, bias, name, "bias_hh");
    ravel_tiny_text(t, "{\"type\":\"lstm\",\"name\":\"%s\"}", name);
}

static void two_lstms(ravel_tiny *t, const char *name, int width)
{
    char part[40];
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.0", name);
    add_lstm(t, part, width);
    ravel_tiny_text(t, ",");
    (void)snprintf(part, sizeof part, "%s.1", name);
    add_lstm(t, part, width);
    ravel_tiny_text(t, "]}");
}

static void build_seanet(ravel_tiny *t, const char *name, const char *mode)
{
    ravel_tiny_header(t, name, 8000, 1, 8, 0);
    ravel_tiny_text(t, "[");
    causal_conv(t, mode, "e.first", 4, 1, 7, 1);
    ravel_tiny_text(t, ",");
    seanet_block(t, mode, "e.a", 4);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "e.a.down", 8, 4, 4, 2);
    ravel_tiny_text(t, ",");
    seanet_block(t, mode, "e.b", 8);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "e.b.down", 16, 8, 8, 4);
    two_lstms(t, "e.lstm", 16);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "e.last", 8, 16, 7, 1);
    ravel_tiny_text(t, "],\"quantizer\":");
    ravel_tiny_codebooks(t, 6, 20, 8);
    ravel_tiny_text(t, ",\"decoder\":[");
    causal_conv(t, mode, "d.first", 16, 8, 7, 1);
    two_lstms(t, "d.lstm", 16);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    ravel_tiny_conv_transpose(t, "d.b.up", 16, 8, 8, 4, ",\"trim\":[0,4]");
    ravel_tiny_text(t, ",");
    seanet_block(t, mode, "d.b", 8);
    ravel_tiny_text(t, ",{\"type\":\"elu\",\"alpha\":1},");
    ravel_tiny_conv_transpose(t, "d.a.up", 8, 4, 4, 2, ",\"trim\":[0,2]");
    ravel_tiny_text(t, ",");
    seanet_block(t, mode, "d.a", 4);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    causal_conv(t, mode, "d.last", 1, 4, 7, 1);
    ravel_tiny_text(t, "]}");
}

/* --- segments --------------------------------------------------------------------------------- */

static void group_norm(ravel_tiny *t, const char *name, int channels, int groups)
{
    ravel_tiny_tensor(t, RAVEL_F32, 1.0f, 0.1f, (int[4]){channels}, name, "weight");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 0.1f, (int[4]){channels}, name, "bias");
    ravel_tiny_text(t, "{\"type\":\"group_norm\",\"name\":\"%s\",\"groups\":%d}", name, groups);
}

/* A symmetric convolution over reflections, and the norm of all its rows. */
static void normed_conv(ravel_tiny *t, const char *name, int n_out, int n_in, int k, int stride)
{
    char part[40], fields[100];
    const int pad = k - stride;
    (void)snprintf(fields, sizeof fields,
                   ",\"stride\":%d,\"pad\":[%d,%d],\"mode\":\"reflect\",\"complete_last\":true",
                   stride, pad - pad / 2, pad / 2);
    ravel_tiny_conv(t, RAVEL_F32, name, n_out, n_in, k, fields);
    (void)snprintf(part, sizeof part, "%s.norm", name);
    ravel_tiny_text(t, ",");
    group_norm(t, part, n_out, 1);
}

static void build_segments(ravel_tiny *t)
{
    ravel_tiny_header(t, "segments", 8000, 2, 20, 0);
    ravel_tiny_text(
        t, "{\"type\":\"segment\",\"length\":24,\"hop\":20,\"normalize\":true,\"inner\":[");
    normed_conv(t, "e.first", 6, 2, 7, 1);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    normed_conv(t, "e.down", 8, 6, 8, 4);
    two_lstms(t, "e.lstm", 8);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    normed_conv(t, "e.last", 5, 8, 7, 1);
    ravel_tiny_text(t, "]},\"quantizer\":{\"type\":\"segment\",\"steps\":6,\"inner\":"
                       "{\"type\":\"strided\",\"steps\":6,\"inner\":");
    ravel_tiny_codebooks(t, 3, 16, 5);
    ravel_tiny_text(t,
                    "}},\"decoder\":{\"type\":\"overlap_add\",\"steps\":6,\"hop\":20,\"inner\":[");
    normed_conv(t, "d.first", 8, 5, 7, 1);
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    ravel_tiny_conv_transpose(t, "d.up", 8, 6, 8, 4, ",\"trim\":[2,2]");
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    normed_conv(t, "d.last", 2, 6, 7, 1);
    ravel_tiny_text(t, "]}}");
}

/* --- whole ------------------------------------------------------------------------------------ */

/* HiFi-Codec's way: a block is added to what was there, and the norm is of the sum. */
static void normed_sum(ravel_tiny *t, const char *name, int channels)
{
    char part[40];
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[{\"type\":\"leaky_relu\"},");
    (void)snprintf(part, sizeof part, "%s.block", name);
    ravel_tiny_conv(t, RAVEL_F32, part, channels, channels, 7, ",\"dilation\":3,\"pad\":[9,9]");
    ravel_tiny_text(t, "],\"shortcut\":[");
    (void)snprintf(part, sizeof part, "%s.first", name);
    group_norm(t, part, channels, 1);
    ravel_tiny_text(t, "]},");
    (void)snprintf(part, sizeof part, "%s.second", name);
    group_norm(t, part, channels, 2);
}

static void build_whole(ravel_tiny *t)
{
    ravel_tiny_header(t, "whole", 8000, 1, 6, 0);
    ravel_tiny_text(t, "{\"type\":\"whole\",\"rows\":60,\"inner\":[");
    ravel_tiny_conv(t, RAVEL_F32, "e.first", 4, 1, 7, ",\"pad\":[3,3]");
    normed_sum(t, "e.a", 4);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "e.a.down", 8, 4, 4, ",\"stride\":2,\"pad\":[1,1]");
    normed_sum(t, "e.b", 8);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "e.b.down", 6, 8, 5, ",\"stride\":3,\"pad\":[1,1]");
    ravel_tiny_text(t, "]},\"last_frame\":\"drop\",\"quantizer\":");
    ravel_tiny_codebooks(t, 3, 16, 6);
    ravel_tiny_text(t, ",\"decoder\":[");
    ravel_tiny_conv(t, RAVEL_F32, "d.first", 8, 6, 3, ",\"pad\":[1,1]");
    ravel_tiny_weights(t, RAVEL_I8, "d.attention", "in_proj.", (int[4]){24, 8}, 24, 8);
    ravel_tiny_weights(t, RAVEL_F32, "d.attention", "out_proj.", (int[4]){8, 8}, 8, 8);
    ravel_tiny_text(t,
                    ",{\"type\":\"whole\",\"rows\":7,\"inner\":{\"type\":\"residual\",\"branch\":"
                    "{\"type\":\"attention\",\"name\":\"d.attention\",\"heads\":2,"
                    "\"causal\":false,\"rope\":\"half\"}}},");
    ravel_tiny_conv_transpose(t, "d.up", 8, 6, 12, 6, ",\"trim\":[3,3]");
    ravel_tiny_text(t, ",{\"type\":\"leaky_relu\"},");
    ravel_tiny_conv(t, RAVEL_F32, "d.last", 1, 6, 7, ",\"pad\":[3,3]");
    ravel_tiny_text(t, "]}");
}

/* --- rates ------------------------------------------------------------------------------------ */

/* SNAC's way: one codebook each for averages of four rows, of two, and for each. */
static void scales(ravel_tiny *t, int dim)
{
    for (int i = 0; i < 3; i++) {
        char name[20];
        (void)snprintf(name, sizeof name, "rvq.%d", i);
        ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 1.0f, (int[4]){16, dim}, name, "codebook.weight");
        ravel_tiny_text(t,
                        "%s{\"type\":\"strided\",\"steps\":4,\"stride\":%d,\"inner\":"
                        "{\"type\":\"codebook\",\"name\":\"%s\"}}",
                        i ? "," : "{\"type\":\"residual\",\"stages\":[", 4 >> i, name);
    }
    ravel_tiny_text(t, "]}");
}

static void build_rates(ravel_tiny *t)
{
    ravel_tiny_header(t, "rates", 8000, 1, 24, 0);
    ravel_tiny_text(t, "[");
    ravel_tiny_conv(t, RAVEL_F32, "e.first", 6, 1, 7, ",\"pad\":[3,3]");
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[");
    ravel_tiny_conv(t, RAVEL_F32, "e.depthwise", 6, 1, 7,
                    ",\"groups\":6,\"dilation\":3,\"pad\":[9,9]");
    ravel_tiny_text(t, ",{\"type\":\"elu\"}]},");
    ravel_tiny_conv(t, RAVEL_F32, "e.a", 8, 6, 4, ",\"stride\":2,\"pad\":[1,1]");
    ravel_tiny_text(t, ",{\"type\":\"elu\"},");
    ravel_tiny_conv(t, RAVEL_F32, "e.b", 5, 8, 6, ",\"stride\":3,\"pad\":[2,2]");
    ravel_tiny_text(t, ",{\"type\":\"fold\",\"rows\":4}],\"quantizer\":");
    scales(t, 5);
    ravel_tiny_text(t, ",\"decoder\":[{\"type\":\"unfold\",\"rows\":4},");
    ravel_tiny_conv_transpose(t, "d.a", 5, 8, 6, 3, ",\"trim\":[2,2],\"output_padding\":1");
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[");
    ravel_tiny_conv(t, RAVEL_F32, "d.noise", 8, 8, 1, "");
    ravel_tiny_text(t, ",{\"type\":\"noise\",\"seed\":7}]},{\"type\":\"elu\"},");
    ravel_tiny_conv_transpose(t, "d.b", 8, 6, 4, 2, ",\"trim\":[1,1]");
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "d.last", 1, 6, 7, ",\"pad\":[3,3]");
    ravel_tiny_text(t, "]}");
}

/* --- transformer ------------------------------------------------------------------------------ */

static void transformer_layer(ravel_tiny *t, const char *name, const char *rope, int width)
{
    char part[40];
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.norm", name);
    ravel_tiny_layer_norm(t, part, width);
    (void)snprintf(part, sizeof part, "%s.attention", name);
    ravel_tiny_weights(t, RAVEL_I8, part, "in_proj.", (int[4]){3 * width, width}, 3 * width, width);
    ravel_tiny_weights(t, RAVEL_F32, part, "out_proj.", (int[4]){width, width}, width, width);
    ravel_tiny_text(t,
                    ",{\"type\":\"attention\",\"name\":\"%s\",\"heads\":2,\"context\":9,"
                    "\"rope\":\"%s\"}]},{\"type\":\"residual\",\"branch\":[",
                    part, rope);
    (void)snprintf(part, sizeof part, "%s.up", name);
    ravel_tiny_conv(t, RAVEL_I8, part, 2 * width, width, 1, "");
    ravel_tiny_text(t, ",{\"type\":\"silu\"},");
    (void)snprintf(part, sizeof part, "%s.down", name);
    ravel_tiny_conv(t, RAVEL_F32, part, width, 2 * width, 1, "");
    (void)snprintf(part, sizeof part, "%s.gain", name);
    ravel_tiny_tensor(t, RAVEL_F32, 0.5f, 0.1f, (int[4]){width}, part, "gain");
    ravel_tiny_text(t, ",{\"type\":\"scale\",\"name\":\"%s\"}]}", part);
}

static void build_transformer(ravel_tiny *t)
{
    ravel_tiny_header(t, "transformer", 12000, 2, 10, 0);
    ravel_tiny_text(t, "[");
    ravel_tiny_conv(t, RAVEL_F32, "e.first", 16, 2, 10, ",\"stride\":5,\"pad\":[5,0]");
    transformer_layer(t, "e.0", "interleaved", 16);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "e.down", 16, 16, 4,
                    ",\"stride\":2,\"pad\":[2,0],\"mode\":\"replicate\"");
    transformer_layer(t, "e.1", "half", 16);
    ravel_tiny_text(t, "],\"quantizer\":");
    ravel_tiny_codebooks(t, 3, 50, 16);
    ravel_tiny_text(t, ",\"decoder\":[");
    ravel_tiny_conv(t, RAVEL_F32, "d.first", 16, 16, 1, "");
    transformer_layer(t, "d.0", "none", 16);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv_transpose(t, "d.up", 16, 2, 20, 10, ",\"trim\":[0,10]");
    ravel_tiny_text(t, ",{\"type\":\"tanh\"}]}");
}

/* --- lookahead -------------------------------------------------------------------------------- */

static void snake(ravel_tiny *t, const char *name, int channels)
{
    ravel_tiny_tensor(t, RAVEL_F32, 1.0f, 0.5f, (int[4]){1, channels, 1}, name, "alpha");
    ravel_tiny_text(t, "{\"type\":\"snake\",\"name\":\"%s\"},", name);
}

/* DAC's residual unit: dilated and symmetric. */
static void snake_block(ravel_tiny *t, const char *name, int channels)
{
    char part[40];
    ravel_tiny_text(t, ",{\"type\":\"residual\",\"branch\":[");
    (void)snprintf(part, sizeof part, "%s.snake", name);
    snake(t, part, channels);
    (void)snprintf(part, sizeof part, "%s.wide", name);
    ravel_tiny_conv(t, RAVEL_F32, part, channels, channels, 7, ",\"dilation\":3,\"pad\":[9,9]");
    ravel_tiny_text(t, ",{\"type\":\"leaky_relu\",\"slope\":0.1},");
    (void)snprintf(part, sizeof part, "%s.narrow", name);
    ravel_tiny_conv(t, RAVEL_F32, part, channels, channels, 1, "");
    ravel_tiny_text(t, "]}");
}

/* early: the decoder ends 3 samples before its last frame does, and no tail makes up for it. */
static void build_lookahead(ravel_tiny *t, bool early)
{
    ravel_tiny_header(t, early ? "early" : "lookahead", 44100, 1, 6, !early);
    ravel_tiny_text(t, "[");
    ravel_tiny_conv(t, RAVEL_F32, "e.first", 6, 1, 7, ",\"pad\":[3,3]");
    snake_block(t, "e.a", 6);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "e.a.down", 8, 6, 6, ",\"stride\":3,\"pad\":[2,2]");
    snake_block(t, "e.b", 8);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "e.b.down", 10, 8, 4, ",\"stride\":2,\"pad\":[1,1]");
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "e.last", 6, 10, 3, ",\"pad\":[1,1],\"mode\":\"reflect\"");
    ravel_tiny_text(t, "],\"quantizer\":");
    ravel_tiny_codebooks(t, 5, 33, 6);
    ravel_tiny_text(t, ",\"decoder\":[");
    ravel_tiny_conv(t, RAVEL_F32, "d.first", 10, 6, 7, ",\"pad\":[3,3]");
    ravel_tiny_text(t, ",");
    ravel_tiny_conv_transpose(t, "d.b.up", 10, 8, 4, 2, ",\"trim\":[1,1]");
    snake_block(t, "d.b", 8);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv_transpose(t, "d.a.up", 8, 6, 6, 3,
                              early ? ",\"trim\":[2,4]" : ",\"trim\":[2,2]");
    snake_block(t, "d.a", 6);
    ravel_tiny_text(t, ",");
    ravel_tiny_conv(t, RAVEL_F32, "d.last", 1, 6, 7, ",\"pad\":[3,3]");
    ravel_tiny_text(t, "]}");
}

static ravel_tiny *begin(ravel_tiny_kind kind)
{
    return ravel_tiny_begin(12345u + (uint32_t)kind);
}

const char *ravel_tiny_name(ravel_tiny_kind kind)
{
    static const char *const names[RAVEL_TINY_KINDS] = {
        "default-like",  "seanet-zero", "seanet-reflect", "transformer", "lookahead", "prior",
        "source-filter", "early",       "segments",       "whole",       "rates"};
    return names[kind];
}

/* --- prior ------------------------------------------------------------------------------------ */

/* The tokeniser's identity of the codec alone, in hex. */
static void write_tokenizer(char text[2 * RAVEL_IDENTITY_BYTES + 1])
{
    size_t size = 0;
    ravel_tiny *t = begin(RAVEL_TINY_PRIOR);
    build_default(t, "prior");
    void *file = ravel_tiny_finish(t, &size);
    ravel_model *model = ravel_model_open_memory(file, size, NULL);
    if (!model)
        abort();
    ravel_sha256_hex(ravel_model_get_info(model)->tokenizer_identity, text);
    ravel_model_free(model);
    free(file);
}

static void add_head(ravel_tiny *t, int codebook, int size, int rank, bool last)
{
    enum { HIDDEN = 20, NARROW = 7 };
    char name[20];
    (void)snprintf(name, sizeof name, "prior.%d", codebook);
    ravel_tiny_tensor(t, RAVEL_F16, 0.0f, 1.0f, (int[4]){size, rank}, name, "features");
    if (!last)
        ravel_tiny_tensor(t, RAVEL_F16, 0.0f, 0.5f, (int[4]){WIDTH, rank}, name, "within.weight");
    ravel_tiny_weights(t, RAVEL_I8, name, "hidden.", (int[4]){HIDDEN, WIDTH}, HIDDEN, WIDTH);
    ravel_tiny_weights(t, RAVEL_F32, name, "narrow.", (int[4]){NARROW, HIDDEN}, NARROW, HIDDEN);
    ravel_tiny_weights(t, RAVEL_BF16, name, "logits.", (int[4]){size, NARROW}, size, NARROW);
}

/* For 4 codebooks of 32 codewords, behind the other parts of the graph. */
static void add_prior(ravel_tiny *t)
{
    enum { CODEBOOKS = 4, SIZE = 32, RANK = 5 };
    char tokenizer[2 * RAVEL_IDENTITY_BYTES + 1];
    write_tokenizer(tokenizer);
    t->length--;
    ravel_tiny_text(t, ",\"prior\":{\"name\":\"prior\",\"tokenizer\":\"%s\",\"trunk\":[",
                    tokenizer);
    ravel_tiny_conv(t, RAVEL_I8, "prior.first", WIDTH, WIDTH, 1, "");
    convnext(t, "prior.convnext");
    transformer_layer(t, "prior.transformer", "half", WIDTH);
    ravel_tiny_text(t, "]}}");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 1.0f, (int[4]){WIDTH}, "prior", "start");
    ravel_tiny_tensor(t, RAVEL_F32, 0.0f, 0.5f, (int[4]){CODEBOOKS, WIDTH}, "prior", "rate");
    ravel_tiny_weights(t, RAVEL_I8, "prior", "embed.", (int[4]){WIDTH, CODEBOOKS * RANK}, WIDTH,
                       CODEBOOKS * RANK);
    for (int k = 0; k < CODEBOOKS; k++)
        add_head(t, k, SIZE, RANK, k + 1 == CODEBOOKS);
}

/* Static tables for the same codebooks; the last one goes without pairs. */
static void add_tables(ravel_tiny *t)
{
    enum { CODEBOOKS = 4, SIZE = 32, RANK = 3 };
    char tokenizer[2 * RAVEL_IDENTITY_BYTES + 1], name[20];
    write_tokenizer(tokenizer);
    t->length--;
    ravel_tiny_text(t, ",\"tables\":{\"name\":\"tables\",\"tokenizer\":\"%s\"}}", tokenizer);
    for (int k = 0; k < CODEBOOKS; k++) {
        (void)snprintf(name, sizeof name, "tables.%d", k);
        ravel_tiny_tensor(t, RAVEL_F16, -3.5f, 1.0f, (int[4]){SIZE}, name, "logits");
        if (k == 0 || k == CODEBOOKS - 1)
            continue;
        ravel_tiny_tensor(t, RAVEL_F16, 0.0f, 1.0f, (int[4]){SIZE, RANK}, name, "from");
        ravel_tiny_tensor(t, RAVEL_F16, 0.0f, 1.0f, (int[4]){SIZE, RANK}, name, "to");
    }
}

void *ravel_test_model(ravel_tiny_kind kind, size_t *size)
{
    ravel_tiny *t = begin(kind);
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
    case RAVEL_TINY_SEGMENTS:
        build_segments(t);
        break;
    case RAVEL_TINY_WHOLE:
        build_whole(t);
        break;
    case RAVEL_TINY_RATES:
        build_rates(t);
        break;
    case RAVEL_TINY_KINDS:
        abort();
    }
    return ravel_tiny_finish(t, size);
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
