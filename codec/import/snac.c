/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SNAC (Siuzdak et al., arXiv 2410.14411): 24 kHz, and the models of 32 and 44.1 kHz with attention
 * in windows. Sizes follow from shapes: a strided convolution has a kernel of twice its stride.
 *
 * The reference pads its input to whole windows of attention and whole steps of the slowest codebook;
 * that many samples are a frame. Noise is a part of the decoder: "noise": false leaves it out, "seed"
 * chooses which.
 */
#include <stdio.h>

#include "codec/import/draft.h"
#include "codec/import/factorised.h"
#include "codec/import/layers.h"

enum { MAX_HOP = 65536, MAX_STRIDE = 256, HEAD_SIZE = 64, MAX_SEED = 0xfffff };

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

static void append_snake(network *net, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "alpha");
    ravel_draft_add(net->draft, name, ravel_draft_need(net->draft, name, 3));
    ravel_draft_append(net->draft, sequence, ravel_draft_node(net->draft, "snake", prefix));
}

/* The weight of a convolution whose kernel is even, or odd; NULL on failure. */
static const ravel_tensor *find_weight(network *net, const char *prefix, bool even)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, prefix);
    if (weight && (weight->shape[2] % 2 == 0) != even)
        ravel_draft_fail(net->draft, "tensor '%s' has an %s kernel, %d", weight->name,
                         even ? "odd" : "even", weight->shape[2]);
    return net->draft->failed ? NULL : weight;
}

/* Depthwise or not: groups follow from the channels so far. */
static void append_conv(network *net, cJSON *sequence, const char *prefix, int dilation)
{
    const ravel_tensor *weight = find_weight(net, prefix, false);
    if (!weight)
        return;
    int pad = (weight->shape[2] - 1) / 2 * dilation, groups = net->channels / weight->shape[1];
    cJSON *node = ravel_draft_node(net->draft, "conv", prefix);
    if (net->channels % weight->shape[1] != 0)
        ravel_draft_fail(net->draft, "tensor '%s' is for groups of %d channels; there are %d",
                         weight->name, weight->shape[1], net->channels);
    ravel_draft_number(net->draft, node, "dilation", dilation);
    ravel_draft_number(net->draft, node, "groups", groups);
    ravel_draft_pair(net->draft, node, "pad", pad, pad);
    ravel_draft_append(net->draft, sequence, node);
    net->channels = weight->shape[0];
}

/* A kernel of twice the stride; transposed in the decoder. */
static void append_strided(network *net, cJSON *sequence, const char *prefix)
{
    const ravel_tensor *weight = find_weight(net, prefix, true);
    if (!weight)
        return;
    int stride = weight->shape[2] / 2, pad = (stride + 1) / 2;
    cJSON *node = ravel_draft_node(net->draft, net->decodes ? "conv_transpose" : "conv", prefix);
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_pair(net->draft, node, net->decodes ? "trim" : "pad", pad, pad);
    if (net->decodes)
        ravel_draft_number(net->draft, node, "output_padding", stride % 2);
    else if (stride > MAX_HOP / net->hop)
        ravel_draft_fail(net->draft,
                         "tensor '%s': the strides up to here make more than %d samples",
                         weight->name, MAX_HOP);
    else
        net->hop *= stride;
    ravel_draft_append(net->draft, sequence, node);
    net->channels = weight->shape[net->decodes];
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
    append_conv(net, branch, name, 1);
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
    int heads = net->channels / HEAD_SIZE;
    ravel_draft *draft = net->draft;
    add_renamed(net, prefix, "to_qkv.weight", "in_proj.weight", 2);
    add_renamed(net, prefix, "to_out.weight", "out_proj.weight", 2);
    add_renamed(net, prefix, "norm.weight", "norm.weight", 1);
    add_renamed(net, prefix, "norm.bias", "norm.bias", 1);
    ravel_draft_name(name, prefix, "rel_pos.inv_freq");
    ravel_draft_ignore(draft, name);
    ravel_draft_name(name, prefix, "norm");
    cJSON *attention = ravel_draft_node(draft, "attention", prefix);
    ravel_draft_number(draft, attention, "heads", heads);
    ravel_draft_false(draft, attention, "causal");
    ravel_draft_string(draft, attention, "rope", "half");
    cJSON *residual = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(residual, "branch");
    ravel_draft_append(draft, branch, ravel_draft_node(draft, "layer_norm", name));
    ravel_draft_append(draft, branch, attention);
    net->window = ravel_draft_config_int(draft, "attn_window_size", 32, 1, 4096);
    ravel_draft_append(draft, sequence, ravel_import_whole(draft, net->window, residual));
}

/* Snake and convolution, twice; the first is dilated by 1, 3, 9 in turn. */
static void append_units(network *net, cJSON *sequence, const char *stage, int first)
{
    static const int dilations[] = {1, 3, 9};
    char unit[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    for (int i = 0; i < 3; i++) {
        cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
        cJSON *branch = cJSON_AddArrayToObject(node, "branch");
        ravel_draft_name(unit, stage, "block.%d", first + i);
        for (int part = 0; part < 4; part++) {
            ravel_draft_name(name, unit, "block.%d", part);
            if (part % 2 == 0)
                append_snake(net, branch, name);
            else
                append_conv(net, branch, name, part == 1 ? dilations[i] : 1);
        }
        ravel_draft_append(net->draft, sequence, node);
    }
}

/* The i-th module of a list. */
static const char *nth(const char *list, int i, char name[RAVEL_DRAFT_NAME])
{
    ravel_draft_name(name, list, "%d", i);
    return name;
}

/* Modules from the i-th on; the number of the next. */
static int append_windows(network *net, cJSON *sequence, const char *list, int i)
{
    char name[RAVEL_DRAFT_NAME];
    if (!ravel_draft_has_part(net->draft, nth(list, i, name), "to_"))
        return i;
    append_attention(net, sequence, name);
    return i + 1;
}

static void append_encoder_stage(network *net, cJSON *sequence, const char *stage)
{
    char name[RAVEL_DRAFT_NAME];
    append_units(net, sequence, stage, 0);
    ravel_draft_name(name, stage, "block.3");
    append_snake(net, sequence, name);
    ravel_draft_name(name, stage, "block.4");
    append_strided(net, sequence, name);
}

static void append_decoder_stage(network *net, cJSON *sequence, const char *stage)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, stage, "block.0");
    append_snake(net, sequence, name);
    ravel_draft_name(name, stage, "block.1");
    append_strided(net, sequence, name);
    ravel_draft_name(name, stage, "block.2");
    bool noisy = ravel_draft_has_part(net->draft, name, "linear.");
    if (noisy)
        append_noise(net, sequence, name);
    append_units(net, sequence, stage, noisy ? 3 : 2);
}

static int append_stages(network *net, cJSON *sequence, const char *list, int i)
{
    char stage[RAVEL_DRAFT_NAME];
    for (; !net->draft->failed && ravel_draft_has_part(net->draft, nth(list, i, stage), "block.");
         i++) {
        if (net->decodes)
            append_decoder_stage(net, sequence, stage);
        else
            append_encoder_stage(net, sequence, stage);
    }
    return i;
}

static cJSON *read_encoder(network *net)
{
    static const char list[] = "encoder.block";
    char name[RAVEL_DRAFT_NAME];
    cJSON *sequence = cJSON_CreateArray();
    append_conv(net, sequence, nth(list, 0, name), 1);
    int i = append_stages(net, sequence, list, 1);
    i = append_windows(net, sequence, list, i);
    append_conv(net, sequence, nth(list, i, name), 1);
    return sequence;
}

/* Depthwise models have a second convolution at the beginning. */
static void read_decoder(network *net, cJSON *sequence)
{
    static const char list[] = "decoder.model";
    char name[RAVEL_DRAFT_NAME];
    int i = 1;
    append_conv(net, sequence, nth(list, 0, name), 1);
    if (!ravel_draft_has_part(net->draft, nth(list, 1, name), "block.") &&
        !ravel_draft_has_part(net->draft, name, "to_"))
        append_conv(net, sequence, nth(list, i++, name), 1);
    i = append_windows(net, sequence, list, i);
    i = append_stages(net, sequence, list, i);
    append_snake(net, sequence, nth(list, i, name));
    append_conv(net, sequence, nth(list, i + 1, name), 1);
    ravel_draft_append(net->draft, sequence, ravel_draft_node(net->draft, "tanh", NULL));
}

/* --- Codebooks -------------------------------------------------------------------------------- */

static int count_codebooks(ravel_draft *draft)
{
    char name[RAVEL_DRAFT_NAME];
    int n = 0;
    do {
        ravel_draft_name(name, "quantizer.quantizers", "%d.", n);
    } while (ravel_draft_has(draft, name) && n++ < RAVEL_MAX_CODEBOOKS);
    if (n == 0 || n > RAVEL_MAX_CODEBOOKS)
        ravel_draft_fail(draft, "%d codebooks 'quantizer.quantizers', not 1 to %d", n,
                         RAVEL_MAX_CODEBOOKS);
    return draft->failed ? 0 : n;
}

/* Rows that share a code of each codebook; halved from one to the next where nothing is said. */
static void read_strides(ravel_draft *draft, int n, int strides[RAVEL_MAX_CODEBOOKS])
{
    const cJSON *list = ravel_draft_config(draft, "vq_strides");
    if (list && cJSON_GetArraySize(list) != n)
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

/* DAC has modules of the same names. */
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
    cJSON *encoder = read_encoder(&net), *decoder = cJSON_CreateArray();
    int steps = frame_steps(draft, &net, strides[0]);
    ravel_draft_append(draft, encoder, fold_node(draft, "fold", steps));
    ravel_draft_append(draft, decoder, fold_node(draft, "unfold", steps));
    net.decodes = true;
    read_decoder(&net, decoder);
    int rate = read_rate(draft, &net);
    (void)snprintf(name, sizeof name, "snac_%dkhz", rate / 1000);
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", name), NULL, rate,
                       net.hop * steps);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", read_quantizer(draft, strides, n, steps));
    ravel_draft_part(draft, "decoder", decoder);
}
