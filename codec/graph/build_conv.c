/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

const char *const ravel_pad_modes[] = {"zero", "reflect", "replicate", NULL};

/* Rows that a kernel of that many taps spans. */
static int span(const ravel_node *node, const ravel_tensor *weight, int dilation)
{
    int taps = ravel_tensor_extent(weight, 2);
    int64_t rows = (int64_t)(taps - 1) * dilation + 1;
    if (rows > RAVEL_MAX_WINDOW || ravel_tensor_extent(weight, 0) > RAVEL_MAX_CHANNELS ||
        ravel_tensor_extent(weight, 1) > RAVEL_MAX_CHANNELS) {
        ravel_node_refuse(node, "tensor '%s' is too large: [%d, %d, %d], dilation %d", weight->name,
                          ravel_tensor_extent(weight, 0), ravel_tensor_extent(weight, 1), taps,
                          dilation);
        return 1;
    }
    return (int)rows;
}

static void read_weights(const ravel_node *node, ravel_conv_spec *spec)
{
    spec->weight = ravel_node_tensor(node, "weight", true);
    spec->bias = ravel_node_tensor(node, "bias", false);
    bool scaled = spec->weight && spec->weight->dtype == RAVEL_I8;
    spec->scale = scaled ? ravel_node_tensor(node, "scale", true) : NULL;
}

ravel_layer *ravel_build_conv(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int pad[2];
    ravel_error reason;
    ravel_conv_spec spec = {
        .stride = ravel_node_int(node, "stride", 1, 1, RAVEL_MAX_RATE),
        .dilation = ravel_node_int(node, "dilation", 1, 1, RAVEL_MAX_WINDOW),
        .groups = ravel_node_int(node, "groups", 1, 1, RAVEL_MAX_CHANNELS),
        .mode = (ravel_pad_mode)ravel_node_choice(node, "mode", ravel_pad_modes),
        .complete_last = ravel_node_bool(node, "complete_last", false),
    };
    ravel_node_pair(node, "pad", pad, RAVEL_MAX_WINDOW);
    read_weights(node, &spec);
    int rows = span(node, spec.weight, spec.dilation);
    ravel_flow_window(node, flow, rows, spec.stride, pad, spec.complete_last);
    if (node->reader->failed)
        return NULL;
    spec.pad_left = pad[0];
    spec.pad_right = pad[1];
    return ravel_build_end(node, ravel_conv_new(builder->kernels, &spec, &reason), &reason);
}

ravel_layer *ravel_build_conv_transpose(ravel_builder *builder, const ravel_node *node,
                                        ravel_flow *flow)
{
    int trim[2];
    ravel_error reason;
    ravel_conv_spec spec = {
        .stride = ravel_node_int(node, "stride", 1, 1, RAVEL_MAX_RATE),
        .dilation = 1,
        .groups = ravel_node_int(node, "groups", 1, 1, RAVEL_MAX_CHANNELS),
        .output_padding = ravel_node_int(node, "output_padding", 0, 0, RAVEL_MAX_WINDOW),
    };
    ravel_node_pair(node, "trim", trim, RAVEL_MAX_WINDOW);
    read_weights(node, &spec);
    int rows = span(node, spec.weight, 1);
    ravel_flow_transposed(node, flow, rows, spec.stride, trim, spec.output_padding);
    if (node->reader->failed)
        return NULL;
    spec.pad_left = trim[0];
    spec.pad_right = trim[1];
    return ravel_build_end(node, ravel_conv_transpose_new(builder->kernels, &spec, &reason),
                           &reason);
}

ravel_layer *ravel_build_max_pool(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int pad[2];
    ravel_error reason;
    int rows = ravel_node_int(node, "rows", -1, 1, RAVEL_MAX_WINDOW);
    ravel_node_pair(node, "pad", pad, RAVEL_MAX_WINDOW);
    ravel_flow_window(node, flow, rows, 1, pad, false);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_max_pool_new(builder->kernels, flow->channels, rows, pad[0], pad[1], &reason),
        &reason);
}
