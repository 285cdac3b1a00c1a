/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The builders of nodes: each reads the fields of its node, follows the flow through it and makes
 * the layer; NULL where something is wrong, which the reader of the node then knows.
 * One file a family; the table of all stands in graph.c.
 */
#ifndef RAVEL_CODEC_GRAPH_BUILD_H
#define RAVEL_CODEC_GRAPH_BUILD_H

#include "codec/graph/flow.h"
#include "codec/graph/graph.h"

typedef ravel_layer *ravel_build(ravel_builder *builder, const ravel_node *node, ravel_flow *flow);

/* build_conv.c */
ravel_build ravel_build_conv, ravel_build_conv_transpose, ravel_build_max_pool;

/* build_rowwise.c */
ravel_build ravel_build_elu, ravel_build_leaky_relu, ravel_build_gelu, ravel_build_silu,
    ravel_build_tanh, ravel_build_clamp, ravel_build_snake, ravel_build_scale,
    ravel_build_layer_norm, ravel_build_noise, ravel_build_slice;

/* build_context.c */
ravel_build ravel_build_lstm, ravel_build_attention;

/* build_spectrum.c */
ravel_build ravel_build_stft, ravel_build_compress, ravel_build_harmonic_noise, ravel_build_istft;

/* build_fold.c */
ravel_build ravel_build_fold, ravel_build_unfold;

/* build_segment.c */
ravel_build ravel_build_segment, ravel_build_overlap_add;

/* build_whole.c */
ravel_build ravel_build_whole, ravel_build_group_norm, ravel_build_mean;

/*
 * build_whole.c: the layers under "inner", which see no rows but those of a piece. rows: of a piece;
 * begin_hz: rows a second where it begins, those of all pieces; flow: of the piece
 */
ravel_layer *ravel_build_piece(ravel_builder *builder, const ravel_node *node, int rows,
                               double begin_hz, ravel_flow *flow);

/* build_residual.c */
ravel_build ravel_build_residual, ravel_build_product;

/* Words of the field "mode", in the order of ravel_pad_mode. */
extern const char *const ravel_pad_modes[];

/* The tensor's size in a dimension; 1 where it has none, or is missing. */
int ravel_tensor_extent(const ravel_tensor *tensor, int dimension);

/* Rows that a layer which needs all of them has; refuses the node outside of a piece. */
int ravel_build_all_rows(const ravel_builder *builder, const ravel_node *node,
                         const ravel_flow *flow);

/* What a constructor made; where that is nothing, the node is refused for its reason. */
ravel_layer *ravel_build_end(const ravel_node *node, ravel_layer *layer, const ravel_error *reason);

#endif
