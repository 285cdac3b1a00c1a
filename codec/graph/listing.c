/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/listing.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(ravel_listing *listing)
{
    if (listing->n < listing->room)
        return true;
    const int room = listing->room > 0 ? 2 * listing->room : 64;
    ravel_listed_node *nodes = realloc(listing->nodes, (size_t)room * sizeof *nodes);
    if (!nodes)
        return false;
    listing->nodes = nodes;
    listing->room = room;
    return true;
}

/* Whether the node is what its parent calls "shortcut", or the first of a sequence of that name. */
static bool is_shortcut(const ravel_node *node)
{
    while (!node->key && node->index == 0 && node->parent)
        node = node->parent;
    return node->key && strcmp(node->key, "shortcut") == 0;
}

int ravel_listing_begin(ravel_listing *listing, const ravel_node *node, const char *type)
{
    if (!listing)
        return 0;
    if (!make_room(listing)) {
        ravel_node_refuse_as(node, &(ravel_error){RAVEL_ERR_MEMORY, "out of memory"});
        return 0;
    }
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node->json, "name"));
    ravel_listed_node *line = &listing->nodes[listing->n];
    *line = (ravel_listed_node){.part = node->reader->part,
                                .depth = listing->depth++,
                                .is_shortcut = is_shortcut(node),
                                .type = type};
    (void)snprintf(line->name, sizeof line->name, "%s", name ? name : "");
    return listing->n++;
}

void ravel_listing_layer(ravel_listing *listing, int number, const ravel_layer *layer, double in_hz,
                         double out_hz)
{
    if (!listing)
        return;
    ravel_listed_node *line = &listing->nodes[number];
    line->channels_in = layer->in_channels;
    line->channels_out = layer->out_channels;
    line->rows_hz = out_hz;
    line->macs_hz = layer->macs * in_hz;
    line->lookahead_s = layer->lookahead_in / in_hz + layer->lookahead_out / out_hz;
    line->weight_bytes = layer->weight_bytes;
    line->state_bytes = layer->state_size;
    listing->depth--;
}

void ravel_listing_quantizer(ravel_listing *listing, int number, const ravel_quantizer *q,
                             double vectors_hz)
{
    if (!listing)
        return;
    ravel_listed_node *line = &listing->nodes[number];
    line->channels_in = line->channels_out = q->dim;
    line->rows_hz = vectors_hz;
    line->macs_hz = q->macs * vectors_hz;
    line->weight_bytes = q->weight_bytes;
    line->n_codebooks = q->n_codebooks;
    const bool is_leaf = number + 1 == listing->n;
    line->n_codewords = is_leaf ? q->codebook_size[0] : 0;
    listing->depth--;
}

void ravel_listing_free(ravel_listing *listing)
{
    free(listing->nodes);
    *listing = (ravel_listing){0};
}
