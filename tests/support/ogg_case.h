/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of streams share: a stream of random codes, what is read of one, and its file as
 * bytes. Each includes this once, in a program built for each way of coding: packed codes, or those
 * of ENTROPY.
 */
#ifndef RAVEL_TESTS_OGG_CASE_H
#define RAVEL_TESTS_OGG_CASE_H

#include <criterion/criterion.h>
#include <ogg/ogg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/stream/ogg_pages.h"
#include "ravel/io.h"
#include "tests/support/coded_blocks.h"
#include "tests/support/folder.h"
#include "tests/support/tiny_model.h"

#ifndef ENTROPY
#define ENTROPY RAVEL_ENTROPY_NONE
#endif

enum { MAX_FRAMES = 1200, MAX_STREAMS = 7, MAX_CODES = 64, MAX_BYTES = 1 << 18, MAX_PAGES = 400 };

static char folder[RAVEL_TEST_FOLDER];
static ravel_error error;
static ravel_model *model;
static const ravel_model_info *info;
static int n_codebooks; /* of the written frames */
static uint32_t seed = 1;

static inline uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static inline void set_up(void)
{
    ravel_test_folder_enter(folder);
    model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    info = ravel_model_get_info(model);
    n_codebooks = info->n_codebooks < 3 ? info->n_codebooks : 3;
}

static inline void tear_down(void)
{
    ravel_model_free(model);
    ravel_test_folder_leave(folder);
}

/* --- A stream and what is read of one --------------------------------------------------------- */

typedef struct {
    int n_frames, n_streams;
    int64_t n_samples;
    uint16_t codes[MAX_STREAMS][MAX_FRAMES * 3];
} written_stream;

static written_stream written;

typedef struct {
    int n_frames; /* lost ones included */
    bool lost[MAX_FRAMES];
    uint16_t codes[MAX_STREAMS][MAX_FRAMES * 3];
    ravel_stream_damage damage;
    int64_t n_samples;
    int header_damaged, n_streams, n_tags;
} read_stream;

static read_stream result;

/* As the program is built for, where the model brings it. */
static inline ravel_entropy entropy(void)
{
    return info->entropy < ENTROPY ? RAVEL_ENTROPY_NONE : ENTROPY;
}

static inline void make_codes(int n_frames, int n_streams)
{
    written.n_frames = n_frames;
    written.n_streams = n_streams;
    ravel_code_models models = ravel_model_code_models(model);
    uint64_t told_seed = seed;
    for (int s = 0; s < n_streams; s++) {
        for (int i = 0; i < n_frames * n_codebooks; i++)
            written.codes[s][i] =
                (uint16_t)random_below((uint32_t)info->codebook_size[i % n_codebooks]);
        if (entropy() != RAVEL_ENTROPY_NONE) /* so that they are not packed after all */
            ravel_test_told_codes(&models, (ravel_payload)entropy(), 1, &told_seed, n_frames,
                                  n_codebooks, written.codes[s]);
    }
    int surplus = info->tail_samples + (int)random_below((uint32_t)info->hop_samples);
    written.n_samples = (int64_t)n_frames * info->hop_samples - surplus;
    if (info->drops_last_frame)
        written.n_samples += 2 * surplus;
    if (written.n_samples <= 0)
        written.n_samples = n_frames > 0 ? 1 : 0;
}

/* In pieces of up to `step` frames. */
static inline void write_stream(const char *path, int n_frames, int n_streams, int block_frames,
                                int step)
{
    static const char *const tags[] = {"TITLE=Test", "ARTIST=J\xC3\xBCrgen"};
    static uint16_t piece[MAX_STREAMS * MAX_FRAMES * 3];
    ravel_stream_format format = {.n_streams = n_streams,
                                  .n_codebooks = n_codebooks,
                                  .block_frames = block_frames,
                                  .tags = tags,
                                  .n_tags = 2,
                                  .entropy = entropy()};
    make_codes(n_frames, n_streams);
    ravel_stream_writer *writer = ravel_stream_writer_open(path, model, &format, &error);
    cr_assert_not_null(writer, "%s", error.text);
    for (int at = 0; at < n_frames;) {
        int n = 1 + (int)random_below((uint32_t)step);
        n = n < n_frames - at ? n : n_frames - at;
        for (int s = 0; s < n_streams; s++)
            memcpy(piece + s * step * n_codebooks, written.codes[s] + at * n_codebooks,
                   (size_t)(n * n_codebooks) * sizeof *piece);
        cr_assert_eq(ravel_stream_writer_write(writer, piece, step, n, &error), n, "%s",
                     error.text);
        at += n;
    }
    cr_assert_eq(ravel_stream_writer_close(writer, written.n_samples, NULL, &error), 0, "%s",
                 error.text);
}

/* From where the reader stands to the end, counting. return    the last status */
static inline int read_on(ravel_stream_reader *reader)
{
    static uint16_t piece[MAX_STREAMS * 64 * MAX_CODES];
    int n, codebooks, lost;
    result.n_streams = ravel_stream_reader_info(reader)->n_streams;
    while ((n = ravel_stream_reader_read(reader, piece, 1 + (int)random_below(64), &codebooks,
                                         &lost, &error)) > 0) {
        result.n_frames += n;
    }
    result.damage = ravel_stream_reader_damage(reader);
    result.n_samples = ravel_stream_reader_info(reader)->n_samples;
    return n;
}

/* As read_on, with the codes; `capacity` frames at a time. */
static inline int read_codes(ravel_stream_reader *reader, int capacity)
{
    static uint16_t piece[MAX_STREAMS * MAX_FRAMES * MAX_CODES];
    int n, codebooks = 0, lost;
    const ravel_stream_info *now = ravel_stream_reader_info(reader);
    while ((n = ravel_stream_reader_read(reader, piece, capacity, &codebooks, &lost, &error)) > 0) {
        cr_assert_leq(result.n_frames + n, MAX_FRAMES);
        cr_assert(lost || codebooks == n_codebooks);
        for (int i = 0; i < n; i++)
            result.lost[result.n_frames + i] = lost != 0;
        for (int s = 0; s < now->n_streams && !lost; s++)
            memcpy(result.codes[s] + result.n_frames * n_codebooks,
                   piece + s * capacity * n_codebooks, (size_t)(n * n_codebooks) * sizeof *piece);
        result.n_frames += n;
    }
    result.damage = ravel_stream_reader_damage(reader);
    result.n_samples = now->n_samples;
    result.header_damaged = now->header_damaged;
    result.n_streams = now->n_streams;
    result.n_tags = now->n_tags;
    return n;
}

static inline bool read_stream_file(const char *path)
{
    memset(&result, 0, sizeof result);
    ravel_stream_reader *reader = ravel_stream_reader_open(path, model, &error);
    if (reader == NULL)
        return false;
    cr_assert_eq(read_codes(reader, 1 + (int)random_below(50)), 0, "%s", error.text);
    ravel_stream_reader_close(reader);
    return true;
}

/* Frames that were read are those that were written, each at its place. */
static inline int check_codes(void)
{
    int n_lost = 0;
    for (int i = 0; i < result.n_frames; i++) {
        n_lost += result.lost[i];
        for (int s = 0; s < written.n_streams && !result.lost[i]; s++)
            cr_assert_eq(memcmp(result.codes[s] + i * n_codebooks,
                                written.codes[s] + i * n_codebooks,
                                (size_t)n_codebooks * sizeof(uint16_t)),
                         0, "frame %d of stream %d", i, s);
    }
    return n_lost;
}

static inline bool is_reported(void)
{
    return result.damage.damaged_blocks > 0 || result.damage.skipped_bytes > 0 ||
           result.damage.truncated || result.header_damaged;
}

/* --- Files as bytes --------------------------------------------------------------------------- */

static uint8_t bytes[MAX_BYTES];
static size_t n_bytes;
static struct {
    size_t begin, end;
    int first_frame, n_frames; /* n_frames 0: header and tags */
} pages[MAX_PAGES];
static int n_pages;

static inline void put_bytes(const char *path, const uint8_t *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, n, file), n);
    fclose(file);
}

static inline void load(const char *path)
{
    ravel_ogg_pages reader;
    ogg_page page;
    int n, frame = 0;
    FILE *file = fopen(path, "rb");
    n_bytes = fread(bytes, 1, MAX_BYTES, file);
    fclose(file);
    cr_assert_lt(n_bytes, MAX_BYTES);
    cr_assert_eq(ravel_ogg_pages_open(&reader, path, &error), 0);
    for (n_pages = 0; (n = ravel_ogg_pages_next(&reader, &page, &error)) > 0; n_pages++) {
        const unsigned char *packet;
        cr_assert_lt(n_pages, MAX_PAGES);
        ravel_ogg_page_packet(&page, 0, &packet);
        pages[n_pages].end = (size_t)reader.offset;
        pages[n_pages].begin = (size_t)reader.offset - (size_t)n;
        pages[n_pages].n_frames = n_pages < 2 ? 0 : packet[4] | packet[5] << 8;
        pages[n_pages].first_frame = frame;
        frame += pages[n_pages].n_frames;
    }
    ravel_ogg_pages_close(&reader);
    cr_assert_eq(frame, written.n_frames);
}

static inline int page_at(size_t offset)
{
    int i = 0;
    while (offset >= pages[i].end)
        i++;
    return i;
}

/* Changes a page's granule position and makes its checksum right again: a lie, not damage. */
static inline void lie(int page_index, int64_t granule)
{
    uint8_t *header = bytes + pages[page_index].begin;
    ogg_page page = {.header = header, .header_len = 27 + header[26]};
    page.body = header + page.header_len;
    page.body_len = (long)(pages[page_index].end - pages[page_index].begin) - page.header_len;
    for (int i = 0; i < 8; i++)
        header[6 + i] = (uint8_t)((uint64_t)granule >> (8 * i));
    ogg_page_checksum_set(&page);
}

#endif
