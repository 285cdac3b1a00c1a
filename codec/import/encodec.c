/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EnCodec (Defossez et al., arXiv 2210.13438), the causal 24 kHz model: checkpoints of its authors,
 * under their own names. A SEANet encoder and decoder are lists of modules "encoder.model.N"; what
 * each is follows from the tensors it has, its sizes from their shapes: a strided convolution has a
 * kernel of twice its stride, the residual blocks of one stage dilations 1, 2, 4 ..., and a module
 * without tensors is an ELU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/draft.h"

enum { MAX_MODULES = 100, MAX_LSTMS = 8 };

/* One of the two networks while it is read. */
typedef struct {
    ravel_draft *draft;
    const char *mode; /* of padding */
    int n_modules;
    int dilation; /* of the next residual block */
    int hop;      /* product of the strides */
    cJSON *sequence;
} network;

/* Padding on the left and, at the end, what completes the last window. */
static void append_conv(network *net, cJSON *sequence, const char *prefix, int strided,
                        int dilation)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, prefix);
    cJSON *node = ravel_draft_node(net->draft, "conv", prefix);
    if (!weight || !node) {
        cJSON_Delete(node);
        return;
    }
    int kernel = weight->shape[2], stride = strided ? kernel / 2 : 1;
    if (strided && (kernel % 2 != 0 || net->hop > 65536 / stride)) {
        ravel_draft_fail(net->draft, "tensor '%s' has no kernel of twice a stride: %d",
                         weight->name, kernel);
    } else {
        net->hop *= stride;
    }
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_number(net->draft, node, "dilation", dilation);
    ravel_draft_pair(net->draft, node, "pad", (kernel - 1) * dilation + 1 - stride, 0);
    ravel_draft_string(net->draft, node, "mode", net->mode);
    ravel_draft_true(net->draft, node, "complete_last");
    ravel_draft_append(net->draft, sequence, node);
}

static void append_conv_transpose(network *net, const char *prefix)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(net->draft, prefix);
    cJSON *node = ravel_draft_node(net->draft, "conv_transpose", prefix);
    if (!weight || !node) {
        cJSON_Delete(node);
        return;
    }
    int kernel = weight->shape[2], stride = kernel / 2;
    if (kernel % 2 != 0)
        ravel_draft_fail(net->draft, "tensor '%s' has no kernel of twice a stride: %d",
                         weight->name, kernel);
    ravel_draft_number(net->draft, node, "stride", stride);
    ravel_draft_pair(net->draft, node, "trim", 0, kernel - stride);
    ravel_draft_append(net->draft, net->sequence, node);
}

static void append_elu(network *net, cJSON *sequence)
{
    ravel_draft_append(net->draft, sequence, ravel_draft_node(net->draft, "elu", NULL));
}

/* "block" is ELU and convolution in turns; only the first is dilated. */
static void append_block(network *net, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    for (int i = 1; i == 1 || ravel_draft_has(net->draft, sign); i += 2) {
        ravel_draft_name(name, prefix, "block.%d.conv.conv", i);
        append_elu(net, branch);
        append_conv(net, branch, name, 0, i == 1 ? net->dilation : 1);
        ravel_draft_name(sign, prefix, "block.%d.conv.conv.", i + 2);
    }
    ravel_draft_name(name, prefix, "shortcut.conv.conv");
    ravel_draft_name(sign, prefix, "shortcut.conv.conv.");
    if (ravel_draft_has(net->draft, sign))
        append_conv(net, cJSON_AddArrayToObject(node, "shortcut"), name, 0, 1);
    ravel_draft_append(net->draft, net->sequence, node);
    net->dilation *= net->dilation < 1024 ? 2 : 1;
}

static void append_lstm(network *net, cJSON *branch, const char *prefix, int layer)
{
    static const char *const parts[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    char name[RAVEL_DRAFT_NAME], from[RAVEL_DRAFT_NAME], to[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "lstm.%d", layer);
    for (int i = 0; i < 4; i++) {
        ravel_draft_name(from, prefix, "lstm.%s_l%d", parts[i], layer);
        ravel_draft_name(to, name, "%s", parts[i]);
        ravel_draft_add(net->draft, to, ravel_draft_need(net->draft, from, i < 2 ? 2 : 1));
    }
    ravel_draft_append(net->draft, branch, ravel_draft_node(net->draft, "lstm", name));
}

/* All layers of the LSTM in one branch, around which the input is added. */
static void append_lstms(network *net, const char *prefix)
{
    char sign[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(net->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    for (int layer = 0; layer < MAX_LSTMS; layer++) {
        ravel_draft_name(sign, prefix, "lstm.weight_ih_l%d", layer);
        if (layer == 0 || ravel_draft_has(net->draft, sign))
            append_lstm(net, branch, prefix, layer);
    }
    ravel_draft_append(net->draft, net->sequence, node);
}

static bool has_part(const network *net, const char *prefix, const char *part)
{
    char sign[RAVEL_DRAFT_NAME];
    ravel_draft_name(sign, prefix, "%s.", part);
    return ravel_draft_has(net->draft, sign);
}

static void append_module(network *net, const char *prefix, bool edge)
{
    char name[RAVEL_DRAFT_NAME];
    if (has_part(net, prefix, "conv")) {
        ravel_draft_name(name, prefix, "conv.conv");
        append_conv(net, net->sequence, name, !edge, 1);
        net->dilation = 1;
    } else if (has_part(net, prefix, "convtr")) {
        ravel_draft_name(name, prefix, "convtr.convtr");
        append_conv_transpose(net, name);
        net->dilation = 1;
    } else if (has_part(net, prefix, "block")) {
        append_block(net, prefix);
    } else if (has_part(net, prefix, "lstm")) {
        append_lstms(net, prefix);
    } else {
        append_elu(net, net->sequence);
    }
}

/* "encoder" or "decoder"; its modules are numbered from 0 without gaps but for the ELUs. */
static cJSON *read_network(ravel_draft *draft, const char *part, const char *mode, int *hop)
{
    char prefix[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    network net = {draft, mode, 0, 1, 1, cJSON_CreateArray()};
    for (int i = 0; i < MAX_MODULES; i++) {
        ravel_draft_name(sign, part, "model.%d.", i);
        if (ravel_draft_has(draft, sign))
            net.n_modules = i + 1;
    }
    if (net.n_modules == 0)
        ravel_draft_fail(draft, "tensor '%s.model.0.conv.conv.weight' is missing", part);
    for (int i = 0; i < net.n_modules && !draft->failed; i++) {
        ravel_draft_name(prefix, part, "model.%d", i);
        append_module(&net, prefix, i == 0 || i == net.n_modules - 1);
    }
    *hop = net.hop;
    return net.sequence;
}

/* One codebook a layer; what only training needs is left out. */
static cJSON *read_quantizer(ravel_draft *draft)
{
    static const char *const unused[] = {"inited", "cluster_size", "embed_avg"};
    char prefix[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    for (int i = 0; i < RAVEL_MAX_CODEBOOKS && !draft->failed; i++) {
        ravel_draft_name(prefix, "quantizer.vq.layers", "%d", i);
        ravel_draft_name(name, prefix, "_codebook.embed");
        if (i > 0 && !ravel_draft_has(draft, name))
            break;
        const ravel_tensor *codewords = ravel_draft_need(draft, name, 2);
        for (int u = 0; u < 3; u++) {
            ravel_draft_name(name, prefix, "_codebook.%s", unused[u]);
            ravel_draft_ignore(draft, name);
        }
        ravel_draft_name(name, prefix, "codebook.weight");
        ravel_draft_add(draft, name, codewords);
        ravel_draft_append(draft, stages, ravel_draft_node(draft, "codebook", prefix));
    }
    return node;
}

bool ravel_import_is_encodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "encoder.model.0.conv.conv.");
}

void ravel_import_encodec(ravel_draft *draft)
{
    int hop, decoder_hop;
    const char *pad_mode = ravel_draft_config_string(draft, "pad_mode", "reflect");
    bool reflect = strcmp(pad_mode, "reflect") == 0;
    if (!reflect && strcmp(pad_mode, "constant") != 0)
        ravel_draft_fail(draft, "configuration: unknown pad_mode '%.40s'", pad_mode);
    const char *mode = reflect ? "reflect" : "zero";
    const char *name = ravel_draft_config_string(draft, "name", "encodec_24khz");
    int sample_rate = ravel_draft_config_int(draft, "sample_rate", 24000, 1000, 768000);
    cJSON *encoder = read_network(draft, "encoder", mode, &hop);
    cJSON *quantizer = read_quantizer(draft);
    cJSON *decoder = read_network(draft, "decoder", mode, &decoder_hop);
    ravel_draft_header(draft, name, "as the publisher of the checkpoint says", sample_rate, hop);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
