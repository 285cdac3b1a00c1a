/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lyra V2 (google/lyra): the weights of its TFLite models as float tensors, and beside them a JSON
 * list of the layers in execution order ("encoder", "decoder"). Each layer says what activation
 * stands before it; layers of one residual unit share the name up to ".resN.".
 */
#include <stdio.h>
#include <string.h>

#include "codec/import/draft.h"

enum { MAX_SIZE = 65536 };

/* A field of a layer, which must be a whole number. */
static int field(ravel_draft *draft, const cJSON *layer, const char *name, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(layer, key);
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= MAX_SIZE &&
        (double)item->valueint == item->valuedouble)
        return item->valueint;
    ravel_draft_fail(draft, "layer '%s': '%s' is not a whole number from 0 to %d", name, key,
                     MAX_SIZE);
    return 1;
}

/* What the list says of a layer. */
typedef struct {
    const char *name;
    int in_channels, out_channels, kernel, stride, dilation, groups;
    int overlap; /* rows of history of a convolution, of overlap of a transposed one */
    bool transposed;
} lyra_layer;

static lyra_layer read_layer(ravel_draft *draft, const cJSON *json)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "name"));
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "op"));
    lyra_layer layer = {.name = name ? name : "", .transposed = false};
    if (!name || !op || strlen(name) > 100) {
        ravel_draft_fail(draft, "configuration: a layer without name or op");
        return layer;
    }
    layer.transposed = strcmp(op, "conv_transpose1d") == 0;
    if (!layer.transposed && strcmp(op, "conv1d") != 0)
        ravel_draft_fail(draft, "layer '%s': unknown op '%.40s'", name, op);
    layer.in_channels = field(draft, json, name, "in_channels");
    layer.out_channels = field(draft, json, name, "out_channels");
    layer.kernel = field(draft, json, name, "kernel");
    layer.stride = field(draft, json, name, "stride");
    layer.dilation = field(draft, json, name, "dilation");
    layer.groups = field(draft, json, name, "groups");
    layer.overlap =
        field(draft, json, name, layer.transposed ? "overlap_out_steps" : "state_in_steps");
    int64_t window = (int64_t)(layer.kernel - 1) * layer.dilation + 1;
    if (layer.overlap != window - layer.stride)
        ravel_draft_fail(draft, "layer '%s': %d overlapping steps do not fit to its kernel", name,
                         layer.overlap);
    return layer;
}

static void check_shape(ravel_draft *draft, const lyra_layer *layer, const ravel_tensor *weight)
{
    int rows = layer->transposed ? layer->in_channels : layer->out_channels;
    int columns = layer->transposed ? layer->out_channels : layer->in_channels;
    if (!weight || layer->groups < 1)
        return;
    if (weight->shape[0] != rows || weight->shape[1] != columns / layer->groups ||
        weight->shape[2] != layer->kernel)
        ravel_draft_fail(draft, "tensor '%s' is [%d, %d, %d], not [%d, %d, %d]", weight->name,
                         weight->shape[0], weight->shape[1], weight->shape[2], rows,
                         columns / layer->groups, layer->kernel);
}

static cJSON *layer_node(ravel_draft *draft, const lyra_layer *layer)
{
    check_shape(draft, layer, ravel_draft_conv_weight(draft, layer->name));
    cJSON *node =
        ravel_draft_node(draft, layer->transposed ? "conv_transpose" : "conv", layer->name);
    ravel_draft_number(draft, node, "stride", layer->stride);
    ravel_draft_number(draft, node, "groups", layer->groups);
    if (layer->transposed) {
        ravel_draft_pair(draft, node, "trim", 0, layer->overlap);
    } else {
        ravel_draft_number(draft, node, "dilation", layer->dilation);
        ravel_draft_pair(draft, node, "pad", layer->overlap, 0);
    }
    return node;
}

static void append_activation(ravel_draft *draft, cJSON *sequence, const cJSON *layer)
{
    const char *act = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(layer, "act_in"));
    const cJSON *slope = ravel_draft_config(draft, "leaky_relu_alpha");
    if (act && strcmp(act, "none") == 0)
        return;
    if (!act || strncmp(act, "leaky_relu", 10) != 0 || !cJSON_IsNumber(slope)) {
        ravel_draft_fail(draft, "configuration: an unknown activation, or no leaky_relu_alpha");
        return;
    }
    cJSON *node = ravel_draft_node(draft, "leaky_relu", NULL);
    ravel_draft_number(draft, node, "slope", slope->valuedouble);
    ravel_draft_append(draft, sequence, node);
}

/* Length of "encoder.block0.res1." in the name of a layer of that unit; 0 outside of units. */
static size_t unit_length(const char *name)
{
    const char *unit = strstr(name, ".res");
    const char *end = unit ? strchr(unit + 1, '.') : NULL;
    return end ? (size_t)(end - name) + 1 : 0;
}

/* Appends a residual unit; its branch, which is empty so far. */
static cJSON *append_unit(ravel_draft *draft, cJSON *sequence)
{
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    ravel_draft_append(draft, sequence, node);
    return draft->failed ? NULL : branch;
}

static cJSON *read_network(ravel_draft *draft, const char *part)
{
    const cJSON *list = ravel_draft_config(draft, part), *item;
    cJSON *sequence = cJSON_CreateArray(), *branch = NULL;
    const char *unit = "";
    size_t length = 0;
    if (!cJSON_IsArray(list))
        ravel_draft_fail(draft, "configuration: no list of layers '%s'", part);
    cJSON_ArrayForEach(item, list)
    {
        lyra_layer layer = read_layer(draft, item);
        if (draft->failed)
            break;
        size_t own = unit_length(layer.name);
        if (own && (own != length || strncmp(unit, layer.name, own) != 0))
            branch = append_unit(draft, sequence);
        unit = layer.name;
        length = own;
        cJSON *target = own ? branch : sequence;
        append_activation(draft, target, item);
        ravel_draft_append(draft, target, layer_node(draft, &layer));
    }
    return sequence;
}

/* One tensor [stages][codewords][dim] becomes a codebook a stage. */
static cJSON *read_quantizer(ravel_draft *draft)
{
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    const ravel_tensor *all = ravel_draft_need(draft, "quantizer.codebooks", 3);
    for (int i = 0; all && i < all->shape[0] && i < RAVEL_MAX_CODEBOOKS; i++) {
        char name[RAVEL_DRAFT_NAME], tensor[RAVEL_DRAFT_NAME];
        ravel_tensor one = {.dtype = all->dtype, .rank = 2};
        one.shape[0] = all->shape[1];
        one.shape[1] = all->shape[2];
        size_t bytes = ravel_tensor_count(&one) * ravel_dtype_size(one.dtype);
        one.data = (const char *)all->data + (size_t)i * bytes;
        ravel_draft_name(name, "quantizer", "%d", i);
        ravel_draft_name(tensor, name, "codebook.weight");
        ravel_draft_add(draft, tensor, &one);
        ravel_draft_append(draft, stages, ravel_draft_node(draft, "codebook", name));
    }
    return node;
}

bool ravel_import_is_lyra(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "quantizer.codebooks");
}

void ravel_import_lyra(ravel_draft *draft)
{
    if (!draft->config) {
        ravel_draft_fail(draft, "the list of layers is missing (lyra_v2_graph.json)");
        return;
    }
    int sample_rate = ravel_draft_config_int(draft, "sample_rate", 16000, 1000, 768000);
    int hop = ravel_draft_config_int(draft, "frame_samples", 320, 1, MAX_SIZE);
    ravel_draft_header(draft, "lyra-v2", "Apache-2.0; weights of google/lyra, dequantised",
                       sample_rate, hop);
    ravel_draft_part(draft, "encoder", read_network(draft, "encoder"));
    ravel_draft_part(draft, "quantizer", read_quantizer(draft));
    ravel_draft_part(draft, "decoder", read_network(draft, "decoder"));
}
