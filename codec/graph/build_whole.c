/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of a stream, and what sees all rows of one. */
#include "codec/graph/build.h"

enum { MAX_PIECE = 1 << 24 };

int ravel_build_all_rows(const ravel_builder *builder, const ravel_node *node,
                         const ravel_flow *flow)
{
    if (builder->piece_rows == 0) {
        ravel_node_refuse(node, "sees all rows of a stream at once: it must stand inside 'whole'");
    }
    int64_t rows = (int64_t)builder->piece_rows * flow->up;
    return (int)((rows + flow->down - 1) / flow->down);
}

ravel_layer *ravel_build_group_norm(ravel_builder *builder, const ravel_node *node,
                                    ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *gamma = ravel_node_tensor(node, "weight", true);
    const ravel_tensor *beta = ravel_node_tensor(node, "bias", true);
    int groups = ravel_node_int(node, "groups", -1, 1, RAVEL_MAX_CHANNELS);
    float eps = ravel_node_float(node, "eps", 1e-5f, 1e-12f, 1.0f);
    (void)ravel_build_all_rows(builder, node, flow);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_group_norm_new(builder->kernels, groups, gamma, beta, eps, &reason), &reason);
}

ravel_layer *ravel_build_mean(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    (void)ravel_build_all_rows(builder, node, flow);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_mean_new(builder->kernels, flow->channels, &reason),
                           &reason);
}

ravel_layer *ravel_build_piece(ravel_builder *builder, const ravel_node *node, int rows,
                               double begin_hz, ravel_flow *flow)
{
    ravel_node inner = ravel_node_child(node, "inner");
    const int rows_around = builder->piece_rows;
    const double hz_around = builder->begin_hz;
    builder->piece_rows = rows;
    builder->begin_hz = begin_hz;
    ravel_layer *layer = ravel_graph_layers(builder, &inner, flow);
    builder->piece_rows = rows_around;
    builder->begin_hz = hz_around;
    return layer;
}

ravel_layer *ravel_build_whole(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    ravel_flow piece = {.channels = flow->channels, .up = 1, .down = 1};
    int rows = ravel_node_int(node, "rows", -1, 1, MAX_PIECE);
    ravel_layer *inner =
        ravel_build_piece(builder, node, rows, ravel_flow_hz(builder, flow), &piece);
    if (inner)
        ravel_flow_pieces(node, flow, &piece, rows);
    if (node->reader->failed) {
        ravel_layer_destroy(inner);
        return NULL;
    }
    return ravel_build_end(node, ravel_whole_new(inner, rows, &reason), &reason);
}
