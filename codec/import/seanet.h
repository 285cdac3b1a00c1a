/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SEANet (Tagliasacchi et al., arXiv 2009.02095) as EnCodec's authors wrote it, the convolutional
 * encoder and decoder of a family of codecs. Checkpoints spell its tensors in two ways:
 *
 *                    the authors'                           Hugging Face's
 *     convolution    encoder.model.3.conv.conv.weight       encoder.layers.3.conv.weight
 *     its norm       encoder.model.3.conv.norm.weight       encoder.layers.3.norm.weight
 *     transposed     decoder.model.3.convtr.convtr.weight   decoder.layers.3.conv.weight
 *     codebook       quantizer.vq.layers.0._codebook.embed  quantizer.layers.0.codebook.embed
 *
 * What the reader makes bears the authors' names whatever the source has, so that the same weights
 * are the same model.
 */
#ifndef RAVEL_CODEC_IMPORT_SEANET_H
#define RAVEL_CODEC_IMPORT_SEANET_H

#include "codec/import/draft.h"

typedef struct {
    const char *root; /* what stands before all names: "", "module." */
    bool hugging_face;
    bool causal;
    const char *mode;  /* of padding, as in a conv node */
    bool completes;    /* every convolution completes its last window, or none does */
    int dilation_base; /* dilations of the residual blocks of one stage: powers of it */
} ravel_seanet;

/*
 * Looks which spelling the checkpoint has, and reads what only a configuration tells, under either
 * kind of key: "pad_mode"; "dilation_base" or "dilation_growth_rate".
 */
ravel_seanet ravel_seanet_open(ravel_draft *draft, const char *root);

/* Reads "causal" or "use_causal_conv"; the fallback is what is known of the codec. */
void ravel_seanet_set_causal(ravel_seanet *net, ravel_draft *draft, bool fallback);

/*
 * part      "encoder" or "decoder"
 * hop       set to the product of its strides
 * return    the nodes of the network in a sequence
 */
cJSON *ravel_seanet_network(const ravel_seanet *net, ravel_draft *draft, const char *part,
                            int *hop);

/* Whether "encoder" has a module of that number and kind of part: "1.shortcut". */
bool ravel_seanet_has(const ravel_seanet *net, const ravel_draft *draft, const char *part);

/* Dimensions of the first codebook; 0 without one. */
int ravel_seanet_latent_dim(const ravel_seanet *net, ravel_draft *draft);

/* The i-th codebook; what only its training needs is left out. */
cJSON *ravel_seanet_codebook(const ravel_seanet *net, ravel_draft *draft, int i);

/* All codebooks from the `first` on, each quantising what those before it left. */
cJSON *ravel_seanet_residual(const ravel_seanet *net, ravel_draft *draft, int first);

#endif
