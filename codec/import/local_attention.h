/* SPDX-License-Identifier: BSD-3-Clause */
/* A transformer whose rows see the window of rows they lie in, and the one before it. */
#ifndef RAVEL_CODEC_IMPORT_LOCAL_ATTENTION_H
#define RAVEL_CODEC_IMPORT_LOCAL_ATTENTION_H

#include "codec/import/draft.h"

/*
 * That of the library local-attention (P. Wang), causal, with its dynamic bias of positions: a small
 * network that says of each distance what it adds to the scores of the heads. It is asked here, once
 * for all distances.
 * prefix    of layers.N.0 (attention), layers.N.1 (gated feed-forward) and dynamic_pos_bias
 * window    rows
 */
void ravel_import_local_attention(ravel_draft *draft, cJSON *sequence, const char *prefix,
                                  int window);

#endif
