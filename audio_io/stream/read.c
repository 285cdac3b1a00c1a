/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "audio_io/stream/code_file.h"
#include "audio_io/stream/reader.h"
#include "nn/error.h"
#include "rvq/layout.h"

/* What is no stream at all is told after so many bytes, not after gigabytes of them. */
enum { MAX_SEARCH_BYTES = 1 << 20 };

/* --- Opening ---------------------------------------------------------------------------------- */

static int no_stream(const ravel_stream_reader *reader, ravel_error *error)
{
    const char *name = reader->pages.name;
    if (reader->pages.offset == 0 || (reader->pages.ended && reader->pages.end == 0))
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' is empty", name);
    if (reader->damage.foreign_pages == 0)
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' is not a Ravel stream", name);
    return ravel_error_set(error, RAVEL_ERR_DATA,
                           "'%s' is an Ogg file without a Ravel stream, or the stream's header is "
                           "damaged and it was not made with the model given",
                           name);
}

static int find_stream(ravel_stream_reader *reader, ravel_error *error)
{
    while (!reader->adopted && reader->pages.offset < MAX_SEARCH_BYTES) {
        ravel_page_ahead *page;
        int status = ravel_stream_next_page(reader, &page, error);
        if (status == 0)
            break;
        if (status > 0)
            status = ravel_stream_use_page(reader, page, error);
        if (status < 0)
            return status;
    }
    if (!reader->adopted)
        return no_stream(reader, error);
    return ravel_stream_fill(reader, error); /* the first blocks tell how many streams there are */
}

static int open_reader(ravel_stream_reader *reader, const char *path, int n_codebooks,
                       ravel_error *error)
{
    const ravel_code_file *file = ravel_code_file_of(path);
    if (file != NULL)
        return ravel_stream_read_code_file(reader, file, path, n_codebooks, error);
    int status = ravel_ogg_pages_open(&reader->pages, path, error);
    if (status == 0)
        status = find_stream(reader, error);
    if (status > 0 && reader->pages.seekable && !reader->ended)
        status = ravel_stream_find_end(reader, error);
    if (reader->info.n_streams == 0)
        reader->info.n_streams = 1;
    return status < 0 ? status : 0;
}

ravel_stream_reader *ravel_stream_reader_open_codebooks(const char *path, const ravel_model *model,
                                                        int n_codebooks, ravel_error *error)
{
    ravel_stream_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    reader->opened = model;
    reader->model = model != NULL ? ravel_model_get_info(model) : NULL;
    reader->page_number = -1;
    reader->info.n_samples = -1;
    if (open_reader(reader, path, n_codebooks, error) == 0)
        return reader;
    ravel_stream_reader_close(reader);
    return NULL;
}

ravel_stream_reader *ravel_stream_reader_open(const char *path, const ravel_model *model,
                                              ravel_error *error)
{
    return ravel_stream_reader_open_codebooks(path, model, 0, error);
}

void ravel_stream_reader_close(ravel_stream_reader *reader)
{
    if (reader == NULL)
        return;
    ravel_ogg_pages_close(&reader->pages);
    ogg_stream_clear(&reader->tag_pages);
    ravel_tags_free(&reader->tags);
    ravel_stream_free_ahead(reader);
    free(reader->codes);
    free(reader);
}

/* --- Reading ---------------------------------------------------------------------------------- */

const ravel_stream_info *ravel_stream_reader_info(const ravel_stream_reader *reader)
{
    return &reader->info;
}

void ravel_stream_reader_bytes(const ravel_stream_reader *reader, int64_t *blocks, int64_t *file)
{
    *blocks = reader->block_bytes;
    *file = reader->pages.ended ? reader->pages.end : reader->pages.offset;
}

ravel_stream_bits ravel_stream_reader_bits(const ravel_stream_reader *reader)
{
    return reader->bits;
}

ravel_stream_damage ravel_stream_reader_damage(const ravel_stream_reader *reader)
{
    ravel_stream_damage damage = reader->damage;
    damage.skipped_bytes = reader->skipped_bytes;
    return damage;
}

static int take_lost(ravel_stream_reader *reader, int capacity)
{
    int n = reader->n_lost < capacity ? (int)reader->n_lost : capacity;
    reader->n_lost -= n;
    return n;
}

static int take_frames(ravel_stream_reader *reader, uint16_t *codes, int capacity)
{
    int left = reader->n_frames - reader->next_frame;
    int n = left < capacity ? left : capacity;
    size_t frame = (size_t)reader->frame_codes;
    for (int s = 0; codes != NULL && s < reader->info.n_streams; s++) {
        size_t from = (size_t)s * (size_t)reader->n_frames + (size_t)reader->next_frame;
        memcpy(codes + (size_t)s * (size_t)capacity * frame, reader->codes + from * frame,
               (size_t)n * frame * sizeof *codes);
    }
    reader->next_frame += n;
    return n;
}

int ravel_stream_reader_read(ravel_stream_reader *reader, uint16_t *codes, int capacity,
                             int *n_codebooks, int *lost, ravel_error *error)
{
    if (capacity < 1)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "room for %d frames", capacity);
    int status = ravel_stream_fill(reader, error);
    if (status <= 0)
        return status;
    *lost = reader->n_lost > 0;
    if (*lost)
        return take_lost(reader, capacity);
    if (!reader->told && codes != NULL)
        return ravel_error_set(
            error, RAVEL_ERR_MODEL,
            "'%s' is coded with the prior of its model, '%s', which is needed to "
            "read its codes",
            reader->pages.name, reader->header.model_name);
    *n_codebooks = reader->n_codebooks;
    return take_frames(reader, codes, capacity);
}
