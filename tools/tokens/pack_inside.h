/* SPDX-License-Identifier: BSD-3-Clause */
/* What the writers of the formats have in common. */
#ifndef RAVEL_TOOLS_TOKENS_PACK_INSIDE_H
#define RAVEL_TOOLS_TOKENS_PACK_INSIDE_H

#include "audio_io/file/outfile.h"
#include "tools/tokens/blocks.h"
#include "tools/tokens/pack.h"

/* Takes bytes; out of memory and full disks are its status. */
typedef int ravel_pack_sink(void *context, const void *bytes, size_t n, ravel_error *error);

/* Bytes of an utterance's tokens, without a header. */
int64_t ravel_pack_token_bytes(const ravel_token_layout *layout, int64_t n_frames);

/* The codes of an entry; *own is to be freed. NULL with *error filled. */
const ravel_spool *ravel_pack_spool(const ravel_pack *pack, int64_t entry, ravel_spool *own,
                                    ravel_error *error);

/* Feeds the little-endian tokens of an entry to the sink. */
int ravel_pack_tokens(const ravel_pack *pack, int64_t entry, ravel_pack_sink *sink, void *context,
                      ravel_error *error);

/* The metadata, with "samples" of one entry, or of all by name for entry -1; free() it. */
char *ravel_pack_metadata(const ravel_pack *pack, int64_t entry, bool indented);

int ravel_pack_write_safetensors(const ravel_pack *pack, ravel_outfile *out, ravel_error *error);
int ravel_pack_write_jsonl(const ravel_pack *pack, ravel_outfile *out, ravel_error *error);
/* npz and tar */
int ravel_pack_write_archive(const ravel_pack *pack, ravel_outfile *out, ravel_error *error);

#endif
