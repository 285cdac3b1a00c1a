/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SQCodec and its successor L3AC (Zhai et al., arXiv 2504.04949): one scalar quantiser between
 * ConvNeXt-like networks of convolutions and windowed attention.
 *
 * An instance norm in the decoder sees the whole sound; here it sees pieces of it.
 *
 * The one code of 7^6 or 9^3 7^3 words becomes two, of the first and of the last dimensions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/layers.h"
#include "codec/import/local_attention.h"
#include "codec/import/sqcodec_layers.h"
#include "codec/import/trend.h"
#include "rvq/layout.h"

enum { MAX_STAGES = 16, MAX_HOP = 65536, MAX_FACTOR = 256, MAX_LEVELS = 16 };
enum { MAX_PIECE_S = 120, MAX_WINDOW = 65536 };

/* --- Configuration ----------------------------------------------------------------------------- */

/* A list of whole numbers from 1 to `max`, needed; how many, 0 on failure. */
static int read_list(ravel_draft *draft, const char *key, int *values, int room, int max)
{
    const cJSON *list = ravel_draft_config(draft, key);
    const cJSON *item = cJSON_IsArray(list) ? list->child : NULL;
    int n = 0;
    for (; item && n < room; item = item->next, n++) {
        values[n] = item->valueint;
        if (!cJSON_IsNumber(item) || (double)values[n] != item->valuedouble || values[n] < 1 ||
            values[n] > max)
            break;
    }
    if (n > 0 && !item)
        return n;
    ravel_draft_fail(draft, "configuration: '%s' is not a list of at most %d numbers from 1 to %d",
                     key, room, max);
    return 0;
}

/* The rates of one of the networks. */
typedef struct {
    int n, stride[MAX_STAGES], hop;
} rates;

static rates read_rates(ravel_draft *draft, const char *key)
{
    rates r = {.hop = 1};
    r.n = read_list(draft, key, r.stride, MAX_STAGES, MAX_FACTOR);
    for (int i = 0; i < r.n; i++) {
        if (r.stride[i] > MAX_HOP / r.hop) {
            ravel_draft_fail(draft, "configuration: '%s' makes a hop above %d", key, MAX_HOP);
            r.n = i;
        } else {
            r.hop *= r.stride[i];
        }
    }
    return r;
}

/* What no published model has is refused. */
static void check_variant(ravel_draft *draft)
{
    static const char *const words[][2] = {{"network_config.base_unit", "normal"},
                                           {"network_config.decoder_last_layer", "legacy"}};
    static const char *const switches[] = {"network_config.use_norm",
                                           "network_config.use_snake_act",
                                           "network_config.en_coder_dynamic_pos"};
    for (int i = 0; i < 2; i++) {
        const char *value = ravel_draft_config_string(draft, words[i][0], words[i][1]);
        if (strcmp(value, words[i][1]) != 0)
            ravel_draft_fail(draft, "configuration: %s is '%.40s', not '%s'", words[i][0], value,
                             words[i][1]);
    }
    for (int i = 0; i < 3; i++)
        if (!ravel_draft_config_bool(draft, switches[i], true))
            ravel_draft_fail(draft, "configuration: %s is false", switches[i]);
    (void)ravel_draft_config_int(draft, "network_config.en_coder_cache_size", 0, 0, 0);
}

/* --- The encoder ------------------------------------------------------------------------------- */

/* NAME, which takes one channel more, apart from that one: NAME.last, whose node comes back. */
static cJSON *split_last_column(ravel_draft *draft, const char *name)
{
    char last[RAVEL_DRAFT_NAME];
    ravel_tensor weight;
    float *values = ravel_draft_weight_values(draft, name, 3, &weight);
    ravel_draft_name(last, name, "last");
    if (values && (weight.shape[1] < 2 || weight.shape[2] != 1)) {
        ravel_draft_fail(draft, "tensor '%s' is [%d, %d, %d], no linear map of several channels",
                         weight.name, weight.shape[0], weight.shape[1], weight.shape[2]);
    } else if (values) {
        ravel_sqcodec_columns(draft, name, &weight, values, 0, weight.shape[1] - 1);
        ravel_sqcodec_columns(draft, last, &weight, values, weight.shape[1] - 1, 1);
    }
    if (values)
        (void)ravel_sqcodec_bias(draft, name, weight.shape[0]);
    free(values);
    return ravel_draft_node(draft, "conv", last);
}

/* Of what the branches tell through PREFIX.conv_1, and of the sound itself. */
static void append_first(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    static const ravel_trends trends = {5, {1, 5, 11, 21, 45}, {1, 1, 1, 1, 1}};
    char name[RAVEL_DRAFT_NAME];
    cJSON *branch = cJSON_CreateArray();
    ravel_draft_append(draft, branch, ravel_import_trends(draft, prefix, &trends));
    ravel_draft_name(name, prefix, "conv_1");
    (void)ravel_sqcodec_conv(draft, branch, name, 1, 1);
    ravel_import_plain(draft, branch, "gelu");
    ravel_draft_name(name, prefix, "conv_2");
    ravel_draft_append(draft, branch, ravel_draft_node(draft, "conv", name));
    cJSON *sound = split_last_column(draft, name);
    ravel_draft_append(draft, sequence, ravel_import_sum(draft, branch, sound));
}

static cJSON *read_encoder(ravel_draft *draft, const rates *r)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *sequence = cJSON_CreateArray();
    append_first(draft, sequence, "encoder.blocks.0");
    for (int i = 0; i < r->n && !draft->failed; i++) {
        ravel_draft_name(name, "encoder.blocks", "%d", 1 + 2 * i);
        ravel_sqcodec_units(draft, sequence, name);
        ravel_draft_name(name, "encoder.blocks", "%d.0", 2 + 2 * i);
        (void)ravel_sqcodec_conv(draft, sequence, name, r->stride[i], 1);
        ravel_draft_name(name, "encoder.blocks", "%d.1", 2 + 2 * i);
        ravel_sqcodec_norm(draft, sequence, name);
    }
    ravel_draft_name(name, "encoder.blocks", "%d", 1 + 2 * r->n);
    ravel_sqcodec_units(draft, sequence, name);
    ravel_draft_name(name, "encoder.blocks", "%d", 2 + 2 * r->n);
    (void)ravel_sqcodec_conv(draft, sequence, name, 1, 1);
    return sequence;
}

/* --- The decoder ------------------------------------------------------------------------------- */

/*
 * `factor` rows for each, on straight lines between those of the input, whose first and last reach
 * half a row beyond them: a transposed convolution with a triangle.
 */
static void append_lines(ravel_draft *draft, cJSON *sequence, const char *name, int channels,
                         int factor)
{
    char edges[RAVEL_DRAFT_NAME], tensor[RAVEL_DRAFT_NAME];
    const int taps = 2 * factor - factor % 2, trim = (taps + factor) / 2;
    const int one[3] = {channels, 1, 1}, triangle[3] = {channels, 1, taps};
    ravel_draft_name(edges, name, "edges");
    ravel_draft_name(tensor, edges, "weight");
    float *copy = ravel_draft_make(draft, tensor, 3, one);
    for (int c = 0; copy && c < channels; c++)
        copy[c] = 1.0f;
    cJSON *node = ravel_draft_node(draft, "conv", edges);
    ravel_draft_number(draft, node, "groups", channels);
    ravel_draft_pair(draft, node, "pad", 1, 1);
    ravel_draft_string(draft, node, "mode", "replicate");
    ravel_draft_append(draft, sequence, node);
    ravel_draft_name(tensor, name, "weight");
    float *values = ravel_draft_make(draft, tensor, 3, triangle);
    for (int i = 0; values && i < channels * taps; i++) {
        const int twice = abs(2 * (i % taps) - (taps - 1)); /* from the middle */
        values[i] = 1.0f - (float)twice / (float)(2 * factor);
    }
    node = ravel_draft_node(draft, "conv_transpose", name);
    ravel_draft_number(draft, node, "stride", factor);
    ravel_draft_number(draft, node, "groups", channels);
    ravel_draft_pair(draft, node, "trim", trim, trim);
    ravel_draft_append(draft, sequence, node);
}

/* x (1 + y), where y follows from what is told of the first channel; PREFIX.merge_layer. */
static void append_enhancement(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    static const ravel_trends trends = {4, {1, 3, 5, 9}, {1, 2, 3, 5}};
    char name[RAVEL_DRAFT_NAME], tensor[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "product", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    cJSON *first = ravel_draft_node(draft, "slice", NULL);
    ravel_draft_number(draft, first, "first", 0);
    ravel_draft_number(draft, first, "channels", 1);
    ravel_draft_append(draft, branch, first);
    ravel_draft_append(draft, branch, ravel_import_trends(draft, prefix, &trends));
    ravel_draft_name(name, prefix, "merge_layer.0");
    ravel_import_vectors(draft, name);
    cJSON *norm = ravel_draft_node(draft, "group_norm", name);
    ravel_draft_number(draft, norm, "groups", trends.n);
    ravel_draft_append(draft, branch, norm);
    ravel_draft_name(name, prefix, "merge_layer.1");
    ravel_draft_name(tensor, name, "weight");
    const ravel_tensor *weight = ravel_draft_need(draft, tensor, 3);
    ravel_draft_add(draft, tensor, weight);
    float *bias = weight ? ravel_sqcodec_bias(draft, name, weight->shape[0]) : NULL;
    for (int i = 0; bias && i < weight->shape[0]; i++)
        bias[i] += 1.0f;
    ravel_draft_append(draft, branch, ravel_draft_node(draft, "conv", name));
    ravel_draft_append(draft, sequence, node);
}

/* x + conv(snake(conv(snake(x)))), the first one dilated. */
static void append_last_unit(ravel_draft *draft, cJSON *sequence, const char *prefix, int dilation)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    for (int i = 0; i < 4; i += 2) {
        ravel_draft_name(name, prefix, "module.block.%d", i);
        ravel_sqcodec_snake(draft, branch, name, 1);
        ravel_draft_name(name, prefix, "module.block.%d", i + 1);
        (void)ravel_sqcodec_conv(draft, branch, name, 1, i == 0 ? dilation : 1);
    }
    ravel_draft_append(draft, sequence, node);
}

static void append_last(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    static const int dilations[3] = {1, 3, 9};
    char name[RAVEL_DRAFT_NAME];
    for (int i = 0; i < 3; i++) {
        ravel_draft_name(name, prefix, "block.0.%d", i);
        append_last_unit(draft, sequence, name, dilations[i]);
    }
    ravel_draft_name(name, prefix, "block.1");
    ravel_sqcodec_snake(draft, sequence, name, 1);
    ravel_draft_name(name, prefix, "block.2");
    (void)ravel_sqcodec_conv(draft, sequence, name, 1, 1);
    ravel_import_plain(draft, sequence, "tanh");
}

static cJSON *read_decoder(ravel_draft *draft, const rates *r)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *sequence = cJSON_CreateArray();
    (void)ravel_sqcodec_conv(draft, sequence, "decoder.blocks.0", 1, 1);
    for (int i = 0; i < r->n && !draft->failed; i++) {
        ravel_draft_name(name, "decoder.blocks", "%d", 1 + 3 * i);
        ravel_sqcodec_units(draft, sequence, name);
        ravel_draft_name(name, "decoder.blocks", "%d", 2 + 3 * i);
        append_enhancement(draft, sequence, name);
        ravel_draft_name(name, "decoder.blocks", "%d.0", 3 + 3 * i);
        const int channels = ravel_sqcodec_conv(draft, sequence, name, 1, 1);
        ravel_draft_name(name, "decoder.blocks", "%d.1", 3 + 3 * i);
        append_lines(draft, sequence, name, channels, r->stride[i]);
        ravel_draft_name(name, "decoder.blocks", "%d.2", 3 + 3 * i);
        ravel_sqcodec_norm(draft, sequence, name);
    }
    ravel_draft_name(name, "decoder.blocks", "%d", 1 + 3 * r->n);
    append_last(draft, sequence, name);
    return sequence;
}

/* --- Between them ------------------------------------------------------------------------------ */

/* Attention at the rate of the convolutions, then at that of the codes, where they are others. */
static void append_encoding(ravel_draft *draft, cJSON *sequence, int factor, int window)
{
    if (factor > 1) {
        ravel_import_local_attention(draft, sequence, "en_encoder.down_trans.trans",
                                     factor * window);
        (void)ravel_sqcodec_conv(draft, sequence, "en_encoder.down_trans.down_layer", factor, 1);
    }
    ravel_import_local_attention(draft, sequence, "en_encoder.local_trans", window);
}

static cJSON *read_decoding(ravel_draft *draft, int factor, int window, int channels)
{
    cJSON *sequence = cJSON_CreateArray();
    ravel_import_local_attention(draft, sequence, "en_decoder.local_trans", window);
    if (factor > 1) {
        append_lines(draft, sequence, "en_decoder.up_trans.up_layer", channels, factor);
        ravel_import_local_attention(draft, sequence, "en_decoder.up_trans.trans", factor * window);
    }
    return sequence;
}

/* --- The quantiser ----------------------------------------------------------------------------- */

/* Whether the quantiser is SQCodec's, which reaches beyond the ends, and not L3AC's. */
static bool is_first(ravel_draft *draft)
{
    const char *kind = ravel_draft_config_string(draft, "network_config.vq_config.name", "");
    const bool first = strcmp(kind, "taae_fsq") == 0;
    if (!first && strcmp(kind, "super_fsq") != 0)
        ravel_draft_fail(draft,
                         "configuration: network_config.vq_config.name is '%.40s', not "
                         "'taae_fsq' or 'super_fsq'",
                         kind);
    return first;
}

static void append_levels(ravel_draft *draft, cJSON *parts, const int *levels, int n, double bound)
{
    cJSON *node = ravel_draft_node(draft, "fsq", NULL);
    ravel_draft_child(draft, node, "levels", cJSON_CreateIntArray(levels, n));
    ravel_draft_number(draft, node, "bound", bound);
    ravel_draft_append(draft, parts, node);
}

/* In halves where a code would be too large for two bytes. */
static cJSON *read_levels(ravel_draft *draft, int n_dims)
{
    const bool first = is_first(draft);
    int levels[MAX_LEVELS], n, size = 1;
    n = read_list(
        draft, first ? "network_config.vq_config.codebook_dim" : "network_config.vq_config.levels",
        levels, MAX_LEVELS, 255);
    if (n != n_dims)
        ravel_draft_fail(draft, "configuration: %d levels, but 'quantizer.project_in' gives %d", n,
                         n_dims);
    for (int i = 0; i < n && !draft->failed; i++) {
        size = size <= RAVEL_MAX_CODEBOOK_SIZE ? size * levels[i] : size;
        if (levels[i] % 2 == 0)
            ravel_draft_fail(draft, "configuration: %d levels, which is even", levels[i]);
    }
    cJSON *node = ravel_draft_node(draft, "grouped", NULL);
    cJSON *parts = cJSON_AddArrayToObject(node, "parts");
    const int n_first = size > RAVEL_MAX_CODEBOOK_SIZE ? n / 2 : n;
    const double bound = first ? 1.001 : 1.0;
    append_levels(draft, parts, levels, n_first, bound);
    if (n_first < n)
        append_levels(draft, parts, levels + n_first, n - n_first, bound);
    return node;
}

/* PART of the checkpoint under the name that a quantiser of the model has for it. */
static const ravel_tensor *add_projection(ravel_draft *draft, const char *to, const char *part)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, part, "bias");
    const ravel_tensor *bias = ravel_draft_need(draft, name, 1);
    ravel_draft_name(name, part, "weight");
    const ravel_tensor *weight = ravel_draft_need(draft, name, 2);
    if (!draft->failed && bias->shape[0] != weight->shape[0])
        ravel_draft_fail(draft, "tensor '%s' has %d rows, but there are %d biases", name,
                         weight->shape[0], bias->shape[0]);
    ravel_draft_name(name, to, "bias");
    ravel_draft_add(draft, name, bias);
    ravel_draft_name(name, to, "weight");
    ravel_draft_add(draft, name, weight);
    return draft->failed ? NULL : weight;
}

/* *channels: of the features */
static cJSON *read_quantizer(ravel_draft *draft, int *channels)
{
    const ravel_tensor *in = add_projection(draft, "quantizer.in_proj", "quantizer.project_in");
    const ravel_tensor *out = add_projection(draft, "quantizer.out_proj", "quantizer.project_out");
    const int n_dims = in ? in->shape[0] : 1;
    *channels = out ? out->shape[0] : 1;
    if (in && out && out->shape[1] != n_dims)
        ravel_draft_fail(draft, "tensor '%s' takes %d dimensions, but '%s' gives %d", out->name,
                         out->shape[1], in->name, n_dims);
    cJSON *node = ravel_draft_node(draft, "projected", "quantizer");
    ravel_draft_child(draft, node, "inner", read_levels(draft, n_dims));
    ravel_draft_ignore_all(draft, "quantizer.vq.");
    return node;
}

/* --- The codec --------------------------------------------------------------------------------- */

bool ravel_import_is_sqcodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "en_encoder.") && ravel_draft_has(draft, "en_decoder.") &&
           ravel_draft_has(draft, "quantizer.project_in.");
}

/* "l3ac-1kbps": the authors name their models by their rates alone. */
static void append_header(ravel_draft *draft, int sample_rate, int hop)
{
    char name[RAVEL_DRAFT_NAME];
    const char *kind = is_first(draft) ? "sqcodec" : "l3ac";
    const char *model = ravel_draft_config_string(draft, "model_name", "");
    (void)snprintf(name, sizeof name, "%s%s%.60s", kind, model[0] ? "-" : "", model);
    ravel_draft_header(draft, name, NULL, sample_rate, hop);
}

void ravel_import_sqcodec(ravel_draft *draft)
{
    const rates down = read_rates(draft, "network_config.compress_rates");
    const rates up = read_rates(draft, "network_config.decode_rates");
    const int factor =
        ravel_draft_config_int(draft, "network_config.en_coder_compress_rate", 1, 1, MAX_FACTOR);
    const int window =
        ravel_draft_config_int(draft, "network_config.en_coder_window_size", -1, 1, MAX_WINDOW);
    const int sample_rate = ravel_draft_config_int(draft, "sample_rate", 16000, 1000, 768000);
    const int seconds = ravel_draft_config_int(draft, "piece_seconds", 20, 1, MAX_PIECE_S);
    int channels;
    check_variant(draft);
    if (window < 1)
        ravel_draft_fail(draft, "configuration: network_config.en_coder_window_size is missing");
    if (down.hop != up.hop || down.hop > MAX_HOP / factor)
        ravel_draft_fail(draft, "configuration: rates of %d and %d samples, by %d", down.hop,
                         up.hop, factor);
    if (draft->failed)
        return;
    const int rows = (int)((int64_t)seconds * sample_rate / down.hop);
    cJSON *encoder = read_encoder(draft, &down);
    append_encoding(draft, encoder, factor, window);
    cJSON *quantizer = read_quantizer(draft, &channels);
    cJSON *decoder = read_decoding(draft, factor, window, channels);
    ravel_draft_append(draft, decoder,
                       ravel_import_whole(draft, rows > 0 ? rows : 1, read_decoder(draft, &up)));
    append_header(draft, sample_rate, down.hop * factor);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
