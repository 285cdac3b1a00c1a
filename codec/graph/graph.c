/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/graph.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/build.h"

int ravel_tensor_extent(const ravel_tensor *tensor, int dimension)
{
    return tensor && tensor->rank > dimension ? tensor->shape[dimension] : 1;
}

ravel_layer *ravel_build_end(const ravel_node *node, ravel_layer *layer, const ravel_error *reason)
{
    if (!layer)
        ravel_node_refuse_as(node, reason);
    return layer;
}

static const struct {
    const char *name;
    ravel_build *build;
    const char *keys[8];
} types[] = {
    {"conv",
     ravel_build_conv,
     {"name", "stride", "dilation", "groups", "pad", "mode", "complete_last"}},
    {"conv_transpose",
     ravel_build_conv_transpose,
     {"name", "stride", "groups", "trim", "output_padding"}},
    {"max_pool", ravel_build_max_pool, {"rows", "pad"}},
    {"elu", ravel_build_elu, {"alpha"}},
    {"leaky_relu", ravel_build_leaky_relu, {"slope"}},
    {"gelu", ravel_build_gelu, {NULL}},
    {"silu", ravel_build_silu, {NULL}},
    {"tanh", ravel_build_tanh, {NULL}},
    {"clamp", ravel_build_clamp, {"limit"}},
    {"snake", ravel_build_snake, {"name"}},
    {"scale", ravel_build_scale, {"name"}},
    {"layer_norm", ravel_build_layer_norm, {"name", "eps"}},
    {"group_norm", ravel_build_group_norm, {"name", "groups", "eps"}},
    {"mean", ravel_build_mean, {NULL}},
    {"slice", ravel_build_slice, {"first", "channels"}},
    {"lstm", ravel_build_lstm, {"name"}},
    {"attention",
     ravel_build_attention,
     {"name", "heads", "causal", "context", "rope", "together", "rope_base"}},
    {"stft", ravel_build_stft, {"n_fft", "hop", "pad", "mode"}},
    {"compress", ravel_build_compress, {"eps"}},
    {"harmonic_noise", ravel_build_harmonic_noise, {"n_fft", "hop", "max_magnitude"}},
    {"istft",
     ravel_build_istft,
     {"n_fft", "hop", "trim", "normalize", "max_magnitude", "spectrum"}},
    {"noise", ravel_build_noise, {"name", "seed"}},
    {"fold", ravel_build_fold, {"rows"}},
    {"unfold", ravel_build_unfold, {"rows"}},
    {"segment", ravel_build_segment, {"length", "hop", "normalize", "inner"}},
    {"overlap_add", ravel_build_overlap_add, {"steps", "hop", "inner"}},
    {"whole", ravel_build_whole, {"rows", "inner"}},
    {"residual", ravel_build_residual, {"branch", "shortcut"}},
    {"product", ravel_build_product, {"branch", "shortcut"}},
};

/* Does the finished layer fit to its neighbour, and is it not absurdly large? */
static void check_layer(const ravel_node *node, const ravel_layer *layer, int channels,
                        size_t weight_budget)
{
    if (layer->in_channels != channels) {
        ravel_node_refuse(node, "takes %d channels, but is given %d", layer->in_channels, channels);
    } else if (layer->state_size > RAVEL_MAX_LAYER_STATE) {
        ravel_node_refuse(node, "a state of %zu bytes is above 64 MB", layer->state_size);
    } else if (layer->weight_bytes > weight_budget) {
        ravel_node_refuse(node, "the weights are far larger than the file");
    } else if (layer->out_channels > RAVEL_MAX_CHANNELS) {
        ravel_node_refuse(node, "%d channels are too many", layer->out_channels);
    }
}

static ravel_layer *build_node(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    const char *type = ravel_node_type(node);
    size_t i = 0, n = sizeof types / sizeof types[0];
    int channels = flow->channels;
    const size_t weight_budget = builder->weight_budget; /* that of the layers inside too */
    const double in_hz = ravel_flow_hz(builder, flow);
    if (!type)
        return NULL;
    while (i < n && strcmp(types[i].name, type) != 0)
        i++;
    if (i == n) {
        ravel_node_refuse(node, "unknown type of node '%.40s'", type);
        return NULL;
    }
    ravel_node_only(node, types[i].keys);
    const int line = ravel_listing_begin(builder->listing, node, types[i].name);
    ravel_layer *layer = node->reader->failed ? NULL : types[i].build(builder, node, flow);
    if (!layer)
        return NULL;
    check_layer(node, layer, channels, weight_budget);
    if (node->reader->failed) {
        ravel_layer_destroy(layer);
        return NULL;
    }
    builder->weight_budget = weight_budget - layer->weight_bytes;
    flow->channels = layer->out_channels;
    ravel_listing_layer(builder->listing, line, layer, in_hz, ravel_flow_hz(builder, flow));
    return layer;
}

/* Puts layers[begin ... end - 1] into one, in their place; how many are left of n. */
static int fold(const ravel_node *node, ravel_layer **layers, int n, int begin, int end)
{
    ravel_error reason;
    if (node->reader->failed || end - begin < 2)
        return n;
    ravel_layer *sequence = ravel_sequence_new(layers + begin, end - begin, &reason);
    if (!sequence)
        ravel_node_refuse_as(node, &reason);
    layers[begin++] = sequence;
    while (end < n)
        layers[begin++] = layers[end++];
    return begin;
}

/*
 * Layers of a high rate come to lie in sequences of their own, within that of those of the lower
 * rates. Each is pushed in pieces that fit the cache, so the slow layers, which have most of the
 * weights, get many rows at once for it.
 */
static int fold_rates(const ravel_node *node, ravel_layer **layers, int n)
{
    for (int i = 0; i + 1 < n; i++) {
        if (layers[i] && layers[i]->down > layers[i]->up) {
            n = fold(node, layers, n, 0, i + 1);
            i = 0;
        }
    }
    for (int i = n - 1; i > 0; i--) {
        if (layers[i] && layers[i]->up > layers[i]->down)
            n = fold(node, layers, n, i, n);
    }
    return n;
}

static bool stands_alone(const ravel_layer *layer)
{
    return layer->needs_all || layer->rereads;
}

static bool rereads(const ravel_layer *layer)
{
    return layer->rereads;
}

/* What lies between layers of that kind becomes one. */
static int fold_between(const ravel_node *node, ravel_layer **layers, int n,
                        bool (*is_kind)(const ravel_layer *))
{
    for (int begin = n, end = n; end > 0; end = --begin) {
        while (begin > 0 && !is_kind(layers[begin - 1]))
            begin--;
        n = fold(node, layers, n, begin, end);
    }
    return n;
}

/*
 * What lies between layers that need all rows is pushed in pieces all the same. Where several such
 * streams are pushed together, only what rereads its weights has the rows of all of them at once.
 */
static int fold_whole(const ravel_node *node, ravel_layer **layers, int n)
{
    n = fold_between(node, layers, n, stands_alone);
    return node->reader->failed ? n : fold_between(node, layers, n, rereads);
}

static bool any_needs_all(ravel_layer *const *layers, int n)
{
    int i = 0;
    while (i < n && !layers[i]->needs_all)
        i++;
    return i < n;
}

/* Makes one layer of those in the array, which is freed; on failure so are they. */
static ravel_layer *join(const ravel_node *node, ravel_layer **layers, int n)
{
    if (!node->reader->failed && any_needs_all(layers, n))
        n = fold_whole(node, layers, n);
    else if (!node->reader->failed)
        n = fold_rates(node, layers, n);
    n = fold(node, layers, n, 0, n);
    for (int i = 0; node->reader->failed && i < n; i++)
        ravel_layer_destroy(layers[i]);
    ravel_layer *sequence = node->reader->failed ? NULL : layers[0];
    free(layers);
    return sequence;
}

static ravel_layer *build_sequence(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int size = cJSON_GetArraySize(node->json), n = 0;
    ravel_layer **layers = calloc((size_t)size + 1, sizeof(void *));
    if (!layers) {
        ravel_node_refuse_as(node, &(ravel_error){RAVEL_ERR_MEMORY, "out of memory"});
        return NULL;
    }
    if (size == 0)
        ravel_node_refuse(node, "a sequence without layers");
    const cJSON *item = node->json->child;
    while (item && !node->reader->failed) {
        ravel_node child = ravel_node_item(node, item, n);
        layers[n] = ravel_graph_layers(builder, &child, flow);
        if (layers[n])
            n++;
        item = item->next;
    }
    return join(node, layers, n);
}

ravel_layer *ravel_graph_layers(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_node_enter(node);
    if (node->reader->failed)
        return NULL;
    return cJSON_IsArray(node->json) ? build_sequence(builder, node, flow)
                                     : build_node(builder, node, flow);
}
