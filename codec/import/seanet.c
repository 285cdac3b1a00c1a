/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network is a list of modules. What each is follows from the tensors it has, its sizes from their
 * shapes: a strided convolution has a kernel of twice its stride, and a module without tensors is
 * an ELU.
 */
#include "codec/import/seanet.h"

#include <stdio.h>
#include <string.h>

enum { MAX_MODULES = 100, MAX_LSTMS = 8, MAX_DILATION = 1024, MAX_HOP = 65536 };

/* The beginning of the names of some tensors: in the checkpoint, and in the model. */
typedef struct {
    char source[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
} place;

/* One of the two networks while it is read. */
typedef struct {
    const ravel_seanet *net;
    ravel_draft *draft;
    bool decodes;
    int dilation; /* of the next residual block */
    int hop;      /* product of the strides so far */
    cJSON *sequence;
} reader;

static const char *padding_mode(ravel_draft *draft)
{
    static const char *const modes[][2] = {
        {"reflect", "reflect"}, {"constant", "zero"}, {"replicate", "replicate"}};
    const char *mode = ravel_draft_config_string(draft, "pad_mode", "reflect");
    for (int i = 0; i < 3; i++)
        if (strcmp(mode, modes[i][0]) == 0)
            return modes[i][1];
    ravel_draft_fail(draft, "configuration: unknown pad_mode '%.40s'", mode);
    return "zero";
}

/* The tensors tell which of these it is; the tensors of others would look like them. */
static void check_norm(ravel_draft *draft, const char *key)
{
    static const char *const norms[] = {"weight_norm", "time_group_norm", "none"};
    const char *norm = ravel_draft_config_string(draft, key, norms[0]);
    for (int i = 0; i < 3; i++)
        if (strcmp(norm, norms[i]) == 0)
            return;
    ravel_draft_fail(draft, "configuration: unknown %s '%.40s'", key, norm);
}

ravel_seanet ravel_seanet_open(ravel_draft *draft, const char *root)
{
    char authors[RAVEL_DRAFT_NAME];
    ravel_seanet net = {.root = root, .mode = padding_mode(draft), .completes = true};
    (void)snprintf(authors, sizeof authors, "%sencoder.model.", root);
    net.hugging_face = !ravel_draft_has(draft, authors);
    check_norm(draft, "norm");
    check_norm(draft, "norm_type");
    int base = ravel_draft_config_int(draft, "dilation_growth_rate", 2, 1, MAX_DILATION);
    net.dilation_base = ravel_draft_config_int(draft, "dilation_base", base, 1, MAX_DILATION);
    return net;
}

void ravel_seanet_set_causal(ravel_seanet *net, ravel_draft *draft, bool fallback)
{
    bool causal = ravel_draft_config_bool(draft, "use_causal_conv", fallback);
    net->causal = ravel_draft_config_bool(draft, "causal", causal);
    if (ravel_draft_config_int(draft, "trim_right_ratio", 1, 0, 1) != 1 && net->causal)
        ravel_draft_fail(draft, "configuration: trim_right_ratio is not 1, as it is in all models");
}

/* The place within another of the same suffix. */
static place within(const place *parent, const char *suffix)
{
    place child = {"", ""};
    ravel_draft_name(child.source, parent->source, "%s", suffix);
    ravel_draft_name(child.name, parent->name, "%s", suffix);
    return child;
}

static bool has(const ravel_draft *draft, const place *parent, const char *suffix)
{
    char sign[RAVEL_DRAFT_NAME];
    ravel_draft_name(sign, parent->source, "%s.", suffix);
    return ravel_draft_has(draft, sign);
}

/* part: "conv" or "norm" of a module whose tensors the authors keep under `wrapper`. */
static place leaf(const reader *r, const place *module, const char *wrapper, const char *part)
{
    place found = {"", ""};
    bool inner = strcmp(part, "norm") == 0;
    ravel_draft_name(found.name, module->name, "%s.%s", wrapper, inner ? part : wrapper);
    if (r->net->hugging_face)
        ravel_draft_name(found.source, module->source, "%s", part);
    else
        ravel_draft_name(found.source, module->source, "%s.%s", wrapper, inner ? part : wrapper);
    return found;
}

static bool is_there(const reader *r, const place *of)
{
    char sign[RAVEL_DRAFT_NAME];
    ravel_draft_name(sign, of->source, "%s", "");
    return ravel_draft_has(r->draft, sign);
}

/* In the 48 kHz model: over all rows of a segment, in one group. */
static void append_norm(reader *r, cJSON *sequence, const place *norm)
{
    static const char *const parts[] = {"weight", "bias"};
    char from[RAVEL_DRAFT_NAME], to[RAVEL_DRAFT_NAME];
    for (int i = 0; i < 2; i++) {
        ravel_draft_name(from, norm->source, "%s", parts[i]);
        ravel_draft_name(to, norm->name, "%s", parts[i]);
        ravel_draft_add(r->draft, to, ravel_draft_need(r->draft, from, 1));
    }
    cJSON *node = ravel_draft_node(r->draft, "group_norm", norm->name);
    ravel_draft_number(r->draft, node, "groups", 1);
    ravel_draft_append(r->draft, sequence, node);
}

/* Stride of a kernel of twice that; 1 after a failure. */
static int stride_of(reader *r, const ravel_tensor *weight)
{
    int kernel = weight->shape[2], stride = kernel / 2;
    if (kernel % 2 != 0 || r->hop > MAX_HOP / stride) {
        ravel_draft_fail(r->draft, "tensor '%s' has no kernel of twice a stride: %d", weight->name,
                         kernel);
        return 1;
    }
    r->hop *= stride;
    return stride;
}

/* Padding, in all `rows`; what completes a last window comes on top. An odd row goes left. */
static void add_padding(reader *r, cJSON *node, int rows)
{
    int right = r->net->causal ? 0 : rows / 2;
    ravel_draft_pair(r->draft, node, "pad", rows - right, right);
    ravel_draft_string(r->draft, node, "mode", r->net->mode);
    if (r->net->completes)
        ravel_draft_true(r->draft, node, "complete_last");
}

static void append_conv(reader *r, cJSON *sequence, const place *module, bool strided, int dilation)
{
    place conv = leaf(r, module, "conv", "conv");
    const ravel_tensor *weight = ravel_draft_conv_weight_as(r->draft, conv.name, conv.source);
    cJSON *node = ravel_draft_node(r->draft, "conv", conv.name);
    if (weight && node) {
        int stride = strided ? stride_of(r, weight) : 1;
        ravel_draft_number(r->draft, node, "stride", stride);
        ravel_draft_number(r->draft, node, "dilation", dilation);
        add_padding(r, node, (weight->shape[2] - 1) * dilation + 1 - stride);
    }
    ravel_draft_append(r->draft, sequence, node);
    place norm = leaf(r, module, "conv", "norm");
    if (is_there(r, &norm))
        append_norm(r, sequence, &norm);
}

/* Cuts rows off at both ends: a convolution without padding that picks one row of each window. */
static void append_trim(reader *r, const place *module, int channels, const int rows[2])
{
    int taps = rows[0] + 1 + rows[1];
    char name[RAVEL_DRAFT_NAME], weight[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, module->name, "trim");
    ravel_draft_name(weight, name, "weight");
    float *values = ravel_draft_make(r->draft, weight, 3, (int[]){channels, 1, taps});
    for (int c = 0; values && c < channels; c++)
        values[c * taps + rows[0]] = 1.0f;
    cJSON *node = ravel_draft_node(r->draft, "conv", name);
    ravel_draft_number(r->draft, node, "groups", channels);
    ravel_draft_append(r->draft, r->sequence, node);
}

/* A norm sees the rows that are trimmed, too. */
static void append_conv_transpose(reader *r, const place *module)
{
    int channels = 1, trim[2] = {0, 0};
    place conv = leaf(r, module, "convtr", "conv"), norm = leaf(r, module, "convtr", "norm");
    const ravel_tensor *weight = ravel_draft_conv_weight_as(r->draft, conv.name, conv.source);
    cJSON *node = ravel_draft_node(r->draft, "conv_transpose", conv.name);
    bool normed = is_there(r, &norm);
    if (weight && node) {
        int stride = stride_of(r, weight), rows = weight->shape[2] - stride;
        trim[1] = r->net->causal ? rows : rows / 2;
        trim[0] = rows - trim[1];
        channels = weight->shape[1];
        ravel_draft_number(r->draft, node, "stride", stride);
        if (!normed)
            ravel_draft_pair(r->draft, node, "trim", trim[0], trim[1]);
    }
    ravel_draft_append(r->draft, r->sequence, node);
    if (normed) {
        append_norm(r, r->sequence, &norm);
        append_trim(r, module, channels, trim);
    }
}

static void append_elu(reader *r, cJSON *sequence)
{
    ravel_draft_append(r->draft, sequence, ravel_draft_node(r->draft, "elu", NULL));
}

/* "block" is ELU and convolution in turns; only the first is dilated. */
static void append_block(reader *r, const place *module)
{
    char part[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(r->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    if (r->dilation > MAX_DILATION)
        ravel_draft_fail(r->draft, "'%s': a dilation of %d", module->source, r->dilation);
    for (int i = 1; i < MAX_MODULES; i += 2) {
        (void)snprintf(part, sizeof part, "block.%d", i);
        if (i > 1 && !has(r->draft, module, part))
            break;
        place inner = within(module, part);
        append_elu(r, branch);
        append_conv(r, branch, &inner, false, i == 1 ? r->dilation : 1);
    }
    if (has(r->draft, module, "shortcut")) {
        place inner = within(module, "shortcut");
        append_conv(r, cJSON_AddArrayToObject(node, "shortcut"), &inner, false, 1);
    }
    ravel_draft_append(r->draft, r->sequence, node);
    r->dilation *= r->net->dilation_base;
}

static void append_lstm(reader *r, cJSON *branch, const place *module, int layer)
{
    static const char *const parts[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    char name[RAVEL_DRAFT_NAME], from[RAVEL_DRAFT_NAME], to[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, module->name, "lstm.%d", layer);
    for (int i = 0; i < 4; i++) {
        ravel_draft_name(from, module->source, "lstm.%s_l%d", parts[i], layer);
        ravel_draft_name(to, name, "%s", parts[i]);
        ravel_draft_add(r->draft, to, ravel_draft_need(r->draft, from, i < 2 ? 2 : 1));
    }
    ravel_draft_append(r->draft, branch, ravel_draft_node(r->draft, "lstm", name));
}

/* All layers of the LSTM in one branch, around which the input is added. */
static void append_lstms(reader *r, const place *module)
{
    char sign[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(r->draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    for (int layer = 0; layer < MAX_LSTMS; layer++) {
        ravel_draft_name(sign, module->source, "lstm.weight_ih_l%d", layer);
        if (layer == 0 || ravel_draft_has(r->draft, sign))
            append_lstm(r, branch, module, layer);
    }
    ravel_draft_append(r->draft, r->sequence, node);
}

/* edge: the first or last module, the only ones that keep the rate. */
static void append_module(reader *r, const place *module, bool edge)
{
    bool conv = has(r->draft, module, "conv"), transposed = has(r->draft, module, "convtr");
    if (r->net->hugging_face && r->decodes && !edge) {
        transposed = conv;
        conv = false;
    }
    if (conv) {
        append_conv(r, r->sequence, module, !edge, 1);
    } else if (transposed) {
        append_conv_transpose(r, module);
    } else if (has(r->draft, module, "block")) {
        append_block(r, module);
        return;
    } else if (has(r->draft, module, "lstm")) {
        append_lstms(r, module);
    } else {
        append_elu(r, r->sequence);
        return;
    }
    r->dilation = 1;
}

static place module_place(const reader *r, const char *part, int i)
{
    place module = {"", ""};
    const char *list = r->net->hugging_face ? "layers" : "model";
    (void)snprintf(module.source, RAVEL_DRAFT_NAME, "%s%s.%s.%d", r->net->root, part, list, i);
    (void)snprintf(module.name, RAVEL_DRAFT_NAME, "%s.model.%d", part, i);
    return module;
}

/* Modules are numbered from 0 without gaps but for the ELUs. */
static int count_modules(const reader *r, const char *part)
{
    int n = 0;
    char sign[RAVEL_DRAFT_NAME];
    for (int i = 0; i < MAX_MODULES; i++) {
        place module = module_place(r, part, i);
        ravel_draft_name(sign, module.source, "%s", "");
        if (ravel_draft_has(r->draft, sign))
            n = i + 1;
    }
    return n;
}

cJSON *ravel_seanet_network(const ravel_seanet *net, ravel_draft *draft, const char *part, int *hop)
{
    reader r = {net, draft, strcmp(part, "decoder") == 0, 1, 1, cJSON_CreateArray()};
    int n = count_modules(&r, part);
    if (n == 0)
        ravel_draft_fail(draft, "tensor '%s%s.model.0.conv.conv.weight' is missing", net->root,
                         part);
    for (int i = 0; i < n && !draft->failed; i++) {
        place module = module_place(&r, part, i);
        append_module(&r, &module, i == 0 || i == n - 1);
    }
    *hop = r.hop;
    return r.sequence;
}

bool ravel_seanet_has(const ravel_seanet *net, const ravel_draft *draft, const char *part)
{
    char sign[RAVEL_DRAFT_NAME];
    (void)snprintf(sign, sizeof sign, "%sencoder.%s.%s.", net->root,
                   net->hugging_face ? "layers" : "model", part);
    return ravel_draft_has(draft, sign);
}

static place codebook_place(const ravel_seanet *net, int i)
{
    place codebook = {"", ""};
    (void)snprintf(codebook.source, RAVEL_DRAFT_NAME, "%squantizer.%slayers.%d.%scodebook",
                   net->root, net->hugging_face ? "" : "vq.", i, net->hugging_face ? "" : "_");
    (void)snprintf(codebook.name, RAVEL_DRAFT_NAME, "quantizer.vq.layers.%d", i);
    return codebook;
}

int ravel_seanet_latent_dim(const ravel_seanet *net, ravel_draft *draft)
{
    char name[RAVEL_DRAFT_NAME];
    place codebook = codebook_place(net, 0);
    ravel_draft_name(name, codebook.source, "embed");
    const ravel_tensor *codewords = ravel_draft_find(draft, name);
    return codewords && codewords->rank == 2 ? codewords->shape[1] : 0;
}

cJSON *ravel_seanet_codebook(const ravel_seanet *net, ravel_draft *draft, int i)
{
    static const char *const unused[] = {"inited", "cluster_size", "embed_avg"};
    char from[RAVEL_DRAFT_NAME], to[RAVEL_DRAFT_NAME];
    place codebook = codebook_place(net, i);
    ravel_draft_name(from, codebook.source, "embed");
    ravel_draft_name(to, codebook.name, "codebook.weight");
    ravel_draft_add(draft, to, ravel_draft_need(draft, from, 2));
    for (int u = 0; u < 3; u++) {
        ravel_draft_name(from, codebook.source, "%s", unused[u]);
        ravel_draft_ignore(draft, from);
    }
    return ravel_draft_node(draft, "codebook", codebook.name);
}

cJSON *ravel_seanet_residual(const ravel_seanet *net, ravel_draft *draft, int first)
{
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    bool more = true;
    for (int i = first; more && i < RAVEL_MAX_CODEBOOKS; i++) {
        char next[RAVEL_DRAFT_NAME];
        ravel_draft_append(draft, stages, ravel_seanet_codebook(net, draft, i));
        ravel_draft_name(next, codebook_place(net, i + 1).source, "embed");
        more = ravel_draft_has(draft, next) && !draft->failed;
    }
    return node;
}
