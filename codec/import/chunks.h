/* SPDX-License-Identifier: BSD-3-Clause */
/* A feed-forward network over chunks of rows. */
#ifndef RAVEL_CODEC_IMPORT_CHUNKS_H
#define RAVEL_CODEC_IMPORT_CHUNKS_H

#include "codec/import/draft.h"

/*
 * Each few rows in succession, one after the other in a vector, with zeros for those that the last
 * chunk lacks, plus out_proj(gelu(in_proj(vector))).
 * prefix    of in_proj.weight [hidden, rows * width] and out_proj.weight [rows * width, hidden], and
 *           their biases
 * width     channels of a row
 */
void ravel_import_chunks(ravel_draft *draft, cJSON *sequence, const char *prefix, int width);

#endif
