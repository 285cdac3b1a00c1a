/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata in a file of its own, where the format of the tokens has no room for them. */
#ifndef RAVEL_TOOLS_TOKENS_SIDECAR_H
#define RAVEL_TOOLS_TOKENS_SIDECAR_H

#include "tools/tokens/meta.h"
#include "tools/tokens/workplace.h"

/* PATH.json. return    0 or a negative status */
int ravel_sidecar_write_file(const char *path, const ravel_token_meta *meta, ravel_error *error);

/*
 * FOLDER/ravel.json, made in the workplace.
 * return    0; RAVEL_ERR_MODEL where there is one of another model, RAVEL_ERR_ARGUMENT where there
 *           is one of another layout; or another negative status
 */
int ravel_sidecar_write_folder(const char *folder, const ravel_workplace *work,
                               const ravel_token_meta *meta, ravel_error *error);

#endif
