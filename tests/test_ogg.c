/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams: what is written is read, sought in, and survives damage with the loss of one block. Built
 * for each way of coding: packed codes, or those of ENTROPY.
 */
#define _XOPEN_SOURCE 700
#include <criterion/criterion.h>
#include <ogg/ogg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio_io/stream/layout.h"
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

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static void set_up(void)
{
    ravel_test_folder_enter(folder);
    model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    info = ravel_model_get_info(model);
    n_codebooks = info->n_codebooks < 3 ? info->n_codebooks : 3;
}

static void tear_down(void)
{
    ravel_model_free(model);
    ravel_test_folder_leave(folder);
}

TestSuite(ogg, .init = set_up, .fini = tear_down);

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

static void make_codes(int n_frames, int n_streams)
{
    written.n_frames = n_frames;
    written.n_streams = n_streams;
    ravel_code_models models = ravel_model_code_models(model);
    uint64_t told_seed = seed;
    for (int s = 0; s < n_streams; s++) {
        for (int i = 0; i < n_frames * n_codebooks; i++)
            written.codes[s][i] =
                (uint16_t)random_below((uint32_t)info->codebook_size[i % n_codebooks]);
        if (ENTROPY != RAVEL_ENTROPY_NONE) /* so that they are not packed after all */
            ravel_test_told_codes(&models, (ravel_payload)ENTROPY, 1, &told_seed, n_frames,
                                  n_codebooks, written.codes[s]);
    }
    int surplus = info->tail_samples + (int)random_below((uint32_t)info->hop_samples);
    written.n_samples = (int64_t)n_frames * info->hop_samples - surplus;
    if (written.n_samples <= 0)
        written.n_samples = n_frames > 0 ? 1 : 0;
}

/* In pieces of up to `step` frames. */
static void write_stream(const char *path, int n_frames, int n_streams, int block_frames, int step)
{
    static const char *const tags[] = {"TITLE=Test", "ARTIST=J\xC3\xBCrgen"};
    static uint16_t piece[MAX_STREAMS * MAX_FRAMES * 3];
    ravel_stream_format format = {.n_streams = n_streams,
                                  .n_codebooks = n_codebooks,
                                  .block_frames = block_frames,
                                  .tags = tags,
                                  .n_tags = 2,
                                  .entropy = ENTROPY};
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
static int read_on(ravel_stream_reader *reader)
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
static int read_codes(ravel_stream_reader *reader, int capacity)
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

static bool read_stream_file(const char *path)
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
static int check_codes(void)
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

static bool is_reported(void)
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

static void put_bytes(const char *path, const uint8_t *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, n, file), n);
    fclose(file);
}

static void load(const char *path)
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

static int page_at(size_t offset)
{
    int i = 0;
    while (offset >= pages[i].end)
        i++;
    return i;
}

/* Changes a page's granule position and makes its checksum right again: a lie, not damage. */
static void lie(int page_index, int64_t granule)
{
    uint8_t *header = bytes + pages[page_index].begin;
    ogg_page page = {.header = header, .header_len = 27 + header[26]};
    page.body = header + page.header_len;
    page.body_len = (long)(pages[page_index].end - pages[page_index].begin) - page.header_len;
    for (int i = 0; i < 8; i++)
        header[6 + i] = (uint8_t)((uint64_t)granule >> (8 * i));
    ogg_page_checksum_set(&page);
}

/* --- Whole streams ---------------------------------------------------------------------------- */

Test(ogg, streams_return)
{
    static const int lengths[] = {0, 1, 2, 5, 24, 25, 26, 27, 28, 29, 50, 51, 75, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (int n_streams = 1; n_streams <= MAX_STREAMS; n_streams += 3) {
            write_stream("a.rvl", lengths[i], n_streams, 25, 40);
            cr_assert(read_stream_file("a.rvl"), "%s", error.text);
            cr_assert_eq(result.n_frames, lengths[i]);
            cr_assert_eq(result.n_samples, written.n_samples);
            cr_assert_eq(result.n_tags, 2);
            cr_assert_eq(check_codes(), 0);
            cr_assert_not(is_reported());
            if (lengths[i] > 0)
                cr_assert_eq(result.n_streams, n_streams);
        }
    }
}

Test(ogg, the_header_says_what_was_written)
{
    write_stream("a.rvl", 30, 2, 0, 7);
    ravel_stream_reader *reader = ravel_stream_reader_open("a.rvl", NULL, &error);
    cr_assert_not_null(reader, "%s", error.text);
    const ravel_stream_info *found = ravel_stream_reader_info(reader);
    cr_assert_str_eq(found->model_name, info->name);
    cr_assert_eq(memcmp(found->tokenizer_identity, info->tokenizer_identity, 8), 0);
    cr_assert_eq(found->sample_rate_hz, info->sample_rate_hz);
    cr_assert_eq(found->hop_samples, info->hop_samples);
    cr_assert_eq(found->channels, 2 * info->channels);
    cr_assert_eq(found->n_streams, 2);
    cr_assert_eq(found->n_codebooks, info->n_codebooks);
    cr_assert_eq(found->codebook_size[0], info->codebook_size[0]);
    cr_assert_eq(found->n_samples, written.n_samples);
    cr_assert_str_eq(found->tags[1], "ARTIST=J\xC3\xBCrgen");
    ravel_stream_reader_close(reader);
}

Test(ogg, a_long_name_is_cut_between_characters)
{
    ravel_model_info long_named = *info;
    char name[80] = "";
    memset(name, 'x', RAVEL_HEADER_MAX_NAME - 1);
    strcat(name, "\xC3\xA4");
    long_named.name = name;
    const ravel_stream_header header = ravel_stream_header_of(&long_named, 1);
    cr_assert_eq(strlen(header.model_name), RAVEL_HEADER_MAX_NAME - 1);
    uint8_t packet[RAVEL_HEADER_MAX_BYTES];
    cr_assert_gt(ravel_header_write(&header, packet, sizeof packet), 0);
}

Test(ogg, the_same_codes_make_the_same_bytes)
{
    static uint8_t first[MAX_BYTES];
    write_stream("a.rvl", 60, 1, 20, 7);
    load("a.rvl");
    memcpy(first, bytes, n_bytes);
    size_t n_first = n_bytes;
    seed = 1;
    make_codes(0, 1);
    seed = 1;
    tear_down();
    set_up();
    seed = 1;
    write_stream("b.rvl", 60, 1, 20, 7);
    load("b.rvl");
    cr_assert_eq(n_bytes, n_first);
    cr_assert_eq(memcmp(bytes, first, n_first), 0);
}

Test(ogg, great_blocks_are_made_to_fit_a_page)
{
    write_stream("a.rvl", MAX_FRAMES, MAX_STREAMS, 60000, 100);
    cr_assert(read_stream_file("a.rvl"), "%s", error.text);
    cr_assert_eq(result.n_frames, MAX_FRAMES);
    cr_assert_eq(check_codes(), 0);
}

Test(ogg, a_stream_is_read_from_a_pipe)
{
    int ends[2];
    write_stream("a.rvl", 200, 1, 25, 40);
    load("a.rvl");
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], bytes, n_bytes), (ssize_t)n_bytes);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    ravel_stream_reader *reader = ravel_stream_reader_open("-", model, &error);
    cr_assert_not_null(reader, "%s", error.text);
    cr_assert_eq(ravel_stream_reader_info(reader)->n_samples, -1);
    cr_assert_eq(ravel_stream_reader_seek(reader, 60 * info->hop_samples, 0, &error), 50);
    cr_assert_eq(ravel_stream_reader_seek(reader, 0, 0, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(read_on(reader), 0);
    cr_assert_eq(result.n_frames, 150);
    cr_assert_eq(result.n_samples, written.n_samples);
    ravel_stream_reader_close(reader);
}

/* --- Seeking ---------------------------------------------------------------------------------- */

static void check_seek(ravel_stream_reader *reader, int64_t sample, int preroll)
{
    int64_t target = sample < written.n_samples ? sample : written.n_samples - 1;
    target = target / info->hop_samples - preroll;
    int64_t frame = ravel_stream_reader_seek(reader, sample, preroll, &error);
    cr_assert(frame >= 0 && frame <= (target > 0 ? target : 0), "%lld for %lld", (long long)frame,
              (long long)target);
    cr_assert_geq(frame, target - 10, "not the last block before");
    uint16_t codes[MAX_CODES];
    int codebooks, lost;
    cr_assert_eq(ravel_stream_reader_read(reader, codes, 1, &codebooks, &lost, &error), 1);
    cr_assert_not(lost);
    cr_assert_eq(
        memcmp(codes, written.codes[0] + frame * n_codebooks, (size_t)n_codebooks * sizeof *codes),
        0);
}

Test(ogg, every_place_can_be_sought)
{
    write_stream("a.rvl", 1000, 1, 10, 40);
    ravel_stream_reader *reader = ravel_stream_reader_open("a.rvl", model, &error);
    for (int trial = 0; trial < 500; trial++)
        check_seek(reader, random_below((uint32_t)written.n_samples + 1000), (int)random_below(30));
    check_seek(reader, 0, 0);
    check_seek(reader, written.n_samples - 1, 0);
    cr_assert_eq(ravel_stream_reader_seek(reader, -1, 0, &error), RAVEL_ERR_ARGUMENT);
    memset(&result, 0, sizeof result);
    cr_assert_eq(ravel_stream_reader_seek(reader, 0, 0, &error), 0);
    cr_assert_eq(read_codes(reader, 33), 0);
    cr_assert_eq(result.n_frames, 1000);
    cr_assert_eq(check_codes(), 0);
    cr_assert_not(is_reported());
    ravel_stream_reader_close(reader);
}

/* A long stream, so that the bisection has something to do: the bytes are a few pages repeated. */
Test(ogg, a_long_stream_is_sought_by_bisection)
{
    enum { N_PAGES = 20000 };
    write_stream("a.rvl", 60, 1, 10, 40);
    load("a.rvl");
    FILE *file = fopen("long.rvl", "wb");
    fwrite(bytes, 1, pages[1].end, file);
    for (int i = 0; i < N_PAGES; i++) {
        uint8_t *number = bytes + pages[2].begin + 18;
        for (int k = 0; k < 4; k++)
            number[k] = (uint8_t)((unsigned)(i + 2) >> (8 * k));
        lie(2, (int64_t)(i + 1) * 10 * info->hop_samples);
        fwrite(bytes + pages[2].begin, 1, pages[2].end - pages[2].begin, file);
    }
    fclose(file);
    ravel_stream_reader *reader = ravel_stream_reader_open("long.rvl", model, &error);
    int64_t n_samples = ravel_stream_reader_info(reader)->n_samples;
    cr_assert_eq(n_samples, (int64_t)N_PAGES * 10 * info->hop_samples);
    for (int trial = 0; trial < 50; trial++) {
        int64_t frame = random_below(N_PAGES * 10);
        cr_assert_eq(ravel_stream_reader_seek(reader, frame * info->hop_samples, 0, &error),
                     frame / 10 * 10);
    }
    ravel_stream_reader_close(reader);
}

/* --- Damage ----------------------------------------------------------------------------------- */

/* One page is hit: its frames may be lost, no other, and it is told. */
static void check_one_page_hit(int page)
{
    cr_assert(read_stream_file("b.rvl"), "page %d: %s", page, error.text);
    int n_lost = check_codes();
    bool last = page == n_pages - 1;
    cr_assert_eq(result.n_frames, last ? pages[page].first_frame : written.n_frames);
    cr_assert_eq(n_lost, last ? 0 : pages[page].n_frames, "page %d: %d lost", page, n_lost);
    for (int i = 0; i < result.n_frames; i++)
        cr_assert(!result.lost[i] || (i >= pages[page].first_frame &&
                                      i < pages[page].first_frame + pages[page].n_frames));
    cr_assert(is_reported(), "page %d", page);
    cr_assert_eq(result.header_damaged, page == 0);
    cr_assert_eq(result.damage.truncated, last);
    cr_assert_eq(result.damage.lost_frames, n_lost);
    if (pages[page].n_frames > 0)
        cr_assert_eq(result.damage.damaged_blocks, 1, "page %d", page);
    if (!last)
        cr_assert_eq(result.n_samples, written.n_samples);
}

Test(ogg, a_flipped_bit_costs_one_block)
{
    write_stream("a.rvl", 60, 1, 7, 40);
    load("a.rvl");
    for (size_t bit = 0; bit < 8 * n_bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        put_bytes("b.rvl", bytes, n_bytes);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_one_page_hit(page_at(bit / 8));
    }
}

Test(ogg, a_flipped_bit_costs_one_block_of_all_channels)
{
    write_stream("a.rvl", 40, 3, 9, 40);
    load("a.rvl");
    for (size_t at = 0; at < n_bytes; at += 3) {
        uint8_t old = bytes[at];
        bytes[at] ^= (uint8_t)(128u >> (at % 8));
        put_bytes("b.rvl", bytes, n_bytes);
        bytes[at] = old;
        check_one_page_hit(page_at(at));
    }
}

Test(ogg, every_truncation_keeps_the_whole_blocks)
{
    write_stream("a.rvl", 60, 1, 7, 40);
    load("a.rvl");
    for (size_t n = 0; n < n_bytes; n++) {
        if (bytes[n] == 0 && n + 1 == pages[page_at(n)].end)
            continue; /* only a zero is missing: the reader cannot and need not know */
        put_bytes("b.rvl", bytes, n);
        memset(&error, 0, sizeof error);
        bool opened = read_stream_file("b.rvl");
        cr_assert_eq(opened, n >= pages[0].end, "%zu", n);
        if (!opened) {
            cr_assert_eq(error.status, RAVEL_ERR_DATA);
            cr_assert_not_null(strstr(error.text, "b.rvl"), "%s", error.text);
            continue;
        }
        int page = page_at(n);
        cr_assert_eq(result.n_frames, pages[page].first_frame, "%zu", n);
        cr_assert_eq(check_codes(), 0);
        cr_assert(result.damage.truncated);
        cr_assert_eq(result.n_samples, (int64_t)result.n_frames * info->hop_samples);
        cr_assert_eq(result.damage.skipped_bytes, (int64_t)(n - pages[page].begin));
    }
}

/* The checksum is right and the block is not, so it was never right: one block, told once. */
Test(ogg, a_block_that_contradicts_itself_is_lost)
{
    write_stream("a.rvl", 60, 1, 10, 40);
    load("a.rvl");
    size_t block = pages[4].begin + 28;
    for (int at = 0; at < 7;
         at++) { /* version and kind, codebooks, identity, frames, after the end */
        uint8_t old = bytes[block + (size_t)at];
        bytes[block + (size_t)at] = (uint8_t)(old + 77);
        lie(4, (int64_t)30 * info->hop_samples);
        put_bytes("b.rvl", bytes, n_bytes);
        bytes[block + (size_t)at] = old;
        cr_assert(read_stream_file("b.rvl"), "%s", error.text);
        cr_assert_eq(result.n_frames, 60, "byte %d: %d", at, result.n_frames);
        cr_assert_eq(check_codes(), 10);
        cr_assert_eq(result.damage.lost_frames, 10);
        cr_assert_eq(result.damage.damaged_blocks, 1, "byte %d", at);
    }
}

Test(ogg, a_last_block_that_contradicts_itself_keeps_the_length)
{
    write_stream("a.rvl", 60, 1, 10, 40);
    load("a.rvl");
    int last = n_pages - 1;
    bytes[pages[last].begin + 28 + 1] = 200; /* codebooks */
    lie(last, written.n_samples);
    put_bytes("b.rvl", bytes, n_bytes);
    cr_assert(read_stream_file("b.rvl"), "%s", error.text);
    cr_assert_eq(result.n_samples, written.n_samples);
    cr_assert_eq(check_codes(), result.n_frames - pages[last].first_frame);
    cr_assert_eq(result.damage.damaged_blocks, 1);
    cr_assert_not(result.damage.truncated);
}

Test(ogg, garbage_between_pages_is_passed_over)
{
    uint8_t garbage[5000];
    write_stream("a.rvl", 60, 1, 7, 40);
    load("a.rvl");
    for (int trial = 0; trial < 60; trial++) {
        size_t n = 1 + random_below(sizeof garbage), at = pages[trial % n_pages].begin;
        for (size_t i = 0; i < n; i++)
            garbage[i] = (uint8_t)random_below(256);
        memcpy(garbage + random_below((uint32_t)n) / 2, "OggS", n > 8 ? 4 : 0);
        FILE *file = fopen("b.rvl", "wb");
        fwrite(bytes, 1, at, file);
        fwrite(garbage, 1, n, file);
        fwrite(bytes + at, 1, n_bytes - at, file);
        fclose(file);
        cr_assert(read_stream_file("b.rvl"), "%s", error.text);
        cr_assert_eq(result.n_frames, 60);
        cr_assert_eq(check_codes(), 0);
        cr_assert_eq(result.damage.skipped_bytes, (int64_t)n);
    }
}

/* The pages in another order or number; -1 ends the list. */
static void put_pages(const int *order)
{
    FILE *file = fopen("b.rvl", "wb");
    for (; *order >= 0; order++)
        fwrite(bytes + pages[*order].begin, 1, pages[*order].end - pages[*order].begin, file);
    fclose(file);
}

Test(ogg, missing_and_repeated_pages)
{
    write_stream("a.rvl", 60, 1, 10, 40);
    load("a.rvl");
    cr_assert_eq(n_pages, 8);
    static const struct {
        int order[12], n_frames, n_lost;
    } cases[] = {
        {{0, 1, 2, 3, 6, 7, -1}, 60, 20},
        {{0, 1, 7, -1}, 60, 50},
        {{0, 1, 4, 5, 6, 7, -1}, 60, 20},
        {{0, 2, 3, 4, 5, 6, 7, -1}, 60, 0},
        {{2, 3, 4, 5, 6, 7, -1}, 60, 0},
        {{7, -1}, 60, 50},
        {{0, 1, 2, 3, 3, 4, 5, 6, 7, -1}, 60, 0},
        {{0, 1, 2, 4, 3, 5, 6, 7, -1}, 60, 10},
        {{0, 1, 3, -1}, 20, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_pages(cases[i].order);
        cr_assert(read_stream_file("b.rvl"), "%s", error.text);
        cr_assert_eq(result.n_frames, cases[i].n_frames, "case %zu: %d", i, result.n_frames);
        cr_assert_eq(check_codes(), cases[i].n_lost, "case %zu", i);
        cr_assert_eq(result.damage.lost_frames, cases[i].n_lost);
    }
}

Test(ogg, a_lying_position_makes_no_hours_of_silence)
{
    write_stream("a.rvl", 60, 1, 10, 40);
    load("a.rvl");
    int patience = 10 * info->sample_rate_hz / info->hop_samples + 1;
    static const int64_t lies[] = {INT64_MAX, INT64_MAX / 8, INT64_C(1) << 50, 1 << 30};
    for (int i = 0; i < 4; i++) {
        lie(4, lies[i]);
        bytes[pages[4].begin + 18]++; /* a page number that makes room for the lie */
        lie(4, lies[i]);
        put_bytes("b.rvl", bytes, n_bytes);
        memset(&result, 0, sizeof result);
        ravel_stream_reader *reader = ravel_stream_reader_open("b.rvl", model, &error);
        cr_assert_eq(read_on(reader), 0);
        cr_assert_leq(result.n_frames, 60 + 60 + patience);
        cr_assert_leq(result.n_samples, (int64_t)result.n_frames * info->hop_samples);
        cr_assert_gt(result.damage.damaged_blocks, 0);
        ravel_stream_reader_close(reader);
        bytes[pages[4].begin + 18]--;
    }
}

/* --- Other files ------------------------------------------------------------------------------ */

Test(ogg, pages_of_other_streams_are_left_out)
{
    write_stream("a.rvl", 60, 1, 10, 40);
    load("a.rvl");
    FILE *file = fopen("b.rvl", "wb");
    for (int i = 0; i < n_pages; i++) {
        fwrite(bytes + pages[i].begin, 1, pages[i].end - pages[i].begin, file);
        uint8_t foreign[29] = {'O', 'g', 'g', 'S', 0, i == 0 ? 2 : 0};
        foreign[14] = 77, foreign[18] = (uint8_t)i, foreign[26] = 1, foreign[27] = 1;
        ogg_page page = {foreign, 28, foreign + 28, 1};
        ogg_page_checksum_set(&page);
        fwrite(foreign, 1, 29, file);
    }
    fclose(file);
    cr_assert(read_stream_file("b.rvl"), "%s", error.text);
    cr_assert_eq(result.n_frames, 60);
    cr_assert_eq(check_codes(), 0);
    cr_assert_eq(result.damage.foreign_pages, n_pages);
    cr_assert_not(is_reported());
}

Test(ogg, a_stream_of_another_model_is_refused)
{
    write_stream("a.rvl", 60, 1, 10, 40);
    ravel_model *other = ravel_test_model_open(RAVEL_TINY_LOOKAHEAD);
    cr_assert_null(ravel_stream_reader_open("a.rvl", other, &error));
    cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    cr_assert_not_null(strstr(error.text, info->name), "%s", error.text);
    load("a.rvl");
    memset(bytes, 0, pages[0].end); /* without a header, blocks of another model are not noise */
    put_bytes("b.rvl", bytes, n_bytes);
    cr_assert_null(ravel_stream_reader_open("b.rvl", other, &error));
    cr_assert_null(ravel_stream_reader_open("b.rvl", NULL, &error));
    cr_assert_eq(error.status, RAVEL_ERR_DATA);
    ravel_model_free(other);
}

Test(ogg, what_is_no_stream_is_told)
{
    static const char text[] = "Once upon a time there was a text.\n";
    put_bytes("empty", (const uint8_t *)"", 0);
    put_bytes("text", (const uint8_t *)text, sizeof text - 1);
    const char *const paths[] = {"empty", "text", "missing"};
    for (int i = 0; i < 3; i++) {
        cr_assert_null(ravel_stream_reader_open(paths[i], model, &error));
        cr_assert_eq(error.status, i < 2 ? RAVEL_ERR_DATA : RAVEL_ERR_IO, "%s", error.text);
        cr_assert_not_null(strstr(error.text, paths[i]), "%s", error.text);
    }
}

Test(ogg, bad_formats_are_refused)
{
    const char *const bad_tag = "no value";
    const ravel_stream_format cases[] = {
        {.n_streams = 0, .n_codebooks = 1},
        {.n_streams = 65, .n_codebooks = 1},
        {.n_streams = 1, .n_codebooks = 0},
        {.n_streams = 1, .n_codebooks = 65},
        {.n_streams = 1, .n_codebooks = 1, .block_frames = -1},
        {.n_streams = 1, .n_codebooks = 1, .tags = &bad_tag, .n_tags = 1},
        {.n_streams = 1, .n_codebooks = 1, .entropy = (ravel_entropy)3},
        {.n_streams = 1, .n_codebooks = 1, .target_bps = -1.0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_null(ravel_stream_writer_open("a.rvl", model, &cases[i], &error));
        cr_assert_eq(error.status, RAVEL_ERR_ARGUMENT, "case %zu: %s", i, error.text);
        cr_assert_eq(access("a.rvl", F_OK), -1);
    }
    const ravel_stream_format good = {.n_streams = 1, .n_codebooks = 1};
    ravel_stream_writer *writer = ravel_stream_writer_open("a.rvl", model, &good, &error);
    cr_assert_eq(ravel_stream_writer_close(writer, 5, NULL, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(access("a.rvl", F_OK), -1);
}
