/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "codec/graph/graph.h"

enum {
    MAX_STATE = 8 << 20,   /* of a block; several are decoded side by side */
    MAX_SCRATCH = 64 << 20 /* for a frame */
};

/* NAME.weight and what may stand beside it. */
static ravel_prior_map read_map(const ravel_node *node, const char *name)
{
    char weight[40], bias[40], scale[40];
    (void)snprintf(weight, sizeof weight, "%s.weight", name);
    (void)snprintf(bias, sizeof bias, "%s.bias", name);
    (void)snprintf(scale, sizeof scale, "%s.scale", name);
    return (ravel_prior_map){.weight = ravel_node_tensor(node, weight, true),
                             .bias = ravel_node_tensor(node, bias, false),
                             .scale = ravel_node_tensor(node, scale, false)};
}

static ravel_prior_map read_head_map(const ravel_node *node, int codebook, const char *what)
{
    char name[32];
    (void)snprintf(name, sizeof name, "%d.%s", codebook, what);
    return read_map(node, name);
}

/* The last codebook has no codes after it that could depend on it. */
static ravel_prior_head read_head(const ravel_node *node, int codebook, bool last)
{
    char name[32];
    (void)snprintf(name, sizeof name, "%d.features", codebook);
    ravel_prior_head head = {.features = ravel_node_tensor(node, name, true),
                             .hidden = read_head_map(node, codebook, "hidden"),
                             .narrow = read_head_map(node, codebook, "narrow"),
                             .logits = read_head_map(node, codebook, "logits")};
    if (!last) {
        head.within = read_head_map(node, codebook, "within");
        if (head.within.bias)
            ravel_node_refuse(node, "'%s' would never be added", head.within.bias->name);
    }
    return head;
}

static void check_codebooks(const ravel_node *node, const ravel_layout *layout,
                            const ravel_prior_spec *spec)
{
    for (int k = 0; k < layout->n_codebooks && !node->reader->failed; k++) {
        const ravel_tensor *features = spec->head[k].features;
        if (features->shape[0] != layout->codebook_size[k]) {
            ravel_node_refuse(node, "'%s' tells %d codewords of the %d of its codebook",
                              features->name, (int)features->shape[0], layout->codebook_size[k]);
        }
    }
}

static ravel_layer *build_trunk(ravel_builder *builder, const ravel_node *node, int width)
{
    const ravel_node child = ravel_node_child(node, "trunk");
    ravel_flow flow = {.channels = width, .up = 1, .down = 1};
    ravel_layer *trunk = ravel_graph_layers(builder, &child, &flow);
    if (trunk && (flow.surplus != 0 || flow.short_of))
        ravel_node_refuse(&child, "does not give a row for each row");
    return trunk;
}

static ravel_prior_spec read_spec(const ravel_node *node, int n_codebooks)
{
    ravel_prior_spec spec = {.n_codebooks = n_codebooks,
                             .start = ravel_node_tensor(node, "start", true),
                             .rate = ravel_node_tensor(node, "rate", true),
                             .embed = read_map(node, "embed")};
    for (int k = 0; k < n_codebooks && !node->reader->failed; k++)
        spec.head[k] = read_head(node, k, k + 1 == n_codebooks);
    return spec;
}

ravel_prior *ravel_graph_prior(ravel_builder *builder, const ravel_node *node,
                               const ravel_layout *layout)
{
    static const char *const keys[] = {"name", "tokenizer", "trunk", NULL};
    ravel_error reason;
    ravel_node_only(node, keys);
    ravel_graph_check_rates(node, layout);
    ravel_prior_spec spec = read_spec(node, layout->n_codebooks);
    check_codebooks(node, layout, &spec);
    if (!node->reader->failed)
        spec.trunk = build_trunk(builder, node, spec.embed.weight->shape[0]);
    if (node->reader->failed) {
        ravel_layer_destroy(spec.trunk);
        return NULL;
    }
    ravel_prior *prior = ravel_prior_new(builder->kernels, &spec, &reason);
    if (!prior) {
        ravel_node_refuse_as(node, &reason);
    } else if (ravel_prior_state_size(prior) > MAX_STATE ||
               ravel_prior_push_scratch(prior, 1, 1) > MAX_SCRATCH) {
        ravel_node_refuse(node, "a block would take %zu bytes of state, %zu of scratch",
                          ravel_prior_state_size(prior), ravel_prior_push_scratch(prior, 1, 1));
    }
    return prior; /* the model's, also where it is refused */
}
