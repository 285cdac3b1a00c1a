/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a report of the peer (RTCP, RFC 3550 6.4) tells of the way there and back, about every two
 * seconds. Not smoothed: that is the reader's.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_NETWORK_REPORT_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_NETWORK_REPORT_H

#include <stdint.h>

typedef struct {
    float loss;         /* share 0 ... 1 of our packets lost since the report before */
    int round_trip_us;  /* -1: not known yet */
    int peer_jitter_us; /* of our packets' arrival at the peer (RFC 3550 6.4.1) */
    int64_t arrival_us;
} ravel_network_report;

#endif
