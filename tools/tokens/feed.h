/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where items come from: a folder, a list, a manifest, a tar. A feed gives one item after the
 * other in an order that depends on nothing but the input. What it cannot use it gives as a refused
 * item, so that it is named and the rest goes on.
 */
#ifndef RAVEL_TOOLS_TOKENS_FEED_H
#define RAVEL_TOOLS_TOKENS_FEED_H

#include <stdbool.h>

#include "tools/tokens/item.h"

typedef struct ravel_feed ravel_feed;

struct ravel_feed {
    /* return    true and *item, or false at the end */
    bool (*next)(ravel_feed *feed, ravel_item *item);
    void (*close)(ravel_feed *feed);
};

/* Each returns NULL with *error filled where there is nothing to read. */

/* Files under a folder that are wanted, by their paths; in byte order of their names. */
ravel_feed *ravel_feed_folder(const char *path, bool (*wanted)(const char *path),
                              ravel_error *error);

/* Paths, each closed by the delimiter: '\n' or '\0'. path: a file or "-". */
ravel_feed *ravel_feed_list(const char *path, char delimiter, ravel_error *error);

/* A NeMo manifest: JSON objects a line, of audio_filepath and maybe offset, duration. */
ravel_feed *ravel_feed_manifest(const char *path, ravel_error *error);

/* A Kaldi data folder: wav.scp and, where it is there, segments. */
ravel_feed *ravel_feed_kaldi(const char *folder, ravel_error *error);

/* Sounds in a tar, which may be compressed, read as a stream. path: a file or "-". */
ravel_feed *ravel_feed_tar(const char *path, ravel_error *error);

#endif
