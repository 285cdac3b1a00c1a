/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of DAC that other codecs have too. */
#ifndef RAVEL_CODEC_IMPORT_DAC_H
#define RAVEL_CODEC_IMPORT_DAC_H

#include "codec/import/draft.h"

/*
 * A decoder PREFIXdecoder.model.N, in the names of DAC's authors.
 * hop       set to the samples of a frame
 */
cJSON *ravel_dac_decoder(ravel_draft *draft, const char *prefix, int *hop);

/* A residual quantiser of the codebooks NAME.0, NAME.1 ...; *n_codebooks is set. */
cJSON *ravel_dac_quantizer(ravel_draft *draft, const char *name, int *n_codebooks);

#endif
