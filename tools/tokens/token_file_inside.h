/* SPDX-License-Identifier: BSD-3-Clause */
/* What the readers of the formats have in common. */
#ifndef RAVEL_TOOLS_TOKENS_TOKEN_FILE_INSIDE_H
#define RAVEL_TOOLS_TOKENS_TOKEN_FILE_INSIDE_H

#include "tools/tokens/npy.h"
#include "tools/tokens/pack.h"
#include "tools/tokens/token_file.h"

struct cJSON;

struct ravel_token_file {
    ravel_pack_format format;
    char *path;
    const ravel_model *model;
    bool described; /* meta is of the file or of a sidecar */
    ravel_token_meta meta;
    struct cJSON *samples; /* lengths by name, or NULL */
    void *state;           /* of the format */
    int (*next)(ravel_token_file *file, ravel_utterance *utterance, bool *lost, ravel_error *error);
    void (*close)(ravel_token_file *file);
};

/* Elements of an array that has been found, in memory. */
typedef struct {
    const uint8_t *data;
    int bytes; /* of an element: 1, 2, 4, 8, little-endian */
    bool is_signed;
    int64_t rows, row_elements; /* row_elements 0: one dimension */
} ravel_token_array;

/* Each sets next, close and state. return    0 or a negative status */
int ravel_token_open_npy(ravel_token_file *file, ravel_error *error);
int ravel_token_open_safetensors(ravel_token_file *file, ravel_error *error);
int ravel_token_open_jsonl(ravel_token_file *file, ravel_error *error);
int ravel_token_open_archive(ravel_token_file *file, ravel_error *error);
int ravel_token_open_rvl(ravel_token_file *file, ravel_error *error);

/* Takes metadata of a text; those with "samples" by name are kept for ravel_token_finish. */
int ravel_token_describe(ravel_token_file *file, const char *json_text, ravel_error *error);

/* Metadata for an utterance that has none of its own. return    0 or a negative status */
int ravel_token_describe_usual(const ravel_token_file *file, ravel_utterance *utterance,
                               ravel_error *error);

/* Undoes the layout of utterance->meta. return    0 or a negative status */
int ravel_token_undo(ravel_utterance *utterance, const ravel_token_array *array,
                     ravel_error *error);

/* Looks up the length of the utterance's name in file->samples. */
void ravel_token_find_length(const ravel_token_file *file, ravel_utterance *utterance);

/* A whole number of JSON, 0 ... 2^53; -1 for anything else. */
int64_t ravel_token_whole(const struct cJSON *item);

#endif
