/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

enum { MAX_OVERLAP = 16 }; /* segments that a row may be in: so often are the layers run for it */

/* The layers of a segment, which make as many rows as their rate tells, however short it is. */
static ravel_layer *build_inner(ravel_builder *builder, const ravel_node *node, int piece_rows,
                                double begin_hz, ravel_flow *inner)
{
    const ravel_node child = ravel_node_child(node, "inner");
    ravel_layer *layer = ravel_build_piece(builder, node, piece_rows, begin_hz, inner);
    if (layer && (inner->surplus != 0 || inner->short_of))
        ravel_node_refuse(&child, "makes more or fewer rows than its rate tells");
    else if (layer && inner->drops)
        ravel_node_refuse(&child, "strided layers of a segment must have complete_last");
    return layer;
}

ravel_layer *ravel_build_segment(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    ravel_flow inner_flow = {.channels = flow->channels, .up = 1, .down = 1};
    const ravel_segment_spec spec = {
        .length = ravel_node_int(node, "length", -1, 1, RAVEL_MAX_WINDOW),
        .hop = ravel_node_int(node, "hop", -1, 1, RAVEL_MAX_RATE),
        .normalize = ravel_node_bool(node, "normalize", false),
    };
    if (spec.length > MAX_OVERLAP * spec.hop)
        ravel_node_refuse(node, "rows are in more than %d segments", MAX_OVERLAP);
    const double inner_hz = ravel_flow_hz(builder, flow) * spec.length / spec.hop;
    ravel_layer *inner = build_inner(builder, node, spec.length, inner_hz, &inner_flow);
    ravel_flow_segment(node, flow, spec.length, spec.hop);
    if (node->reader->failed) {
        ravel_layer_destroy(inner);
        return NULL;
    }
    return ravel_build_end(node, ravel_segment_new(inner, &spec, &reason), &reason);
}

ravel_layer *ravel_build_overlap_add(ravel_builder *builder, const ravel_node *node,
                                     ravel_flow *flow)
{
    static const int none[2];
    ravel_error reason;
    const int steps = ravel_node_int(node, "steps", -1, 1, RAVEL_MAX_CHANNELS);
    const int hop = ravel_node_int(node, "hop", -1, 1, RAVEL_MAX_RATE);
    const int latents = flow->channels - 2;
    if (!node->reader->failed && (latents < steps || latents % steps != 0))
        ravel_node_refuse(node, "%d channels are not %d steps and two numbers", flow->channels,
                          steps);
    if (node->reader->failed)
        return NULL;
    ravel_flow inner_flow = {.channels = latents / steps, .up = 1, .down = 1};
    const double inner_hz = ravel_flow_hz(builder, flow) * steps;
    ravel_layer *inner = build_inner(builder, node, steps, inner_hz, &inner_flow);
    ravel_flow_transposed(node, flow, hop, hop, none, 0);
    if (node->reader->failed) {
        ravel_layer_destroy(inner);
        return NULL;
    }
    return ravel_build_end(node, ravel_overlap_add_new(inner, steps, hop, &reason), &reason);
}
