/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: what is written is read, and sought in. */
#define _XOPEN_SOURCE 700
#include "tests/support/ogg_case.h"

#include <unistd.h>

#include "audio_io/stream/layout.h"

TestSuite(ogg, .init = set_up, .fini = tear_down);

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
