/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/stream/code_file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/file/whole_file.h"
#include "audio_io/stream/layout.h"
#include "nn/error.h"

/* --- Reading ---------------------------------------------------------------------------------- */

/* Names the file in front of what is wrong with it. */
static int with_name(const char *path, int status, ravel_error *error)
{
    ravel_error reason;
    if (error == NULL)
        return status;
    reason = *error;
    return ravel_error_set(error, (ravel_status)status, "'%s': %s", path, reason.text);
}

/* What the codes cost, as of one packed block. */
static void count_bits(ravel_stream_reader *reader, size_t size)
{
    const ravel_layout *layout = &reader->header.layout;
    reader->block_bytes = reader->pages.offset = (int64_t)size;
    reader->bits.n_blocks[RAVEL_ENTROPY_NONE] = 1;
    for (int b = 0; b < reader->n_codebooks; b++) {
        const int64_t n = (int64_t)reader->n_frames * layout->steps_per_frame[b];
        reader->bits.n_codes[b] = n;
        reader->bits.bits[b] = reader->bits.packed_bits[b] =
            (double)n * ravel_code_bits(layout->codebook_size[b]);
    }
}

static void put_into_queue(ravel_stream_reader *reader, const ravel_code_list *list)
{
    reader->codes = list->codes;
    reader->n_frames = list->n_frames;
    reader->n_codebooks = list->n_codebooks;
    reader->frame_codes = ravel_layout_codes(&reader->header.layout, list->n_codebooks);
    reader->info.n_samples = list->n_samples;
    reader->at_once = reader->told = reader->ended = true;
}

int ravel_stream_read_code_file(ravel_stream_reader *reader, const ravel_code_file *file,
                                const char *path, int n_codebooks, ravel_error *error)
{
    size_t size;
    ravel_code_list list = {.n_codebooks = n_codebooks};
    reader->pages.fd = -1;
    if (reader->opened == NULL)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "'%s' does not describe its codes: name its model", path);
    uint8_t *bytes = ravel_whole_file_read(path, &size, error);
    if (bytes == NULL)
        return (int)error->status;
    int status = file->read(reader->opened, bytes, size, &list, error);
    free(bytes);
    if (status) {
        free(list.codes);
        return with_name(path, status, error);
    }
    reader->header = ravel_stream_header_of(reader->model, 1);
    ravel_stream_describe(reader);
    reader->info.n_streams = 1;
    put_into_queue(reader, &list);
    count_bits(reader, size);
    return 0;
}

/* --- Writing ---------------------------------------------------------------------------------- */

int ravel_stream_begin_code_file(ravel_stream_writer *writer, const char *path,
                                 const ravel_model *model, const ravel_stream_format *format,
                                 ravel_error *error)
{
    if (format->n_streams != 1)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "a %s file holds one stream; %d were to be kept apart",
                               writer->file->suffix, format->n_streams);
    if (format->target_bps > 0.0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "a %s file has the same codebooks throughout: no target rate",
                               writer->file->suffix);
    int status = writer->file->check(model, format->n_codebooks, error);
    if (status)
        return status;
    writer->model = model;
    writer->list.n_codebooks = format->n_codebooks;
    writer->out = ravel_outfile_open(path, error);
    return writer->out != NULL ? 0 : RAVEL_ERR_IO;
}

static int make_room(ravel_stream_writer *writer, int n_frames, ravel_error *error)
{
    if (n_frames <= writer->list_room)
        return 0;
    int room = n_frames > INT_MAX / 2 ? n_frames : 2 * n_frames;
    const size_t frame = (size_t)writer->frame_codes * sizeof *writer->list.codes;
    uint16_t *larger = realloc(writer->list.codes, (size_t)room * frame);
    if (larger == NULL)
        return ravel_error_memory(error);
    writer->list.codes = larger;
    writer->list_room = room;
    return 0;
}

int ravel_stream_keep_codes(ravel_stream_writer *writer, const uint16_t *codes, int n_frames,
                            ravel_error *error)
{
    ravel_code_list *list = &writer->list;
    if (n_frames > INT_MAX - list->n_frames)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "too many frames for a %s file",
                               writer->file->suffix);
    int status = make_room(writer, list->n_frames + n_frames, error);
    if (status)
        return status;
    const size_t frame = (size_t)writer->frame_codes;
    memcpy(list->codes + (size_t)list->n_frames * frame, codes,
           (size_t)n_frames * frame * sizeof *codes);
    list->n_frames += n_frames;
    return n_frames;
}

int ravel_stream_write_code_file(ravel_stream_writer *writer, int64_t n_samples, ravel_error *error)
{
    const int64_t hop = writer->header.hop_samples;
    uint8_t *bytes = NULL;
    size_t size;
    if ((n_samples + hop - 1) / hop != writer->list.n_frames)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "%lld samples are not what %d frames of %lld hold",
                               (long long)n_samples, writer->list.n_frames, (long long)hop);
    writer->list.n_samples = n_samples;
    int status = writer->file->write(writer->model, &writer->list, &bytes, &size, error);
    if (status == 0)
        status = ravel_outfile_write(writer->out, bytes, size, error);
    free(bytes);
    if (status < 0)
        return status;
    const double seconds =
        (double)writer->list.n_frames * (double)hop / writer->header.sample_rate_hz;
    writer->rates.n_bytes = (int64_t)size;
    writer->rates.n_blocks = 1;
    writer->page_seconds = seconds;
    writer->page_bits = 8.0 * (double)size;
    writer->rates.peak_bps = seconds > 0.0 ? writer->page_bits / seconds : 0.0;
    return 0;
}
