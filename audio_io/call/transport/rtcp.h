/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reports of a call (RTCP, RFC 3550 6): what came of the peer's packets, told to the peer, and
 * what came of ours, told by the peer. Between two who know each other by their keys, so the rules
 * for large groups and for sources on probation fall away. No socket and no clock in here.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_RTCP_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio_io/call/transport/network_report.h"
#include "audio_io/call/transport/rtp_header.h"

enum {
    RAVEL_RTCP_MAX = 100,  /* bytes that ravel_rtcp_write makes, at most */
    RAVEL_RTCP_CNAME = 17, /* 96 random bits as text (RFC 7022), and a zero */
    RAVEL_RTCP_REPORT = 1, /* what ravel_rtcp_read found */
    RAVEL_RTCP_BYE = 2
};

/* The packets of the peer. */
typedef struct {
    uint32_t ssrc;
    bool heard;
    uint32_t first, highest; /* sequence numbers, extended by 16 bits of roll-over */
    uint32_t next_after_jump;
    uint64_t received;
    uint32_t expected_before, received_before; /* at the last report */
    int64_t transit;                           /* arrival - timestamp of the last packet, ticks */
    double jitter;                             /* ticks */
} ravel_reception;

typedef struct {
    uint32_t ssrc; /* ours */
    int clock_hz;
    char cname[RAVEL_RTCP_CNAME];
    ravel_reception peer;
    uint64_t lost_of_earlier_sources;
    uint32_t packets, bytes; /* that we sent, modulo 2^32 as the report has it */
    bool spoke;              /* since the report before */
    uint32_t last_timestamp; /* of our last packet, and when */
    int64_t last_sent_us;
    uint32_t peer_report_ntp; /* middle of the NTP time in the peer's last sender report */
    int64_t peer_report_us;   /* its arrival; 0: none */
} ravel_rtcp;

void ravel_rtcp_init(ravel_rtcp *rtcp, uint32_t ssrc, int clock_hz,
                     const char cname[RAVEL_RTCP_CNAME]);

void ravel_rtcp_note_received(ravel_rtcp *rtcp, const ravel_rtp_header *header, int64_t arrival_us);
void ravel_rtcp_note_sent(ravel_rtcp *rtcp, uint32_t timestamp, size_t payload_bytes,
                          int64_t now_us);

/* A compound packet: a sender's or receiver's report, the name, and a goodbye. return    bytes */
size_t ravel_rtcp_write(ravel_rtcp *rtcp, bool bye, int64_t now_us, uint8_t packet[RAVEL_RTCP_MAX]);

/* A compound packet of the peer. *report: filled where there is one about us.
 * return    RAVEL_RTCP_REPORT and RAVEL_RTCP_BYE, or'ed; -1 where the bytes are not RTCP */
int ravel_rtcp_read(ravel_rtcp *rtcp, const uint8_t *packet, size_t size, int64_t now_us,
                    ravel_network_report *report);

/* Packets of the peer that did not come, all in all. */
uint64_t ravel_rtcp_lost(const ravel_rtcp *rtcp);
int ravel_rtcp_jitter_us(const ravel_rtcp *rtcp);

#endif
