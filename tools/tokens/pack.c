/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "ravel/io.h"
#include "tools/tokens/npy.h"
#include "tools/tokens/pack_inside.h"

static const char *const names[] = {"npy", "rvl", "npz", "safetensors", "jsonl", "tar"};

const char *ravel_pack_name(int format)
{
    return format >= RAVEL_PACK_NPY && format <= RAVEL_PACK_TAR ? names[format] : NULL;
}

bool ravel_pack_find(const char *name, ravel_pack_format *format)
{
    for (int f = 0; ravel_pack_name(f) != NULL; f++) {
        if (strcmp(name, ravel_pack_name(f)) == 0) {
            *format = (ravel_pack_format)f;
            return true;
        }
    }
    return false;
}

bool ravel_pack_is_single(ravel_pack_format format)
{
    return format == RAVEL_PACK_NPY || format == RAVEL_PACK_RVL;
}

/* --- One utterance a file --------------------------------------------------------------------- */

static int to_outfile(void *context, const void *bytes, size_t n, ravel_error *error)
{
    return ravel_outfile_write(context, bytes, n, error);
}

static int write_npy(const ravel_pack *pack, ravel_outfile *out, ravel_error *error)
{
    const ravel_token_layout *layout = &pack->meta->layout;
    char header[RAVEL_NPY_HEADER_BYTES];
    ravel_npy_header(ravel_token_bytes(layout), ravel_token_rows(layout, pack->entries[0].n_frames),
                     layout->row_tokens > 1 ? layout->row_tokens : 0, header);
    const int status = ravel_outfile_write(out, header, sizeof header, error);
    return status < 0 ? status : ravel_pack_tokens(pack, 0, to_outfile, out, error);
}

enum { PIECE_FRAMES = 512 };

static int write_frames(ravel_stream_writer *writer, const ravel_spool *spool, int columns,
                        ravel_error *error)
{
    uint16_t *codes = malloc((size_t)PIECE_FRAMES * (size_t)columns * sizeof *codes);
    int status = codes != NULL ? 0 : ravel_error_memory(error);
    for (int64_t at = 0; status == 0 && at < spool->n; at += (int64_t)PIECE_FRAMES * columns) {
        const int64_t left = (spool->n - at) / columns;
        const int n = left < PIECE_FRAMES ? (int)left : PIECE_FRAMES;
        status = ravel_spool_read(spool, at, (int64_t)n * columns, codes, error);
        if (status == 0 && (status = ravel_stream_writer_write(writer, codes, n, n, error)) > 0)
            status = 0;
    }
    free(codes);
    return status;
}

static int write_rvl(const ravel_pack *pack, const char *path, ravel_error *error)
{
    const ravel_token_layout *layout = &pack->meta->layout;
    const ravel_stream_format format = {.n_streams = 1, .n_codebooks = layout->n_codebooks};
    ravel_spool own;
    const ravel_spool *spool = ravel_pack_spool(pack, 0, &own, error);
    ravel_stream_writer *writer =
        spool != NULL ? ravel_stream_writer_open(path, pack->model, &format, error) : NULL;
    int status =
        writer != NULL ? write_frames(writer, spool, layout->columns, error) : (int)error->status;
    if (writer != NULL && status == 0)
        status = ravel_stream_writer_close(writer, pack->entries[0].n_samples, NULL, error);
    else
        ravel_stream_writer_abort(writer);
    ravel_spool_free(&own);
    return status;
}

/* --- All -------------------------------------------------------------------------------------- */

static int write_into(const ravel_pack *pack, ravel_outfile *out, ravel_error *error)
{
    switch (pack->format) {
    case RAVEL_PACK_NPY:
        return write_npy(pack, out, error);
    case RAVEL_PACK_NPZ:
    case RAVEL_PACK_TAR:
        return ravel_pack_write_archive(pack, out, error);
    case RAVEL_PACK_SAFETENSORS:
        return ravel_pack_write_safetensors(pack, out, error);
    case RAVEL_PACK_JSONL:
        return ravel_pack_write_jsonl(pack, out, error);
    case RAVEL_PACK_RVL:
        break; /* opens its own output */
    }
    return RAVEL_ERR_ARGUMENT;
}

int ravel_pack_write(const ravel_pack *pack, const char *path, ravel_error *error)
{
    if (pack->format == RAVEL_PACK_RVL)
        return write_rvl(pack, path, error);
    ravel_outfile *out = ravel_outfile_open(path, error);
    if (out == NULL)
        return (int)error->status;
    return ravel_outfile_end(out, write_into(pack, out, error), error);
}
