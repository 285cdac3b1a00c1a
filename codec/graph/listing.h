/* SPDX-License-Identifier: BSD-3-Clause */
/* What a graph was built of, a line for each node: for people, and for their programs (ravel info). */
#ifndef RAVEL_CODEC_LISTING_H
#define RAVEL_CODEC_LISTING_H

#include "codec/graph/node.h"
#include "nn/layer.h"
#include "rvq/quantizer.h"

/* Whatever has nodes inside counts what they do. */
typedef struct {
    ravel_part part;
    int depth;        /* nodes that this one is in */
    bool is_shortcut; /* the first, or the only one, of the shortcut of the residual it is in */
    const char *type;
    char name[RAVEL_NODE_NAME]; /* "" where it has none */
    int channels_in, channels_out;
    double rows_hz; /* that come out; of a quantiser, vectors that go in */
    double macs_hz; /* multiply-adds a second of sound */
    double lookahead_s;
    size_t weight_bytes; /* that a step reads */
    size_t state_bytes;
    int n_codebooks; /* of a quantiser */
    int n_codewords; /* of a codebook */
} ravel_listed_node;

typedef struct {
    ravel_listed_node *nodes; /* as they stand in the graph, parts one after the other */
    int n, room;
    int depth; /* of the node that comes next */
} ravel_listing;

/*
 * A node that is about to be built, before those inside it. Refuses it without memory.
 * listing    NULL: nothing is listed
 * return     its number, for ravel_listing_layer or _quantizer
 */
int ravel_listing_begin(ravel_listing *listing, const ravel_node *node, const char *type);

/* What became of it. in_hz, out_hz: rows a second at either end */
void ravel_listing_layer(ravel_listing *listing, int number, const ravel_layer *layer, double in_hz,
                         double out_hz);
void ravel_listing_quantizer(ravel_listing *listing, int number, const ravel_quantizer *q,
                             double vectors_hz);

void ravel_listing_free(ravel_listing *listing);

#endif
