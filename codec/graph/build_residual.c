/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

/* The shortcut; NULL where there is none, which is not a failure. */
static ravel_layer *build_shortcut(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_node shortcut = ravel_node_child(node, "shortcut");
    return shortcut.json ? ravel_graph_layers(builder, &shortcut, flow) : NULL;
}

static ravel_layer *build(ravel_builder *builder, const ravel_node *node, ravel_flow *flow,
                          ravel_layer *(*join)(ravel_layer *, ravel_layer *, ravel_error *))
{
    ravel_error reason;
    ravel_flow other = *flow;
    ravel_node child = ravel_node_child(node, "branch");
    ravel_layer *branch = ravel_graph_layers(builder, &child, flow);
    ravel_layer *shortcut = branch ? build_shortcut(builder, node, &other) : NULL;
    ravel_flow_meet(node, flow, &other);
    if (node->reader->failed) {
        ravel_layer_destroy(branch);
        ravel_layer_destroy(shortcut);
        return NULL;
    }
    return ravel_build_end(node, join(branch, shortcut, &reason), &reason);
}

ravel_layer *ravel_build_residual(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return build(builder, node, flow, ravel_residual_new);
}

ravel_layer *ravel_build_product(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return build(builder, node, flow, ravel_product_new);
}
