/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the pages of a `.rvl` stream say (docs/format.md, "Ogg mapping" and "Damage"). Pages here
 * have the right checksum, but they may come from a stranger: a number on them may still lie.
 */
#include <stdlib.h>
#include <string.h>

#include "audio_io/stream/layout.h"
#include "audio_io/stream/reader.h"
#include "nn/error.h"
#include "rvq/range_coder.h"

enum { MAX_TAG_PAGES = 256, PATIENCE_SECONDS = 10 };

/* Far beyond any sound, and small enough that sums and products of places do not overflow. */
#define MAX_GRANULE (INT64_MAX / 8)

/* --- Finding the stream ----------------------------------------------------------------------- */

void ravel_stream_describe(ravel_stream_reader *reader)
{
    ravel_stream_info *info = &reader->info;
    const ravel_stream_header *header = &reader->header;
    memcpy(info->model_name, header->model_name, sizeof info->model_name);
    memcpy(info->tokenizer_identity, header->tokenizer_identity, sizeof info->tokenizer_identity);
    memcpy(info->prior_identity, header->prior_identity, sizeof info->prior_identity);
    info->sample_rate_hz = header->sample_rate_hz;
    info->channels = header->channels;
    info->hop_samples = header->hop_samples;
    info->pre_skip_samples = header->pre_skip_samples;
    info->n_codebooks = header->layout.n_codebooks;
    memcpy(info->codebook_size, header->layout.codebook_size, sizeof info->codebook_size);
    memcpy(info->steps_per_frame, header->layout.steps_per_frame, sizeof info->steps_per_frame);
}

/* Identities are equal only if everything else that codes depend on is. */
static int check_model(const ravel_stream_reader *reader, ravel_error *error)
{
    const ravel_model_info *model = reader->model;
    const ravel_stream_header *header = &reader->header;
    const uint8_t *a = header->tokenizer_identity, *b = model->tokenizer_identity;
    if (memcmp(a, b, RAVEL_STREAM_IDENTITY_BYTES) != 0)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "'%s' was made with the model '%s' (%02x%02x%02x%02x...), which is "
                               "not '%s' (%02x%02x%02x%02x...)",
                               reader->pages.name, header->model_name, a[0], a[1], a[2], a[3],
                               model->name, b[0], b[1], b[2], b[3]);
    ravel_stream_header own = ravel_stream_header_of(model, header->channels / model->channels);
    if (own.sample_rate_hz != header->sample_rate_hz || own.channels != header->channels ||
        own.hop_samples != header->hop_samples ||
        memcmp(&own.layout, &header->layout, sizeof own.layout) != 0)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "'%s' contradicts the model that it names, '%s'", reader->pages.name,
                               model->name);
    return 0;
}

static int adopt_header(ravel_stream_reader *reader, const ogg_page *page, ravel_error *error)
{
    const unsigned char *packet;
    long size = ravel_ogg_page_packet(page, 0, &packet);
    int status = ravel_header_read(packet, (size_t)size, &reader->header, error);
    if (status == RAVEL_ERR_DATA && reader->model != NULL)
        return 0; /* the blocks will tell whether they are the model's */
    if (status == 0 && reader->model != NULL)
        status = check_model(reader, error);
    if (status < 0)
        return status;
    reader->adopted = true;
    reader->serial = ogg_page_serialno(page);
    reader->page_number = ogg_page_pageno(page);
    ravel_stream_describe(reader);
    if (reader->model != NULL)
        reader->info.n_streams = reader->info.channels / reader->model->channels;
    return ravel_stream_open_coder(reader, error);
}

static bool is_header(const ogg_page *page)
{
    const unsigned char *packet;
    long size = ravel_ogg_page_packet(page, 0, &packet);
    return ogg_page_bos(page) && size >= 0 && ravel_header_recognise(packet, (size_t)size);
}

/* Whether every packet of the page begins as a block of this tokeniser; their number in *n. */
static bool has_blocks(const ogg_page *page, const uint8_t *identity, int *n)
{
    const unsigned char *packet;
    long size;
    for (*n = 0; (size = ravel_ogg_page_packet(page, *n, &packet)) >= 0; ++*n) {
        ravel_block_info info;
        if (ravel_block_parse(packet, (size_t)size, &info) != RAVEL_OK ||
            memcmp(info.identity, identity, sizeof info.identity) != 0)
            return false;
    }
    return *n > 0 && ravel_ogg_page_whole(page);
}

/* The header is lost, but these are blocks of the model: what it would say, the model knows. */
static int adopt_block(ravel_stream_reader *reader, const ogg_page *page, int n_streams,
                       ravel_error *error)
{
    reader->header = ravel_stream_header_of(reader->model, n_streams);
    reader->adopted = true;
    reader->serial = ogg_page_serialno(page);
    ravel_stream_describe(reader);
    reader->info.n_streams = n_streams;
    reader->info.header_damaged = 1;
    int status = ravel_stream_open_coder(reader, error);
    return status < 0 ? status : ravel_stream_look_again(reader, error);
}

static int look_for_stream(ravel_stream_reader *reader, const ogg_page *page, ravel_error *error)
{
    int n_streams;
    if (is_header(page))
        return adopt_header(reader, page, error);
    if (reader->model == NULL || !has_blocks(page, reader->model->tokenizer_identity, &n_streams) ||
        n_streams * reader->model->channels > 64) {
        reader->damage.foreign_pages++;
        return 0;
    }
    return adopt_block(reader, page, n_streams, error);
}

/* --- Tags ------------------------------------------------------------------------------------- */

static bool begins_tags(const ogg_page *page)
{
    const unsigned char *packet = page->body;
    return !ogg_page_continued(page) && page->body_len > 0 &&
           ravel_tags_recognise(packet, (size_t)page->body_len);
}

/* Damaged tags are not worth refusing the sound for: they are left out. */
static void use_tags(ravel_stream_reader *reader, ogg_page *page)
{
    ogg_packet packet;
    if (!reader->in_tags) {
        ogg_stream_clear(&reader->tag_pages);
        ogg_stream_init(&reader->tag_pages, reader->serial);
        reader->tag_pages.pageno = ogg_page_pageno(page); /* nothing is missing before it */
        reader->n_tag_pages = 0;
    }
    reader->in_tags = ++reader->n_tag_pages < MAX_TAG_PAGES;
    if (ogg_stream_pagein(&reader->tag_pages, page) != 0)
        reader->in_tags = false;
    else if (ogg_stream_packetout(&reader->tag_pages, &packet) == 1) {
        reader->in_tags = false;
        ravel_tags_free(&reader->tags);
        ravel_tags_read(packet.packet, (size_t)packet.bytes, &reader->tags, NULL);
        reader->info.tags = (const char *const *)reader->tags.tags;
        reader->info.n_tags = reader->tags.n_tags;
    }
    reader->page_number = ogg_page_pageno(page);
}

/* --- Blocks ----------------------------------------------------------------------------------- */

/*
 * How much of a gap to conceal. A page number or granule position that lies must not make hours of
 * silence: ten seconds are believed, as many frames as there were good ones, and what the bytes
 * that were skipped can have held.
 */
static int64_t believe(ravel_stream_reader *reader, int64_t gap)
{
    int64_t skipped = reader->skipped_bytes - reader->explained_bytes;
    int64_t explained = 0;
    if (reader->usual_bytes > 0)
        explained = skipped * reader->usual_frames / reader->usual_bytes + reader->usual_frames;
    int64_t patience =
        (int64_t)PATIENCE_SECONDS * reader->header.sample_rate_hz / reader->header.hop_samples + 1;
    int64_t limit = patience + reader->n_good - reader->n_concealed;
    if (limit < explained)
        limit = explained;
    int64_t believed = gap < limit ? gap : limit;
    reader->explained_bytes = reader->skipped_bytes;
    reader->n_concealed += believed;
    reader->cut_frames += gap - believed;
    return believed;
}

static void lose(ravel_stream_reader *reader, int64_t gap)
{
    if (gap <= 0)
        return;
    int usual = reader->usual_frames;
    int64_t n_blocks = usual > 0 ? (gap + usual - 1) / usual : 1;
    reader->damage.lost_frames += gap;
    reader->damage.damaged_blocks +=
        n_blocks > reader->n_refused ? n_blocks - reader->n_refused : 0;
    reader->n_refused = 0;
    reader->n_lost += believe(reader, gap);
}

/* Frames of the sound up to a granule position: an incomplete last one may have been dropped. */
static int64_t frames_before(const ravel_stream_reader *reader, int64_t granule)
{
    int64_t hop = reader->header.hop_samples;
    bool drops = reader->model != NULL && reader->model->drops_last_frame;
    return granule / hop + (granule % hop != 0 && !drops);
}

/*
 * Frame with which the blocks of a page begin, at least reader->position; -1 for a page that was
 * there before. Without a page missing it is where the last one ended, whatever a damaged writer
 * may say.
 */
static int64_t begin_of(const ravel_stream_reader *reader, const ogg_page *page,
                        const ravel_block_info *info)
{
    int64_t begin =
        frames_before(reader, ogg_page_granulepos(page)) + info->n_after_end - info->n_frames;
    if (reader->page_number >= 0 && reader->position >= 0) {
        long missing = ogg_page_pageno(page) - reader->page_number - 1;
        if (missing == 0)
            return reader->position;
        if (missing < 0)
            return -1;
    }
    begin = begin > 0 ? begin : 0;
    return begin >= reader->position ? begin : -1;
}

/* Puts the page's codes into the queue. */
static void take_codes(ravel_stream_reader *reader, ravel_page_ahead *page)
{
    uint16_t *codes = reader->codes;
    size_t room = reader->codes_room;
    reader->codes = page->codes;
    reader->codes_room = page->codes_room;
    page->codes = codes;
    page->codes_room = room;
    reader->n_frames = page->info.n_frames;
    reader->n_codebooks = page->info.n_codebooks;
    reader->frame_codes = ravel_layout_codes(&reader->header.layout, page->info.n_codebooks);
    reader->next_frame = 0;
    reader->told = page->told;
}

static void count_bits(ravel_stream_reader *reader, const ravel_page_ahead *page)
{
    ravel_stream_bits *bits = &reader->bits;
    const ravel_layout *layout = &reader->header.layout;
    for (int kind = 0; kind < RAVEL_PAYLOADS; kind++)
        bits->n_blocks[kind] += page->n_kind[kind];
    for (int k = 0; page->told && k < page->info.n_codebooks; k++) {
        int64_t n = (int64_t)page->n_blocks * page->info.n_frames * layout->steps_per_frame[k];
        bits->n_codes[k] += n;
        bits->packed_bits[k] += (double)n * ravel_code_bits(layout->codebook_size[k]);
        bits->bits[k] += (double)page->bits[k] / RAVEL_RANGE_TELL_PER_BIT;
    }
}

/*
 * Blocks that only another prior can read. In a stream whose header names none they are damage, and
 * refused by it.
 */
static int fail_prior(const ravel_stream_reader *reader, ravel_error *error)
{
    static const uint8_t none[RAVEL_STREAM_IDENTITY_BYTES];
    const uint8_t *a = reader->header.prior_identity, *b = reader->model->prior_identity;
    if (!reader->info.header_damaged && memcmp(a, none, sizeof none) == 0)
        return 0;
    if (reader->info.header_damaged || reader->model->entropy == RAVEL_ENTROPY_NONE)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "'%s' was coded with a prior that the model '%s' has not",
                               reader->pages.name, reader->model->name);
    return ravel_error_set(error, RAVEL_ERR_MODEL,
                           "'%s' was coded with the prior %02x%02x%02x%02x... of the model '%s'; "
                           "that of '%s' is %02x%02x%02x%02x...",
                           reader->pages.name, a[0], a[1], a[2], a[3], reader->header.model_name,
                           reader->model->name, b[0], b[1], b[2], b[3]);
}

/*
 * The exact length: where the last page says the sound ends, but not more than there are frames, and
 * less than one that was dropped.
 */
static void use_end(ravel_stream_reader *reader, const ogg_page *page)
{
    int64_t hop = reader->header.hop_samples;
    int64_t frames = reader->position > 0 ? reader->position : 0;
    int64_t end = ogg_page_granulepos(page);
    bool may_drop = reader->model == NULL || reader->model->drops_last_frame;
    if (end > frames * hop + (may_drop ? hop - 1 : 0))
        end = frames * hop;
    end -= reader->header.pre_skip_samples + reader->cut_frames * hop;
    reader->info.n_samples = end > 0 ? end : 0;
    reader->ended = true;
}

/* Whether the page holds as many packets as there are streams; the first page decides. */
static bool count_streams(ravel_stream_reader *reader, int n_packets)
{
    if (reader->info.n_streams == 0 && n_packets > 0 && reader->info.channels % n_packets == 0)
        reader->info.n_streams = n_packets;
    return n_packets > 0 && n_packets == reader->info.n_streams;
}

/*
 * As if the page were not there: the next one tells which frames are lost. After the last page none
 * comes, but its place tells.
 */
static int refuse(ravel_stream_reader *reader, const ogg_page *page)
{
    int64_t granule = ogg_page_granulepos(page);
    reader->damage.damaged_blocks++;
    reader->n_refused++;
    if (!ogg_page_eos(page) || granule < 0 || granule > MAX_GRANULE || reader->position < 0)
        return 0;
    int64_t end = frames_before(reader, granule);
    if (end > reader->position) {
        lose(reader, end - reader->position);
        reader->position = end;
    }
    use_end(reader, page);
    return 0;
}

static int use_blocks(ravel_stream_reader *reader, ravel_page_ahead *ahead, ravel_error *error)
{
    const ogg_page *page = &ahead->page;
    if (ogg_page_granulepos(page) < 0 || ogg_page_granulepos(page) > MAX_GRANULE ||
        !count_streams(reader, ahead->n_blocks))
        return refuse(reader, page);
    int64_t begin = begin_of(reader, page, &ahead->info);
    int status = ahead->status == RAVEL_ERR_MODEL ? fail_prior(reader, error) : 0;
    if (status < 0)
        return status;
    if (begin < 0 || ahead->status != RAVEL_OK)
        return refuse(reader, page);
    take_codes(reader, ahead);
    count_bits(reader, ahead);
    if (reader->position >= 0)
        lose(reader, begin - reader->position);
    reader->position = begin + reader->n_frames;
    reader->page_number = ogg_page_pageno(page);
    reader->n_good += reader->n_frames;
    reader->usual_frames = reader->n_frames;
    reader->usual_bytes = ahead->n_bytes;
    reader->block_bytes += page->body_len;
    if (ogg_page_eos(page))
        use_end(reader, page);
    return 0;
}

int ravel_stream_use_page(ravel_stream_reader *reader, ravel_page_ahead *ahead, ravel_error *error)
{
    ogg_page *page = &ahead->page;
    if (!reader->adopted) {
        int status = look_for_stream(reader, page, error);
        if (status < 0 || !reader->adopted || is_header(page))
            return status;
    }
    if (ogg_page_serialno(page) != reader->serial || reader->ended) {
        reader->damage.foreign_pages++;
        return 0;
    }
    if (is_header(page)) {
        reader->page_number = ogg_page_pageno(page);
        return 0;
    }
    if (begins_tags(page) || (reader->in_tags && ogg_page_continued(page))) {
        use_tags(reader, page);
        if (ogg_page_eos(page)) /* a stream without blocks */
            use_end(reader, page);
        return 0;
    }
    return use_blocks(reader, ahead, error);
}

/* --- Pages to the queue ----------------------------------------------------------------------- */

static bool queue_empty(const ravel_stream_reader *reader)
{
    return reader->n_lost == 0 && reader->next_frame == reader->n_frames;
}

/* The file ends. Without an end mark the sound ends with the last frame that was found. */
static void use_file_end(ravel_stream_reader *reader)
{
    if (reader->ended)
        return;
    reader->ended = true;
    reader->damage.truncated = 1;
    if (reader->skipped_bytes > reader->explained_bytes && reader->position >= 0) {
        reader->damage.damaged_blocks++;
        reader->explained_bytes = reader->skipped_bytes;
    }
    int64_t frames = (reader->position > 0 ? reader->position : 0) - reader->cut_frames;
    int64_t end = frames * reader->header.hop_samples - reader->header.pre_skip_samples;
    reader->info.n_samples = end > 0 ? end : 0;
}

/* Pages after the end are read too, to tell of them. */
int ravel_stream_fill(ravel_stream_reader *reader, ravel_error *error)
{
    if (reader->at_once)
        return !queue_empty(reader);
    while (queue_empty(reader)) {
        ravel_page_ahead *page;
        int status = ravel_stream_next_page(reader, &page, error);
        if (status == 0)
            use_file_end(reader);
        if (status <= 0)
            return status;
        status = ravel_stream_use_page(reader, page, error);
        if (status < 0)
            return status;
    }
    return 1;
}
