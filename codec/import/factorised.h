/* SPDX-License-Identifier: BSD-3-Clause */
/* The codebooks that DAC, SNAC and codecs after them have. */
#ifndef RAVEL_CODEC_IMPORT_FACTORISED_H
#define RAVEL_CODEC_IMPORT_FACTORISED_H

#include "codec/import/draft.h"

/*
 * A codebook NAME.codebook.weight that is searched by direction, in a space of few dimensions between
 * the maps NAME.in_proj and NAME.out_proj: its node, and its tensors under the same names.
 */
cJSON *ravel_factorised_codebook(ravel_draft *draft, const char *name);

#endif
