/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many rows come out of a graph, at what rate, how late: followed from layer to layer while they
 * are built. A flow that could not be told in advance is refused with the name of the node.
 */
#ifndef RAVEL_CODEC_GRAPH_FLOW_H
#define RAVEL_CODEC_GRAPH_FLOW_H

#include "codec/graph/graph.h"

/*
 * Limits of a graph. They are far above every known codec and keep all products of sizes that the
 * layers form inside an int.
 */
enum {
    RAVEL_MAX_RATE = 65536,   /* rows for one row of the other end */
    RAVEL_MAX_WINDOW = 65536, /* rows of a kernel with its dilation */
    RAVEL_MAX_CHANNELS = 65536,
    RAVEL_MAX_LAYER_STATE = 64 << 20 /* bytes */
};

/* Rows a second here. */
double ravel_flow_hz(const ravel_builder *builder, const ravel_flow *flow);

/* A window of `size` rows at every `stride`-th row; at most RAVEL_MAX_WINDOW, as all numbers here. */
void ravel_flow_window(const ravel_node *node, ravel_flow *flow, int size, int stride,
                       const int pad[2], bool complete);

/* Each row becomes `size` rows, `stride` apart from the next's. */
void ravel_flow_transposed(const ravel_node *node, ravel_flow *flow, int size, int stride,
                           const int trim[2], int output_padding);

/* Segments of `length` rows, `hop` apart; what is left at the end is one as well. */
void ravel_flow_segment(const ravel_node *node, ravel_flow *flow, int length, int hop);

/*
 * Pieces of `rows` rows (and a shorter one at the end), each through layers on their own, through
 * which `inner` followed a piece from its start.
 */
void ravel_flow_pieces(const ravel_node *node, ravel_flow *flow, const ravel_flow *inner, int rows);

/* Two ways from the same rows to one sum: refuses those that do not fit; *flow becomes both. */
void ravel_flow_meet(const ravel_node *node, ravel_flow *flow, const ravel_flow *other);

#endif
