/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SNAC (Siuzdak et al., arXiv 2410.14411): 24 kHz, and the models of 32 and 44.1 kHz with attention
 * in windows. Modules are numbered without gaps; what each is follows from the tensors it has, its
 * sizes from their shapes: a convolution with an even kernel changes the rate, by half of it.
 *
 * The reference pads its input to whole windows of attention and whole steps of the slowest codebook;
 * that many samples are a frame. Noise is a part of the decoder: "noise": false leaves it out, "seed"
 * chooses which.
 */
#include <stdio.h>

#include "codec/import/draft.h"
#include "codec/import/factorised.h"

enum { MAX_MODULES = 100, MAX_HOP = 65536, MAX_STRIDE = 256, HEAD_SIZE = 64, MAX_SEED = 0xfffff };

/* One of the two networks while it is read. */
typedef struct {
    ravel_draft *draft;
    bool decodes;
    int channels; /* of the rows so far */
    int hop;      /* product of the strides of the encoder */
    int window;   /* rows that attention sees; 1 without */
    bool noise;
    int seed; /* of the next noise block */
} network;

static bool has_part(const network *net, const char *prefix, const char *part)
{
    char sign[RAVEL_DRAFT_NAME];
    ravel_draft_name(sign, prefix, "%s", part);
    return ravel_draft_has(net->draft, sign);
}

static void append_snake(network *net, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "alpha");
    ravel_draft_add(net->draft, name, ravel_draft_need(net->draft, name, 3));
    ravel_draft_append(net->draft, sequence, ravel_draft_node(net->draft, "snake", prefix));
}

/* Keeps the rate. */
static void append_conv(network *net, cJSON *sequence, const char *prefix,
                        const ravel_tensor *weight, int dilation)
{
    int pad = (weight->shape[2] - 1) / 2 * dilation;
    cJSON *node = ravel_draft_node(net->draft, "conv", prefix);
    if (net->channels % weight->shape[1] != 0)
        ravel_draft_fail(net->draft, "tensor '%s' has groups of %d channels of %d", weight->name,
                         weight->shape[1], net->channels);
    ravel_draft_number(net->draft, node, "dilation", dilation);
    ravel_draft_number(net->draft, node, "groups", net->channels / weight->shape[1]);
    ravel_draft_pair(net->draft, node, "pad", pad, pad);
    ravel_draft_append(net->draft, sequence, node);
    net->channels = weight->shape[0];
}

static void append_strided(network *net, cJSON *sequence, const char *prefix,
                           const ravel_tensor *weight)
{
    int stride = weight->shape[2] / 2, pad = (stride + 1) / 2;
    cJSON *node = ravel_draft_node(net->draft, net->decodes ? "conv_transpose" : "conv", prefix);
    if (!net->decodes && net->hop > MAX_HOP / stride)
        ravel_draft_fail(net->draft,
                         "tensor '%s': the strides up to here make more than %d samples",
                         weight->name, MAX_HOP);
    else if (!net->decodes)
        net->hop *= stride;
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_pair(net->draft, node, net->decodes ? "trim" : "pad", pad, pad);
    if (net->decodes)
        ravel_draft_number(net->draft, node, "output_padding", stride % 2);
    ravel_draft_append(net->draft, sequence, node);
    net->channels = weight->shape[net->decodes];
}

static void append_any_conv(network *net, cJSON *sequence, const char *prefix, int dilation)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, prefix);
    if (weight && weight->shape[2] % 2 == 0)
        append_strided(net, sequence, prefix, weight);
    else if (weight)
        append_conv(net, sequence, prefix, weight, dilation);
}

/* Adds its input times noise. */
static void append_noise(network *net, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "linear");
    if (!net->noise) {
        ravel_draft_ignore_all(net->draft, name);
        return;
    }
    cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    append_any_conv(net, branch, name, 1);
    cJSON *noise = ravel_draft_node(net->draft, "noise", prefix);
    ravel_draft_number(net->draft, noise, "seed", net->seed++);
    ravel_draft_append(net->draft, branch, noise);
    ravel_draft_append(net->draft, sequence, node);
}

static void add_renamed(network *net, const char *prefix, const char *from, const char *to,
                        int rank)
{
    char source[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    ravel_draft_name(source, prefix, "%s", from);
    ravel_draft_name(name, prefix, "%s", to);
    ravel_draft_add(net->draft, name, ravel_draft_need(net->draft, source, rank));
}

/* Windows of rows that all see each other. */
static void append_attention(network *net, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft *draft = net->draft;
    add_renamed(net, prefix, "to_qkv.weight", "in_proj.weight", 2);
    add_renamed(net, prefix, "to_out.weight", "out_proj.weight", 2);
    add_renamed(net, prefix, "norm.weight", "norm.weight", 1);
    add_renamed(net, prefix, "norm.bias", "norm.bias", 1);
    ravel_draft_name(name, prefix, "rel_pos.inv_freq");
    ravel_draft_ignore(draft, name);
    ravel_draft_name(name, prefix, "norm");
    cJSON *attention = ravel_draft_node(draft, "attention", prefix);
    ravel_draft_number(draft, attention, "heads", net->channels / HEAD_SIZE);
    ravel_draft_false(draft, attention, "causal");
    ravel_draft_string(draft, attention, "rope", "half");
    cJSON *residual = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(residual, "branch");
    ravel_draft_append(draft, branch, ravel_draft_node(draft, "layer_norm", name));
    ravel_draft_append(draft, branch, attention);
    net->window = ravel_draft_config_int(draft, "attn_window_size", 32, 1, 4096);
    cJSON *whole = ravel_draft_node(draft, "whole", NULL);
    ravel_draft_number(draft, whole, "rows", net->window);
    ravel_draft_child(draft, whole, "inner", residual);
    ravel_draft_append(draft, sequence, whole);
}

static void append_simple(network *net, cJSON *sequence, const char *prefix, int dilation)
{
    if (has_part(net, prefix, "alpha"))
        append_snake(net, sequence, prefix);
    else if (has_part(net, prefix, "linear."))
        append_noise(net, sequence, prefix);
    else if (has_part(net, prefix, "to_qkv."))
        append_attention(net, sequence, prefix);
    else
        append_any_conv(net, sequence, prefix, dilation);
}

/* The name of the i-th of the modules of a list; whether there is one. */
static bool find_module(const network *net, const char *list, int i, char name[RAVEL_DRAFT_NAME])
{
    ravel_draft_name(name, list, "%d", i);
    return i < MAX_MODULES && !net->draft->failed && has_part(net, name, "");
}

/* Snake and convolution, twice; only the first is dilated. */
static void append_unit(network *net, cJSON *sequence, const char *prefix, int dilation)
{
    char list[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    ravel_draft_name(list, prefix, "block");
    for (int i = 0; find_module(net, list, i, name); i++)
        append_simple(net, branch, name, i == 1 ? dilation : 1);
    ravel_draft_append(net->draft, sequence, node);
}

/* A change of rate, and residual units dilated by 1, 3, 9. */
static void append_stage(network *net, cJSON *sequence, const char *prefix)
{
    char list[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    int dilation = 1;
    ravel_draft_name(list, prefix, "block");
    for (int i = 0; find_module(net, list, i, name); i++) {
        if (has_part(net, name, "block.")) {
            append_unit(net, sequence, name, dilation);
            dilation *= dilation < 1024 ? 3 : 1;
        } else {
            append_simple(net, sequence, name, 1);
        }
    }
}

static void read_network(network *net, cJSON *sequence, const char *list)
{
    char name[RAVEL_DRAFT_NAME];
    for (int i = 0; find_module(net, list, i, name); i++) {
        if (has_part(net, name, "block."))
            append_stage(net, sequence, name);
        else
            append_simple(net, sequence, name, 1);
    }
}

/* --- Codebooks -------------------------------------------------------------------------------- */

static int count_codebooks(ravel_draft *draft)
{
    char name[RAVEL_DRAFT_NAME];
    int n = 0;
    do {
        ravel_draft_name(name, "quantizer.quantizers", "%d.", n);
    } while (ravel_draft_has(draft, name) && n++ < RAVEL_MAX_CODEBOOKS);
    return n;
}

/* Rows that share a code of each codebook; halved from one to the next where nothing is said. */
static void read_strides(ravel_draft *draft, int n, int strides[RAVEL_MAX_CODEBOOKS])
{
    const cJSON *list = ravel_draft_config(draft, "vq_strides");
    if (n < 1 || n > RAVEL_MAX_CODEBOOKS || (list && cJSON_GetArraySize(list) != n))
        ravel_draft_fail(draft, "configuration: %d 'vq_strides' for %d codebooks",
                         cJSON_GetArraySize(list), n);
    for (int i = 0; i < n && !draft->failed; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);
        double stride = list ? cJSON_GetNumberValue(item) : n - i <= 9 ? 1 << (n - 1 - i) : 0;
        if (!(stride >= 1 && stride <= MAX_STRIDE) || stride != (int)stride)
            ravel_draft_fail(draft,
                             "configuration: 'vq_strides' are not whole numbers from 1 to %d",
                             MAX_STRIDE);
        else
            strides[i] = (int)stride;
    }
}

static cJSON *read_quantizer(ravel_draft *draft, const int *strides, int n, int steps)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    for (int i = 0; i < n && !draft->failed; i++) {
        ravel_draft_name(name, "quantizer.quantizers", "%d", i);
        cJSON *stage = ravel_draft_node(draft, "strided", NULL);
        ravel_draft_number(draft, stage, "steps", steps);
        ravel_draft_number(draft, stage, "stride", strides[i]);
        ravel_draft_child(draft, stage, "inner", ravel_factorised_codebook(draft, name));
        ravel_draft_append(draft, stages, stage);
    }
    return node;
}

/* --- The whole -------------------------------------------------------------------------------- */

static cJSON *fold_node(ravel_draft *draft, const char *type, int steps)
{
    cJSON *node = ravel_draft_node(draft, type, NULL);
    ravel_draft_number(draft, node, "rows", steps);
    return node;
}

/* Latents of a frame: the least common multiple of both. */
static int frame_steps(ravel_draft *draft, const network *net, int stride)
{
    int a = net->window, b = stride;
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    int steps = stride / a * net->window;
    if (steps > MAX_HOP / net->hop)
        ravel_draft_fail(draft, "frames of %d latents of %d samples are too long", steps, net->hop);
    return draft->failed ? 1 : steps;
}

/* What was published without attention; with it, two rates were. */
static int read_rate(ravel_draft *draft, const network *net)
{
    int rate = net->window == 1 && net->hop == 512 ? 24000 : 0;
    rate = ravel_draft_config_int(draft, "sampling_rate", rate, 1000, 768000);
    if (rate == 0)
        ravel_draft_fail(draft, "a SNAC of hop %d: sampling_rate must be set", net->hop);
    return rate;
}

/* DAC has modules of the same names, and no second convolution before the stages of its decoder. */
bool ravel_import_is_snac(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "encoder.block.1.block.0.block.") && !ravel_import_is_dac(draft);
}

void ravel_import_snac(ravel_draft *draft)
{
    char name[RAVEL_DRAFT_NAME];
    int strides[RAVEL_MAX_CODEBOOKS] = {1}, n = count_codebooks(draft);
    read_strides(draft, n, strides);
    network net = {.draft = draft, .channels = 1, .hop = 1, .window = 1};
    net.noise = ravel_draft_config_bool(draft, "noise", true);
    net.seed = ravel_draft_config_int(draft, "seed", 0, 0, MAX_SEED) << 4;
    cJSON *encoder = cJSON_CreateArray(), *decoder = cJSON_CreateArray();
    read_network(&net, encoder, "encoder.block");
    int steps = frame_steps(draft, &net, strides[0]);
    ravel_draft_append(draft, encoder, fold_node(draft, "fold", steps));
    ravel_draft_append(draft, decoder, fold_node(draft, "unfold", steps));
    net.decodes = true;
    read_network(&net, decoder, "decoder.model");
    ravel_draft_append(draft, decoder, ravel_draft_node(draft, "tanh", NULL));
    int rate = read_rate(draft, &net);
    (void)snprintf(name, sizeof name, "snac_%dkhz", rate / 1000);
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", name),
                       "as the publisher of the checkpoint says", rate, net.hop * steps);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", read_quantizer(draft, strides, n, steps));
    ravel_draft_part(draft, "decoder", decoder);
}
