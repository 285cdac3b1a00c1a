/* SPDX-License-Identifier: BSD-3-Clause */
/* One direction of a call over a network that spoils it, in simulated time. */
#ifndef RAVEL_TESTS_SPOILED_CALL_H
#define RAVEL_TESTS_SPOILED_CALL_H

#include "audio_io/call/voice/receiver.h"
#include "audio_io/call/voice/sender.h"

typedef struct {
    double loss;            /* share of packets lost, each by itself */
    double bursts_a_second; /* in each of which all packets of 100 ms are lost */
    int jitter_ms;          /* a packet takes 0 to that longer than the fastest, each by itself */
    double duplicates;      /* share of packets that come twice */
    int round_trip_ms;      /* as it is reported */
    double clock_ppm;       /* by which the receiver's clock is the faster one */
    uint32_t seed;          /* not 0 */
} ravel_test_network;

typedef struct {
    ravel_sender_status sent;
    ravel_receiver_status received;
    int64_t n_lost;          /* packets */
    double longest_delay_ms; /* of the receiver */
} ravel_test_call;

/*
 * Speaks pcm of n samples and listens. The loss is reported every two seconds, the first time at the
 * begin, as if the call had gone on for long.
 * heard     [n]: what was heard, put back where it belongs in time (a delay that changes is not seen)
 * played    [n]: what was heard, as it was heard; NULL is allowed
 * return    0; or 1 where the voice was refused, with a message on stderr
 */
int ravel_test_call_run(const ravel_voice *voice, const ravel_test_network *network,
                        const float *pcm, int n, float *heard, float *played,
                        ravel_test_call *call);

#endif
