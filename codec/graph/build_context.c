/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

ravel_layer *ravel_build_lstm(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    ravel_lstm_spec spec = {
        .weight_ih = ravel_node_tensor(node, "weight_ih", true),
        .weight_hh = ravel_node_tensor(node, "weight_hh", true),
        .bias_ih = ravel_node_tensor(node, "bias_ih", false),
        .bias_hh = ravel_node_tensor(node, "bias_hh", false),
        .scale_ih = ravel_node_tensor(node, "scale_ih", false),
        .scale_hh = ravel_node_tensor(node, "scale_hh", false),
    };
    (void)flow;
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_lstm_new(builder->kernels, &spec, &reason), &reason);
}

/* Rows that a row sees: those of the piece where it sees all, which "context" may not tell then. */
static int read_context(const ravel_builder *builder, const ravel_node *node,
                        const ravel_flow *flow, bool all_rows)
{
    if (!all_rows)
        return ravel_node_int(node, "context", -1, 1, RAVEL_MAX_WINDOW);
    if (ravel_node_child(node, "context").json)
        ravel_node_refuse(node, "'context' is for causal attention; this one sees all rows");
    return ravel_build_all_rows(builder, node, flow);
}

/* For causal attention only, as the context. */
static int read_together(const ravel_node *node, const ravel_attention_spec *spec)
{
    if (!spec->all_rows)
        return ravel_node_int(node, "together", 1, 1, spec->context);
    if (ravel_node_child(node, "together").json)
        ravel_node_refuse(node, "'together' is for causal attention; this one sees all rows");
    return 0;
}

ravel_layer *ravel_build_attention(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    static const char *const ropes[] = {"none", "interleaved", "half", NULL};
    ravel_error reason;
    ravel_attention_spec spec = {
        .qkv_weight = ravel_node_tensor(node, "in_proj.weight", true),
        .qkv_bias = ravel_node_tensor(node, "in_proj.bias", false),
        .qkv_scale = ravel_node_tensor(node, "in_proj.scale", false),
        .out_weight = ravel_node_tensor(node, "out_proj.weight", true),
        .out_bias = ravel_node_tensor(node, "out_proj.bias", false),
        .out_scale = ravel_node_tensor(node, "out_proj.scale", false),
        .distance_bias = ravel_node_tensor(node, "distance_bias", false),
        .n_heads = ravel_node_int(node, "heads", -1, 1, RAVEL_MAX_CHANNELS),
        .all_rows = !ravel_node_bool(node, "causal", true),
        .rope = (ravel_rope)ravel_node_choice(node, "rope", ropes),
        .rope_base = ravel_node_float(node, "rope_base", 10000.0f, 1.0f, 1e9f),
    };
    int width = ravel_tensor_extent(spec.out_weight, 1);
    spec.context = read_context(builder, node, flow, spec.all_rows);
    spec.together = read_together(node, &spec);
    if (width > RAVEL_MAX_CHANNELS || (int64_t)spec.context * width > RAVEL_MAX_LAYER_STATE / 8) {
        ravel_node_refuse(node, "keys and values of %d rows of %d channels are above 64 MB",
                          spec.context, width);
    }
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_attention_new(builder->kernels, &spec, &reason), &reason);
}
