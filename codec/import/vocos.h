/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codecs of a SEANet encoder, under "feature_extractor.encodec.", and a decoder as Vocos has it
 * (Siuzdak, arXiv 2306.00814), under "backbone." and "head.": ConvNeXt blocks at the rate of the
 * frames, and an inverse Fourier transform.
 */
#ifndef RAVEL_CODEC_IMPORT_VOCOS_H
#define RAVEL_CODEC_IMPORT_VOCOS_H

#include "codec/import/seanet.h"

/* The encoder and the codebooks; not causal unless the configuration says so. */
ravel_seanet ravel_vocos_open(ravel_draft *draft);

/*
 * Begins the graph with header, encoder and decoder; the caller adds the quantizer. What only
 * training needs is left out, and the SEANet decoder, which no such codec uses. The norms take scale
 * and shift from row "bandwidth_id" (0) of their tables.
 */
void ravel_vocos_codec(ravel_draft *draft, const ravel_seanet *net, const char *name);

#endif
