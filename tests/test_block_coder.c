/* SPDX-License-Identifier: BSD-3-Clause */
/* Coded blocks: there and back, side by side, damaged, and on every instruction set. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "rvq/packet.h"
#include "rvq/range_coder.h"
#include "tests/support/coded_blocks.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { CODEBOOKS = 4, SIZE = 32, MAX_FRAMES = 200, ROOM = 4096, LANES = 8 };

static ravel_model *model;
static ravel_code_models models;
static ravel_block_coder *coder, *wide; /* of one lane, and of several */
static uint16_t codes[MAX_FRAMES * CODEBOOKS], read_back[LANES][MAX_FRAMES * CODEBOOKS];
static uint8_t block[ROOM];

static void setup(void)
{
    model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    models = ravel_model_code_models(model);
    coder = ravel_block_coder_new(&models, 1);
    wide = ravel_block_coder_new(&models, LANES);
    cr_assert(coder != NULL && wide != NULL);
}

static void teardown(void)
{
    ravel_block_coder_free(coder);
    ravel_block_coder_free(wide);
    ravel_model_free(model);
}

TestSuite(block_coder, .init = setup, .fini = teardown);

static ravel_block_info info_of(int kind, int n_frames, int n_codebooks)
{
    return (ravel_block_info){
        .kind = kind, .n_codebooks = n_codebooks, .n_frames = n_frames, .identity = {1, 2}};
}

static int write(int kind, int n_frames, int n_codebooks)
{
    const ravel_block_info info = info_of(kind, n_frames, n_codebooks);
    const int size = ravel_block_coder_write(coder, &info, codes, block, sizeof block);
    cr_assert_gt(size, RAVEL_BLOCK_HEADER_BYTES);
    cr_assert_leq(size, ravel_block_size(models.layout, n_codebooks, n_frames));
    return size;
}

static ravel_block_job job_of(const uint8_t *bytes, int size, uint16_t *out)
{
    ravel_block_job job = {.block = bytes, .size = (size_t)size, .codes = out};
    cr_assert_eq(ravel_block_parse(bytes, (size_t)size, &job.info), RAVEL_OK);
    return job;
}

/* Writes `codes`, reads them back, compares. return    bytes of the block */
static int check_round_trip(int kind, int n_frames, int n_codebooks)
{
    const int size = write(kind, n_frames, n_codebooks);
    uint64_t bits[CODEBOOKS] = {0}, all = 0;
    ravel_block_job job = job_of(block, size, read_back[0]);
    job.bits = bits;
    ravel_block_coder_read(coder, &job, 1);
    cr_assert_eq(job.status, RAVEL_OK, "kind %d, %d frames: %d", kind, n_frames, job.status);
    cr_assert_arr_eq(read_back[0], codes, (size_t)(n_frames * n_codebooks) * sizeof *codes);
    if (job.info.kind != RAVEL_PAYLOAD_PACKED) {
        cr_assert_eq(job.info.kind, kind);
        cr_assert_eq(job.range, ravel_block_coder_range(coder));
    }
    for (int k = 0; k < n_codebooks; k++)
        all += bits[k];
    const double told = (double)all / RAVEL_RANGE_TELL_PER_BIT / 8.0;
    cr_assert(told > size - 12.0 && told < size + 4.0, "%g of %d bytes told", told, size);
    return size;
}

/* --- Codes of several sorts ------------------------------------------------------------------- */

static void random_codes(uint64_t *seed, int n)
{
    for (int i = 0; i < n; i++)
        codes[i] = (uint16_t)ravel_random_below(seed, SIZE);
}

static void told_codes(int kind, int most, uint64_t *seed, int n_frames, int n_codebooks)
{
    ravel_test_told_codes(&models, (ravel_payload)kind, most, seed, n_frames, n_codebooks, codes);
}

Test(block_coder, round_trips)
{
    uint64_t seed = 1;
    for (int kind = RAVEL_PAYLOAD_PACKED; kind < RAVEL_PAYLOADS; kind++) {
        for (int round = 0; round < 60; round++) {
            const int n_frames = 1 + ravel_random_below(&seed, round < 40 ? 40 : MAX_FRAMES);
            const int n_codebooks = 1 + round % CODEBOOKS;
            random_codes(&seed, n_frames * n_codebooks);
            check_round_trip(kind, n_frames, n_codebooks);
        }
    }
}

Test(block_coder, saves_where_codes_are_likely)
{
    uint64_t seed = 2;
    for (int kind = RAVEL_PAYLOAD_STATIC; kind < RAVEL_PAYLOADS; kind++) {
        for (int n_codebooks = 1; n_codebooks <= CODEBOOKS; n_codebooks++) {
            told_codes(kind, 1, &seed, MAX_FRAMES, n_codebooks);
            const int size = check_round_trip(kind, MAX_FRAMES, n_codebooks);
            const int packed = ravel_block_size(models.layout, n_codebooks, MAX_FRAMES);
            cr_assert_lt(size, packed * 90 / 100, "kind %d: %d of %d", kind, size, packed);
        }
    }
}

/* The least likely code every time, all codes equal: never more than packed codes. */
Test(block_coder, never_grows)
{
    uint64_t seed = 3;
    for (int kind = RAVEL_PAYLOAD_STATIC; kind < RAVEL_PAYLOADS; kind++) {
        told_codes(kind, 0, &seed, MAX_FRAMES, CODEBOOKS);
        cr_assert_eq(check_round_trip(kind, MAX_FRAMES, CODEBOOKS),
                     ravel_block_size(models.layout, CODEBOOKS, MAX_FRAMES));
        for (int value = 0; value < SIZE; value++) {
            for (int i = 0; i < MAX_FRAMES * CODEBOOKS; i++)
                codes[i] = (uint16_t)value;
            check_round_trip(kind, MAX_FRAMES, CODEBOOKS);
        }
    }
}

/* --- Side by side ----------------------------------------------------------------------------- */

/* Blocks of all kinds, lengths and codebooks: the codes of each alone, whatever its neighbours. */
Test(block_coder, reads_blocks_side_by_side)
{
    enum { BLOCKS = 21 };
    static uint8_t blocks[BLOCKS][ROOM];
    static uint16_t expected[BLOCKS][MAX_FRAMES * CODEBOOKS], got[BLOCKS][MAX_FRAMES * CODEBOOKS];
    ravel_block_job jobs[BLOCKS];
    uint64_t seed = 4;
    for (int i = 0; i < BLOCKS; i++) {
        const int n_frames = 1 + ravel_random_below(&seed, 60);
        const int n_codebooks = 1 + ravel_random_below(&seed, CODEBOOKS), kind = (i + 1) % 3;
        told_codes(kind, 1, &seed, n_frames, n_codebooks);
        const int size = write(kind, n_frames, n_codebooks);
        memcpy(expected[i], codes, sizeof codes);
        memcpy(blocks[i], block, sizeof block);
        jobs[i] = job_of(blocks[i], size, got[i]);
    }
    jobs[5].size--; /* one that is damaged leaves the others alone */
    ravel_block_coder_read(wide, jobs, BLOCKS);
    for (int i = 0; i < BLOCKS; i++) {
        const size_t n = (size_t)(jobs[i].info.n_frames * jobs[i].info.n_codebooks);
        cr_assert_eq(jobs[i].status, i == 5 ? RAVEL_ERR_DATA : RAVEL_OK, "block %d", i);
        if (i != 5)
            cr_assert_arr_eq(got[i], expected[i], n * sizeof *codes);
    }
}

/* --- Damage ----------------------------------------------------------------------------------- */

static int status_of(const uint8_t *bytes, int size)
{
    ravel_block_job job = {.block = bytes, .size = (size_t)size, .codes = read_back[0]};
    const int status = ravel_block_parse(bytes, (size_t)size, &job.info);
    if (status < 0 || job.info.n_frames > MAX_FRAMES || job.info.n_codebooks > CODEBOOKS)
        return RAVEL_ERR_DATA;
    ravel_block_coder_read(coder, &job, 1);
    const bool packed = job.info.kind == RAVEL_PAYLOAD_PACKED;
    if (job.status == RAVEL_OK && !packed) /* what is accepted is the one way to write it */
        cr_assert_eq(ravel_layout_codes_valid(models.layout, job.info.n_codebooks, job.codes,
                                              job.info.n_frames),
                     true);
    return job.status;
}

Test(block_coder, refuses_truncations_and_additions)
{
    uint64_t seed = 5;
    for (int kind = RAVEL_PAYLOAD_STATIC; kind < RAVEL_PAYLOADS; kind++) {
        told_codes(kind, 1, &seed, 30, CODEBOOKS);
        const int size = write(kind, 30, CODEBOOKS);
        block[size] = 0;
        for (int other = 0; other <= size + 1; other++)
            cr_assert_eq(status_of(block, other) == RAVEL_OK, other == size, "%d of %d", other,
                         size);
    }
}

/* The check byte misses one in 256 of what the end of the bytes does not show. */
Test(block_coder, sees_flipped_bits)
{
    uint64_t seed = 6;
    int n_flips = 0, n_missed = 0;
    for (int round = 0; round < 20; round++) {
        const int kind = 1 + round % 2;
        told_codes(kind, 1, &seed, 20, 3);
        const int size = write(kind, 20, 3);
        for (int bit = 0; bit < 8 * size; bit++) {
            if (bit / 8 == 2 || bit / 8 == 3) /* the identity, which the reader compares */
                continue;
            block[bit / 8] ^= (uint8_t)(1 << bit % 8);
            n_missed += status_of(block, size) == RAVEL_OK;
            block[bit / 8] ^= (uint8_t)(1 << bit % 8);
            n_flips++;
        }
    }
    cr_assert_gt(n_flips, 3000);
    cr_assert_leq(n_missed * 1000, n_flips, "%d of %d not seen", n_missed, n_flips);
}

Test(block_coder, takes_any_bytes)
{
    uint64_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        const int size = RAVEL_BLOCK_HEADER_BYTES + ravel_random_below(&seed, 60);
        const ravel_block_info info = info_of(
            1 + round % 4, 1 + ravel_random_below(&seed, MAX_FRAMES), 1 + round % CODEBOOKS);
        ravel_block_put_header(&info, block);
        for (int i = RAVEL_BLOCK_HEADER_BYTES; i < size; i++)
            block[i] = (uint8_t)ravel_random_below(&seed, round % 5 == 0 ? 2 : 256);
        const int status = status_of(block, size);
        cr_assert(status == RAVEL_OK || status == RAVEL_ERR_DATA || status == RAVEL_ERR_VERSION);
    }
}

/* A model without tables or prior can neither write nor read them. */
Test(block_coder, needs_its_model)
{
    const ravel_code_models none = {.kernels = models.kernels, .layout = models.layout};
    ravel_block_coder *poor = ravel_block_coder_new(&none, 1);
    for (int kind = RAVEL_PAYLOAD_STATIC; kind < RAVEL_PAYLOADS; kind++) {
        uint64_t seed = 8;
        told_codes(kind, 1, &seed, 30, CODEBOOKS);
        const int size = write(kind, 30, CODEBOOKS);
        ravel_block_job job = job_of(block, size, read_back[0]);
        ravel_block_coder_read(poor, &job, 1);
        cr_assert_eq(job.status, RAVEL_ERR_MODEL);
        const ravel_block_info info = info_of(kind, 30, CODEBOOKS);
        cr_assert_eq(ravel_block_coder_write(poor, &info, codes, block, sizeof block),
                     RAVEL_ERR_MODEL);
    }
    ravel_block_coder_free(poor);
}

/* Very long blocks are packed: a few bytes are not to be worth hours. */
Test(block_coder, bounds_coded_frames)
{
    enum { LONG = RAVEL_BLOCK_MAX_CODED_FRAMES + 1 };
    uint16_t *many = calloc((size_t)LONG, sizeof *many);
    uint16_t *again = calloc((size_t)LONG, sizeof *again);
    uint64_t seed = 10;
    ravel_test_told_codes(&models, RAVEL_PAYLOAD_STATIC, 1, &seed, LONG, 1, many);
    ravel_block_info info = info_of(RAVEL_PAYLOAD_STATIC, LONG, 1);
    cr_assert_eq(ravel_block_coder_write(coder, &info, many, block, sizeof block),
                 ravel_block_size(models.layout, 1, LONG));
    info.n_frames--;
    const int size = ravel_block_coder_write(coder, &info, many, block, sizeof block);
    ravel_block_job job = job_of(block, size, again);
    cr_assert_eq(job.info.kind, RAVEL_PAYLOAD_STATIC);
    ravel_block_put_header(&(ravel_block_info){.kind = 1, .n_codebooks = 1, .n_frames = LONG},
                           block);
    job = job_of(block, size, again);
    ravel_block_coder_read(coder, &job, 1);
    cr_assert_eq(job.status, RAVEL_ERR_DATA);
    free(many);
    free(again);
}

/* --- Packets ---------------------------------------------------------------------------------- */

/*
 * Likely codes take fewer bytes, others as many as packed, and both are read. That a datagram is
 * whole is the network's promise; most that are not are refused.
 */
Test(block_coder, packets_are_coded_where_it_pays)
{
    uint64_t seed = 11;
    int n_coded = 0, saved = 0, n_cut = 0, n_missed = 0;
    for (int round = 0; round < 400; round++) {
        const int n_frames = 1 + round % RAVEL_PACKET_MAX_FRAMES, n_codebooks = 1 + round / 4 % 4;
        uint8_t packet[RAVEL_PACKET_MAX_BYTES];
        uint16_t got[RAVEL_PACKET_MAX_FRAMES * CODEBOOKS];
        int found = 0;
        if (round % 3 == 0)
            random_codes(&seed, n_frames * n_codebooks);
        else
            told_codes(RAVEL_PAYLOAD_STATIC, 1, &seed, n_frames, n_codebooks);
        const int packed = ravel_packet_size(model, n_frames, n_codebooks);
        const int size =
            ravel_packet_write_coded(model, codes, n_frames, n_codebooks, packet, sizeof packet);
        cr_assert(size > 0 && size <= packed);
        cr_assert_eq((packet[0] & RAVEL_PACKET_CODED) != 0, size < packed);
        cr_assert_eq(ravel_packet_read(model, packet, size, got, &found), n_frames);
        cr_assert_eq(found, n_codebooks);
        cr_assert_arr_eq(got, codes, (size_t)(n_frames * n_codebooks) * sizeof *codes);
        n_coded += size < packed;
        saved += packed - size;
        for (int other = 0; size < packed && other < size; other++, n_cut++)
            n_missed += ravel_packet_read(model, packet, other, got, &found) > 0;
        packet[0] |= RAVEL_PACKET_EXTENDED;
        if (size < packed)
            cr_assert_eq(ravel_packet_read(model, packet, size, got, &found), RAVEL_ERR_DATA);
    }
    cr_assert(n_coded > 100 && saved > 150, "%d coded, %d bytes saved", n_coded, saved);
    cr_assert_lt(n_missed * 8, n_cut, "%d of %d", n_missed, n_cut);
}

Test(block_coder, coded_packets_need_tables)
{
    const ravel_code_models none = {.kernels = models.kernels, .layout = models.layout};
    uint8_t packet[RAVEL_PACKET_MAX_BYTES];
    uint64_t seed = 12;
    int found = 0;
    told_codes(RAVEL_PAYLOAD_STATIC, 1, &seed, 4, CODEBOOKS);
    const int size = ravel_packet_write_coded(model, codes, 4, CODEBOOKS, packet, sizeof packet);
    cr_assert(packet[0] & RAVEL_PACKET_CODED);
    cr_assert_eq(ravel_coded_packet_read(&none, packet, size, read_back[0], &found),
                 RAVEL_ERR_VERSION);
    cr_assert_eq(ravel_coded_packet_write(&none, codes, 4, CODEBOOKS, packet, sizeof packet),
                 ravel_packet_size(model, 4, CODEBOOKS));
}

/* --- Instruction sets ------------------------------------------------------------------------- */

/* 500 blocks, likely and random: equal bytes from each, and each reads what the others wrote. */
Test(block_coder, every_instruction_set)
{
    enum { BLOCKS = 500 };
    static const char *const names[] = {"c", "avx2", "avx512", "neon"};
    static uint8_t other[ROOM];
    size_t size;
    uint64_t seed = 9;
    void *file = ravel_test_model(RAVEL_TINY_PRIOR, &size);
    for (size_t v = 0; v < sizeof names / sizeof *names; v++) {
        const ravel_kernels *kernels = ravel_kernels_named(names[v]);
        if (kernels == NULL)
            continue;
        ravel_model *same = ravel_model_open_with(kernels, file, size, NULL);
        const ravel_code_models same_models = ravel_model_code_models(same);
        ravel_block_coder *own = ravel_block_coder_new(&same_models, 2);
        for (int i = 0; i < BLOCKS; i++) {
            const int kind = 1 + i % 2, n_frames = 1 + ravel_random_below(&seed, 25);
            const ravel_block_info info = info_of(kind, n_frames, CODEBOOKS);
            told_codes(kind, i % 4 < 3, &seed, n_frames, CODEBOOKS);
            const int n = write(kind, n_frames, CODEBOOKS);
            cr_assert_eq(ravel_block_coder_write(own, &info, codes, other, sizeof other), n);
            cr_assert_arr_eq(other, block, (size_t)n);
            cr_assert_eq(ravel_block_coder_range(own), ravel_block_coder_range(coder));
            ravel_block_job job = job_of(block, n, read_back[0]);
            ravel_block_coder_read(own, &job, 1);
            cr_assert_eq(job.status, RAVEL_OK);
            cr_assert_arr_eq(read_back[0], codes, (size_t)(n_frames * CODEBOOKS) * sizeof *codes);
        }
        ravel_block_coder_free(own);
        ravel_model_free(same);
    }
    free(file);
}
