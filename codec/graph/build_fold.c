/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

ravel_layer *ravel_build_fold(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    static const int none[2] = {0, 0};
    ravel_error reason;
    int rows = ravel_node_int(node, "rows", -1, 1, RAVEL_MAX_RATE);
    ravel_flow_window(node, flow, rows, rows, none, false);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_fold_new(builder->kernels, rows, flow->channels, &reason),
                           &reason);
}

ravel_layer *ravel_build_unfold(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    static const int none[2] = {0, 0};
    ravel_error reason;
    int rows = ravel_node_int(node, "rows", -1, 1, RAVEL_MAX_RATE);
    ravel_flow_transposed(node, flow, rows, rows, none, 0);
    if (flow->channels % rows != 0)
        ravel_node_refuse(node, "%d channels are not %d rows", flow->channels, rows);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_unfold_new(builder->kernels, rows, flow->channels / rows, &reason), &reason);
}
