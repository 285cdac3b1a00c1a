/* SPDX-License-Identifier: BSD-3-Clause */
/* What is written with tokens, so that they can be undone and are never given to a wrong model. */
#ifndef RAVEL_TOOLS_TOKENS_META_H
#define RAVEL_TOOLS_TOKENS_META_H

#include "ravel/tokens.h"

struct cJSON;

typedef struct {
    char model_name[64];
    uint8_t identity[RAVEL_IDENTITY_BYTES]; /* of the tokeniser */
    int n_identity;                         /* bytes of it that are known */
    int sample_rate_hz, channels, hop_samples;
    ravel_token_layout layout;
} ravel_token_meta;

/* return    0, or RAVEL_ERR_ARGUMENT with *error */
int ravel_token_meta_make(ravel_token_meta *meta, const ravel_model_info *model,
                          const ravel_token_options *options, ravel_error *error);

/* docs/tokens.md, "Metadata". cJSON_Delete it; NULL without memory. */
struct cJSON *ravel_token_meta_json(const ravel_token_meta *meta);

/* Reads the same from whoever wrote it. return    0, or RAVEL_ERR_DATA with *error */
int ravel_token_meta_parse(ravel_token_meta *meta, const struct cJSON *json, ravel_error *error);

/* Whether tokens can be of this model. return    0, or RAVEL_ERR_MODEL with *error */
int ravel_token_meta_check(const ravel_token_meta *meta, const ravel_model_info *model,
                           ravel_error *error);

/* Bytes of a token in binary formats: 2, or 4 where the vocabulary needs them. */
int ravel_token_bytes(const ravel_token_layout *layout);

#endif
