/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Low Frame-rate Speech Codec of NVIDIA's NeMo (Casanova et al., arXiv 2409.12117): a HiFi-GAN
 * generator and its inversion, and finite scalar quantisation in groups. Sizes follow from
 * shapes: a convolution that changes the rate has a kernel of twice its stride.
 *
 * The sound is filled up with zeros to whole frames, as NeMo does. Convolutions see their input
 * reflected at both ends.
 */
#include <stdio.h>
#include <string.h>

#include "codec/import/layers.h"

enum { MAX_STAGES = 16, MAX_CHAINS = 16, MAX_BLOCKS = 16, MAX_DILATION = 1024, MAX_HOP = 65536 };
enum { MAX_LEVELS = 16 };

/* One of the two networks while it is read. */
typedef struct {
    ravel_draft *draft;
    const char *part;         /* "audio_encoder" or "audio_decoder" */
    const char *mode;         /* of padding */
    int dilation[MAX_BLOCKS]; /* of the blocks of a chain */
    int hop;                  /* product of the strides so far */
    cJSON *sequence;
} network;

/* --- Convolutions ------------------------------------------------------------------------------ */

/* Stride of a kernel of twice that; 1 after a failure. */
static int stride_of(network *net, const ravel_tensor *weight)
{
    int stride = weight->shape[2] / 2;
    if (weight->shape[2] % 2 == 0 && net->hop <= MAX_HOP / stride) {
        net->hop *= stride;
        return stride;
    }
    ravel_draft_fail(net->draft, "tensor '%s' has no kernel of twice a stride: %d", weight->name,
                     weight->shape[2]);
    return 1;
}

static void append_conv(network *net, cJSON *sequence, const char *name, int dilation)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, name);
    cJSON *node = ravel_draft_node(net->draft, "conv", name);
    int pad = weight ? (weight->shape[2] - 1) * dilation / 2 : 0;
    ravel_draft_number(net->draft, node, "dilation", dilation);
    ravel_draft_pair(net->draft, node, "pad", pad, pad);
    ravel_draft_string(net->draft, node, "mode", net->mode);
    ravel_draft_append(net->draft, sequence, node);
}

static void append_down(network *net, const char *name)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, name);
    cJSON *node = ravel_draft_node(net->draft, "conv", name);
    int stride = weight ? stride_of(net, weight) : 1, pad = (stride + 1) / 2;
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_pair(net->draft, node, "pad", pad, pad);
    ravel_draft_string(net->draft, node, "mode", net->mode);
    ravel_draft_append(net->draft, net->sequence, node);
}

static void append_up(network *net, const char *name)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, name);
    cJSON *node = ravel_draft_node(net->draft, "conv_transpose", name);
    int stride = weight ? stride_of(net, weight) : 1, trim = (stride + 1) / 2;
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_pair(net->draft, node, "trim", trim, trim);
    ravel_draft_number(net->draft, node, "output_padding", stride % 2);
    ravel_draft_append(net->draft, net->sequence, node);
}

/* Of the slope that is a leaky_relu's default. */
static void append_activation(network *net, cJSON *sequence)
{
    ravel_draft_append(net->draft, sequence, ravel_draft_node(net->draft, "leaky_relu", NULL));
}

/* --- Residual layers --------------------------------------------------------------------------- */

/* x + conv(act(conv(act(x)))), the first one dilated */
static void append_block(network *net, cJSON *chain, const char *prefix, int dilation)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    append_activation(net, branch);
    ravel_draft_name(name, prefix, "input_conv.conv");
    append_conv(net, branch, name, dilation);
    append_activation(net, branch);
    ravel_draft_name(name, prefix, "skip_conv.conv");
    append_conv(net, branch, name, 1);
    ravel_draft_append(net->draft, chain, node);
}

/* Blocks one after another, all with kernels of one length. */
static cJSON *read_chain(network *net, const char *prefix)
{
    char block[RAVEL_DRAFT_NAME];
    cJSON *chain = cJSON_CreateArray();
    for (int i = 0; i < MAX_BLOCKS && !net->draft->failed; i++) {
        ravel_draft_name(block, prefix, "res_blocks.%d", i);
        if (i > 0 && !ravel_draft_has_part(net->draft, block, ""))
            break;
        append_block(net, chain, block, net->dilation[i]);
    }
    return chain;
}

/* A node that divides by n. */
static void append_mean(network *net, const char *layer, int n)
{
    char name[RAVEL_DRAFT_NAME];
    if (net->draft->failed)
        return;
    const int channels = net->draft->tensors[net->draft->n_tensors - 1].shape[0];
    ravel_draft_name(name, layer, "mean");
    ravel_import_constant_gain(net->draft, net->sequence, name, channels, 1.0f / (float)n);
}

/* The mean of several chains: each is the branch around those before it. */
static void append_layer(network *net, int i)
{
    char layer[RAVEL_DRAFT_NAME], chain[RAVEL_DRAFT_NAME];
    cJSON *sum = NULL;
    int n = 0;
    ravel_draft_name(layer, net->part, "res_layers.%d", i);
    for (; n < MAX_CHAINS && !net->draft->failed; n++) {
        ravel_draft_name(chain, layer, "res_blocks.%d", n);
        if (n > 0 && !ravel_draft_has_part(net->draft, chain, ""))
            break;
        sum = ravel_import_sum(net->draft, read_chain(net, chain), sum);
    }
    ravel_draft_append(net->draft, net->sequence, sum);
    append_mean(net, layer, n);
}

/* --- Networks ---------------------------------------------------------------------------------- */

/* A field of the configuration of this network. */
static void field(char key[RAVEL_DRAFT_NAME], const network *net, const char *name)
{
    ravel_draft_name(key, net->part, "%s", name);
}

static const char *padding_mode(const network *net)
{
    static const char *const modes[][2] = {
        {"reflect", "reflect"}, {"zeros", "zero"}, {"replicate", "replicate"}};
    char key[RAVEL_DRAFT_NAME];
    field(key, net, "pad_mode");
    const char *mode = ravel_draft_config_string(net->draft, key, "reflect");
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, modes[i][0]) == 0)
            return modes[i][1];
    ravel_draft_fail(net->draft, "configuration: unknown %s '%.40s'", key, mode);
    return "zero";
}

/* "resblock_dilation_sizes"; 1, 3, 5 ... where the configuration has none */
static void read_dilations(network *net)
{
    char key[RAVEL_DRAFT_NAME];
    field(key, net, "resblock_dilation_sizes");
    const cJSON *list = ravel_draft_config(net->draft, key), *item = list ? list->child : NULL;
    for (int i = 0; i < MAX_BLOCKS; i++, item = item ? item->next : NULL) {
        net->dilation[i] = 2 * i + 1;
        if (!item)
            continue;
        net->dilation[i] = item->valueint;
        if (!cJSON_IsNumber(item) || item->valueint < 1 || item->valueint > MAX_DILATION)
            ravel_draft_fail(net->draft, "configuration: '%s' is not a list of numbers 1 to %d",
                             key, MAX_DILATION);
    }
}

/* An activation that the configuration names otherwise than the published one's is refused. */
static void check_activation(const network *net, const char *name, const char *known)
{
    char key[RAVEL_DRAFT_NAME];
    field(key, net, name);
    const char *value = ravel_draft_config_string(net->draft, key, known);
    if (strcmp(value, known) != 0)
        ravel_draft_fail(net->draft, "configuration: %s is '%.40s', not '%s'", key, value, known);
}

static network open_network(ravel_draft *draft, const char *part)
{
    network net = {.draft = draft, .part = part, .hop = 1, .sequence = cJSON_CreateArray()};
    net.mode = padding_mode(&net);
    read_dilations(&net);
    check_activation(&net, "activation", "lrelu");
    return net;
}

static void append_edge(network *net, const char *name)
{
    char conv[RAVEL_DRAFT_NAME];
    ravel_draft_name(conv, net->part, "%s.conv", name);
    append_conv(net, net->sequence, conv, 1);
}

static cJSON *read_encoder(ravel_draft *draft, int *hop)
{
    char name[RAVEL_DRAFT_NAME];
    network net = open_network(draft, "audio_encoder");
    append_edge(&net, "pre_conv");
    for (int i = 0; i < MAX_STAGES && !draft->failed; i++) {
        ravel_draft_name(name, net.part, "down_sample_conv_layers.%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, name, ""))
            break;
        append_layer(&net, i);
        append_activation(&net, net.sequence);
        ravel_draft_name(name, net.part, "down_sample_conv_layers.%d.conv", i);
        append_down(&net, name);
    }
    append_activation(&net, net.sequence);
    append_edge(&net, "post_conv");
    *hop = net.hop;
    return net.sequence;
}

static cJSON *read_decoder(ravel_draft *draft)
{
    char name[RAVEL_DRAFT_NAME];
    network net = open_network(draft, "audio_decoder");
    check_activation(&net, "output_activation", "tanh");
    append_edge(&net, "pre_conv");
    for (int i = 0; i < MAX_STAGES && !draft->failed; i++) {
        ravel_draft_name(name, net.part, "up_sample_conv_layers.%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, name, ""))
            break;
        append_activation(&net, net.sequence);
        ravel_draft_name(name, net.part, "up_sample_conv_layers.%d.conv", i);
        append_up(&net, name);
        append_layer(&net, i);
    }
    append_activation(&net, net.sequence);
    append_edge(&net, "post_conv");
    ravel_draft_append(draft, net.sequence, ravel_draft_node(draft, "tanh", NULL));
    return net.sequence;
}

/* --- Quantiser --------------------------------------------------------------------------------- */

/* The numbers of an I32 tensor; how many. */
static int read_levels(ravel_draft *draft, const char *name, int levels[MAX_LEVELS])
{
    ravel_entry *entry = ravel_safetensors_find(&draft->st, name);
    size_t n = entry ? entry->bytes / 4 : 0;
    if (!entry || strcmp(entry->type, "I32") != 0 || n < 1 || n > MAX_LEVELS) {
        ravel_draft_fail(draft, "tensor '%s' is missing, or not 1 to %d numbers of type I32", name,
                         MAX_LEVELS);
        return 0;
    }
    entry->parts = 1;
    const uint8_t *byte = entry->tensor.data;
    for (size_t i = 0; i < n; i++, byte += 4) {
        levels[i] = byte[0] | byte[1] << 8;
        if (byte[2] || byte[3])
            ravel_draft_fail(draft, "tensor '%s' has numbers of levels above 65535", name);
    }
    return (int)n;
}

static void append_group(ravel_draft *draft, cJSON *parts, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    int levels[MAX_LEVELS];
    ravel_draft_name(name, prefix, "num_levels");
    int n = read_levels(draft, name, levels);
    ravel_draft_name(name, prefix, "dim_base_index");
    ravel_draft_ignore(draft, name);
    cJSON *node = ravel_draft_node(draft, "fsq", NULL);
    ravel_draft_child(draft, node, "levels", cJSON_CreateIntArray(levels, n));
    ravel_draft_append(draft, parts, node);
}

static cJSON *read_quantizer(ravel_draft *draft)
{
    char prefix[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "grouped", NULL);
    cJSON *parts = cJSON_AddArrayToObject(node, "parts");
    for (int i = 0; i < RAVEL_MAX_CODEBOOKS && !draft->failed; i++) {
        ravel_draft_name(prefix, "vector_quantizer", "fsqs.%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, prefix, ""))
            break;
        append_group(draft, parts, prefix);
    }
    return node;
}

/* --- The whole --------------------------------------------------------------------------------- */

/* NeMo keeps discriminators, losses and the networks that these listen with in the same file. */
static void ignore_training(ravel_draft *draft)
{
    static const char *const modules[] = {"audio_encoder.", "audio_decoder.", "vector_quantizer."};
    for (size_t i = 0; i < draft->st.n_entries; i++) {
        const char *name = draft->st.entries[i].tensor.name;
        bool codec = false;
        for (int m = 0; m < 3; m++)
            codec = codec || strncmp(name, modules[m], strlen(modules[m])) == 0;
        if (!codec)
            ravel_draft_ignore(draft, name);
    }
}

bool ravel_import_is_nemo(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "audio_encoder.pre_conv.") &&
           ravel_draft_has(draft, "vector_quantizer.fsqs.");
}

void ravel_import_nemo(ravel_draft *draft)
{
    int hop;
    int sample_rate = ravel_draft_config_int(draft, "sample_rate", 22050, 1000, 768000);
    cJSON *encoder = read_encoder(draft, &hop);
    cJSON *quantizer = read_quantizer(draft);
    cJSON *decoder = read_decoder(draft);
    ignore_training(draft);
    ravel_draft_header(draft, "nemo-low-frame-rate-speech-codec",
                       "NSCLv1, of NVIDIA's weights: not for commercial use", sample_rate, hop);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
