/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

static ravel_layer *activation(ravel_builder *builder, const ravel_node *node,
                               const ravel_flow *flow, ravel_activation kind, float parameter)
{
    ravel_error reason;
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_activation_new(builder->kernels, kind, parameter, flow->channels, &reason),
        &reason);
}

ravel_layer *ravel_build_elu(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    float alpha = ravel_node_float(node, "alpha", 1.0f, 0.0f, 1e6f);
    return activation(builder, node, flow, RAVEL_ELU, alpha);
}

ravel_layer *ravel_build_leaky_relu(ravel_builder *builder, const ravel_node *node,
                                    ravel_flow *flow)
{
    float slope = ravel_node_float(node, "slope", 0.01f, -1.0f, 1e6f);
    return activation(builder, node, flow, RAVEL_LEAKY_RELU, slope);
}

ravel_layer *ravel_build_gelu(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return activation(builder, node, flow, RAVEL_GELU, 0.0f);
}

ravel_layer *ravel_build_silu(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return activation(builder, node, flow, RAVEL_SILU, 0.0f);
}

ravel_layer *ravel_build_tanh(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return activation(builder, node, flow, RAVEL_TANH, 0.0f);
}

ravel_layer *ravel_build_clamp(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    float limit = ravel_node_float(node, "limit", 1.0f, 0.0f, 1e6f);
    return activation(builder, node, flow, RAVEL_CLAMP, limit);
}

ravel_layer *ravel_build_snake(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *alpha = ravel_node_tensor(node, "alpha", true);
    (void)flow;
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_snake_new(builder->kernels, alpha, &reason), &reason);
}

ravel_layer *ravel_build_scale(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *gain = ravel_node_tensor(node, "gain", true);
    (void)flow;
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_scale_new(builder->kernels, gain, &reason), &reason);
}

ravel_layer *ravel_build_layer_norm(ravel_builder *builder, const ravel_node *node,
                                    ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *gamma = ravel_node_tensor(node, "weight", true);
    const ravel_tensor *beta = ravel_node_tensor(node, "bias", true);
    float eps = ravel_node_float(node, "eps", 1e-5f, 1e-12f, 1.0f);
    (void)flow;
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_layer_norm_new(builder->kernels, gamma, beta, eps, &reason),
                           &reason);
}

ravel_layer *ravel_build_noise(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    int seed = ravel_node_int(node, "seed", -1, 0, RAVEL_MAX_NOISE_SEED);
    bool named = ravel_node_child(node, "name").json != NULL; /* only the values need one */
    const ravel_tensor *values = named ? ravel_node_tensor(node, "values", false) : NULL;
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_noise_new(builder->kernels, seed, values, flow->channels, &reason), &reason);
}

ravel_layer *ravel_build_slice(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    int first = ravel_node_int(node, "first", -1, 0, RAVEL_MAX_CHANNELS);
    int channels = ravel_node_int(node, "channels", -1, 1, RAVEL_MAX_CHANNELS);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_slice_new(builder->kernels, flow->channels, first, channels, &reason), &reason);
}
