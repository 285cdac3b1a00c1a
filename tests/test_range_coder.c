/* SPDX-License-Identifier: BSD-3-Clause */
/* The range coder, and logits to intervals. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "rvq/frequencies.h"
#include "tests/support/random.h"

enum { N_SYMBOLS = 3000, ROOM = 2 * N_SYMBOLS + 8, MAX_N = RAVEL_FREQUENCIES_MAX_SYMBOLS };

/* --- Coder ------------------------------------------------------------------------------------ */

static size_t encode(const ravel_interval *symbols, int n, uint8_t *bytes, ravel_range_state *state)
{
    ravel_range_encoder encoder;
    ravel_range_encoder_init(&encoder, bytes, ROOM);
    for (int i = 0; i < n; i++)
        ravel_range_encode(&encoder, symbols[i]);
    const size_t size = ravel_range_encoder_finish(&encoder);
    cr_assert(!encoder.failed);
    *state = encoder.state;
    return size;
}

/* Decodes with the intervals as an oracle; whether each target lay in its interval. */
static bool decode(const ravel_interval *symbols, int n, const uint8_t *bytes, size_t size,
                   ravel_range_decoder *decoder)
{
    ravel_range_decoder_init(decoder, bytes, size);
    for (int i = 0; i < n; i++) {
        const uint32_t target = ravel_range_decoder_target(decoder);
        if (target < symbols[i].low || target - symbols[i].low >= symbols[i].size)
            return false;
        ravel_range_decode(decoder, symbols[i]);
    }
    return true;
}

static void check_round_trip(const ravel_interval *symbols, int n)
{
    static uint8_t bytes[ROOM];
    ravel_range_state state;
    ravel_range_decoder decoder;
    const size_t size = encode(symbols, n, bytes, &state);
    cr_assert(decode(symbols, n, bytes, size, &decoder));
    cr_assert_eq(decoder.state.range, state.range);
    cr_assert_eq(decoder.state.low, state.low);
    cr_assert(ravel_range_decoder_at_end(&decoder));
    cr_assert(!ravel_range_decoder_overrun(&decoder));

    double bits = 0.0;
    for (int i = 0; i < n; i++)
        bits += 16.0 - log2(symbols[i].size);
    cr_assert_lt((double)size * 8.0, bits * 1.01 + 16.0, "%zu bytes for %.1f bits", size, bits);
    const double told = (double)ravel_range_tell(&state) / RAVEL_RANGE_TELL_PER_BIT;
    cr_assert_lt(fabs(told - bits), 0.005 * n + 0.1, "%.2f told, %.2f spent", told, bits);
    cr_assert_leq(fabs((double)size * 8.0 - told), 16.0);
}

static ravel_interval random_symbol(uint64_t *seed, int most)
{
    const int size = 1 + ravel_random_below(seed, most);
    const int low = ravel_random_below(seed, RAVEL_RANGE_TOTAL + 1 - size);
    return (ravel_interval){(uint32_t)low, (uint32_t)size};
}

Test(range_coder, random_symbols)
{
    static ravel_interval symbols[N_SYMBOLS];
    uint64_t seed = 1;
    for (int most = 1; most <= RAVEL_RANGE_TOTAL; most *= 4) {
        for (int i = 0; i < N_SYMBOLS; i++)
            symbols[i] = random_symbol(&seed, most);
        check_round_trip(symbols, N_SYMBOLS);
    }
    for (int n = 0; n < 40; n++)
        check_round_trip(symbols, n);
}

/* The same symbol all the time: bottom, middle (long runs of carries) and top. */
Test(range_coder, equal_symbols)
{
    static const ravel_interval cases[] = {{0, 1},         {0, 65535},  {0, 65536}, {65535, 1},
                                           {1, 65535},     {32767, 2},  {32768, 1}, {32767, 1},
                                           {21845, 21846}, {65280, 256}};
    static ravel_interval symbols[N_SYMBOLS];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int i = 0; i < N_SYMBOLS; i++)
            symbols[i] = cases[c];
        check_round_trip(symbols, N_SYMBOLS);
    }
}

/* Every length at which an encoder could have stopped but the right one is seen as wrong. */
Test(range_coder, knows_its_end)
{
    static ravel_interval symbols[200];
    static uint8_t bytes[ROOM + 2];
    uint64_t seed = 2;
    ravel_range_state state;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 200; i++)
            symbols[i] = random_symbol(&seed, 2000);
        memset(bytes, 0, sizeof bytes);
        const size_t size = encode(symbols, 200, bytes, &state);
        for (size_t other = 0; other <= size + 2; other++) {
            ravel_range_decoder decoder;
            const bool same = decode(symbols, 200, bytes, other, &decoder);
            cr_assert_eq(same && ravel_range_decoder_at_end(&decoder), other == size);
            if (same && other + 1 < size)
                cr_assert(ravel_range_decoder_overrun(&decoder));
        }
    }
}

/* No room: nothing is written behind it, and the size is still told. */
Test(range_coder, keeps_within_its_room)
{
    static ravel_interval symbols[N_SYMBOLS];
    static uint8_t bytes[ROOM], whole[ROOM];
    uint64_t seed = 3;
    ravel_range_state state;
    for (int i = 0; i < N_SYMBOLS; i++)
        symbols[i] = random_symbol(&seed, 4);
    const size_t size = encode(symbols, N_SYMBOLS, whole, &state);
    for (size_t room = 0; room <= size; room += 1 + size / 50) {
        ravel_range_encoder encoder;
        memset(bytes, 0xa5, sizeof bytes);
        ravel_range_encoder_init(&encoder, bytes, room);
        for (int i = 0; i < N_SYMBOLS; i++)
            ravel_range_encode(&encoder, symbols[i]);
        cr_assert_eq(ravel_range_encoder_finish(&encoder), size);
        cr_assert_eq(encoder.failed, room < size);
        cr_assert_eq(bytes[room], 0xa5);
        cr_assert_eq(encoder.state.range, state.range);
    }
}

/* The only number above the first interval: no symbols make it, and it may not pass for some. */
Test(range_coder, refuses_what_no_symbols_make)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7};
    for (size_t size = 4; size <= sizeof bytes; size++) {
        for (uint32_t width = 1; width <= RAVEL_RANGE_TOTAL; width *= 2) {
            ravel_range_decoder decoder;
            ravel_range_decoder_init(&decoder, bytes, size);
            for (int i = 0; i < 200; i++) {
                const uint32_t low = ravel_range_decoder_target(&decoder) / width * width;
                cr_assert_not(ravel_range_decoder_at_end(&decoder));
                ravel_range_decode(&decoder, (ravel_interval){low, width});
            }
        }
    }
}

/* Any bytes decode to something, and targets stay in their range. */
Test(range_coder, takes_any_bytes)
{
    uint8_t bytes[64];
    uint64_t seed = 4;
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = round % 3 == 0 ? 0xff : (uint8_t)ravel_random_below(&seed, 256);
        ravel_range_decoder decoder;
        ravel_range_decoder_init(&decoder, bytes, (size_t)round % sizeof bytes);
        for (int i = 0; i < 100; i++) {
            const uint32_t target = ravel_range_decoder_target(&decoder);
            cr_assert_lt(target, (uint32_t)RAVEL_RANGE_TOTAL);
            const uint32_t low = target / 100 * 100;
            const uint32_t left = RAVEL_RANGE_TOTAL - low;
            ravel_range_decode(&decoder, (ravel_interval){low, left < 100 ? left : 100});
            cr_assert_geq(decoder.state.range, 1u << 24);
        }
    }
}

/* --- Frequencies ------------------------------------------------------------------------------ */

static float logits[MAX_N], copy[MAX_N];
static uint32_t cumulative[MAX_N + 1];

/* That the intervals are a partition and `find` knows it; sizes near the softmax. */
static void check_partition(const ravel_kernels *kernels, int n, bool finite)
{
    memcpy(copy, logits, sizeof copy);
    ravel_frequencies_make(kernels, copy, n, cumulative);
    double greatest = (double)-INFINITY, sum = 0.0;
    for (int i = 0; i < n && finite; i++)
        greatest = fmax(greatest, (double)logits[i]);
    for (int i = 0; i < n && finite; i++)
        sum += exp((double)logits[i] - greatest);
    uint32_t next = 0;
    for (int i = 0; i < n; i++) {
        const ravel_interval interval = ravel_frequencies_interval(cumulative, n, i);
        cr_assert_eq(interval.low, next);
        cr_assert_geq(interval.size, 1u);
        next += interval.size;
        cr_assert_eq(ravel_frequencies_find(cumulative, n, interval.low), i);
        cr_assert_eq(ravel_frequencies_find(cumulative, n, next - 1), i);
        if (finite) {
            const double wanted =
                1.0 + exp((double)logits[i] - greatest) / sum * (RAVEL_RANGE_TOTAL - n);
            cr_assert_lt(fabs(interval.size - wanted), 1.0 + wanted * 0.005 + n * 0.001);
        }
    }
    cr_assert_eq(next, (uint32_t)RAVEL_RANGE_TOTAL);
}

Test(frequencies, partition)
{
    const ravel_kernels *kernels = ravel_kernels_named("c");
    static const int sizes[] = {2, 3, 16, 17, 1000, 1024, MAX_N};
    uint64_t seed = 5;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int spread = 0; spread <= 40; spread += 8) {
            for (int i = 0; i < sizes[s]; i++)
                logits[i] = (float)spread * (float)ravel_random_below(&seed, 1000) / 1000.0f;
            check_partition(kernels, sizes[s], true);
        }
    }
}

/* What no sensible model gives still makes intervals. */
Test(frequencies, strange_logits)
{
    const ravel_kernels *kernels = ravel_kernels_named("c");
    static const float strange[] = {NAN, -INFINITY, INFINITY, 3e38f, -3e38f, 0.0f};
    uint64_t seed = 6;
    for (int round = 0; round < 500; round++) {
        const int n = 2 + ravel_random_below(&seed, 50);
        for (int i = 0; i < n; i++)
            logits[i] = strange[round < 6 ? round : ravel_random_below(&seed, 6)];
        check_partition(kernels, n, false);
    }
}

/* The same sums from every instruction set. */
Test(frequencies, every_instruction_set)
{
    static const char *const names[] = {"avx2", "avx512", "neon"};
    static uint32_t expected[MAX_N + 1];
    uint64_t seed = 7;
    for (size_t v = 0; v < 3; v++) {
        const ravel_kernels *kernels = ravel_kernels_named(names[v]);
        for (int n = 2; kernels != NULL && n < 200; n++) {
            for (int i = 0; i < n; i++)
                logits[i] = (float)ravel_random_below(&seed, 4000) / 100.0f - 20.0f;
            memcpy(copy, logits, sizeof copy);
            ravel_frequencies_make(ravel_kernels_named("c"), copy, n, expected);
            ravel_frequencies_make(kernels, logits, n, cumulative);
            cr_assert_eq(memcmp(expected, cumulative, (size_t)(n + 1) * sizeof *expected), 0);
        }
    }
}
