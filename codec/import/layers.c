/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/layers.h"

#include <string.h>

#include "nn/fourier.h"

static const double eps = 1e-6; /* of the norms of Vocos */

void ravel_import_plain(ravel_draft *draft, cJSON *sequence, const char *type)
{
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, type, NULL));
}

/* PREFIX.weight of that rank and PREFIX.bias, both needed. */
static void add_tensors(ravel_draft *draft, const char *prefix, int rank)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "weight");
    ravel_draft_add(draft, name, ravel_draft_need(draft, name, rank));
    ravel_draft_name(name, prefix, "bias");
    ravel_draft_add(draft, name, ravel_draft_need(draft, name, 1));
}

void ravel_import_need_bias(ravel_draft *draft, const char *name)
{
    char bias[RAVEL_DRAFT_NAME];
    ravel_draft_name(bias, name, "bias");
    (void)ravel_draft_need(draft, bias, 1);
}

void ravel_import_linear(ravel_draft *draft, cJSON *sequence, const char *name)
{
    add_tensors(draft, name, 2);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", name));
}

void ravel_import_vectors(ravel_draft *draft, const char *name)
{
    add_tensors(draft, name, 1);
}

void ravel_import_layer_norm(ravel_draft *draft, cJSON *sequence, const char *name, double norm_eps)
{
    ravel_import_vectors(draft, name);
    cJSON *node = ravel_draft_node(draft, "layer_norm", name);
    ravel_draft_number(draft, node, "eps", norm_eps);
    ravel_draft_append(draft, sequence, node);
}

const ravel_tensor *ravel_import_conv(ravel_draft *draft, cJSON *sequence, const char *name,
                                      bool depthwise, const char *causal_mode)
{
    const ravel_tensor *weight = ravel_draft_conv_weight(draft, name);
    const int around = weight ? weight->shape[2] - 1 : 0;
    const int left = causal_mode ? around : around / 2;
    cJSON *node = ravel_draft_node(draft, "conv", name);
    if (depthwise)
        ravel_draft_number(draft, node, "groups", weight ? weight->shape[0] : 1);
    ravel_draft_pair(draft, node, "pad", left, around - left);
    if (causal_mode && strcmp(causal_mode, "zero") != 0)
        ravel_draft_string(draft, node, "mode", causal_mode);
    ravel_draft_append(draft, sequence, node);
    return weight;
}

void ravel_import_gain(ravel_draft *draft, cJSON *sequence, const char *name)
{
    char gain[RAVEL_DRAFT_NAME];
    if (!ravel_draft_find(draft, name))
        return;
    ravel_draft_name(gain, name, "gain");
    ravel_draft_add(draft, gain, ravel_draft_need(draft, name, 1));
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "scale", name));
}

void ravel_import_constant_gain(ravel_draft *draft, cJSON *sequence, const char *name, int n,
                                float gain)
{
    char tensor[RAVEL_DRAFT_NAME];
    ravel_draft_name(tensor, name, "gain");
    float *values = ravel_draft_make(draft, tensor, 1, &n);
    for (int i = 0; values && i < n; i++)
        values[i] = gain;
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "scale", name));
}

cJSON *ravel_import_sum(ravel_draft *draft, cJSON *branch, cJSON *shortcut)
{
    if (!shortcut)
        return branch;
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    ravel_draft_child(draft, node, "branch", branch);
    ravel_draft_child(draft, node, "shortcut", shortcut);
    return node;
}

cJSON *ravel_import_whole(ravel_draft *draft, int rows, cJSON *inner)
{
    cJSON *node = ravel_draft_node(draft, "whole", NULL);
    ravel_draft_number(draft, node, "rows", rows);
    ravel_draft_child(draft, node, "inner", inner);
    return node;
}

void ravel_import_istft(ravel_draft *draft, cJSON *sequence, const char *head, int n_rows, int hop)
{
    const int n_fft = n_rows - 2, over = n_fft - hop;
    if (n_fft > RAVEL_MAX_FFT || over < 0 || over % 2 != 0)
        ravel_draft_fail(draft, "tensor '%s' has %d rows, which do not fit to a hop of %d", head,
                         n_rows, hop);
    cJSON *node = ravel_draft_node(draft, "istft", NULL);
    ravel_draft_number(draft, node, "n_fft", n_fft);
    ravel_draft_number(draft, node, "hop", hop);
    ravel_draft_pair(draft, node, "trim", over / 2, over / 2);
    ravel_draft_append(draft, sequence, node);
}

void ravel_import_convnext(ravel_draft *draft, cJSON *sequence, const char *prefix,
                           const char *causal_mode)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    ravel_draft_name(name, prefix, "dwconv");
    const ravel_tensor *weight = ravel_import_conv(draft, branch, name, true, causal_mode);
    if (weight && weight->shape[2] % 2 == 0)
        ravel_draft_fail(draft, "tensor '%s' has an even kernel, %d", weight->name,
                         weight->shape[2]);
    ravel_draft_name(name, prefix, "norm");
    ravel_import_layer_norm(draft, branch, name, eps);
    ravel_draft_name(name, prefix, "pwconv1");
    ravel_import_linear(draft, branch, name);
    ravel_import_plain(draft, branch, "gelu");
    ravel_draft_name(name, prefix, "pwconv2");
    ravel_import_linear(draft, branch, name);
    ravel_draft_name(name, prefix, "gamma");
    ravel_import_gain(draft, branch, name);
    ravel_draft_append(draft, sequence, node);
}
