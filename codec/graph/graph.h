/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the graph of a model file to layers and quantisers. What each node is made of stands in
 * docs/format.md.
 *
 * While the layers are built, a "flow" follows the rows from one to the next: how many channels
 * they have, at what rate they come, and how many there will be at the end of a stream. So a graph
 * whose parts do not fit, or whose length could not be told in advance, is refused here, with the
 * name of the node.
 */
#ifndef RAVEL_CODEC_GRAPH_H
#define RAVEL_CODEC_GRAPH_H

#include "codec/graph/listing.h"
#include "codec/graph/node.h"
#include "nn/layer.h"
#include "rvq/layout.h"
#include "rvq/prior.h"
#include "rvq/quantizer.h"
#include "rvq/tables.h"

typedef struct {
    int channels;
    int up, down; /* `up` rows here for `down` rows at the start of the part; one of them is 1 */
    /*
     * For T rows at the start, T a multiple of `down`, there are T * up / down + surplus rows here
     * once the stream has ended.
     */
    int surplus;
    int lost;      /* where one of those T is missing, 1 + lost of these rows are */
    bool short_of; /* the surplus was negative somewhere: very short streams may give no rows */
    int least;     /* rows at the start without which none is left somewhere; where they multiply */
    bool drops;    /* a strided layer drops its incomplete last window */
    bool completes; /* a strided layer completes it (EnCodec's rule): T need not be a multiple */
    int64_t reach;  /* bound of the rows around it that a row depends on, at the highest rate */
} ravel_flow;

/* What a graph may take. */
typedef struct {
    const ravel_kernels *kernels;
    size_t weight_budget; /* bytes of packed weights that may still be made */
    int sample_rate_hz;   /* of the model */
    double begin_hz; /* rows a second where the layers, or vectors where the quantiser begins */
    ravel_listing *listing; /* of what is built; or NULL */
    /*
     * Rows that the piece around a node has at most, where the piece begins; 0 for a node that is in
     * no piece. What needs all rows stands in a piece only.
     */
    int piece_rows;
} ravel_builder;

/* Layers of a part. NULL with the reader's error where it is refused. */
ravel_layer *ravel_graph_layers(ravel_builder *builder, const ravel_node *node, ravel_flow *flow);

/*
 * The quantiser of `dim` dimensions; 0 stands for any number. NULL with the reader's error where it
 * is refused.
 */
ravel_quantizer *ravel_graph_quantizer(ravel_builder *builder, const ravel_node *node, int dim);

/* Refuses a node whose "tokenizer" is not this one: it would tell codes of another model. */
void ravel_graph_check_tokenizer(const ravel_node *node,
                                 const uint8_t identity[RAVEL_IDENTITY_BYTES]);

/* Refuses a node where a codebook has several steps a frame: tables and priors know of none. */
void ravel_graph_check_rates(const ravel_node *node, const ravel_layout *layout);

/* Static tables of the codebooks of `layout`. NULL with the reader's error where refused. */
ravel_tables *ravel_graph_tables(ravel_builder *builder, const ravel_node *node,
                                 const ravel_layout *layout);

/* The prior over the codes of `layout`. NULL with the reader's error where it is refused. */
ravel_prior *ravel_graph_prior(ravel_builder *builder, const ravel_node *node,
                               const ravel_layout *layout);

#endif
