/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Payloads to samples, at a steady pace: packets are put in order, late ones waited for as long as
 * pays, lost ones taken from the redundancy of later ones, or concealed.
 */
#ifndef RAVEL_CALL_VOICE_RECEIVER_H
#define RAVEL_CALL_VOICE_RECEIVER_H

#include "audio_io/call/voice/packet_ring.h"
#include "audio_io/call/voice/voice.h"

typedef struct ravel_receiver ravel_receiver;

/* NULL with *error filled. Put and get belong to one thread, that of the playout. */
ravel_receiver *ravel_receiver_new(const ravel_voice *voice, ravel_error *error);
void ravel_receiver_free(ravel_receiver *receiver); /* NULL is allowed */

/*
 * A packet that came at packet->time_us. Anything may be in its payload. No allocation, lock or
 * system call.
 */
void ravel_receiver_put(ravel_receiver *receiver, const ravel_voice_packet *packet);

/*
 * The next n samples, always: silence before the first packet came. No allocation, lock or system
 * call.
 * now_us    the clock of packet->time_us
 */
void ravel_receiver_get(ravel_receiver *receiver, float *pcm, int n, int64_t now_us);

typedef struct {
    int64_t packets;    /* that came */
    int64_t bad;        /* of these not readable */
    int64_t duplicates; /* of these that had come before */
    int64_t lost;       /* that did not come, by their sequence numbers */
    int64_t late;       /* that came when their time was over */
    int64_t frames;     /* played */
    int64_t recovered;  /* of these out of redundancy */
    int64_t concealed;  /* of these made up: lost ones, those waited for, and, until the next packet
                           tells that nothing was lost, silence */
    int64_t silent;     /* of these comfort noise, as nobody spoke */
    int64_t dropped;    /* frames that were left out to shorten the delay */
    int64_t position;   /* RTP time, not wrapped, up to which has been made into sound */
    double delay_ms;    /* from a packet's arrival on the fastest way to its sound, now */
    double target_ms;   /* what that delay is to become: in time for nearly all packets */
} ravel_receiver_status;

/* From any thread. */
void ravel_receiver_get_status(const ravel_receiver *receiver, ravel_receiver_status *status);

#endif
