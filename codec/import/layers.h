/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers that several converters append to a sequence, with their tensors, under PyTorch's names. */
#ifndef RAVEL_CODEC_IMPORT_LAYERS_H
#define RAVEL_CODEC_IMPORT_LAYERS_H

#include "codec/import/draft.h"

/* A node that has neither fields nor tensors, such as "gelu". */
void ravel_import_plain(ravel_draft *draft, cJSON *sequence, const char *type);

/* NAME.weight [out, in] and NAME.bias, both needed: the same for every row. */
void ravel_import_linear(ravel_draft *draft, cJSON *sequence, const char *name);

/* Fails where a convolution that always has a bias has none in the checkpoint. */
void ravel_import_need_bias(ravel_draft *draft, const char *name);

/* NAME.weight and NAME.bias of a norm, both vectors and needed. */
void ravel_import_vectors(ravel_draft *draft, const char *name);

void ravel_import_layer_norm(ravel_draft *draft, cJSON *sequence, const char *name, double eps);

/*
 * A convolution that keeps the rate, of any kernel.
 * causal_mode   mode of the padding, which is all in front; NULL: zeros on both sides, of an even
 *               kernel one more behind (PyTorch's "same")
 * return        as of ravel_draft_conv_weight
 */
const ravel_tensor *ravel_import_conv(ravel_draft *draft, cJSON *sequence, const char *name,
                                      bool depthwise, const char *causal_mode);

/*
 * A block of ConvNeXt (Liu et al., arXiv 2201.03545) as Vocos has it: PREFIX.dwconv, .norm, .pwconv1,
 * .pwconv2 and, where there is one, .gamma.
 */
void ravel_import_convnext(ravel_draft *draft, cJSON *sequence, const char *prefix,
                           const char *causal_mode);

/* NAME, a vector, as the gain of a layer of that name; nothing where there is none. */
void ravel_import_gain(ravel_draft *draft, cJSON *sequence, const char *name);

/* The same gain for each of n channels: a layer of that name, and its tensor. */
void ravel_import_constant_gain(ravel_draft *draft, cJSON *sequence, const char *name, int n,
                                float gain);

/* The node of branch + shortcut, both taken; the branch alone where there is no shortcut. */
cJSON *ravel_import_sum(ravel_draft *draft, cJSON *branch, cJSON *shortcut);

/* The node of layers that run on pieces of so many rows, which see each other; inner is taken. */
cJSON *ravel_import_whole(ravel_draft *draft, int rows, cJSON *inner);

/*
 * Vocos' inverse transform, of the n_rows that the tensor `head` makes. Frames reach over half of what
 * they have more than a hop on either side; that is cut off.
 */
void ravel_import_istft(ravel_draft *draft, cJSON *sequence, const char *head, int n_rows, int hop);

#endif
