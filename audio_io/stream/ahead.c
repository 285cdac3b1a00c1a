/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pages, and the codes of their blocks. Where the prior decodes, several pages of a file are read
 * ahead, because blocks side by side share the reading of its weights. Pipes are decoded as they
 * come. What a page means for the stream is not decided here.
 */
#include <stdlib.h>
#include <string.h>

#include "audio_io/stream/reader.h"
#include "codec/model.h"
#include "nn/error.h"

/* --- The decoder of blocks -------------------------------------------------------------------- */

static bool is_zero(const uint8_t identity[RAVEL_STREAM_IDENTITY_BYTES])
{
    static const uint8_t zero[RAVEL_STREAM_IDENTITY_BYTES];
    return memcmp(identity, zero, sizeof zero) == 0;
}

/* Whether the model's tables and prior are those of the stream, as far as can be known. */
static bool same_prior(const ravel_stream_reader *reader)
{
    if (reader->model == NULL)
        return false;
    return reader->info.header_damaged ||
           (!is_zero(reader->header.prior_identity) &&
            memcmp(reader->header.prior_identity, reader->model->prior_identity,
                   RAVEL_STREAM_IDENTITY_BYTES) == 0);
}

int ravel_stream_open_coder(ravel_stream_reader *reader, ravel_error *error)
{
    ravel_code_models models = {.layout = &reader->header.layout};
    if (same_prior(reader))
        models = ravel_model_code_models(reader->opened);
    int lanes = reader->pages.seekable ? ravel_block_coder_good_lanes(&models) : 1;
    reader->most_ahead = lanes < RAVEL_MAX_PAGES_AHEAD ? lanes : RAVEL_MAX_PAGES_AHEAD;
    reader->coder = ravel_block_coder_new(&models, lanes);
    reader->jobs =
        calloc((size_t)RAVEL_MAX_PAGES_AHEAD * RAVEL_STREAM_MAX_BLOCKS, sizeof *reader->jobs);
    return reader->coder != NULL && reader->jobs != NULL ? 0 : ravel_error_memory(error);
}

void ravel_stream_free_ahead(ravel_stream_reader *reader)
{
    for (int i = 0; i < RAVEL_MAX_PAGES_AHEAD; i++) {
        free(reader->ahead[i].bytes);
        free(reader->ahead[i].codes);
    }
    ravel_block_coder_free(reader->coder);
    free(reader->jobs);
}

/* --- What is on a page ------------------------------------------------------------------------ */

static bool same_frames(const ravel_block_info *a, const ravel_block_info *b)
{
    return a->n_frames == b->n_frames && a->n_codebooks == b->n_codebooks &&
           a->n_after_end == b->n_after_end;
}

/*
 * Looks at the page's packets: whether all are blocks of this stream's tokeniser that tell of the
 * same frames, as many as the model can have.
 */
static void look_at_blocks(const ravel_stream_reader *reader, ravel_page_ahead *page)
{
    const ravel_layout *layout = &reader->header.layout;
    const unsigned char *packet;
    long size;
    int n = 0;
    page->n_blocks = 0;
    memset(page->n_kind, 0, sizeof page->n_kind);
    if (!reader->adopted || !ravel_ogg_page_whole(&page->page) ||
        ogg_page_serialno(&page->page) != reader->serial)
        return;
    for (; (size = ravel_ogg_page_packet(&page->page, n, &packet)) >= 0; n++) {
        ravel_block_info info;
        if (n == RAVEL_STREAM_MAX_BLOCKS ||
            ravel_block_parse(packet, (size_t)size, &info) != RAVEL_OK ||
            memcmp(info.identity, reader->header.tokenizer_identity, sizeof info.identity) != 0 ||
            info.n_codebooks > layout->n_codebooks ||
            info.n_frames > ravel_block_max_frames(layout, info.n_codebooks))
            return;
        if (n == 0)
            page->info = info;
        if (!same_frames(&info, &page->info))
            return;
        page->n_kind[info.kind]++;
    }
    page->n_blocks = n;
}

static int make_room(ravel_page_ahead *page, size_t n_codes, ravel_error *error)
{
    if (n_codes <= page->codes_room)
        return 0;
    uint16_t *larger = realloc(page->codes, n_codes * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(error);
    page->codes = larger;
    page->codes_room = n_codes;
    return 0;
}

/* return    jobs added, or a negative status */
static int plan_page(ravel_stream_reader *reader, ravel_page_ahead *page, ravel_block_job *jobs,
                     ravel_error *error)
{
    const ravel_block_info *info = &page->info;
    int frame_codes = ravel_layout_codes(&reader->header.layout, info->n_codebooks);
    size_t block_codes = (size_t)info->n_frames * (size_t)frame_codes;
    int status = make_room(page, block_codes * (size_t)page->n_blocks, error);
    if (status < 0)
        return status;
    memset(page->bits, 0, sizeof page->bits);
    for (int s = 0; s < page->n_blocks; s++) {
        const unsigned char *packet;
        long size = ravel_ogg_page_packet(&page->page, s, &packet);
        jobs[s] = (ravel_block_job){.block = packet,
                                    .size = (size_t)size,
                                    .codes = page->codes + (size_t)s * block_codes,
                                    .bits = page->bits};
        ravel_block_parse(packet, (size_t)size, &jobs[s].info);
    }
    return page->n_blocks;
}

static int decode_ahead(ravel_stream_reader *reader, ravel_error *error)
{
    int n_jobs = 0;
    for (int i = 0; i < reader->n_ahead; i++) {
        ravel_page_ahead *page = &reader->ahead[i];
        int n = page->n_blocks > 0 ? plan_page(reader, page, reader->jobs + n_jobs, error) : 0;
        if (n < 0)
            return n;
        n_jobs += n;
    }
    if (n_jobs > 0)
        ravel_block_coder_read(reader->coder, reader->jobs, n_jobs);
    ravel_block_job *job = reader->jobs;
    for (int i = 0; i < reader->n_ahead; i++) {
        ravel_page_ahead *page = &reader->ahead[i];
        page->status = RAVEL_OK;
        page->told = true;
        for (int s = 0; s < page->n_blocks; s++, job++) {
            if (reader->model == NULL && job->status == RAVEL_ERR_MODEL) {
                page->told = false; /* it can still be looked at */
                job->status = RAVEL_OK;
            }
            if (page->status == RAVEL_OK)
                page->status = job->status;
        }
    }
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* return    1, 0 at the end, or a negative status */
static int read_page(ravel_stream_reader *reader, ravel_page_ahead *page, ravel_error *error)
{
    ogg_page source;
    int n = ravel_ogg_pages_next(&reader->pages, &source, error);
    if (n <= 0)
        return n;
    if ((size_t)n > page->bytes_room) {
        uint8_t *larger = realloc(page->bytes, (size_t)n);
        if (larger == NULL)
            return ravel_error_memory(error);
        page->bytes = larger;
        page->bytes_room = (size_t)n;
    }
    memcpy(page->bytes, source.header, (size_t)source.header_len);
    memcpy(page->bytes + source.header_len, source.body, (size_t)source.body_len);
    page->page = (ogg_page){.header = page->bytes,
                            .header_len = source.header_len,
                            .body = page->bytes + source.header_len,
                            .body_len = source.body_len};
    page->n_bytes = n;
    page->skipped_bytes = reader->pages.skipped_bytes;
    look_at_blocks(reader, page);
    return 1;
}

/* Whether to read on before this page is decoded: it is better decoded together with the next. */
static bool wants_company(const ravel_stream_reader *reader, const ravel_page_ahead *page)
{
    int together = page->n_blocks > 0 ? reader->most_ahead / page->n_blocks : 0;
    return page->n_kind[RAVEL_PAYLOAD_PRIOR] > 0 && reader->n_ahead < together;
}

int ravel_stream_next_page(ravel_stream_reader *reader, ravel_page_ahead **page, ravel_error *error)
{
    if (reader->next_ahead == reader->n_ahead) {
        int status;
        ravel_stream_forget_ahead(reader);
        do {
            status = read_page(reader, &reader->ahead[reader->n_ahead], error);
            reader->n_ahead += status > 0;
        } while (status > 0 && wants_company(reader, &reader->ahead[reader->n_ahead - 1]));
        if (status >= 0)
            status = decode_ahead(reader, error);
        if (status < 0)
            return status;
    }
    if (reader->next_ahead == reader->n_ahead) {
        reader->skipped_bytes = reader->pages.skipped_bytes;
        return 0;
    }
    *page = &reader->ahead[reader->next_ahead++];
    reader->skipped_bytes = (*page)->skipped_bytes;
    return 1;
}

/* Before the stream is found no page is read ahead: this one is the only one. */
int ravel_stream_look_again(ravel_stream_reader *reader, ravel_error *error)
{
    look_at_blocks(reader, &reader->ahead[0]);
    return decode_ahead(reader, error);
}

void ravel_stream_forget_ahead(ravel_stream_reader *reader)
{
    reader->n_ahead = reader->next_ahead = 0;
}
