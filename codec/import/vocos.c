/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/vocos.h"

#include <math.h>
#include <string.h>

#include "codec/import/layers.h"
#include "nn/fourier.h"

enum {
    MAX_BLOCKS = 256,
    N_GROUPS = 32,    /* of group norms */
    PIECE_ROWS = 4096 /* that see each other: 55 s or more of the published models */
};

static const double eps = 1e-6; /* of all norms */

/* --- Layers ----------------------------------------------------------------------------------- */

/* A convolution that keeps the rate, padded by zeros on both sides. */
static void append_conv(ravel_draft *draft, cJSON *sequence, const char *name, bool depthwise)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(draft, name);
    cJSON *node = ravel_draft_node(draft, "conv", name);
    if (weight && node) {
        int pad = weight->shape[2] / 2;
        if (weight->shape[2] % 2 == 0)
            ravel_draft_fail(draft, "tensor '%s' has an even kernel of %d", weight->name,
                             weight->shape[2]);
        ravel_draft_number(draft, node, "groups", depthwise ? weight->shape[0] : 1);
        ravel_draft_pair(draft, node, "pad", pad, pad);
    }
    ravel_draft_append(draft, sequence, node);
}

static void append_group_norm(ravel_draft *draft, cJSON *sequence, const char *name)
{
    ravel_import_vectors(draft, name);
    cJSON *node = ravel_draft_node(draft, "group_norm", name);
    ravel_draft_number(draft, node, "groups", N_GROUPS);
    ravel_draft_number(draft, node, "eps", eps);
    ravel_draft_append(draft, sequence, node);
}

/* A row of the table FROM becomes the tensor NAME.SUFFIX. */
static void add_row(ravel_draft *draft, const char *name, const char *suffix, const char *from)
{
    char source[RAVEL_DRAFT_NAME], target[RAVEL_DRAFT_NAME];
    ravel_draft_name(source, name, "%s.weight", from);
    ravel_draft_name(target, name, "%s", suffix);
    const ravel_tensor *table = ravel_draft_need(draft, source, 2);
    if (!table)
        return;
    int row = ravel_draft_config_int(draft, "bandwidth_id", 0, 0, table->shape[0] - 1);
    size_t width = (size_t)table->shape[1];
    float *values = ravel_draft_make(draft, target, 1, &table->shape[1]);
    for (size_t i = 0; values && i < width; i++)
        values[i] = ravel_tensor_get(table, (size_t)row * width + i);
}

static void append_adaptive_norm(ravel_draft *draft, cJSON *sequence, const char *name)
{
    add_row(draft, name, "weight", "scale");
    add_row(draft, name, "bias", "shift");
    cJSON *node = ravel_draft_node(draft, "layer_norm", name);
    ravel_draft_number(draft, node, "eps", eps);
    ravel_draft_append(draft, sequence, node);
}

/* A residual node, and its branch, still empty. */
static cJSON *append_residual(ravel_draft *draft, cJSON *sequence)
{
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    ravel_draft_append(draft, sequence, node);
    return draft->failed ? NULL : branch;
}

/* --- What sees all rows (WavTokenizer's pos_net) ---------------------------------------------- */

/* Group norm, SiLU and convolution, twice; what needs no other row than its neighbours in one. */
static void append_resnet_block(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *branch = append_residual(draft, sequence);
    for (int i = 1; i <= 2; i++) {
        cJSON *streams = cJSON_CreateArray();
        ravel_draft_name(name, prefix, "norm%d", i);
        append_group_norm(draft, branch, name);
        ravel_import_plain(draft, streams, "silu");
        ravel_draft_name(name, prefix, "conv%d", i);
        append_conv(draft, streams, name, false);
        ravel_draft_append(draft, branch, streams);
    }
}

/* Copies a tensor of the checkpoint, of `count` values, to its place in a greater one. */
static void copy_part(ravel_draft *draft, const char *name, int rank, float *to, size_t count)
{
    const ravel_tensor *part = ravel_draft_need(draft, name, rank);
    if (part && ravel_tensor_count(part) != count)
        ravel_draft_fail(draft, "tensor '%s' has %zu values, not %zu", name,
                         ravel_tensor_count(part), count);
    for (size_t i = 0; to && part && !draft->failed && i < count; i++)
        to[i] = ravel_tensor_get(part, i);
}

/* Convolutions PREFIX.PART of one row become the rows of one matrix, PREFIX.NAME. */
static void add_matrix(ravel_draft *draft, const char *prefix, const char *name,
                       const char *const *parts, int n_parts)
{
    char tensor[RAVEL_DRAFT_NAME];
    ravel_draft_name(tensor, prefix, "%s.weight", parts[0]);
    const ravel_tensor *first = ravel_draft_need(draft, tensor, 3);
    if (first && ravel_tensor_count(first) != (size_t)first->shape[0] * (size_t)first->shape[0])
        ravel_draft_fail(draft, "tensor '%s' is [%d, %d, %d], not square", tensor, first->shape[0],
                         first->shape[1], first->shape[2]);
    if (!first || draft->failed)
        return;
    const int shape[] = {n_parts * first->shape[0], first->shape[0]};
    const size_t width = (size_t)first->shape[0];
    ravel_draft_name(tensor, prefix, "%s.weight", name);
    float *weight = ravel_draft_make(draft, tensor, 2, shape);
    ravel_draft_name(tensor, prefix, "%s.bias", name);
    float *bias = ravel_draft_make(draft, tensor, 1, shape);
    for (int i = 0; i < n_parts && bias; i++, weight += width * width, bias += width) {
        ravel_draft_name(tensor, prefix, "%s.weight", parts[i]);
        copy_part(draft, tensor, 3, weight, width * width);
        ravel_draft_name(tensor, prefix, "%s.bias", parts[i]);
        copy_part(draft, tensor, 1, bias, width);
    }
}

/* One head. */
static void append_attention_block(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    static const char *const in[] = {"q", "k", "v"}, *const out[] = {"proj_out"};
    char name[RAVEL_DRAFT_NAME];
    cJSON *branch = append_residual(draft, sequence);
    ravel_draft_name(name, prefix, "norm");
    append_group_norm(draft, branch, name);
    add_matrix(draft, prefix, "in_proj", in, 3);
    add_matrix(draft, prefix, "out_proj", out, 1);
    cJSON *node = ravel_draft_node(draft, "attention", prefix);
    ravel_draft_number(draft, node, "heads", 1);
    ravel_draft_false(draft, node, "causal");
    ravel_draft_append(draft, branch, node);
}

/* In pieces of rows that see each other. */
static void append_pos_net(ravel_draft *draft, cJSON *sequence)
{
    char name[RAVEL_DRAFT_NAME];
    if (!ravel_draft_has(draft, "backbone.pos_net."))
        return;
    cJSON *inner = cJSON_CreateArray();
    for (int i = 0; i < MAX_BLOCKS && !draft->failed; i++) {
        ravel_draft_name(name, "backbone.pos_net", "%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, name, ""))
            break;
        if (ravel_draft_has_part(draft, name, "norm1."))
            append_resnet_block(draft, inner, name);
        else if (ravel_draft_has_part(draft, name, "q."))
            append_attention_block(draft, inner, name);
        else
            append_group_norm(draft, inner, name);
    }
    ravel_draft_append(draft, sequence, ravel_import_whole(draft, PIECE_ROWS, inner));
}

/*
 * --- What streams ------------------------------------------------------------------------------
 *
 * A sequence of its own: it takes the rows of a piece, which come at once, a few at a time.
 */

static void append_convnext(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *branch = append_residual(draft, sequence);
    ravel_draft_name(name, prefix, "dwconv");
    append_conv(draft, branch, name, true);
    ravel_draft_name(name, prefix, "norm");
    append_adaptive_norm(draft, branch, name);
    ravel_draft_name(name, prefix, "pwconv1");
    ravel_import_linear(draft, branch, name);
    ravel_import_plain(draft, branch, "gelu");
    ravel_draft_name(name, prefix, "pwconv2");
    ravel_import_linear(draft, branch, name);
    ravel_draft_name(name, prefix, "gamma");
    (void)ravel_draft_need(draft, name, 1);
    ravel_import_gain(draft, branch, name);
}

static void append_blocks(ravel_draft *draft, cJSON *sequence)
{
    char name[RAVEL_DRAFT_NAME];
    append_adaptive_norm(draft, sequence, "backbone.norm");
    for (int i = 0; i < MAX_BLOCKS && !draft->failed; i++) {
        ravel_draft_name(name, "backbone.convnext", "%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, name, ""))
            break;
        append_convnext(draft, sequence, name);
    }
    ravel_import_layer_norm(draft, sequence, "backbone.final_layer_norm", eps);
}

/* The window, which checkpoints keep as a tensor, must be the one of the layer. */
static void check_window(ravel_draft *draft, int n_fft)
{
    const ravel_tensor *window = ravel_draft_find(draft, "head.istft.window");
    if (!window)
        return;
    bool equal = window->rank == 1 && window->shape[0] == n_fft;
    for (int n = 0; equal && n < n_fft; n++)
        equal = fabs((double)ravel_tensor_get(window, (size_t)n) - ravel_hann(n_fft, n)) < 0.01;
    if (!equal)
        ravel_draft_fail(draft, "tensor '%s' is not a Hann window of %d samples", window->name,
                         n_fft);
}

static void append_head(ravel_draft *draft, cJSON *sequence, int hop)
{
    ravel_import_linear(draft, sequence, "head.out");
    const ravel_tensor *out = ravel_draft_need(draft, "head.out.weight", 2);
    const char *padding = ravel_draft_config_string(draft, "head.padding", "same");
    if (!out)
        return;
    ravel_import_istft(draft, sequence, "head.out.weight", out->shape[0], hop);
    if (strcmp(padding, "same") != 0)
        ravel_draft_fail(draft, "configuration: head.padding '%.40s' is not 'same'", padding);
    if (!draft->failed)
        check_window(draft, out->shape[0] - 2);
}

/* --- Codecs ----------------------------------------------------------------------------------- */

static void ignore_training(ravel_draft *draft)
{
    static const char *const parts[] = {"feature_extractor.encodec.decoder.",
                                        "multiperioddisc.",
                                        "multiresddisc.",
                                        "dac.",
                                        "dacdiscriminator.",
                                        "melspec_loss."};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ravel_draft_ignore_all(draft, parts[i]);
}

ravel_seanet ravel_vocos_open(ravel_draft *draft)
{
    ravel_seanet net = ravel_seanet_open(draft, "feature_extractor.encodec.");
    ravel_seanet_set_causal(&net, draft, false);
    return net;
}

void ravel_vocos_codec(ravel_draft *draft, const ravel_seanet *net, const char *name)
{
    int hop;
    cJSON *decoder = cJSON_CreateArray(), *blocks = cJSON_CreateArray();
    cJSON *encoder = ravel_seanet_network(net, draft, "encoder", &hop);
    int rate = ravel_draft_config_int(draft, "sample_rate", 24000, 1000, 768000);
    append_conv(draft, decoder, "backbone.embed", false);
    append_pos_net(draft, decoder);
    append_blocks(draft, blocks);
    append_head(draft, blocks, hop);
    ravel_draft_append(draft, decoder, blocks);
    ignore_training(draft);
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", name),
                       "MIT, as the publisher of the checkpoint says", rate, hop);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "decoder", decoder);
}
