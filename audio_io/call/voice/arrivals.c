/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/arrivals.h"

enum {
    WINDOW = 64,           /* packets that may come out of order, and be known as duplicates */
    STRANGERS = 3,         /* in a row that agree make a new stream */
    AGREEMENT_US = 500000, /* of their transits */
    JUMP = 3000            /* of sequence numbers: no loss, but a new count */
};

ravel_arrivals ravel_arrivals_new(int clock_hz)
{
    return (ravel_arrivals){.clock_hz = clock_hz};
}

int64_t ravel_ticks_us(int64_t ticks, int clock_hz)
{
    return ticks * 1000000 / clock_hz;
}

int64_t ravel_arrivals_lost(const ravel_arrivals *arrivals)
{
    if (!arrivals->started)
        return arrivals->lost_before;
    const int64_t expected = arrivals->newest_sequence - arrivals->first_sequence + 1;
    const int64_t lost = expected - arrivals->n_unique;
    return arrivals->lost_before + (lost > 0 ? lost : 0);
}

static void begin_count(ravel_arrivals *arrivals, int64_t sequence)
{
    arrivals->lost_before = ravel_arrivals_lost(arrivals);
    arrivals->first_sequence = arrivals->newest_sequence = sequence;
    arrivals->n_unique = 1;
    arrivals->seen = 1;
}

static void begin(ravel_arrivals *arrivals, const ravel_voice_packet *packet)
{
    begin_count(arrivals, packet->sequence);
    arrivals->newest_timestamp = packet->timestamp;
    arrivals->n_strange = 0;
    arrivals->started = true;
}

/* Whether one of several refused ones in a row is the beginning of something new. */
static bool restarts(ravel_arrivals *arrivals, const ravel_voice_packet *packet)
{
    const int64_t transit = packet->time_us - ravel_ticks_us(packet->timestamp, arrivals->clock_hz);
    const int64_t apart = transit - arrivals->strange_us;
    const bool agrees = arrivals->n_strange > 0 && apart > -AGREEMENT_US && apart < AGREEMENT_US;
    arrivals->n_strange = agrees ? arrivals->n_strange + 1 : 1;
    arrivals->strange_us = transit;
    return arrivals->n_strange >= STRANGERS;
}

/* Takes a sequence number into the count. return    whether it has been there */
static bool known(ravel_arrivals *arrivals, int64_t sequence)
{
    const int64_t ahead = sequence - arrivals->newest_sequence;
    if (ahead > JUMP || ahead < -JUMP) {
        begin_count(arrivals, sequence);
        return false;
    }
    if (ahead > 0) {
        arrivals->seen = ahead < WINDOW ? arrivals->seen << ahead | 1 : 1;
        arrivals->newest_sequence = sequence;
    } else {
        const uint64_t bit = -ahead < WINDOW ? (uint64_t)1 << -ahead : 0;
        if (bit == 0 || (arrivals->seen & bit) != 0)
            return true; /* too old to tell counts as known */
        arrivals->seen |= bit;
    }
    arrivals->n_unique++;
    return false;
}

ravel_arrival ravel_arrivals_add(ravel_arrivals *arrivals, const ravel_delay *delay,
                                 const ravel_voice_packet *packet, int64_t *sequence,
                                 int64_t *timestamp)
{
    ravel_arrival result = RAVEL_ARRIVAL_NEXT;
    const uint32_t newest = (uint32_t)arrivals->newest_timestamp;
    *timestamp = arrivals->newest_timestamp + (int32_t)(packet->timestamp - newest);
    const int64_t transit = packet->time_us - ravel_ticks_us(*timestamp, arrivals->clock_hz);
    if (arrivals->started && ravel_delay_strange(delay, transit)) {
        if (!restarts(arrivals, packet))
            return RAVEL_ARRIVAL_STRANGE;
        result = RAVEL_ARRIVAL_RESTARTED;
    }
    if (!arrivals->started || result == RAVEL_ARRIVAL_RESTARTED) {
        begin(arrivals, packet);
        *timestamp = packet->timestamp;
        *sequence = packet->sequence;
        return result;
    }
    arrivals->n_strange = 0;
    const uint16_t newest_sequence = (uint16_t)arrivals->newest_sequence;
    *sequence = arrivals->newest_sequence + (int16_t)(packet->sequence - newest_sequence);
    if (known(arrivals, *sequence))
        return RAVEL_ARRIVAL_DUPLICATE;
    if (*timestamp > arrivals->newest_timestamp)
        arrivals->newest_timestamp = *timestamp;
    return RAVEL_ARRIVAL_NEXT;
}
