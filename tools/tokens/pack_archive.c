/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * .npz, a zip of .npy members as numpy.savez writes it, and tar shards as webdataset reads them:
 * NAME.json and NAME.npy an utterance. libarchive knows both, with their extensions for long names
 * and large files.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/tokens/npy.h"
#include "tools/tokens/pack_inside.h"

/* What the archive's callbacks see. */
typedef struct {
    ravel_outfile *out;
    ravel_error failure;
} target;

static la_ssize_t write_bytes(struct archive *archive, void *context, const void *bytes, size_t n)
{
    target *to = context;
    if (ravel_outfile_write(to->out, bytes, n, &to->failure) == 0)
        return (la_ssize_t)n;
    archive_set_error(archive, EIO, "%s", to->failure.text);
    return -1;
}

static int failed(struct archive *archive, ravel_error *error)
{
    const char *text = archive_error_string(archive);
    return ravel_error_set(error, RAVEL_ERR_IO, "%s", text != NULL ? text : "cannot write");
}

static int to_archive(void *context, const void *bytes, size_t n, ravel_error *error)
{
    struct archive *archive = context;
    return archive_write_data(archive, bytes, n) == (la_ssize_t)n ? 0 : failed(archive, error);
}

/* The same for everyone and at any time; the date is the earliest that a zip can tell. */
static int begin_member(struct archive *archive, const char *name, int64_t n_bytes,
                        ravel_error *error)
{
    struct archive_entry *entry = archive_entry_new();
    if (entry == NULL)
        return ravel_error_memory(error);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 315532800, 0); /* 1980-01-01 UTC */
    archive_entry_set_size(entry, n_bytes);
    const int status =
        archive_write_header(archive, entry) == ARCHIVE_OK ? 0 : failed(archive, error);
    archive_entry_free(entry);
    return status;
}

static int write_metadata(const ravel_pack *pack, struct archive *archive, int64_t entry,
                          const char *name, ravel_error *error)
{
    char *text = ravel_pack_metadata(pack, entry, entry < 0);
    if (text == NULL)
        return ravel_error_memory(error);
    int status = begin_member(archive, name, (int64_t)strlen(text), error);
    if (status == 0)
        status = to_archive(archive, text, strlen(text), error);
    free(text);
    return status;
}

static int write_array(const ravel_pack *pack, struct archive *archive, int64_t entry,
                       const char *name, ravel_error *error)
{
    const ravel_token_layout *layout = &pack->meta->layout;
    const int64_t n_frames = pack->entries[entry].n_frames;
    char header[RAVEL_NPY_HEADER_BYTES];
    ravel_npy_header(ravel_token_bytes(layout), ravel_token_rows(layout, n_frames),
                     layout->row_tokens > 1 ? layout->row_tokens : 0, header);
    int status = begin_member(
        archive, name, (int64_t)sizeof header + ravel_pack_token_bytes(layout, n_frames), error);
    if (status == 0)
        status = to_archive(archive, header, sizeof header, error);
    return status < 0 ? status : ravel_pack_tokens(pack, entry, to_archive, archive, error);
}

static int write_entry(const ravel_pack *pack, struct archive *archive, int64_t entry,
                       ravel_error *error)
{
    const size_t room = strlen(pack->entries[entry].name) + 8;
    char *name = malloc(room);
    if (name == NULL)
        return ravel_error_memory(error);
    int status = 0;
    if (pack->format == RAVEL_PACK_TAR) {
        (void)snprintf(name, room, "%s.json", pack->entries[entry].name);
        status = write_metadata(pack, archive, entry, name, error);
    }
    (void)snprintf(name, room, "%s.npy", pack->entries[entry].name);
    if (status == 0)
        status = write_array(pack, archive, entry, name, error);
    free(name);
    return status;
}

static int write_members(const ravel_pack *pack, struct archive *archive, ravel_error *error)
{
    int status = 0;
    if (pack->format == RAVEL_PACK_NPZ)
        status = write_metadata(pack, archive, -1, "ravel.json", error);
    for (int64_t i = 0; status == 0 && i < pack->n_entries; i++)
        status = write_entry(pack, archive, i, error);
    if (status == 0 && archive_write_close(archive) != ARCHIVE_OK)
        status = failed(archive, error);
    return status;
}

static int set_format(struct archive *archive, ravel_pack_format format)
{
    archive_write_set_bytes_in_last_block(archive, 1);
    if (format == RAVEL_PACK_TAR)
        return archive_write_set_format_pax_restricted(archive);
    const int status = archive_write_set_format_zip(archive);
    return status == ARCHIVE_OK ? archive_write_zip_set_compression_store(archive) : status;
}

int ravel_pack_write_archive(const ravel_pack *pack, ravel_outfile *out, ravel_error *error)
{
    target to = {.out = out};
    struct archive *archive = archive_write_new();
    if (archive == NULL)
        return ravel_error_memory(error);
    int status = 0;
    if (set_format(archive, pack->format) != ARCHIVE_OK ||
        archive_write_open(archive, &to, NULL, write_bytes, NULL) != ARCHIVE_OK)
        status = failed(archive, error);
    if (status == 0)
        status = write_members(pack, archive, error);
    archive_write_free(archive);
    return status;
}
