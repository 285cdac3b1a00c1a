/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports of a call, over a simulated network and clock. */
#include "audio_io/call/transport/rtcp.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

enum { CLOCK_HZ = 24000, PACKET_US = 20000, PACKET_TICKS = 480, WAY_US = 35000 };

static const char cname[RAVEL_RTCP_CNAME] = "0123456789abcdef";
static ravel_rtcp here, there;
static int64_t now_us;

static void set_up(void)
{
    ravel_rtcp_init(&here, 0x11111111, CLOCK_HZ, cname);
    ravel_rtcp_init(&there, 0x22222222, CLOCK_HZ, cname);
    now_us = 5000000000;
}

TestSuite(rtcp, .init = set_up);

/* One packet from here, arriving late_us after it was sent. */
static void send_packet(uint16_t sequence, bool lost, int64_t late_us)
{
    ravel_rtp_header header = {.sequence = sequence,
                               .timestamp = 0xffff0000u + PACKET_TICKS * (uint32_t)sequence,
                               .ssrc = here.ssrc};
    ravel_rtcp_note_sent(&here, header.timestamp, 40, now_us);
    if (!lost)
        ravel_rtcp_note_received(&there, &header, now_us + late_us);
    now_us += PACKET_US;
}

/* A report from one to the other, WAY_US under way. */
static int report(ravel_rtcp *from, ravel_rtcp *to, ravel_network_report *heard)
{
    uint8_t packet[RAVEL_RTCP_MAX];
    size_t n = ravel_rtcp_write(from, false, now_us, packet);
    now_us += WAY_US;
    return ravel_rtcp_read(to, packet, n, now_us, heard);
}

Test(rtcp, tells_loss_since_the_last_report)
{
    ravel_network_report heard;
    for (int i = 0; i < 1000; i++)
        send_packet((uint16_t)(65000 + i), i % 10 == 5, WAY_US);
    cr_assert_eq(report(&there, &here, &heard), RAVEL_RTCP_REPORT);
    cr_assert_float_eq((double)heard.loss, 0.1, 0.004);
    cr_assert_eq(ravel_rtcp_lost(&there), 100);
    for (int i = 1000; i < 1500; i++)
        send_packet((uint16_t)(65000 + i), false, WAY_US);
    cr_assert_eq(report(&there, &here, &heard), RAVEL_RTCP_REPORT);
    cr_assert_eq(heard.loss, 0);
    cr_assert_eq(ravel_rtcp_lost(&there), 100);
    cr_assert_eq(heard.peer_jitter_us, 0);
}

Test(rtcp, tells_the_round_trip)
{
    ravel_network_report heard;
    send_packet(0, false, WAY_US);
    cr_assert_eq(report(&there, &here, &heard), RAVEL_RTCP_REPORT);
    cr_assert_eq(heard.round_trip_us, -1, "nobody had reported before");
    cr_assert_eq(report(&here, &there, &heard), 0, "nothing came from there yet");
    now_us += 700000; /* which the report takes off */
    cr_assert_eq(report(&there, &here, &heard), RAVEL_RTCP_REPORT);
    cr_assert_float_eq(heard.round_trip_us, 2 * WAY_US, 60);
    cr_assert_eq(heard.arrival_us, now_us);
}

/* Every other packet 8 ms late: all differences are 8 ms. */
Test(rtcp, tells_jitter)
{
    ravel_network_report heard;
    for (int i = 0; i < 500; i++)
        send_packet((uint16_t)i, false, WAY_US + (i % 2 != 0 ? 8000 : 0));
    cr_assert_eq(report(&there, &here, &heard), RAVEL_RTCP_REPORT);
    cr_assert_float_eq(heard.peer_jitter_us, 8000, 100);
    cr_assert_float_eq(ravel_rtcp_jitter_us(&there), 8000, 100);
}

Test(rtcp, counts_a_peer_that_starts_anew)
{
    for (int i = 0; i < 100; i++)
        send_packet((uint16_t)i, i == 50, WAY_US);
    for (int i = 0; i < 100; i++) /* the same source, other numbers */
        send_packet((uint16_t)(30000 + i), i == 50, WAY_US);
    here.ssrc = 0x33333333;
    for (int i = 0; i < 100; i++)
        send_packet((uint16_t)(60000 + i), i == 50, WAY_US);
    cr_assert_eq(ravel_rtcp_lost(&there), 3);
}

Test(rtcp, says_goodbye)
{
    ravel_network_report heard;
    uint8_t packet[RAVEL_RTCP_MAX];
    size_t n = ravel_rtcp_write(&there, true, now_us, packet);
    cr_assert_eq(ravel_rtcp_read(&here, packet, n, now_us, &heard), RAVEL_RTCP_BYE);
}

/* The longest that is written fits, and what is cut or changed is read without harm. */
Test(rtcp, reads_anything)
{
    ravel_network_report heard;
    uint8_t packet[RAVEL_RTCP_MAX];
    for (uint16_t i = 0; i < 10; i++)
        send_packet(i, false, WAY_US);
    ravel_rtcp_note_sent(&there, 0, 40, now_us);
    size_t n = ravel_rtcp_write(&there, true, now_us, packet);
    cr_assert_leq(n, RAVEL_RTCP_MAX);
    cr_assert_eq(ravel_rtcp_read(&here, packet, n, now_us, &heard),
                 RAVEL_RTCP_REPORT | RAVEL_RTCP_BYE);
    cr_assert_eq(ravel_rtcp_read(&here, packet, 0, now_us, &heard), -1);
    for (size_t cut = 1; cut < n; cut++) {
        uint8_t *exact = malloc(cut); /* so that a sanitizer sees a byte too much */
        memcpy(exact, packet, cut);
        int found = ravel_rtcp_read(&here, exact, cut, now_us, &heard);
        cr_assert(found == -1 || (found & RAVEL_RTCP_BYE) == 0);
        free(exact);
    }
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t damaged[RAVEL_RTCP_MAX];
        memcpy(damaged, packet, n);
        damaged[ravel_random_below(&seed, (int)n)] = (uint8_t)ravel_random_bits(&seed);
        damaged[ravel_random_below(&seed, (int)n)] ^= (uint8_t)(1 << ravel_random_below(&seed, 8));
        int found = ravel_rtcp_read(&here, damaged, n, now_us, &heard);
        cr_assert(found >= -1 && found <= 3);
    }
}
