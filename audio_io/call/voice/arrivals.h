/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The numbers of packets as they come: 16 and 32 bits made whole (RFC 3550 A.1), duplicates found,
 * losses counted (A.3). Packets that do not fit to those before are refused until several of them
 * agree that the stream has begun anew.
 */
#ifndef RAVEL_CALL_VOICE_ARRIVALS_H
#define RAVEL_CALL_VOICE_ARRIVALS_H

#include "audio_io/call/voice/delay.h"
#include "audio_io/call/voice/packet_ring.h"

typedef struct {
    int clock_hz;
    bool started;
    int64_t newest_sequence, first_sequence;
    int64_t newest_timestamp;
    uint64_t seen;                 /* bit i: newest_sequence - i has come */
    int64_t n_unique, lost_before; /* of this stream; in streams before it */
    int n_strange;                 /* refused in a row */
    int64_t strange_us;            /* the last one's transit, by its own 32 bits */
} ravel_arrivals;

typedef enum {
    RAVEL_ARRIVAL_NEXT,      /* take it */
    RAVEL_ARRIVAL_RESTARTED, /* take it, and forget all that came before */
    RAVEL_ARRIVAL_DUPLICATE,
    RAVEL_ARRIVAL_STRANGE
} ravel_arrival;

ravel_arrivals ravel_arrivals_new(int clock_hz);

/*
 * delay         of the stream so far
 * sequence, timestamp    whole, set for a packet that is to be taken
 */
ravel_arrival ravel_arrivals_add(ravel_arrivals *arrivals, const ravel_delay *delay,
                                 const ravel_voice_packet *packet, int64_t *sequence,
                                 int64_t *timestamp);

/* Packets that should have come and did not. */
int64_t ravel_arrivals_lost(const ravel_arrivals *arrivals);

/* Of a time in ticks of the clock. */
int64_t ravel_ticks_us(int64_t ticks, int clock_hz);

#endif
