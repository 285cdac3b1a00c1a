/* SPDX-License-Identifier: BSD-3-Clause */
/* Token layouts: every one is undone, and no two things share a token. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ravel/tokens.h"
#include "tests/support/random.h"

enum { MAX_FRAMES = 40, MAX_COLUMNS = 64 };

/* Codebooks of several sizes and, where multi, of several steps a frame, as SNAC has them. */
static ravel_model_info make_model(int n_codebooks, int multi)
{
    ravel_model_info model = {.name = "test", .n_codebooks = n_codebooks};
    for (int b = 0; b < n_codebooks; b++) {
        model.codebook_size[b] = 16 + 3 * b;
        model.steps_per_frame[b] = multi ? 1 << (b % 4) : 1;
    }
    return model;
}

static void draw_codes(const ravel_token_layout *layout, int64_t n_frames, uint64_t *seed,
                       uint16_t *codes)
{
    for (int64_t f = 0; f < n_frames; f++)
        for (int b = 0; b < layout->n_codebooks; b++)
            for (int s = 0; s < layout->steps_per_frame[b]; s++)
                *codes++ = (uint16_t)ravel_random_below(seed, layout->codebook_size[b]);
}

/* There and back; every token below the vocabulary. */
static void check_layout(const ravel_token_layout *layout, int64_t n_frames, uint64_t *seed)
{
    static uint16_t codes[MAX_FRAMES * MAX_COLUMNS], back[MAX_FRAMES * MAX_COLUMNS];
    const int64_t n_rows = ravel_token_rows(layout, n_frames);
    const size_t n_codes = (size_t)n_frames * (size_t)layout->columns;
    const size_t n_tokens = (size_t)n_rows * (size_t)layout->row_tokens;
    uint32_t *tokens = calloc(n_tokens + 1, sizeof *tokens);
    ravel_error error;
    draw_codes(layout, n_frames, seed, codes);
    cr_assert_eq(ravel_tokens_from_codes(layout, codes, n_frames, tokens, &error), 0);
    for (size_t i = 0; i < n_tokens; i++)
        cr_assert(tokens[i] >= layout->base && tokens[i] < layout->vocabulary);
    cr_assert_eq(ravel_token_frames(layout, n_rows), n_frames);
    memset(back, 0xFF, sizeof back);
    cr_assert_eq(ravel_tokens_to_codes(layout, tokens, n_rows, back, &error), n_frames, "%s",
                 error.text);
    cr_assert_eq(memcmp(codes, back, n_codes * sizeof *codes), 0);
    free(tokens);
}

Test(tokens, every_layout_is_undone)
{
    uint64_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        int delays[8];
        for (int b = 0; b < 8; b++)
            delays[b] = ravel_random_below(&seed, 9);
        const ravel_model_info model = make_model(1 + ravel_random_below(&seed, 8), round % 2);
        const ravel_token_options options = {
            .order = (ravel_token_order)ravel_random_below(&seed, 5),
            .n_codebooks = ravel_random_below(&seed, model.n_codebooks + 1),
            .delay_frames = ravel_random_below(&seed, 2) ? delays : NULL,
            .base = (uint32_t)(1000 * ravel_random_below(&seed, 3)),
            .numbers = (ravel_token_numbers)ravel_random_below(&seed, 3),
            .begin = ravel_random_below(&seed, 2),
            .end = ravel_random_below(&seed, 2)};
        ravel_token_layout layout;
        ravel_error error;
        cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, &error), 0, "%s",
                     error.text);
        check_layout(&layout, ravel_random_below(&seed, MAX_FRAMES), &seed);
    }
}

/* The drawing of the header, token by token. */
Test(tokens, orders_are_as_drawn)
{
    static const uint16_t codes[] = {0, 1, 2, 3, 4,  5,
                                     6, 7, 8, 9, 10, 11}; /* four frames of three */
    static const uint32_t wanted[5][18] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        {0, 99, 99, 3, 1, 99, 6, 4, 2, 9, 7, 5, 99, 10, 8, 99, 99, 11},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
        {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11},
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
    static const int64_t rows[] = {4, 6, 12, 12, 12};
    const ravel_model_info model = {
        .n_codebooks = 3, .codebook_size = {99, 99, 99}, .steps_per_frame = {1, 1, 1}};
    for (int order = 0; order < 5; order++) {
        const ravel_token_options options = {.order = (ravel_token_order)order,
                                             .numbers = RAVEL_TOKENS_SHARED};
        ravel_token_layout layout;
        uint32_t tokens[18] = {0};
        cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, NULL), 0);
        cr_assert_eq(ravel_token_rows(&layout, 4), rows[order]);
        cr_assert_eq(ravel_tokens_from_codes(&layout, codes, 4, tokens, NULL), 0);
        cr_assert_eq(memcmp(tokens, wanted[order], sizeof tokens), 0, "%s",
                     ravel_token_order_name(order));
    }
}

/* Of a frame of SNAC: one, two and four codes. */
Test(tokens, steps_stay_in_time_when_coarse_comes_first)
{
    static const uint16_t codes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    static const uint32_t wanted[] = {0, 7, 1, 2, 8, 9, 3, 4, 5, 6, 10, 11, 12, 13};
    const ravel_model_info model = {
        .n_codebooks = 3, .codebook_size = {99, 99, 99}, .steps_per_frame = {1, 2, 4}};
    const ravel_token_options options = {.order = RAVEL_TOKENS_COARSE_FIRST,
                                         .numbers = RAVEL_TOKENS_SHARED};
    ravel_token_layout layout;
    uint32_t tokens[14];
    cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, NULL), 0);
    cr_assert_eq(ravel_tokens_from_codes(&layout, codes, 2, tokens, NULL), 0);
    cr_assert_eq(memcmp(tokens, wanted, sizeof tokens), 0);
}

/* The tokens that Orpheus speaks: seven a frame of SNAC, 4096 numbers for each place. */
Test(tokens, orpheus_is_interleaved_and_numbered_by_places)
{
    static const uint16_t codes[] = {10, 20, 21, 30, 31, 32, 33, 11, 22, 23, 34, 35, 36, 37};
    static const uint16_t spoken[] = {10, 20, 30, 31, 21, 32, 33, 11, 22, 34, 35, 23, 36, 37};
    static const int order[] = {0, 1, 4, 2, 3, 5, 6}; /* place of each column */
    const ravel_model_info model = {
        .n_codebooks = 3, .codebook_size = {4096, 4096, 4096}, .steps_per_frame = {1, 2, 4}};
    const ravel_token_options options = {
        .order = RAVEL_TOKENS_INTERLEAVED, .numbers = RAVEL_TOKENS_PLACES, .base = 128266};
    ravel_token_layout layout;
    uint32_t tokens[14];
    cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, NULL), 0);
    cr_assert_eq(ravel_tokens_from_codes(&layout, codes, 2, tokens, NULL), 0);
    for (int i = 0; i < 14; i++)
        cr_assert_eq(tokens[i], 128266u + 4096u * (uint32_t)(i % 7) + spoken[i], "token %d", i);
    for (int column = 0; column < 7; column++)
        cr_assert_eq(ravel_token_offset(&layout, column),
                     128266u + 4096u * (uint32_t)order[column]);
    cr_assert_eq(layout.vocabulary, 128266 + 7 * 4096);
}

/* Steps that are no multiples of each other: 1/2 of the frame lies between 1/3 and 2/3. */
Test(tokens, interleaving_follows_time)
{
    static const uint16_t codes[] = {0, 1, 10, 11, 12, 20, 21};
    static const uint32_t wanted[] = {0, 10, 20, 11, 1, 21, 12};
    const ravel_model_info model = {
        .n_codebooks = 3, .codebook_size = {99, 99, 99}, .steps_per_frame = {2, 3, 2}};
    const ravel_token_options options = {.order = RAVEL_TOKENS_INTERLEAVED,
                                         .numbers = RAVEL_TOKENS_SHARED};
    ravel_token_layout layout;
    uint32_t tokens[7];
    cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, NULL), 0);
    cr_assert_eq(ravel_tokens_from_codes(&layout, codes, 1, tokens, NULL), 0);
    cr_assert_eq(memcmp(tokens, wanted, sizeof tokens), 0);
}

Test(tokens, numbers_follow_the_rules)
{
    const ravel_model_info model = make_model(3, 0); /* sizes 16, 19, 22 */
    const ravel_token_options options = {
        .order = RAVEL_TOKENS_DELAY, .base = 100, .begin = 1, .end = 1};
    ravel_token_layout layout;
    cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, NULL), 0);
    cr_assert_eq(ravel_token_offset(&layout, 0), 100);
    cr_assert_eq(ravel_token_offset(&layout, 1), 116);
    cr_assert_eq(ravel_token_offset(&layout, 2), 135);
    cr_assert_eq(layout.pad, 157);
    cr_assert_eq(layout.begin, 158);
    cr_assert_eq(layout.end, 159);
    cr_assert_eq(layout.vocabulary, 160);
}

/* Any single token changed to one that cannot stand there is found. */
Test(tokens, what_cannot_stand_there_is_refused)
{
    uint64_t seed = 5;
    const ravel_model_info model = make_model(4, 1);
    for (int order = 0; order < 5; order++) {
        const ravel_token_options options = {
            .order = (ravel_token_order)order, .begin = 1, .end = 1};
        uint16_t codes[5 * MAX_COLUMNS];
        uint32_t tokens[16 * MAX_COLUMNS];
        ravel_token_layout layout;
        ravel_error error = {0};
        cr_assert_eq(ravel_token_layout_make(&layout, &model, &options, NULL), 0);
        draw_codes(&layout, 5, &seed, codes);
        cr_assert_eq(ravel_tokens_from_codes(&layout, codes, 5, tokens, NULL), 0);
        const int64_t n_rows = ravel_token_rows(&layout, 5);
        for (int64_t i = 0; i < n_rows * layout.row_tokens; i++) {
            const uint32_t kept = tokens[i];
            tokens[i] = layout.vocabulary;
            cr_assert_eq(ravel_tokens_to_codes(&layout, tokens, n_rows, codes, &error),
                         RAVEL_ERR_DATA);
            cr_assert_not_null(strstr(error.text, "row"));
            tokens[i] = kept;
        }
        cr_assert_eq(ravel_tokens_to_codes(&layout, tokens, 1, codes, &error), RAVEL_ERR_DATA);
    }
    uint16_t large = 16;
    ravel_token_layout layout;
    const ravel_token_options one = {.n_codebooks = 1};
    cr_assert_eq(ravel_token_layout_make(&layout, &model, &one, NULL), 0);
    cr_assert_eq(ravel_tokens_from_codes(&layout, &large, 1, &(uint32_t){0}, NULL), RAVEL_ERR_DATA);
}

Test(tokens, impossible_layouts_are_refused)
{
    const ravel_model_info model = make_model(3, 0);
    const int late[] = {0, 1, RAVEL_TOKENS_MAX_DELAY + 1}, early[] = {0, -1, 0};
    const ravel_token_options bad[] = {{.order = (ravel_token_order)5},
                                       {.numbers = (ravel_token_numbers)3},
                                       {.n_codebooks = 4},
                                       {.n_codebooks = -1},
                                       {.base = UINT32_MAX - 10},
                                       {.order = RAVEL_TOKENS_DELAY, .delay_frames = late},
                                       {.order = RAVEL_TOKENS_DELAY, .delay_frames = early}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ravel_token_layout layout;
        ravel_error error = {0};
        cr_assert_eq(ravel_token_layout_make(&layout, &model, &bad[i], &error), RAVEL_ERR_ARGUMENT);
        cr_assert_gt(strlen(error.text), 10);
    }
    cr_assert_null(ravel_token_order_name(-1));
    cr_assert_null(ravel_token_numbers_name(-1));
}
