/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `.rvl` out. One Ogg page holds the blocks of one stretch of time, a packet for each stream of
 * codes (docs/format.md, "Ogg mapping").
 *
 * Frames are held back until enough follow that the end of the sound surely lies in the last page:
 * an encoder makes frames of up to tail_samples beyond the end, and a page whose granule position
 * lies beyond it would not be true.
 */
#include "audio_io/stream/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/stream/code_file.h"
#include "audio_io/stream/layout.h"
#include "codec/model.h"
#include "nn/error.h"
#include "rvq/tags.h"

enum { DEFAULT_BLOCK_SECONDS = 2 };

/* --- Pages ------------------------------------------------------------------------------------ */

static int write_page(ravel_stream_writer *writer, const ogg_page *page, ravel_error *error)
{
    /* One write a page: a live pipe gets it whole. */
    uint8_t bytes[RAVEL_PAGE_HEADER + RAVEL_PAGE_MAX_SEGMENTS + RAVEL_PAGE_MAX_BODY];
    memcpy(bytes, page->header, (size_t)page->header_len);
    memcpy(bytes + page->header_len, page->body, (size_t)page->body_len);
    writer->rates.n_bytes += page->header_len + page->body_len;
    return ravel_outfile_write(writer->out, bytes, (size_t)(page->header_len + page->body_len),
                               error);
}

static int flush_pages(ravel_stream_writer *writer, ravel_error *error)
{
    ogg_page page;
    int status = 0;
    while (status == 0 && ogg_stream_flush_fill(&writer->ogg, &page, RAVEL_PAGE_MAX_BODY) != 0)
        status = write_page(writer, &page, error);
    return status;
}

static int put_packet(ravel_stream_writer *writer, uint8_t *bytes, int n_bytes, int64_t granule,
                      bool end, ravel_error *error)
{
    ogg_packet packet = {0};
    packet.packet = bytes;
    packet.bytes = n_bytes;
    packet.granulepos = granule;
    packet.e_o_s = end;
    return ogg_stream_packetin(&writer->ogg, &packet) == 0 ? 0 : ravel_error_memory(error);
}

static int put_draft(ravel_stream_writer *writer, ravel_page_draft *draft, int64_t granule,
                     bool end, ravel_error *error)
{
    uint8_t *block = draft->bytes;
    int status = 0;
    for (int s = 0; status == 0 && s < writer->n_streams; s++) {
        status = put_packet(writer, block, draft->size[s], granule,
                            end && s == writer->n_streams - 1, error);
        writer->rates.n_blocks++;
        writer->rates.n_coded_blocks += (block[0] & 15) != RAVEL_PAYLOAD_PACKED;
        block += draft->size[s];
    }
    return status;
}

/* A page of a few frames costs more than what it says: its rate is no peak. */
static void count_page(ravel_stream_writer *writer, const ravel_page_draft *draft, int n_frames)
{
    const ravel_stream_header *header = &writer->header;
    double seconds = (double)n_frames * header->hop_samples / header->sample_rate_hz;
    double bits = 8.0 * draft->page_bytes;
    writer->page_seconds += seconds;
    writer->page_bits += bits;
    if (n_frames >= writer->block_frames || writer->n_written == 0)
        writer->rates.peak_bps =
            bits > writer->rates.peak_bps * seconds ? bits / seconds : writer->rates.peak_bps;
}

/* The first n_frames pending ones, of all streams, as one page. */
static int write_blocks(ravel_stream_writer *writer, int n_frames, int64_t granule, bool end,
                        ravel_error *error)
{
    int64_t hop = writer->header.hop_samples;
    int n_heard = (int)((granule + hop - 1) / hop - writer->n_written);
    n_heard = n_heard < n_frames ? n_heard : n_frames;
    int status = writer->n_written == 0 ? flush_pages(writer, error) : 0; /* the tags */
    if (status < 0)
        return status;
    ravel_page_draft *draft;
    status = ravel_stream_draft(writer, n_frames, n_frames - n_heard, &draft, error);
    if (status < 0)
        return status;
    status = put_draft(writer, draft, granule, end, error);
    count_page(writer, draft, n_frames);
    writer->n_written += n_frames;
    return status == 0 ? flush_pages(writer, error) : status;
}

static int write_header(ravel_stream_writer *writer, const ravel_stream_format *format,
                        ravel_error *error)
{
    uint8_t header[RAVEL_HEADER_MAX_BYTES];
    char vendor[32];
    (void)snprintf(vendor, sizeof vendor, "ravel %s", ravel_version());
    int n_header = ravel_header_write(&writer->header, header, sizeof header);
    int n_tags = ravel_tags_size(vendor, format->tags, format->n_tags);
    if (n_header < 0 || n_tags < 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%s cannot be written into a stream",
                               n_header < 0 ? "this model's header" : "one of the tags");
    uint8_t *tags = malloc((size_t)n_tags);
    if (tags == NULL)
        return ravel_error_memory(error);
    ravel_tags_write(vendor, format->tags, format->n_tags, tags, (size_t)n_tags);
    /* Not random: the same sound gives the same file, to the last byte. */
    ogg_stream_init(&writer->ogg, (int)(ravel_crc32(header, (size_t)n_header) ^
                                        ravel_crc32(tags, (size_t)n_tags)));
    int status = put_packet(writer, header, n_header, 0, false, error);
    if (status == 0)
        status = flush_pages(writer, error); /* the first page holds the header alone */
    if (status == 0)
        status = put_packet(writer, tags, n_tags, 0, false, error);
    free(tags);
    return status; /* the tags' last page waits: without blocks it is the end */
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* Most frames a page can hold: a packet of n bytes takes n / 255 + 1 of its 255 segments. */
static int most_frames(const ravel_stream_writer *writer)
{
    int low = 0, high = ravel_block_max_frames(&writer->header.layout, writer->n_codebooks);
    while (low < high) {
        int middle = high - (high - low) / 2;
        int n = ravel_block_size(&writer->header.layout, writer->n_codebooks, middle);
        if (n >= 0 && (int64_t)(n / 255 + 1) * writer->n_streams <= RAVEL_PAGE_MAX_SEGMENTS)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static int plan_blocks(ravel_stream_writer *writer, const ravel_model_info *model, int block_frames,
                       ravel_error *error)
{
    int hop = model->hop_samples;
    int64_t wanted = block_frames;
    if (wanted == 0)
        wanted = ((int64_t)DEFAULT_BLOCK_SECONDS * model->sample_rate_hz + hop - 1) / hop;
    writer->held_frames = (model->tail_samples + hop - 1) / hop + 1;
    int most = most_frames(writer) - writer->held_frames;
    int coded = RAVEL_BLOCK_MAX_CODED_FRAMES - writer->held_frames; /* the last one has more */
    if (writer->kind != RAVEL_PAYLOAD_PACKED && most > coded && coded > 0)
        most = coded;
    if (most < 1)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "%d streams of %d codebooks do not fit on a page", writer->n_streams,
                               writer->n_codebooks);
    writer->block_frames = wanted < most ? (int)wanted : most;
    return 0;
}

static int check_format(const ravel_model_info *model, const ravel_stream_format *format,
                        ravel_error *error)
{
    if (format->n_codebooks < 1 || format->n_codebooks > model->n_codebooks)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%d codebooks; the model has 1 to %d",
                               format->n_codebooks, model->n_codebooks);
    if (format->n_streams < 1 || format->n_streams * model->channels > 64)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%d streams of %d channels; 64 at most",
                               format->n_streams, model->channels);
    if (format->block_frames < 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "a block of %d frames",
                               format->block_frames);
    if ((int)format->entropy < RAVEL_ENTROPY_NONE || format->entropy > RAVEL_ENTROPY_PRIOR)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "no entropy coder %d",
                               (int)format->entropy);
    if (!(format->target_bps >= 0.0 && format->target_bps <= 1e9))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "a target of %g bits a second",
                               format->target_bps);
    return 0;
}

/* The coder, and what of the header tells which one it is. */
static int open_coder(ravel_stream_writer *writer, const ravel_model *model, ravel_error *error)
{
    static const char *const names[] = {"packed codes", "static tables", "prior"};
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_code_models models = ravel_model_code_models(model);
    if (writer->kind == RAVEL_PAYLOAD_PACKED) {
        models.tables = NULL;
        models.prior = NULL;
    } else {
        memcpy(writer->header.prior_identity, info->prior_identity, RAVEL_STREAM_IDENTITY_BYTES);
    }
    writer->coder = ravel_block_coder_new(&models, 1);
    if (writer->coder == NULL)
        return ravel_error_memory(error);
    if (!ravel_block_coder_knows(writer->coder, writer->kind))
        return ravel_error_set(error, RAVEL_ERR_MODEL, "the model '%s' has no %s", info->name,
                               names[writer->kind]);
    return 0;
}

static int allocate(ravel_stream_writer *writer, ravel_error *error)
{
    size_t most = (size_t)writer->block_frames + (size_t)writer->held_frames;
    size_t stream_codes = most * (size_t)writer->frame_codes;
    writer->pending = calloc(stream_codes * (size_t)writer->n_streams, sizeof *writer->pending);
    writer->chosen = calloc(stream_codes, sizeof *writer->chosen);
    writer->draft = calloc(2, sizeof *writer->draft);
    bool good = writer->pending != NULL && writer->chosen != NULL && writer->draft != NULL;
    return good ? 0 : ravel_error_memory(error);
}

static int open_writer(ravel_stream_writer *writer, const char *path, const ravel_model *model,
                       const ravel_stream_format *format, ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    int status = check_format(info, format, error);
    if (status < 0)
        return status;
    writer->file = ravel_code_file_of(path);
    writer->dropped_samples = info->drops_last_frame ? info->hop_samples - 1 : 0;
    writer->n_streams = format->n_streams;
    writer->n_codebooks = writer->usual_codebooks = format->n_codebooks;
    writer->least_codebooks =
        format->n_codebooks < info->least_codebooks ? format->n_codebooks : info->least_codebooks;
    writer->kind = (int)format->entropy;
    writer->target_bps = format->target_bps;
    writer->header = ravel_stream_header_of(info, format->n_streams);
    writer->frame_codes = ravel_layout_codes(&writer->header.layout, format->n_codebooks);
    if (writer->file != NULL)
        return ravel_stream_begin_code_file(writer, path, model, format, error);
    status = plan_blocks(writer, info, format->block_frames, error);
    if (status == 0)
        status = open_coder(writer, model, error);
    if (status == 0)
        status = allocate(writer, error);
    if (status < 0)
        return status;
    writer->out = ravel_outfile_open(path, error);
    return writer->out != NULL ? write_header(writer, format, error) : RAVEL_ERR_IO;
}

ravel_stream_writer *ravel_stream_writer_open(const char *path, const ravel_model *model,
                                              const ravel_stream_format *format, ravel_error *error)
{
    ravel_stream_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    if (open_writer(writer, path, model, format, error) == 0)
        return writer;
    ravel_stream_writer_abort(writer);
    return NULL;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Puts the frames after the first n_frames of each stream to the front. */
static void drop_frames(ravel_stream_writer *writer, int n_frames)
{
    size_t frame = (size_t)writer->frame_codes;
    size_t stride = ((size_t)writer->block_frames + (size_t)writer->held_frames) * frame;
    writer->n_pending -= n_frames;
    for (int s = 0; s < writer->n_streams; s++) {
        uint16_t *first = writer->pending + (size_t)s * stride;
        memmove(first, first + (size_t)n_frames * frame,
                (size_t)writer->n_pending * frame * sizeof *first);
    }
}

static void add_frames(ravel_stream_writer *writer, const uint16_t *codes, int stride, int n_frames)
{
    size_t frame = (size_t)writer->frame_codes;
    size_t most = (size_t)writer->block_frames + (size_t)writer->held_frames;
    for (int s = 0; s < writer->n_streams; s++)
        memcpy(writer->pending + ((size_t)s * most + (size_t)writer->n_pending) * frame,
               codes + (size_t)s * (size_t)stride * frame,
               (size_t)n_frames * frame * sizeof *codes);
    writer->n_pending += n_frames;
}

int ravel_stream_writer_write(ravel_stream_writer *writer, const uint16_t *codes, int stride,
                              int n_frames, ravel_error *error)
{
    if (writer->file != NULL)
        return ravel_stream_keep_codes(writer, codes, n_frames, error);
    int most = writer->block_frames + writer->held_frames;
    for (int at = 0; at < n_frames;) {
        int n = most - writer->n_pending < n_frames - at ? most - writer->n_pending : n_frames - at;
        add_frames(writer, codes + (size_t)at * (size_t)writer->frame_codes, stride, n);
        at += n;
        if (writer->n_pending < most)
            break; /* everything is taken */
        int64_t end = writer->n_written + writer->block_frames;
        int status = write_blocks(writer, writer->block_frames, end * writer->header.hop_samples,
                                  false, error);
        if (status < 0)
            return status;
        drop_frames(writer, writer->block_frames);
    }
    return n_frames;
}

/* --- Closing ---------------------------------------------------------------------------------- */

static void writer_free(ravel_stream_writer *writer)
{
    ogg_stream_clear(&writer->ogg);
    ravel_block_coder_free(writer->coder);
    free(writer->pending);
    free(writer->chosen);
    free(writer->draft);
    free(writer->list.codes);
    free(writer);
}

static int finish(ravel_stream_writer *writer, int64_t n_samples, ravel_error *error)
{
    if (writer->file != NULL)
        return ravel_stream_write_code_file(writer, n_samples, error);
    int64_t hop = writer->header.hop_samples;
    int64_t begin = writer->n_written * hop, end = begin + writer->n_pending * hop;
    if (n_samples > end + writer->dropped_samples || (n_samples <= begin && end > 0))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "a length of %lld samples; the last block holds %lld to %lld",
                               (long long)n_samples, (long long)begin + 1, (long long)end);
    if (writer->n_pending > 0)
        return write_blocks(writer, writer->n_pending, n_samples, true, error);
    writer->ogg.e_o_s = 1;
    return flush_pages(writer, error);
}

static ravel_stream_rates final_rates(const ravel_stream_writer *writer, int64_t n_samples)
{
    ravel_stream_rates rates = writer->rates;
    double seconds = (double)n_samples / writer->header.sample_rate_hz;
    rates.average_bps = writer->page_seconds > 0.0 ? writer->page_bits / writer->page_seconds : 0.0;
    rates.file_bps = seconds > 0.0 ? 8.0 * (double)rates.n_bytes / seconds : 0.0;
    return rates;
}

int ravel_stream_writer_close(ravel_stream_writer *writer, int64_t n_samples,
                              ravel_stream_rates *rates, ravel_error *error)
{
    int status = finish(writer, n_samples, error);
    if (status < 0) {
        ravel_stream_writer_abort(writer);
        return status;
    }
    if (rates != NULL)
        *rates = final_rates(writer, n_samples);
    status = ravel_outfile_commit(writer->out, error);
    writer_free(writer);
    return status;
}

void ravel_stream_writer_abort(ravel_stream_writer *writer)
{
    if (writer == NULL)
        return;
    ravel_outfile_abort(writer->out);
    writer_free(writer);
}
