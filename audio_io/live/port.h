/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction between a device and a thread: a ring of mono samples at the device's rate, and what
 * the two tell each other. The device's side, take and give, is the body of its callback: it moves
 * samples and counts, without allocation, lock or system call.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_PORT_H
#define RAVEL_AUDIO_IO_LIVE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "audio_io/live/clock.h"
#include "audio_io/live/ring.h"

typedef struct {
    ravel_ring ring;
    int rate_hz;
    ravel_clock clock;
    int64_t samples, moved; /* of the callback alone: as in the stamps */
    atomic_flag busy;       /* a callback is at it: there may be an old and a new one */

    atomic_bool begun;   /* the thread is there: from now on what is missing is missed */
    atomic_bool starved; /* the ring could not give or take the last block whole, or never could */
    _Atomic int64_t xruns;           /* how often that began */
    _Atomic int64_t missing_samples; /* and how much it was */
    _Atomic int64_t device_xruns;    /* that the device reported */

    /* Of the device, as it was opened last. */
    _Atomic int64_t latency_ns;  /* between the callback and the microphone or loudspeaker */
    _Atomic int block_samples;   /* most that a callback moved at once */
    _Atomic uint32_t generation; /* changes when another clock drives the callback */
    atomic_bool own_clock;       /* and it is a device's, and not that of the other direction */
    _Atomic int64_t losses;
    atomic_bool lost;
} ravel_port;

/* capacity_ms: of the ring. return    false without memory */
bool ravel_port_init(ravel_port *port, int rate_hz, int capacity_ms);
void ravel_port_free(ravel_port *port);

/*
 * n samples of the microphone go into the ring, the mean of their channels.
 * in     [n][channels]; NULL: silence
 * now    when the callback began
 */
void ravel_port_take(ravel_port *port, const float *in, int channels, int n, int64_t now_ns);

/*
 * n samples go out of the ring to every channel of the loudspeaker; silence where there are fewer.
 * out    [n][channels]; NULL throws them away
 */
void ravel_port_give(ravel_port *port, float *out, int channels, int n, int64_t now_ns);

#endif
