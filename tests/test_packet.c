/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "rvq/bits.h"
#include "rvq/packet.h"
#include "tests/support/random.h"

/* --- Bits ----------------------------------------------------------------------------------- */

Test(bits, stand_most_significant_first)
{
    uint8_t bytes[4] = {0xff, 0xff, 0xff, 0xff};
    ravel_bit_writer writer;
    ravel_bit_writer_init(&writer, bytes, sizeof bytes);
    ravel_bits_write(&writer, 1, 1);
    ravel_bits_write(&writer, 0x155, 10);
    ravel_bits_write(&writer, 0, 0);
    ravel_bits_write(&writer, 3, 3);
    const uint8_t expected[4] = {0xaa, 0xac, 0xff, 0xff}; /* 1 0101010101 011, then zeros */
    cr_assert_eq(ravel_bit_writer_bytes(&writer), 2);
    cr_assert_arr_eq(bytes, expected, 4);
    cr_assert_not(writer.failed);
}

Test(bits, what_was_written_is_read)
{
    uint64_t seed = 1;
    for (int trial = 0; trial < 200; trial++) {
        enum { FIELDS = 60 };
        uint8_t bytes[FIELDS * 3];
        uint32_t value[FIELDS];
        int width[FIELDS];
        ravel_bit_writer writer;
        ravel_bit_reader reader;
        ravel_bit_writer_init(&writer, bytes, sizeof bytes);
        for (int i = 0; i < FIELDS; i++) {
            width[i] = ravel_random_below(&seed, 25);
            value[i] = (uint32_t)ravel_random_below(&seed, 1 << width[i]);
            ravel_bits_write(&writer, value[i], width[i]);
        }
        cr_assert_not(writer.failed);
        ravel_bit_reader_init(&reader, bytes, ravel_bit_writer_bytes(&writer));
        for (int i = 0; i < FIELDS; i++) {
            cr_assert_eq(ravel_bits_read(&reader, width[i]), value[i]);
        }
        cr_assert(ravel_bit_reader_at_end(&reader));
    }
}

Test(bits, the_end_is_kept)
{
    uint8_t bytes[3] = {0, 0, 0x77};
    ravel_bit_writer writer;
    ravel_bit_writer_init(&writer, bytes, 2);
    ravel_bits_write(&writer, 0x7fff, 15);
    ravel_bits_write(&writer, 3, 2);
    cr_assert(writer.failed);
    ravel_bits_write(&writer, 1, 1);
    cr_assert_eq(ravel_bit_writer_bytes(&writer), 2, "nothing is written after a failure");
    cr_assert_eq(bytes[1], 0xfe);
    cr_assert_eq(bytes[2], 0x77);

    ravel_bit_writer_init(&writer, bytes, 2);
    ravel_bits_write(&writer, 4, 2);
    cr_assert(writer.failed, "4 has three bits");

    ravel_bit_reader reader;
    ravel_bit_reader_init(&reader, bytes, 1);
    ravel_bits_read(&reader, 5);
    cr_assert_eq(ravel_bits_read(&reader, 4), 0);
    cr_assert(reader.failed);
    cr_assert_eq(ravel_bits_read(&reader, 1), 0);
    cr_assert_not(ravel_bit_reader_at_end(&reader));
}

Test(bits, padding_is_zero)
{
    const uint8_t clean[2] = {0x12, 0x80}, dirty[2] = {0x12, 0x81};
    ravel_bit_reader reader;
    ravel_bit_reader_init(&reader, clean, 2);
    cr_assert_not(ravel_bit_reader_at_end(&reader));
    ravel_bits_read(&reader, 8);
    cr_assert_not(ravel_bit_reader_at_end(&reader), "a whole byte is left");
    ravel_bits_read(&reader, 1);
    cr_assert(ravel_bit_reader_at_end(&reader));
    ravel_bit_reader_init(&reader, dirty, 2);
    ravel_bits_read(&reader, 9);
    cr_assert_not(ravel_bit_reader_at_end(&reader));
}

/* --- Layouts -------------------------------------------------------------------------------- */

Test(layout, bits_of_a_code)
{
    static const int sizes[][2] = {{2, 1},     {3, 2},     {4, 2},     {5, 3},
                                   {1000, 10}, {1024, 10}, {1025, 11}, {65536, 16}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cr_assert_eq(ravel_code_bits(sizes[i][0]), sizes[i][1]);
    }
}

Test(layout, numbers_out_of_range_are_not_valid)
{
    const ravel_layout good = {
        .n_codebooks = 2, .codebook_size = {2, 65536}, .steps_per_frame = {1, 256}};
    ravel_layout bad = good;
    cr_assert(ravel_layout_valid(&good));
    bad.n_codebooks = 0;
    cr_assert_not(ravel_layout_valid(&bad));
    bad.n_codebooks = RAVEL_MAX_CODEBOOKS + 1;
    cr_assert_not(ravel_layout_valid(&bad));
    bad = good;
    bad.codebook_size[1] = 65537;
    cr_assert_not(ravel_layout_valid(&bad));
    bad = good;
    bad.codebook_size[0] = 1;
    cr_assert_not(ravel_layout_valid(&bad));
    bad = good;
    bad.steps_per_frame[1] = 257;
    cr_assert_not(ravel_layout_valid(&bad));
    bad = good;
    bad.steps_per_frame[0] = 0;
    cr_assert_not(ravel_layout_valid(&bad));
}

/* --- Packets -------------------------------------------------------------------------------- */

static ravel_layout new_layout(int n_codebooks, int size)
{
    ravel_layout layout = {.n_codebooks = n_codebooks};
    for (int b = 0; b < n_codebooks; b++) {
        layout.codebook_size[b] = size;
        layout.steps_per_frame[b] = 1;
    }
    return layout;
}

/* Bytes as docs/format.md has them, written down by hand. */
Test(packet, bytes_are_as_documented)
{
    const ravel_layout layout = new_layout(12, 1024);
    const uint16_t codes[] = {0x3ff, 0x001, 0x200, 0x155, 0x0f0, 0x000};
    /* 11 1111 1111  00 0000 0001  10 0000 0000 | 01 0101 0101  00 1111 0000  00 0000 0000 */
    const uint8_t expected[] = {0x12, 0xff, 0xc0, 0x18, 0x01, 0x55, 0x3c, 0x00, 0x00};
    uint8_t packet[16];
    cr_assert_eq(ravel_layout_packet_size(&layout, 2, 3), 9);
    cr_assert_eq(ravel_layout_packet_write(&layout, codes, 2, 3, packet, 16), 9);
    cr_assert_arr_eq(packet, expected, 9);
    cr_assert_eq(ravel_layout_packet_size(&layout, 2, 6), 16, "3 kb/s: 40 ms in 16 bytes");
}

Test(packet, what_was_written_is_read)
{
    enum { MAX_CODES = RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS };
    static const int sizes[] = {2, 3, 1000, 1024, 65536};
    uint64_t seed = 2;
    for (int trial = 0; trial < 2000; trial++) {
        const int size = sizes[trial % 5], all = 1 + ravel_random_below(&seed, RAVEL_MAX_CODEBOOKS);
        const int used = 1 + ravel_random_below(&seed, all);
        const int frames = 1 + ravel_random_below(&seed, RAVEL_PACKET_MAX_FRAMES);
        const ravel_layout layout = new_layout(all, size);
        uint16_t codes[MAX_CODES], read[MAX_CODES];
        uint8_t packet[2 + 2 * MAX_CODES];
        int n_codebooks = 0;
        for (int i = 0; i < frames * used; i++) {
            codes[i] = (uint16_t)ravel_random_below(&seed, size);
        }
        const int n = ravel_layout_packet_size(&layout, frames, used);
        cr_assert_eq(ravel_layout_packet_write(&layout, codes, frames, used, packet, n - 1),
                     RAVEL_ERR_SPACE);
        cr_assert_eq(ravel_layout_packet_write(&layout, codes, frames, used, packet, n), n);
        cr_assert_eq(ravel_layout_packet_read(&layout, packet, n, read, &n_codebooks), frames);
        cr_assert_eq(n_codebooks, used);
        cr_assert_arr_eq(read, codes, (size_t)(frames * used) * sizeof *codes);
    }
}

Test(packet, bad_arguments_are_refused)
{
    ravel_layout layout = new_layout(12, 1000);
    const uint16_t codes[48] = {999, 1000};
    uint8_t packet[64];
    cr_assert_eq(ravel_layout_packet_size(&layout, 0, 1), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_layout_packet_size(&layout, 5, 1), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_layout_packet_size(&layout, 1, 0), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_layout_packet_size(&layout, 1, 13), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_layout_packet_write(&layout, codes, 1, 2, packet, 64), RAVEL_ERR_ARGUMENT);
    layout.steps_per_frame[3] = 2;
    cr_assert_eq(ravel_layout_packet_size(&layout, 1, 1), RAVEL_ERR_MODEL);
    cr_assert_eq(ravel_layout_packet_write(&layout, codes, 1, 1, packet, 64), RAVEL_ERR_MODEL);
}

static int read_packet(int n_codebooks, const uint8_t *packet, int n)
{
    const ravel_layout layout = new_layout(n_codebooks, 1000);
    uint16_t codes[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
    int used;
    return ravel_layout_packet_read(&layout, packet, n, codes, &used);
}

Test(packet, strange_headers_have_their_own_answers)
{
    /* One frame of one code, 10 bits: 2 bytes. */
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x00, 0x00, 0x00}, 3), 1);
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x80, 0x00, 0x00}, 3), RAVEL_ERR_VERSION);
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x0c, 0x00}, 2), RAVEL_ERR_MODEL);
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x00, 0xfa, 0x00}, 3), RAVEL_ERR_DATA, "1000");
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x00, 0x00, 0x01}, 3), RAVEL_ERR_DATA,
                 "padding");
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x40, 0x00, 0x00}, 3), RAVEL_ERR_DATA,
                 "no extension follows");
    cr_assert_eq(read_packet(12, (const uint8_t[]){0x40, 0x00, 0x00, 0xff}, 4), 1,
                 "extensions are passed over");
    /* 15 codebooks fit the first byte, so the second one may not say so. */
    uint8_t packet[24] = {0x0f, 14};
    cr_assert_eq(read_packet(64, packet, 21), RAVEL_ERR_DATA);
    packet[1] = 15;
    cr_assert_eq(read_packet(64, packet, 22), 1);
    packet[1] = 64;
    cr_assert_eq(read_packet(64, packet, 24), RAVEL_ERR_DATA);
    cr_assert_eq(read_packet(64, packet, 1), RAVEL_ERR_DATA);
    cr_assert_eq(read_packet(64, packet, 0), RAVEL_ERR_DATA);
}

/*
 * Every truncation and every single wrong bit: refused, or codes in range; from memory of exactly
 * that size, so that a checker of memory sees a byte read too many.
 */
static void check_damaged(const ravel_layout *layout, const uint8_t *packet, int n)
{
    uint16_t codes[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
    uint8_t *copy = malloc((size_t)n + !n);
    int n_codebooks = 0;
    memcpy(copy, packet, (size_t)n);
    const int frames = ravel_layout_packet_read(layout, copy, n, codes, &n_codebooks);
    free(copy);
    if (frames < 0) {
        cr_assert(frames == RAVEL_ERR_DATA || frames == RAVEL_ERR_VERSION ||
                  frames == RAVEL_ERR_MODEL);
        return;
    }
    cr_assert(frames >= 1 && frames <= RAVEL_PACKET_MAX_FRAMES);
    cr_assert(n_codebooks >= 1 && n_codebooks <= layout->n_codebooks);
    cr_assert(ravel_layout_codes_valid(layout, n_codebooks, codes, frames));
}

Test(packet, damage_does_no_harm)
{
    const ravel_layout layout = new_layout(20, 1000);
    uint16_t codes[4 * 20];
    uint8_t packet[128], noise[128];
    uint64_t seed = 3;
    for (int i = 0; i < 80; i++) {
        codes[i] = (uint16_t)ravel_random_below(&seed, 1000);
    }
    const int n = ravel_layout_packet_write(&layout, codes, 4, 20, packet, sizeof packet);
    for (int size = 0; size < n; size++) {
        cr_assert_lt(read_packet(20, packet, size), 0, "%d of %d bytes", size, n);
        check_damaged(&layout, packet, size);
    }
    for (int bit = 0; bit < 8 * n; bit++) {
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_damaged(&layout, packet, n);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (int trial = 0; trial < 20000; trial++) {
        const int size = ravel_random_below(&seed, 128);
        for (int i = 0; i < size; i++) {
            noise[i] = (uint8_t)ravel_random_bits(&seed);
        }
        check_damaged(&layout, noise, size);
    }
}
