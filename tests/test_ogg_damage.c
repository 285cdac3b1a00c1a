/* SPDX-License-Identifier: BSD-3-Clause */
/* Damaged streams: damage costs one block, and is told. */
#include "tests/support/ogg_case.h"

TestSuite(ogg_damage, .init = set_up, .fini = tear_down);

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

Test(ogg_damage, a_flipped_bit_costs_one_block)
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

Test(ogg_damage, a_flipped_bit_costs_one_block_of_all_channels)
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

Test(ogg_damage, every_truncation_keeps_the_whole_blocks)
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
Test(ogg_damage, a_block_that_contradicts_itself_is_lost)
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

Test(ogg_damage, a_last_block_that_contradicts_itself_keeps_the_length)
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

Test(ogg_damage, garbage_between_pages_is_passed_over)
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

Test(ogg_damage, missing_and_repeated_pages)
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

/* The sound goes on behind the last frame; which frames are missing is known all the same. */
Test(ogg_damage, a_frame_that_was_dropped_is_not_lost)
{
    static const int whole[] = {0, 1, 2, 3, 4, 5, 6, 7, -1}, lost[] = {0, 1, 2, 3, 4, 5, 7, -1};
    ravel_model_free(model);
    model = ravel_test_model_open(RAVEL_TINY_WHOLE);
    info = ravel_model_get_info(model);
    write_stream("a.rvl", 60, 1, 10, 40);
    cr_assert_gt(written.n_samples, 60 * info->hop_samples);
    load("a.rvl");
    cr_assert_eq(n_pages, 8);
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            bytes[pages[7].begin + 40] ^= 1; /* the last page; its length is lost with it */
        put_pages(i == 1 ? lost : whole);
        cr_assert(read_stream_file("b.rvl"), "%s", error.text);
        cr_assert_eq(result.n_frames, i < 2 ? 60 : 50, "%d", result.n_frames);
        cr_assert_eq(check_codes(), i == 1 ? 10 : 0);
        cr_assert_eq(result.n_samples, i < 2 ? written.n_samples : 50 * info->hop_samples);
    }
}

Test(ogg_damage, a_lying_position_makes_no_hours_of_silence)
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
