/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet holds, by what is known of the network. Functions of their arguments only.
 */
#ifndef RAVEL_CALL_VOICE_PLAN_H
#define RAVEL_CALL_VOICE_PLAN_H

#include "audio_io/call/voice/voice.h"

enum { RAVEL_PLAN_MAX_REDUNDANT_FRAMES = 8 };

/*
 * Frames a packet, within the voice's limits: enough that the headers do not cost more than twice the
 * voice, but no more than the delay allows that the way leaves of what people do not notice.
 * one_way_us    of the network, with its jitter
 */
int ravel_plan_frames(const ravel_voice *voice, const ravel_voice_format *format, int one_way_us);

/* What a frame of a codec in codebooks is sent with. */
typedef struct {
    int n_codebooks;         /* in the packet that it belongs to */
    int n_copies;            /* later packets that repeat it, each the next */
    int redundant_codebooks; /* in each of these */
} ravel_plan;

typedef struct {
    int frame_bits;    /* that a frame and its copies may take */
    int bits_per_code; /* of a codebook */
    int n_codebooks;   /* most */
    int n_frames;      /* of a packet */
    int frame_ms;
    double loss; /* share of packets, 0 ... 1 */
} ravel_plan_limits;

/* The plan of the greatest expected quality; at least one codebook. */
ravel_plan ravel_plan_copies(const ravel_plan_limits *limits);

#endif
