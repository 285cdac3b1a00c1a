/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeking in a `.rvl` file by bisection over the granule positions of its pages, as in other Ogg
 * files; no index is needed, and damage between pages does no harm.
 */
#include "audio_io/stream/reader.h"
#include "nn/error.h"

/* Below this distance pages are read one after the other; the longest page is 65307 bytes. */
enum { NEAR_BYTES = 1 << 17 };

/* Next page of the stream that has a granule position, from `offset` on, as it lies in the file. */
static int next_placed_page(ravel_stream_reader *reader, int64_t offset, int64_t *begin,
                            int64_t *granule, ravel_error *error)
{
    ogg_page page;
    *begin = *granule = 0;
    int n = ravel_ogg_pages_seek(&reader->pages, offset, error);
    while (n >= 0 && (n = ravel_ogg_pages_next(&reader->pages, &page, error)) > 0) {
        *begin = reader->pages.offset - n;
        *granule = ogg_page_granulepos(&page);
        if (ogg_page_serialno(&page) == reader->serial && *granule >= 0)
            break;
    }
    return n;
}

static int last_granule(ravel_stream_reader *reader, int64_t from, int64_t *last,
                        ravel_error *error)
{
    ogg_page page;
    int n = ravel_ogg_pages_seek(&reader->pages, from, error);
    while (n >= 0 && (n = ravel_ogg_pages_next(&reader->pages, &page, error)) > 0)
        if (ogg_page_serialno(&page) == reader->serial && ogg_page_granulepos(&page) >= 0)
            *last = ogg_page_granulepos(&page);
    return n;
}

int ravel_stream_find_end(ravel_stream_reader *reader, ravel_error *error)
{
    ravel_ogg_pages *pages = &reader->pages;
    int64_t back = pages->offset, skipped = pages->skipped_bytes, last = -1;
    int64_t from = pages->size;
    for (int64_t window = NEAR_BYTES; last < 0 && from > 0; window *= 8) {
        from = pages->size > window ? pages->size - window : 0;
        int status = last_granule(reader, from, &last, error);
        if (status < 0)
            return status;
    }
    int64_t n = last - reader->header.pre_skip_samples;
    reader->info.n_samples = n > 0 ? n : 0;
    pages->skipped_bytes = skipped;
    return ravel_ogg_pages_seek(pages, back, error);
}

/* Offset of a page that ends at or before the frame `target`, near it; 0: the file's begin. */
static int bisect(ravel_stream_reader *reader, int64_t target, int64_t *offset, ravel_error *error)
{
    int64_t low = 0, high = reader->pages.size;
    while (high - low > NEAR_BYTES) {
        int64_t middle = low + (high - low) / 2, begin, granule;
        int n = next_placed_page(reader, middle, &begin, &granule, error);
        if (n < 0)
            return n;
        if (n == 0 || begin >= high || granule > target * reader->header.hop_samples)
            high = middle;
        else
            low = begin;
    }
    *offset = low;
    return 0;
}

static void forget(ravel_stream_reader *reader, int64_t offset)
{
    ravel_stream_forget_ahead(reader);
    reader->skipped_bytes = reader->pages.skipped_bytes;
    reader->ended = false;
    reader->in_tags = false;
    reader->page_number = -1;
    reader->position = offset == 0 ? 0 : -1;
    reader->cut_frames = 0;
    reader->n_lost = 0;
    reader->n_frames = reader->next_frame = 0;
}

static int64_t first_queued(const ravel_stream_reader *reader)
{
    return reader->position - (reader->n_frames - reader->next_frame) - reader->n_lost;
}

/* Reads on to the page that holds the frame, or that comes next. */
static int64_t read_on(ravel_stream_reader *reader, int64_t target, ravel_error *error)
{
    int status;
    while ((status = ravel_stream_fill(reader, error)) > 0 && reader->position <= target) {
        reader->n_lost = 0;
        reader->next_frame = reader->n_frames;
    }
    return status < 0 ? status : first_queued(reader);
}

int64_t ravel_stream_reader_seek(ravel_stream_reader *reader, int64_t sample, int preroll,
                                 ravel_error *error)
{
    int64_t hop = reader->header.hop_samples;
    if (sample < 0 || sample > INT64_MAX / 2 || preroll < 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "no place %lld - %d frames in a stream",
                               (long long)sample, preroll);
    if (reader->info.n_samples >= 0 && sample >= reader->info.n_samples)
        sample = reader->info.n_samples > 0 ? reader->info.n_samples - 1 : 0;
    int64_t target = (sample + reader->header.pre_skip_samples) / hop - preroll;
    target = target > 0 ? target : 0;
    if (reader->at_once) {
        reader->next_frame = target < reader->n_frames ? (int)target : reader->n_frames;
        return reader->next_frame;
    }
    if (!reader->pages.seekable) {
        if (first_queued(reader) > target)
            return ravel_error_set(
                error, RAVEL_ERR_ARGUMENT, "'%s' is a pipe: no way back from frame %lld to %lld",
                reader->pages.name, (long long)first_queued(reader), (long long)target);
        return read_on(reader, target, error);
    }
    int64_t offset = 0, skipped = reader->pages.skipped_bytes;
    int status = bisect(reader, target, &offset, error);
    if (status == 0)
        status = ravel_ogg_pages_seek(&reader->pages, offset, error);
    reader->pages.skipped_bytes = skipped;
    if (status < 0)
        return status;
    forget(reader, offset);
    return read_on(reader, target, error);
}
