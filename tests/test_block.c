/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "rvq/block.h"
#include "rvq/header.h"
#include "rvq/tags.h"
#include "tests/support/random.h"

/* A copy of exactly that size, so that a checker of memory sees a byte read too many. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + !size);
    memcpy(copy, bytes, size);
    return copy;
}

static void flip(uint8_t *bytes, size_t bit)
{
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* --- Blocks --------------------------------------------------------------------------------- */

/* A codec of several rates with sizes that are no powers of two. */
static const ravel_layout rates = {
    .n_codebooks = 3, .codebook_size = {4096, 1000, 5}, .steps_per_frame = {1, 2, 4}};

Test(block, bytes_are_as_documented)
{
    const ravel_block_info info = {
        .n_codebooks = 3, .n_frames = 1, .n_after_end = 1, .identity = {0xab, 0xcd}};
    const uint16_t codes[] = {0xfed, 1, 999, 4, 0, 3, 2};
    /* 1111 1110 1101  00 0000 0001  11 1110 0111  100 000 011 010, 44 bits */
    const uint8_t expected[] = {0x00, 3, 0xab, 0xcd, 1, 0, 1, 0xfe, 0xd0, 0x07, 0xe7, 0x81, 0xa0};
    uint8_t block[32];
    cr_assert_eq(ravel_block_size(&rates, 3, 1), 13);
    cr_assert_eq(ravel_block_write(&rates, &info, codes, block, sizeof block), 13);
    cr_assert_arr_eq(block, expected, 13);
    cr_assert_eq(ravel_block_write(&rates, &info, codes, block, 12), RAVEL_ERR_SPACE);
}

static void random_codes(uint16_t *codes, const ravel_layout *layout, int n_codebooks, int n_frames,
                         uint64_t *seed)
{
    for (int f = 0; f < n_frames; f++) {
        for (int b = 0; b < n_codebooks; b++) {
            for (int s = 0; s < layout->steps_per_frame[b]; s++) {
                *codes++ = (uint16_t)ravel_random_below(seed, layout->codebook_size[b]);
            }
        }
    }
}

Test(block, what_was_written_is_read)
{
    enum { FRAMES = 300, CODES = 7 };
    static uint16_t codes[FRAMES * CODES], read[FRAMES * CODES];
    static uint8_t block[FRAMES * CODES * 2];
    uint64_t seed = 1;
    for (int trial = 0; trial < 100; trial++) {
        const int used = 1 + trial % 3, frames = 1 + ravel_random_below(&seed, FRAMES);
        const ravel_block_info info = {.n_codebooks = used,
                                       .n_frames = frames,
                                       .n_after_end = ravel_random_below(&seed, 2),
                                       .identity = {1, (uint8_t)trial}};
        ravel_block_info parsed;
        random_codes(codes, &rates, used, frames, &seed);
        const int n = ravel_block_write(&rates, &info, codes, block, sizeof block);
        cr_assert_eq(n, ravel_block_size(&rates, used, frames));
        cr_assert_eq(ravel_block_parse(block, (size_t)n, &parsed), RAVEL_OK);
        cr_assert_eq(parsed.kind, RAVEL_PAYLOAD_PACKED);
        cr_assert_eq(parsed.n_codebooks, used);
        cr_assert_eq(parsed.n_frames, frames);
        cr_assert_eq(parsed.n_after_end, info.n_after_end);
        cr_assert_arr_eq(parsed.identity, info.identity, sizeof info.identity);
        cr_assert_eq(ravel_block_read(&rates, block, (size_t)n, &parsed, read, frames - 1),
                     RAVEL_ERR_SPACE);
        cr_assert_eq(ravel_block_read(&rates, block, (size_t)n, &parsed, read, frames), frames);
        const int n_codes = frames * ravel_layout_codes(&rates, used);
        cr_assert_arr_eq(read, codes, (size_t)n_codes * sizeof *codes);
    }
}

/* The greatest blocks end before a page does; the greatest frame is a block. */
Test(block, the_page_is_the_limit)
{
    const ravel_layout small = {.n_codebooks = 1, .codebook_size = {2}, .steps_per_frame = {1}};
    ravel_layout great = {.n_codebooks = RAVEL_MAX_CODEBOOKS};
    for (int b = 0; b < RAVEL_MAX_CODEBOOKS; b++) {
        great.codebook_size[b] = RAVEL_MAX_CODEBOOK_SIZE;
        great.steps_per_frame[b] = RAVEL_MAX_STEPS_PER_FRAME;
    }
    cr_assert_eq(ravel_block_max_frames(&small, 1), RAVEL_BLOCK_MAX_FRAMES);
    cr_assert_eq(ravel_block_max_frames(&great, RAVEL_MAX_CODEBOOKS), 1);
    cr_assert_leq(ravel_block_size(&great, RAVEL_MAX_CODEBOOKS, 1), RAVEL_BLOCK_MAX_BYTES);
    const int most = ravel_block_max_frames(&rates, 3);
    cr_assert_leq(ravel_block_size(&rates, 3, most), RAVEL_BLOCK_MAX_BYTES);
    cr_assert_eq(ravel_block_size(&rates, 3, most + 1), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_block_size(&rates, 3, 0), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_block_size(&rates, 4, 1), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_block_size(&rates, 0, 1), RAVEL_ERR_ARGUMENT);
}

Test(block, bad_arguments_are_refused)
{
    const uint16_t codes[14] = {4096};
    uint8_t block[64];
    ravel_block_info info = {.n_codebooks = 1, .n_frames = 1};
    cr_assert_eq(ravel_block_write(&rates, &info, codes, block, 64), RAVEL_ERR_ARGUMENT, "4096");
    info.n_after_end = 2;
    cr_assert_eq(ravel_block_write(&rates, &info, codes + 1, block, 64), RAVEL_ERR_ARGUMENT);
    info.n_after_end = -1;
    cr_assert_eq(ravel_block_write(&rates, &info, codes + 1, block, 64), RAVEL_ERR_ARGUMENT);
}

static int read_block(const ravel_layout *layout, const uint8_t *block, size_t size)
{
    static uint16_t codes[65536 * 8];
    ravel_block_info info;
    const int status = ravel_block_parse(block, size, &info);
    return status ? status : ravel_block_read(layout, block, size, &info, codes, 65536);
}

Test(block, strange_blocks_have_their_own_answers)
{
    const ravel_layout ten = {.n_codebooks = 1, .codebook_size = {1000}, .steps_per_frame = {1}};
    ravel_block_info info;
    cr_assert_eq(read_block(&ten, (const uint8_t[]){0, 1, 0, 0, 1, 0, 0, 0, 0}, 9), 1);
    cr_assert_eq(read_block(&ten, (const uint8_t[]){16, 1, 0, 0, 1, 0, 0, 0, 0}, 9),
                 RAVEL_ERR_VERSION, "a later version");
    const uint8_t coded[] = {1, 1, 0, 0, 44, 1, 0, 9};
    cr_assert_eq(read_block(&ten, coded, 8), RAVEL_ERR_VERSION, "a later kind");
    cr_assert_eq(ravel_block_parse(coded, 8, &info), RAVEL_OK);
    cr_assert_eq(info.n_frames, 300, "but it says how much is missing");
    cr_assert_eq(read_block(&ten, (const uint8_t[]){0, 2, 0, 0, 1, 0, 0, 0, 0, 0}, 10),
                 RAVEL_ERR_MODEL, "more codebooks");
    static const uint8_t wrong[][10] = {
        {0, 0, 0, 0, 1, 0, 0, 0, 0},    /* no codebook */
        {0, 65, 0, 0, 1, 0, 0, 0, 0},   /* more than any model has */
        {0, 1, 0, 0, 0, 0, 0, 0, 0},    /* no frame */
        {0, 1, 0, 0, 2, 0, 0, 0, 0},    /* too short */
        {0, 1, 0, 0, 1, 0, 2, 0, 0},    /* more frames after the end than there are */
        {0, 1, 0, 0, 1, 0, 0, 0xfa, 0}, /* code 1000 */
        {0, 1, 0, 0, 1, 0, 0, 0, 0x20}, /* padding */
        {0, 1, 0, 0, 0xff, 0xff, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_eq(read_block(&ten, wrong[i], 9), RAVEL_ERR_DATA, "%zu", i);
    }
    cr_assert_eq(read_block(&ten, (const uint8_t[]){0, 1, 0, 0, 1, 0, 0, 0, 0, 0}, 10),
                 RAVEL_ERR_DATA, "too long");
    static const uint8_t huge[RAVEL_BLOCK_MAX_BYTES + 1] = {0, 1, 0, 0, 1};
    cr_assert_eq(ravel_block_parse(huge, sizeof huge, &info), RAVEL_ERR_DATA);
}

Test(block, damage_does_no_harm)
{
    enum { FRAMES = 9 };
    uint16_t codes[FRAMES * 7];
    uint8_t block[256];
    uint64_t seed = 4;
    const ravel_block_info info = {.n_codebooks = 3, .n_frames = FRAMES, .identity = {7, 7}};
    random_codes(codes, &rates, 3, FRAMES, &seed);
    const size_t n = (size_t)ravel_block_write(&rates, &info, codes, block, sizeof block);
    for (size_t size = 0; size < n; size++) {
        uint8_t *copy = exact_copy(block, size);
        cr_assert_eq(read_block(&rates, copy, size), RAVEL_ERR_DATA);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        uint8_t *copy = exact_copy(block, n);
        flip(copy, bit);
        const int frames = read_block(&rates, copy, n);
        cr_assert(frames == FRAMES || frames == RAVEL_ERR_DATA || frames == RAVEL_ERR_VERSION ||
                  frames == RAVEL_ERR_MODEL);
        cr_assert(bit >= 16 || frames < 0, "version, kind and codebooks");
        cr_assert(bit < 32 || bit >= 48 || frames < 0, "number of frames");
        free(copy);
    }
}

/* --- Headers -------------------------------------------------------------------------------- */

static const ravel_stream_header example = {
    .sample_rate_hz = 24000,
    .channels = 1,
    .hop_samples = 480,
    .pre_skip_samples = 0x010203,
    .model_name = "r\xc3\xa4vel",
    .tokenizer_identity = {1, 2, 3, 4, 5, 6, 7, 8},
    .layout = {.n_codebooks = 2, .codebook_size = {1024, 65536}, .steps_per_frame = {1, 256}},
};

Test(header, bytes_are_as_documented)
{
    static const uint8_t expected[] = {
        'R',  'a',  'v',  'e', 'l',  'R', 'V',  'L', 0x10, 1, 2,    6,                /* 12 */
        0xc0, 0x5d, 0,    0,   0xe0, 1,   0,    0,   3,    2, 1,    0,                /* 24 */
        1,    2,    3,    4,   5,    6,   7,    8,   0,    0, 0,    0,    0, 0, 0, 0, /* 40 */
        'r',  0xc3, 0xa4, 'v', 'e',  'l', 0xff, 3,   1,    0, 0xff, 0xff, 0, 1        /* 54 */
    };
    uint8_t packet[RAVEL_HEADER_MAX_BYTES];
    cr_assert_eq(ravel_header_write(&example, packet, sizeof packet), 58);
    cr_assert_arr_eq(packet, expected, sizeof expected);
    cr_assert_eq(ravel_crc32((const uint8_t *)"123456789", 9), 0xcbf43926, "the usual check value");
    const uint32_t crc = ravel_crc32(packet, 54);
    const uint8_t end[4] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
                            (uint8_t)(crc >> 24)};
    cr_assert_arr_eq(packet + 54, end, 4);
    cr_assert_eq(ravel_header_write(&example, packet, 57), RAVEL_ERR_SPACE);
}

Test(header, what_was_written_is_read)
{
    ravel_stream_header full = example, read;
    uint8_t packet[RAVEL_HEADER_MAX_BYTES];
    memset(full.model_name, 'x', RAVEL_HEADER_MAX_NAME);
    memset(full.prior_identity, 0xfe, sizeof full.prior_identity);
    full.layout.n_codebooks = RAVEL_MAX_CODEBOOKS;
    for (int b = 0; b < RAVEL_MAX_CODEBOOKS; b++) {
        full.layout.codebook_size[b] = 2 + 1000 * b;
        full.layout.steps_per_frame[b] = 1 + b;
    }
    const int n = ravel_header_write(&full, packet, sizeof packet);
    cr_assert_eq(n, RAVEL_HEADER_MAX_BYTES);
    memset(&read, 0xee, sizeof read);
    cr_assert_eq(ravel_header_read(packet, (size_t)n, &read, NULL), RAVEL_OK);
    cr_assert_eq(read.sample_rate_hz, full.sample_rate_hz);
    cr_assert_eq(read.channels, full.channels);
    cr_assert_eq(read.hop_samples, full.hop_samples);
    cr_assert_eq(read.pre_skip_samples, full.pre_skip_samples);
    cr_assert_str_eq(read.model_name, full.model_name);
    cr_assert_arr_eq(read.tokenizer_identity, full.tokenizer_identity, 8);
    cr_assert_arr_eq(read.prior_identity, full.prior_identity, 8);
    cr_assert_arr_eq(&read.layout, &full.layout, sizeof full.layout);
}

/* What is known as damage and what is not depends on the CRC alone, but for the first bytes. */
Test(header, every_wrong_bit_is_found)
{
    uint8_t packet[RAVEL_HEADER_MAX_BYTES];
    ravel_stream_header read = {.channels = 77};
    ravel_error error;
    const size_t n = (size_t)ravel_header_write(&example, packet, sizeof packet);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        flip(packet, bit);
        cr_assert_eq(ravel_header_read(packet, n, &read, &error), RAVEL_ERR_DATA);
        cr_assert(strlen(error.text) > 10);
        cr_assert_eq(ravel_header_recognise(packet, n), bit >= 64);
        flip(packet, bit);
    }
    for (size_t size = 0; size < n; size++) {
        uint8_t *copy = exact_copy(packet, size);
        cr_assert_eq(ravel_header_read(copy, size, &read, &error), RAVEL_ERR_DATA);
        free(copy);
    }
    cr_assert_eq(read.channels, 77, "a header that is refused leaves no trace");
}

/* Changes a byte and makes the CRC right again. Returns what the reader says. */
static int read_forged(size_t at, uint8_t value)
{
    uint8_t packet[RAVEL_HEADER_MAX_BYTES];
    ravel_stream_header read;
    const size_t n = (size_t)ravel_header_write(&example, packet, sizeof packet);
    packet[at] = value;
    const uint32_t crc = ravel_crc32(packet, n - 4);
    for (int i = 0; i < 4; i++) {
        packet[n - 4 + (size_t)i] = (uint8_t)(crc >> (8 * i));
    }
    return ravel_header_read(packet, n, &read, NULL);
}

Test(header, lies_under_a_good_crc_are_refused)
{
    cr_assert_eq(read_forged(8, 0x20), RAVEL_ERR_VERSION);
    cr_assert_eq(read_forged(8, 0x11), RAVEL_OK, "a later minor version is read");
    static const uint8_t lies[][2] = {
        {9, 0},  {9, 65},    {10, 0},    {10, 1},    {10, 3}, {10, 255},  {11, 5},
        {11, 7}, {11, 255},  {15, 0x80}, {15, 0xff}, {12, 0}, {19, 0x7f}, {23, 2},
        {40, 0}, {40, 0x1b}, {41, 0xff}, {47, 0xff}, {49, 2}, {48, 0},
    };
    int refused = 0;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        refused += read_forged(lies[i][0], lies[i][1]) == RAVEL_ERR_DATA;
    }
    /* A rate of 23808 Hz and a codebook of 65284 codewords may be: {12, 0}, {47, 0xff}. */
    cr_assert_eq(refused, (int)(sizeof lies / sizeof lies[0]) - 2);
}

/* Fields of a later minor version stand before the CRC and are passed over. */
Test(header, later_fields_are_passed_over)
{
    uint8_t packet[RAVEL_HEADER_MAX_BYTES + 3];
    ravel_stream_header read;
    const size_t n = (size_t)ravel_header_write(&example, packet, sizeof packet) + 3;
    for (int minor = 0; minor < 2; minor++) {
        packet[8] = (uint8_t)(0x10 + minor);
        const uint32_t crc = ravel_crc32(packet, n - 4);
        for (int i = 0; i < 4; i++) {
            packet[n - 4 + (size_t)i] = (uint8_t)(crc >> (8 * i));
        }
        cr_assert_eq(ravel_header_read(packet, n, &read, NULL), minor ? RAVEL_OK : RAVEL_ERR_DATA);
    }
    cr_assert_str_eq(read.model_name, example.model_name);
}

Test(header, values_out_of_range_are_not_written)
{
    uint8_t packet[RAVEL_HEADER_MAX_BYTES];
    ravel_stream_header bad[7];
    for (int i = 0; i < 7; i++) {
        bad[i] = example;
    }
    bad[0].sample_rate_hz = 999;
    bad[1].channels = 65;
    bad[2].hop_samples = 0;
    bad[3].pre_skip_samples = -1;
    memset(bad[4].model_name, 'x', sizeof bad[4].model_name);
    bad[5].layout.codebook_size[1] = 1;
    strcpy(bad[6].model_name, "a\nb");
    for (int i = 0; i < 7; i++) {
        cr_assert_eq(ravel_header_write(&bad[i], packet, sizeof packet), RAVEL_ERR_ARGUMENT);
    }
}

/* --- Tags ----------------------------------------------------------------------------------- */

static const char *const some_tags[] = {"TITLE=a", "artist=\xc3\xa9=b", "EMPTY="};
enum { N_TAGS = 3 };

Test(tags, what_was_written_is_read)
{
    uint8_t packet[128];
    ravel_tags tags;
    const int n = ravel_tags_write("ravel 0.1", some_tags, N_TAGS, packet, sizeof packet);
    cr_assert_eq(n, 8 + 4 + 9 + 4 + 4 + 7 + 4 + 11 + 4 + 6);
    cr_assert_eq(ravel_tags_size("ravel 0.1", some_tags, N_TAGS), n);
    cr_assert_arr_eq(packet, "RavelTag\x09\0\0\0ravel 0.1\x03\0\0\0\x07\0\0\0TITLE=a", 36);
    cr_assert(ravel_tags_recognise(packet, (size_t)n));
    cr_assert_eq(ravel_tags_read(packet, (size_t)n, &tags, NULL), RAVEL_OK);
    cr_assert_str_eq(tags.vendor, "ravel 0.1");
    cr_assert_eq(tags.n_tags, N_TAGS);
    for (int i = 0; i < N_TAGS; i++) {
        cr_assert_str_eq(tags.tags[i], some_tags[i]);
    }
    ravel_tags_free(&tags);
    cr_assert_eq(ravel_tags_write("ravel 0.1", some_tags, N_TAGS, packet, (size_t)n - 1),
                 RAVEL_ERR_SPACE);
}

Test(tags, bad_tags_are_not_written_and_left_out)
{
    static const char *const bad[] = {
        "", "novalue", "=x", "NA\tME=x", "N\xc3\xa4ME=x", "NAME=\xc3", "NAME=\xed\xa0\x80", "~=x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(ravel_tag_valid(bad[i]), "%s", bad[i]);
        cr_assert_eq(ravel_tags_size("v", &bad[i], 1), RAVEL_ERR_ARGUMENT);
    }
    cr_assert(ravel_tag_valid("}=\xf4\x8f\xbf\xbf"));

    static const uint8_t packet[] = "RavelTag\x02\0\0\0\xff\xff\x03\0\0\0\x04\0\0\0nope"
                                    "\x03\0\0\0A=1\x04\0\0\0B=\0z";
    ravel_tags tags;
    cr_assert_eq(ravel_tags_read(packet, sizeof packet - 1, &tags, NULL), RAVEL_OK);
    cr_assert_str_eq(tags.vendor, "", "not UTF-8");
    cr_assert_eq(tags.n_tags, 1);
    cr_assert_str_eq(tags.tags[0], "A=1");
    ravel_tags_free(&tags);
}

Test(tags, damage_does_no_harm)
{
    uint8_t packet[128];
    ravel_tags tags;
    ravel_error error;
    const size_t n = (size_t)ravel_tags_write("ravel", some_tags, N_TAGS, packet, sizeof packet);
    for (size_t size = 0; size < n; size++) {
        uint8_t *copy = exact_copy(packet, size);
        cr_assert_eq(ravel_tags_read(copy, size, &tags, &error), RAVEL_ERR_DATA);
        cr_assert_null(tags.vendor);
        cr_assert_eq(tags.n_tags, 0);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        uint8_t *copy = exact_copy(packet, n);
        flip(copy, bit);
        const int status = ravel_tags_read(copy, n, &tags, &error);
        cr_assert(status == RAVEL_OK || status == RAVEL_ERR_DATA);
        cr_assert(status == RAVEL_ERR_DATA || tags.n_tags <= N_TAGS);
        ravel_tags_free(&tags);
        free(copy);
    }
    static const uint8_t many[] = "RavelTag\0\0\0\0\xff\xff\xff\xff";
    cr_assert_eq(ravel_tags_read(many, sizeof many - 1, &tags, &error), RAVEL_ERR_DATA,
                 "no memory is taken for what cannot be there");
}
