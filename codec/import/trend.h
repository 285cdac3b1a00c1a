/* SPDX-License-Identifier: BSD-3-Clause */
/* Convolutions that see how loud a channel is over some rows, as SQCodec has them. */
#ifndef RAVEL_CODEC_IMPORT_TREND_H
#define RAVEL_CODEC_IMPORT_TREND_H

#include "codec/import/draft.h"

enum { RAVEL_TRENDS = 5 }; /* most branches */

/* Branches side by side: how many rows each looks over, and the dilation of its convolution. */
typedef struct {
    int n, rows[RAVEL_TRENDS], dilation[RAVEL_TRENDS];
} ravel_trends;

/*
 * Each branch, PREFIX.blocks.N.1, convolves the one channel: as it is where rows is 1, otherwise the
 * mean of the maxima of its magnitude. Their channels lie one after the other.
 * return    the node; the caller appends it
 */
cJSON *ravel_import_trends(ravel_draft *draft, const char *prefix, const ravel_trends *trends);

#endif
