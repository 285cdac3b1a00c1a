/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * .npz and tar shards. In an .npz the member ravel.json is of all arrays; in a tar NAME.json before
 * NAME.npy is of that one.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/tokens/token_file_inside.h"

enum { MAX_MEMBER_BYTES = 1 << 30 };

typedef struct {
    struct archive *archive;
    uint8_t *bytes; /* of the member, and a zero behind them */
    size_t n, room;
    char *json_key; /* of the last NAME.json that was read, or NULL */
} archive_file;

static void close_archive(ravel_token_file *file)
{
    archive_file *state = file->state;
    archive_read_free(state->archive);
    free(state->bytes);
    free(state->json_key);
    free(state);
}

static int failed(const archive_file *state, ravel_error *error)
{
    const char *text = archive_error_string(state->archive);
    return ravel_error_set(error, RAVEL_ERR_DATA, "%s", text != NULL ? text : "damaged archive");
}

static int make_room(archive_file *state, size_t n, ravel_error *error)
{
    if (n > MAX_MEMBER_BYTES)
        return ravel_error_set(error, RAVEL_ERR_DATA, "a member of more than %d bytes",
                               MAX_MEMBER_BYTES);
    if (n + 1 <= state->room)
        return 0;
    const size_t room = 2 * n + 65536;
    uint8_t *larger = realloc(state->bytes, room);
    if (larger == NULL)
        return ravel_error_memory(error);
    state->bytes = larger;
    state->room = room;
    return 0;
}

/* The whole member into state->bytes; sizes in headers are not believed. */
static int read_member(archive_file *state, ravel_error *error)
{
    state->n = 0;
    for (;;) {
        int status = make_room(state, state->n + 65536, error);
        if (status < 0)
            return status;
        const la_ssize_t n = archive_read_data(state->archive, state->bytes + state->n, 65536);
        if (n < 0)
            return failed(state, error);
        if (n == 0)
            break;
        state->n += (size_t)n;
    }
    state->bytes[state->n] = '\0';
    return 0;
}

/* "dir/a.npy" with ".npy": "dir/a"; NULL where it has another suffix. */
static char *key_of(const char *member, const char *suffix)
{
    const size_t n = strlen(member), m = strlen(suffix);
    return n > m && strcmp(member + n - m, suffix) == 0 ? strndup(member, n - m) : NULL;
}

/* Metadata of all, or of the array that follows. */
static int use_json(ravel_token_file *file, char *key, ravel_error *error)
{
    archive_file *state = file->state;
    int status = read_member(state, error);
    if (status == 0 && (file->format == RAVEL_PACK_TAR || strcmp(key, "ravel") == 0))
        status = ravel_token_describe(file, (const char *)state->bytes, error);
    free(state->json_key);
    state->json_key = key;
    return status;
}

static int use_array(ravel_token_file *file, ravel_utterance *utterance, ravel_error *error)
{
    archive_file *state = file->state;
    ravel_npy npy = {0};
    int status = read_member(state, error);
    if (status == 0)
        status = ravel_token_describe_usual(file, utterance, error);
    if (status == 0)
        status = ravel_npy_parse(state->bytes, state->n, &npy, error);
    if (status < 0)
        return status;
    const ravel_token_array array = {state->bytes + npy.header_bytes, npy.bytes, npy.is_signed,
                                     npy.rows, npy.row_elements};
    status = ravel_token_undo(utterance, &array, error);
    const bool own = state->json_key != NULL && strcmp(state->json_key, utterance->name) == 0;
    if (file->format == RAVEL_PACK_NPZ || own)
        ravel_token_find_length(file, utterance);
    return status < 0 ? status : 1;
}

/* return    1 where the member made an utterance, 0 where it did not, or a negative status */
static int use_member(ravel_token_file *file, const char *member, ravel_utterance *utterance,
                      ravel_error *error)
{
    char *key = key_of(member, ".json");
    if (key != NULL)
        return use_json(file, key, error);
    utterance->name = key_of(member, ".npy");
    return utterance->name != NULL ? use_array(file, utterance, error) : 0;
}

static int next_member(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                       ravel_error *error)
{
    archive_file *state = file->state;
    struct archive_entry *entry;
    for (;;) {
        const int got = archive_read_next_header(state->archive, &entry);
        if (got == ARCHIVE_EOF)
            return 0;
        *lost = got < ARCHIVE_WARN;
        if (*lost)
            return failed(state, error);
        const char *member = archive_entry_pathname(entry);
        const int status = member != NULL && archive_entry_filetype(entry) == AE_IFREG
                               ? use_member(file, member, utterance, error)
                               : 0;
        if (status != 0)
            return status;
    }
}

int ravel_token_open_archive(ravel_token_file *file, ravel_error *error)
{
    archive_file *state = calloc(1, sizeof *state);
    if (state != NULL)
        state->archive = archive_read_new();
    if (state == NULL || state->archive == NULL) {
        free(state);
        return ravel_error_memory(error);
    }
    file->state = state;
    file->next = next_member;
    file->close = close_archive;
    if (file->format == RAVEL_PACK_NPZ)
        archive_read_support_format_zip(state->archive);
    else
        archive_read_support_format_tar(state->archive);
    if (archive_read_open_filename(state->archive, file->path, 1 << 16) == ARCHIVE_OK)
        return 0;
    const char *text = archive_error_string(state->archive);
    return ravel_error_set(error, RAVEL_ERR_DATA, "cannot read '%s': %s", file->path,
                           text != NULL ? text : "no archive");
}
