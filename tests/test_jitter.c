/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <string.h>

#include "audio_io/call/voice/arrivals.h"
#include "audio_io/call/voice/jitter.h"

/* --- Order ---------------------------------------------------------------------------------- */

static ravel_jitter_put_result put(ravel_jitter *jitter, int64_t begin, int rank)
{
    const uint8_t bytes[2] = {(uint8_t)begin, (uint8_t)rank};
    const ravel_waiting waiting = {
        .begin = begin, .unit = {.ticks = 1, .rank = rank, .bytes = bytes, .n_bytes = 2}};
    return ravel_jitter_put(jitter, &waiting);
}

Test(jitter, units_come_out_in_their_order)
{
    ravel_jitter *jitter = ravel_jitter_new();
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < RAVEL_JITTER_UNITS; i++)
            cr_assert_eq(put(jitter, 1000 * round + i * 101 % RAVEL_JITTER_UNITS, 1),
                         RAVEL_JITTER_NEW);
        cr_assert_eq(put(jitter, 10000, 1), RAVEL_JITTER_FULL);
        for (int i = 0; i < RAVEL_JITTER_UNITS; i++) {
            const ravel_waiting *first = ravel_jitter_first(jitter, 1000 * round + i);
            cr_assert_not_null(first);
            cr_assert_eq(first->begin, 1000 * round + i);
            cr_assert_eq(first->unit.bytes[0], (uint8_t)(1000 * round + i));
        }
        cr_assert_null(ravel_jitter_first(jitter, 1000 * round + RAVEL_JITTER_UNITS));
    }
    ravel_jitter_free(jitter);
}

Test(jitter, the_better_of_two_is_kept)
{
    ravel_jitter *jitter = ravel_jitter_new();
    cr_assert_eq(put(jitter, 7, 2), RAVEL_JITTER_NEW);
    cr_assert_eq(put(jitter, 7, 1), RAVEL_JITTER_KNOWN);
    cr_assert_eq(put(jitter, 7, 2), RAVEL_JITTER_KNOWN);
    cr_assert_eq(ravel_jitter_first(jitter, 0)->unit.bytes[1], 2);
    cr_assert_eq(put(jitter, 7, 3), RAVEL_JITTER_BETTER);
    cr_assert_eq(ravel_jitter_first(jitter, 0)->unit.bytes[1], 3);
    cr_assert_null(ravel_jitter_first(jitter, 8));
    ravel_jitter_free(jitter);
}

Test(jitter, refuses_what_is_too_large)
{
    ravel_jitter *jitter = ravel_jitter_new();
    static const uint8_t bytes[RAVEL_UNIT_BYTES + 1];
    ravel_waiting waiting = {.unit = {.bytes = bytes, .n_bytes = sizeof bytes}};
    cr_assert_eq(ravel_jitter_put(jitter, &waiting), RAVEL_JITTER_FULL);
    waiting.unit.n_bytes = RAVEL_UNIT_BYTES;
    cr_assert_eq(ravel_jitter_put(jitter, &waiting), RAVEL_JITTER_NEW);
    ravel_jitter_free(jitter);
}

/* --- Delay ---------------------------------------------------------------------------------- */

Test(delay, is_that_of_nearly_all)
{
    ravel_delay delay = ravel_delay_new();
    cr_assert_eq(delay.wait_us, 0);
    for (int i = 0; i < 1000; i++) {
        const bool outlier = i % 100 == 99;
        ravel_delay_add(&delay, 5000000 + 1000 * (i * 37 % 41) + (outlier ? 300000 : 0));
    }
    cr_assert_eq(delay.fastest_us, 5000000);
    cr_assert_geq(delay.wait_us, 38000);
    cr_assert_leq(delay.wait_us, 40000);
}

Test(delay, grows_at_once_and_forgets)
{
    ravel_delay delay = ravel_delay_new();
    for (int i = 0; i < 500; i++)
        ravel_delay_add(&delay, 0);
    for (int i = 0; i < 6; i++) /* one in fifty of what is remembered */
        ravel_delay_add(&delay, 90000);
    cr_assert_eq(delay.wait_us, 90000);
    for (int i = 0; i < RAVEL_DELAY_FRAMES; i++)
        ravel_delay_add(&delay, 0);
    cr_assert_eq(delay.wait_us, 0);
    for (int i = 0; i < RAVEL_DELAY_FRAMES; i++)
        ravel_delay_add(&delay, i * 10000);
    cr_assert_eq(delay.wait_us, RAVEL_DELAY_MAX_US);
}

/* --- Numbers -------------------------------------------------------------------------------- */

typedef struct {
    ravel_arrivals arrivals;
    ravel_delay delay;
    int64_t sequence, timestamp; /* of the last packet that was taken */
} numbers;

static ravel_arrival arrive(numbers *n, int64_t sequence, int64_t timestamp, int64_t time_us)
{
    const ravel_voice_packet packet = {
        .sequence = (uint16_t)sequence, .timestamp = (uint32_t)timestamp, .time_us = time_us};
    const ravel_arrival arrival =
        ravel_arrivals_add(&n->arrivals, &n->delay, &packet, &n->sequence, &n->timestamp);
    if (arrival == RAVEL_ARRIVAL_RESTARTED)
        n->delay = ravel_delay_new();
    if (arrival == RAVEL_ARRIVAL_NEXT || arrival == RAVEL_ARRIVAL_RESTARTED)
        ravel_delay_add(&n->delay, time_us - ravel_ticks_us(n->timestamp, 48000));
    return arrival;
}

Test(arrivals, numbers_go_on_where_they_wrap_around)
{
    numbers n = {.arrivals = ravel_arrivals_new(48000)};
    const int64_t sequence = 65000, timestamp = 4294900000;
    for (int i = 0; i < 2000; i++) {
        cr_assert_eq(arrive(&n, sequence + i, timestamp + 960 * i, 20000 * i), RAVEL_ARRIVAL_NEXT);
        cr_assert_eq(n.sequence, sequence + i);
        cr_assert_eq(n.timestamp, timestamp + 960 * (int64_t)i);
    }
    cr_assert_eq(ravel_arrivals_lost(&n.arrivals), 0);
}

Test(arrivals, losses_and_duplicates_are_counted)
{
    numbers n = {.arrivals = ravel_arrivals_new(48000)};
    static const int order[] = {0, 1, 3, 2, 2, 7, 6, 3, 8};
    static const int duplicate[] = {0, 0, 0, 0, 1, 0, 0, 1, 0};
    for (int i = 0; i < 9; i++)
        cr_assert_eq(arrive(&n, order[i], 960 * order[i], 20000 * i),
                     duplicate[i] ? RAVEL_ARRIVAL_DUPLICATE : RAVEL_ARRIVAL_NEXT);
    cr_assert_eq(ravel_arrivals_lost(&n.arrivals), 2, "4 and 5");
}

Test(arrivals, a_stranger_is_refused_until_it_insists)
{
    numbers n = {.arrivals = ravel_arrivals_new(48000)};
    for (int i = 0; i < 50; i++)
        arrive(&n, i, 960 * i, 20000 * i);
    cr_assert_eq(arrive(&n, 50, 1000000000, 1000000), RAVEL_ARRIVAL_STRANGE);
    cr_assert_eq(arrive(&n, 51, 960 * 51, 1020000), RAVEL_ARRIVAL_NEXT);
    for (int i = 0; i < 20; i++) { /* strangers that do not agree */
        const int64_t anywhere = 1000000000 + 100000000 * (i % 7);
        cr_assert_eq(arrive(&n, 52, anywhere, 1040000 + i), RAVEL_ARRIVAL_STRANGE);
    }
    static const ravel_arrival expected[] = {RAVEL_ARRIVAL_STRANGE, RAVEL_ARRIVAL_STRANGE,
                                             RAVEL_ARRIVAL_RESTARTED, RAVEL_ARRIVAL_NEXT};
    for (int i = 0; i < 4; i++)
        cr_assert_eq(arrive(&n, 9000 + i, 3000000000 + 960 * (int64_t)i, 2000000 + 20000 * i),
                     expected[i]);
    cr_assert_eq(n.timestamp, 3000000000 + 2880);
    cr_assert_eq(ravel_arrivals_lost(&n.arrivals), 1, "the one that was strange, at 50");
}
