/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers that SQCodec's encoder and decoder share, weight norm of any spelling. */
#ifndef RAVEL_CODEC_IMPORT_SQCODEC_LAYERS_H
#define RAVEL_CODEC_IMPORT_SQCODEC_LAYERS_H

#include "codec/import/draft.h"

/* A convolution that keeps the rate, or one of windows side by side; its output channels. */
int ravel_sqcodec_conv(ravel_draft *draft, cJSON *sequence, const char *name, int stride,
                       int dilation);

/* direction: of the channels in its tensor of three */
void ravel_sqcodec_snake(ravel_draft *draft, cJSON *sequence, const char *name, int direction);

/* Over the channels of a row. */
void ravel_sqcodec_norm(ravel_draft *draft, cJSON *sequence, const char *name);

/* Blocks like those of ConvNeXt: PREFIX.0.module, PREFIX.1.module ... */
void ravel_sqcodec_units(ravel_draft *draft, cJSON *sequence, const char *prefix);

/* Adds NAME.weight: n of the columns of `values`, which are like `from`, from number `first` on. */
void ravel_sqcodec_columns(ravel_draft *draft, const char *name, const ravel_tensor *from,
                           const float *values, int first, int n);

/* Adds NAME.bias of the checkpoint, n numbers, that may be changed; NULL on failure. */
float *ravel_sqcodec_bias(ravel_draft *draft, const char *name, int n);

#endif
