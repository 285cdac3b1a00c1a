/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/rtcp.h"

#include <math.h>
#include <string.h>

enum {
    SENDER_REPORT = 200,
    RECEIVER_REPORT = 201,
    DESCRIPTION = 202,
    GOODBYE = 203,
    CNAME_ITEM = 1,
    HEADER = 8,      /* bytes: the common header and the sender's SSRC */
    SENDER = 20,     /* bytes of what only a sender's report has */
    BLOCK = 24,      /* bytes about one source */
    MAX_JUMP = 3000, /* packets: farther on, the peer has started anew (RFC 3550 A.1) */
    MAX_JITTER_US = 1000000000
};

void ravel_rtcp_init(ravel_rtcp *rtcp, uint32_t ssrc, int clock_hz,
                     const char cname[RAVEL_RTCP_CNAME])
{
    *rtcp = (ravel_rtcp){.ssrc = ssrc, .clock_hz = clock_hz};
    memcpy(rtcp->cname, cname, RAVEL_RTCP_CNAME);
}

/* --- The peer's packets --------------------------------------------------------------------- */

static int64_t lost_of(const ravel_reception *peer)
{
    if (!peer->heard)
        return 0;
    return (int64_t)(peer->highest - peer->first) + 1 - (int64_t)peer->received;
}

uint64_t ravel_rtcp_lost(const ravel_rtcp *rtcp)
{
    int64_t lost = lost_of(&rtcp->peer); /* below 0 where packets came twice */
    return rtcp->lost_of_earlier_sources + (lost > 0 ? (uint64_t)lost : 0);
}

int ravel_rtcp_jitter_us(const ravel_rtcp *rtcp)
{
    return (int)fmin(1e6 * rtcp->peer.jitter / rtcp->clock_hz, MAX_JITTER_US);
}

static int64_t ticks_of(const ravel_rtcp *rtcp, int64_t us)
{
    return us / 1000000 * rtcp->clock_hz + us % 1000000 * rtcp->clock_hz / 1000000;
}

/* Counting starts with a number that leaves room for packets that come after it and were before. */
static void start_source(ravel_rtcp *rtcp, const ravel_rtp_header *header, int64_t transit)
{
    rtcp->lost_of_earlier_sources = ravel_rtcp_lost(rtcp);
    uint32_t sequence = 0x10000u | header->sequence;
    rtcp->peer = (ravel_reception){.ssrc = header->ssrc,
                                   .heard = true,
                                   .first = sequence,
                                   .highest = sequence,
                                   .next_after_jump = UINT32_MAX,
                                   .transit = transit};
}

/* false: a jump that one packet does not prove; two in a row do (RFC 3550 A.1). */
static bool follow_sequence(ravel_reception *peer, uint16_t sequence, bool *restart)
{
    int ahead = (int16_t)(uint16_t)(sequence - (uint16_t)peer->highest);
    *restart = false;
    if (ahead > -MAX_JUMP && ahead < MAX_JUMP) {
        if (ahead > 0)
            peer->highest += (uint32_t)ahead;
        return true;
    }
    *restart = sequence == peer->next_after_jump;
    peer->next_after_jump = (uint16_t)(sequence + 1);
    return *restart;
}

void ravel_rtcp_note_received(ravel_rtcp *rtcp, const ravel_rtp_header *header, int64_t arrival_us)
{
    ravel_reception *peer = &rtcp->peer;
    int64_t transit = ticks_of(rtcp, arrival_us) - header->timestamp;
    bool restart = !peer->heard || header->ssrc != peer->ssrc;
    if (!restart && !follow_sequence(peer, header->sequence, &restart))
        return;
    if (restart)
        start_source(rtcp, header, transit);
    peer->received++;
    /* Modulo 2^32, as timestamps are. */
    double difference = fabs((double)(int32_t)(uint32_t)(transit - peer->transit));
    peer->transit = transit;
    peer->jitter += (difference - peer->jitter) / 16; /* RFC 3550 A.8 */
}

void ravel_rtcp_note_sent(ravel_rtcp *rtcp, uint32_t timestamp, size_t payload_bytes,
                          int64_t now_us)
{
    rtcp->packets++;
    rtcp->bytes += (uint32_t)payload_bytes;
    rtcp->spoke = true;
    rtcp->last_timestamp = timestamp;
    rtcp->last_sent_us = now_us;
}

/* --- Writing -------------------------------------------------------------------------------- */

/* Seconds and 2^-32 of them. The monotonic clock: no wall clock is told (RFC 3550 6.4.1). */
static uint64_t ntp_of(int64_t us)
{
    uint64_t seconds = (uint64_t)us / 1000000, rest = (uint64_t)us % 1000000;
    return seconds << 32 | (rest << 32) / 1000000;
}

/* bytes: of the whole packet, a multiple of 4. */
static void write_header(uint8_t *p, int count, int type, size_t bytes)
{
    p[0] = (uint8_t)(2 << 6 | count);
    p[1] = (uint8_t)type;
    ravel_put_16(p + 2, (uint16_t)(bytes / 4 - 1));
}

static size_t write_sender(const ravel_rtcp *rtcp, int64_t now_us, uint8_t *p)
{
    uint64_t ntp = ntp_of(now_us);
    uint32_t since = (uint32_t)ticks_of(rtcp, now_us - rtcp->last_sent_us);
    ravel_put_32(p, (uint32_t)(ntp >> 32));
    ravel_put_32(p + 4, (uint32_t)ntp);
    ravel_put_32(p + 8, rtcp->last_timestamp + since);
    ravel_put_32(p + 12, rtcp->packets);
    ravel_put_32(p + 16, rtcp->bytes);
    return SENDER;
}

/* Of 256: RFC 3550 A.3. */
static uint8_t fraction_lost(ravel_reception *peer)
{
    uint32_t expected = peer->highest - peer->first + 1, received = (uint32_t)peer->received;
    int64_t lately = (int64_t)(uint32_t)(expected - peer->expected_before);
    int64_t lost = lately - (int64_t)(uint32_t)(received - peer->received_before);
    peer->expected_before = expected;
    peer->received_before = received;
    if (lately <= 0 || lost <= 0)
        return 0;
    return (uint8_t)(lost >= lately ? 255 : lost * 256 / lately);
}

static size_t write_block(ravel_rtcp *rtcp, int64_t now_us, uint8_t *p)
{
    ravel_reception *peer = &rtcp->peer;
    int64_t lost = lost_of(peer);
    lost = lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost;
    ravel_put_32(p, peer->ssrc);
    ravel_put_32(p + 4, (uint32_t)fraction_lost(peer) << 24 | ((uint32_t)lost & 0xffffff));
    ravel_put_32(p + 8, peer->highest - 0x10000u);
    ravel_put_32(p + 12, (uint32_t)peer->jitter);
    uint64_t delay = ntp_of(now_us - rtcp->peer_report_us) >> 16;
    bool known = rtcp->peer_report_us != 0;
    ravel_put_32(p + 16, known ? rtcp->peer_report_ntp : 0);
    ravel_put_32(p + 20, known ? (uint32_t)delay : 0);
    return BLOCK;
}

static size_t write_report(ravel_rtcp *rtcp, int64_t now_us, uint8_t *p)
{
    bool sender = rtcp->spoke;
    size_t n = HEADER;
    ravel_put_32(p + 4, rtcp->ssrc);
    if (sender)
        n += write_sender(rtcp, now_us, p + n);
    if (rtcp->peer.heard)
        n += write_block(rtcp, now_us, p + n);
    write_header(p, rtcp->peer.heard ? 1 : 0, sender ? SENDER_REPORT : RECEIVER_REPORT, n);
    rtcp->spoke = false;
    return n;
}

/* One source with one item, its end, and zeros up to a whole word. */
static size_t write_description(const ravel_rtcp *rtcp, uint8_t *p)
{
    size_t length = strlen(rtcp->cname), n = (HEADER + 2 + length + 1 + 3) / 4 * 4;
    memset(p, 0, n);
    write_header(p, 1, DESCRIPTION, n);
    ravel_put_32(p + 4, rtcp->ssrc);
    p[HEADER] = CNAME_ITEM;
    p[HEADER + 1] = (uint8_t)length;
    memcpy(p + HEADER + 2, rtcp->cname, length);
    return n;
}

size_t ravel_rtcp_write(ravel_rtcp *rtcp, bool bye, int64_t now_us, uint8_t packet[RAVEL_RTCP_MAX])
{
    size_t n = write_report(rtcp, now_us, packet);
    n += write_description(rtcp, packet + n);
    if (bye) {
        write_header(packet + n, 1, GOODBYE, HEADER);
        ravel_put_32(packet + n + 4, rtcp->ssrc);
        n += HEADER;
    }
    return n;
}

/* --- Reading -------------------------------------------------------------------------------- */

static void read_block(const ravel_rtcp *rtcp, const uint8_t *p, int64_t now_us,
                       ravel_network_report *report)
{
    uint32_t last = ravel_get_32(p + 16), delay = ravel_get_32(p + 20);
    *report = (ravel_network_report){.loss = (float)p[4] / 256.0f,
                                     .round_trip_us = -1,
                                     .peer_jitter_us = 0,
                                     .arrival_us = now_us};
    double jitter_us = 1e6 * ravel_get_32(p + 12) / rtcp->clock_hz;
    report->peer_jitter_us = (int)fmin(jitter_us, MAX_JITTER_US);
    if (last == 0)
        return;
    /* In 2^-16 s, rounded three times; what lies beyond 10 s was not one of our reports. */
    int32_t trip = (int32_t)((uint32_t)(ntp_of(now_us) >> 16) - last - delay);
    if (trip >= -3 && trip < 10 << 16)
        report->round_trip_us = trip > 0 ? (int)((int64_t)trip * 1000000 >> 16) : 0;
}

/* n: bytes of this packet. */
static int read_report(ravel_rtcp *rtcp, const uint8_t *p, size_t n, int64_t now_us,
                       ravel_network_report *report)
{
    bool sender = p[1] == SENDER_REPORT;
    size_t at = HEADER + (sender ? SENDER : 0), count = p[0] & 0x1f;
    if (n < at + count * BLOCK)
        return -1;
    if (sender) {
        rtcp->peer_report_ntp = (ravel_get_32(p + 8) & 0xffff) << 16 | ravel_get_32(p + 12) >> 16;
        rtcp->peer_report_us = now_us;
    }
    int found = 0;
    for (size_t i = 0; i < count; i++, at += BLOCK) {
        if (ravel_get_32(p + at) == rtcp->ssrc) {
            read_block(rtcp, p + at, now_us, report);
            found = RAVEL_RTCP_REPORT;
        }
    }
    return found;
}

int ravel_rtcp_read(ravel_rtcp *rtcp, const uint8_t *packet, size_t size, int64_t now_us,
                    ravel_network_report *report)
{
    int found = 0;
    for (size_t at = 0, n; at < size; at += n) {
        const uint8_t *p = packet + at;
        if (size - at < 4 || p[0] >> 6 != 2)
            return -1;
        n = 4 * ((size_t)ravel_get_16(p + 2) + 1);
        if (n > size - at)
            return -1;
        int of_this = 0;
        if (p[1] == SENDER_REPORT || p[1] == RECEIVER_REPORT)
            of_this = n >= HEADER ? read_report(rtcp, p, n, now_us, report) : -1;
        else if (p[1] == GOODBYE)
            of_this = RAVEL_RTCP_BYE;
        if (of_this < 0)
            return -1;
        found |= of_this;
    }
    return size > 0 ? found : -1;
}
