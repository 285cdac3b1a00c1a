/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identities: SHA-256 over the canonical text of the graph of a part and the tensors that the part
 * uses (docs/format.md, "Identities"). Whatever changes a token changes the tokenizer's.
 */
#ifndef RAVEL_CODEC_IDENTITY_H
#define RAVEL_CODEC_IDENTITY_H

#include "codec/graph/node.h"
#include "codec/sha256.h"

/*
 * graph    the model's, checked
 * st       entries with their `parts` marked
 */
void ravel_identity_tokenizer(const struct cJSON *graph, const ravel_safetensors *st,
                              uint8_t identity[RAVEL_IDENTITY_BYTES]);
void ravel_identity_decoder(const struct cJSON *graph, const ravel_safetensors *st,
                            uint8_t identity[RAVEL_IDENTITY_BYTES]);
/* Of tables and prior, of which one is there at least. Both name the tokeniser they are made for. */
void ravel_identity_prior(const struct cJSON *graph, const ravel_safetensors *st,
                          uint8_t identity[RAVEL_IDENTITY_BYTES]);

#endif
