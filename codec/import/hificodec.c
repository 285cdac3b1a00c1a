/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HiFi-Codec (Yang et al., arXiv 2305.02765), AcademiCodec's codec of two groups by two residual
 * codebooks. Its generator is HiFi-GAN's; its encoder is the same in mirror, with group norms over
 * all of the sound, which sees pieces of it here. Sizes follow from the shapes; a stride is half its
 * kernel where the configuration does not tell.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/import/layers.h"

enum { MAX_STAGES = 16, MAX_BLOCKS = 16, MAX_UNITS = 16, MAX_HOP = 65536, MAX_PIECE_S = 120 };
enum { MAX_SPAN = 65536 }; /* rows of a kernel, dilation included */

/* One of the two networks while it is read: stages of a change of rate and some blocks side by side. */
typedef struct {
    ravel_draft *draft;
    const char *part;
    int n_stages, n_blocks; /* blocks of a stage */
    int strides[MAX_STAGES];
    int hop;
} network;

bool ravel_import_is_hificodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "generator.ups.0.") &&
           ravel_draft_has(draft, "encoder.normalize.0.") &&
           ravel_draft_has(draft, "quantizer.quantizer_modules.0.embedding.");
}

/* --- Sizes ------------------------------------------------------------------------------------ */

/* How many lists of modules "PART.NAME.0.", "PART.NAME.1." ... there are, at most `most`. */
static int count(const ravel_draft *draft, const char *part, const char *name, int most)
{
    char sign[RAVEL_DRAFT_NAME];
    int n = 0;
    do {
        ravel_draft_name(sign, part, "%s.%d.", name, n);
    } while (ravel_draft_has(draft, sign) && ++n < most);
    return n;
}

/* Number i of the list in the configuration; the fallback without a list. */
static int listed(ravel_draft *draft, const cJSON *list, int i, int fallback)
{
    if (!list)
        return fallback;
    const cJSON *item = cJSON_GetArrayItem(list, i);
    if (cJSON_IsNumber(item) && item->valuedouble >= 1 && item->valuedouble <= MAX_HOP &&
        (double)item->valueint == item->valuedouble)
        return item->valueint;
    ravel_draft_fail(draft, "configuration: a list has no whole number from 1 to %d at place %d",
                     MAX_HOP, i);
    return fallback;
}

/* Taps of the convolution that changes the rate; 1 where it is missing. */
static int kernel_of(const network *net, int stage)
{
    static const char *const spellings[] = {"weight_v", "weight",
                                            "parametrizations.weight.original1"};
    char name[RAVEL_DRAFT_NAME];
    for (int i = 0; i < 3; i++) {
        ravel_draft_name(name, net->part, "ups.%d.%s", stage, spellings[i]);
        const ravel_tensor *weight = ravel_draft_find(net->draft, name);
        if (weight)
            return weight->rank == 3 ? weight->shape[2] : 1;
    }
    return 1;
}

static void read_strides(network *net, bool mirrored)
{
    const cJSON *list = ravel_draft_config(net->draft, "upsample_rates");
    for (int i = 0; i < net->n_stages; i++) {
        int half = kernel_of(net, i) / 2;
        int stride =
            listed(net->draft, list, mirrored ? net->n_stages - 1 - i : i, half > 0 ? half : 1);
        if (stride > MAX_HOP / net->hop) {
            ravel_draft_fail(net->draft, "the strides of '%s' make a hop above %d", net->part,
                             MAX_HOP);
            return;
        }
        net->strides[i] = stride;
        net->hop *= stride;
    }
}

static network open_network(ravel_draft *draft, const char *part, bool mirrored)
{
    network net = {.draft = draft, .part = part, .n_blocks = 1, .hop = 1};
    net.n_stages = count(draft, part, "ups", MAX_STAGES);
    int blocks = count(draft, part, "resblocks", MAX_STAGES * MAX_BLOCKS);
    if (net.n_stages == 0 || blocks == 0 || blocks % net.n_stages != 0) {
        ravel_draft_fail(draft, "'%s' has %d residual blocks in %d stages", part, blocks,
                         net.n_stages);
        return net;
    }
    net.n_blocks = blocks / net.n_stages;
    read_strides(&net, mirrored);
    return net;
}

/* --- Layers ----------------------------------------------------------------------------------- */

static void append_relu(const network *net, cJSON *sequence, double slope)
{
    cJSON *node = ravel_draft_node(net->draft, "leaky_relu", NULL);
    ravel_draft_number(net->draft, node, "slope", slope);
    ravel_draft_append(net->draft, sequence, node);
}

/* Rows to be added to, or cut from, both ends, so that rows change by the stride alone. */
static int padding(const network *net, const ravel_tensor *weight, int stride, int dilation)
{
    int64_t span = (int64_t)(weight->shape[2] - 1) * dilation + 1;
    if (span < stride || span > MAX_SPAN)
        ravel_draft_fail(net->draft, "tensor '%s' has a kernel of %lld rows, not %d to %d",
                         weight->name, (long long)span, stride, MAX_SPAN);
    return net->draft->failed ? 0 : (int)(span - stride) / 2;
}

static void append_conv(const network *net, cJSON *sequence, const char *prefix, int stride,
                        int dilation)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, prefix);
    int pad = weight ? padding(net, weight, stride, dilation) : 0;
    cJSON *node = ravel_draft_node(net->draft, "conv", prefix);
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_number(net->draft, node, "dilation", dilation);
    ravel_draft_pair(net->draft, node, "pad", pad, pad);
    ravel_draft_append(net->draft, sequence, node);
}

/* Returns its channels. */
static int append_conv_transpose(const network *net, cJSON *sequence, const char *prefix,
                                 int stride)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, prefix);
    int trim = weight ? padding(net, weight, stride, 1) : 0;
    int channels = weight ? weight->shape[1] : 1;
    cJSON *node = ravel_draft_node(net->draft, "conv_transpose", prefix);
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_pair(net->draft, node, "trim", trim, trim);
    ravel_draft_append(net->draft, sequence, node);
    return channels;
}

/* The i-th residual block: units of a dilated convolution and one that is not. */
static cJSON *read_block(const network *net, int i)
{
    char list[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    cJSON *block = cJSON_CreateArray();
    char key[40];
    (void)snprintf(key, sizeof key, "resblocks.%d.convs1", i);
    const cJSON *lists = ravel_draft_config(net->draft, "resblock_dilation_sizes");
    const cJSON *dilations = lists ? cJSON_GetArrayItem(lists, i % net->n_blocks) : NULL;
    int n_units = count(net->draft, net->part, key, MAX_UNITS);
    if (n_units == 0)
        ravel_draft_fail(net->draft, "tensors '%s.%s.0...' are missing", net->part, key);
    ravel_draft_name(list, net->part, "resblocks.%d", i);
    for (int unit = 0; unit < n_units && !net->draft->failed; unit++) {
        cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
        cJSON *branch = cJSON_AddArrayToObject(node, "branch");
        append_relu(net, branch, 0.1);
        ravel_draft_name(name, list, "convs1.%d", unit);
        append_conv(net, branch, name, 1, listed(net->draft, dilations, unit, 2 * unit + 1));
        append_relu(net, branch, 0.1);
        ravel_draft_name(name, list, "convs2.%d", unit);
        append_conv(net, branch, name, 1, 1);
        ravel_draft_append(net->draft, block, node);
    }
    return block;
}

/* From the sum of the blocks of a stage to their mean. */
static void append_mean(const network *net, cJSON *sequence, int stage, int channels)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, net->part, "means.%d", stage);
    ravel_import_constant_gain(net->draft, sequence, name, channels, 1.0f / (float)net->n_blocks);
}

/* --- The generator ---------------------------------------------------------------------------- */

static cJSON *read_blocks(const network *net, int stage)
{
    cJSON *node = read_block(net, stage * net->n_blocks);
    for (int i = 1; i < net->n_blocks; i++)
        node = ravel_import_sum(net->draft, read_block(net, stage * net->n_blocks + i), node);
    return node;
}

static cJSON *read_generator(const network *net)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *sequence = cJSON_CreateArray();
    ravel_draft_name(name, net->part, "conv_pre");
    append_conv(net, sequence, name, 1, 1);
    for (int i = 0; i < net->n_stages; i++) {
        append_relu(net, sequence, 0.1);
        ravel_draft_name(name, net->part, "ups.%d", i);
        int channels = append_conv_transpose(net, sequence, name, net->strides[i]);
        ravel_draft_append(net->draft, sequence, read_blocks(net, i));
        append_mean(net, sequence, i, channels);
    }
    append_relu(net, sequence, 0.1);
    ravel_draft_name(name, net->part, "conv_post");
    append_conv(net, sequence, name, 1, 1);
    ravel_draft_append(net->draft, sequence, ravel_draft_node(net->draft, "tanh", NULL));
    return sequence;
}

/* --- The encoder ------------------------------------------------------------------------------ */

/* Returns its channels. */
static int append_norm(const network *net, cJSON *sequence, int i)
{
    char prefix[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    int width = ravel_draft_config_int(net->draft, "groupnorm_channels_per_group", 16, 1, MAX_HOP);
    ravel_draft_name(prefix, net->part, "normalize.%d", i);
    ravel_draft_name(name, prefix, "bias");
    ravel_draft_add(net->draft, name, ravel_draft_need(net->draft, name, 1));
    ravel_draft_name(name, prefix, "weight");
    const ravel_tensor *gamma = ravel_draft_need(net->draft, name, 1);
    int channels = gamma ? gamma->shape[0] : width, groups = channels / width;
    ravel_draft_add(net->draft, name, gamma);
    if (channels % width != 0)
        ravel_draft_fail(net->draft, "tensor '%s' has %d channels, no groups of %d", name, channels,
                         width);
    cJSON *node = ravel_draft_node(net->draft, "group_norm", prefix);
    ravel_draft_number(net->draft, node, "groups", groups);
    ravel_draft_number(net->draft, node, "eps", 1e-6);
    ravel_draft_append(net->draft, sequence, node);
    return channels;
}

/* Each block is added to the sum of those before, which is normalised each time. */
static cJSON *read_normed_blocks(const network *net, int stage)
{
    cJSON *sequence = NULL;
    int channels = 1;
    for (int i = 0; i < net->n_blocks; i++) {
        int at = stage * net->n_blocks + i;
        cJSON *block = ravel_import_sum(net->draft, read_block(net, at), sequence);
        sequence = cJSON_CreateArray();
        ravel_draft_append(net->draft, sequence, block);
        channels = append_norm(net, sequence, at);
    }
    append_mean(net, sequence, stage, channels);
    return sequence;
}

static cJSON *read_encoder(const network *net, int piece)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *sequence = cJSON_CreateArray();
    ravel_draft_name(name, net->part, "conv_pre");
    append_conv(net, sequence, name, 1, 1);
    for (int i = 0; i < net->n_stages; i++) {
        append_relu(net, sequence, 0.1);
        ravel_draft_name(name, net->part, "ups.%d", i);
        append_conv(net, sequence, name, net->strides[i], 1);
        ravel_draft_append(net->draft, sequence, read_normed_blocks(net, i));
    }
    append_relu(net, sequence, 0.01);
    ravel_draft_name(name, net->part, "conv_post");
    append_conv(net, sequence, name, 1, 1);
    return ravel_import_whole(net->draft, piece, sequence);
}

/* --- The quantiser ---------------------------------------------------------------------------- */

/* "quantizer_modules", "quantizer_modules2" ...: the groups of each residual stage. */
static cJSON *read_groups(ravel_draft *draft, const char *list)
{
    char prefix[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "grouped", NULL);
    cJSON *parts = cJSON_AddArrayToObject(node, "parts");
    const ravel_tensor *latents = ravel_draft_find(draft, "encoder.conv_post.weight");
    int n = count(draft, "quantizer", list, RAVEL_MAX_CODEBOOKS);
    for (int i = 0; i < n; i++) {
        ravel_draft_name(prefix, "quantizer", "%s.%d", list, i);
        ravel_draft_name(name, prefix, "embedding.weight");
        const ravel_tensor *codewords = ravel_draft_need(draft, name, 2);
        if (codewords && latents && codewords->shape[1] != latents->shape[0] / n)
            ravel_draft_fail(draft, "tensor '%s' has %d dimensions, not %d of the %d of '%s'", name,
                             codewords->shape[1], latents->shape[0] / n, latents->shape[0],
                             latents->name);
        ravel_draft_name(name, prefix, "codebook.weight");
        ravel_draft_add(draft, name, codewords);
        ravel_draft_append(draft, parts, ravel_draft_node(draft, "codebook", prefix));
    }
    return node;
}

static cJSON *read_quantizer(ravel_draft *draft)
{
    char list[40] = "quantizer_modules";
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    for (int i = 2; i <= RAVEL_MAX_CODEBOOKS && count(draft, "quantizer", list, 1) > 0; i++) {
        ravel_draft_append(draft, stages, read_groups(draft, list));
        (void)snprintf(list, sizeof list, "quantizer_modules%d", i);
    }
    return node;
}

void ravel_import_hificodec(ravel_draft *draft)
{
    network encoder = open_network(draft, "encoder", true);
    network generator = open_network(draft, "generator", false);
    const char *name = ravel_draft_config_string(draft, "name", "hificodec");
    int sample_rate = ravel_draft_config_int(draft, "sampling_rate", 24000, 1000, 768000);
    int seconds = ravel_draft_config_int(draft, "piece_seconds", 20, 1, MAX_PIECE_S);
    if (draft->failed)
        return;
    int frames = (int)((int64_t)seconds * sample_rate / encoder.hop);
    cJSON *first = read_encoder(&encoder, (frames > 0 ? frames : 1) * encoder.hop);
    cJSON *quantizer = read_quantizer(draft);
    cJSON *last = read_generator(&generator);
    ravel_draft_header(draft, name, NULL, sample_rate, encoder.hop);
    ravel_draft_string(draft, draft->graph, "last_frame", "drop");
    ravel_draft_part(draft, "encoder", first);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", last);
}
