/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codec of a call, as both sides agreed on it: Ravel with a model, or Opus (RFC 6716, RFC 7587).
 * A sender (sender.h) and a receiver (receiver.h) are made of it; docs/rtp.md tells what goes over
 * the network.
 */
#ifndef RAVEL_CALL_VOICE_VOICE_H
#define RAVEL_CALL_VOICE_VOICE_H

#include <stdbool.h>

#include "ravel/ravel.h"

/* Whether packets repeat what earlier ones said, in few bits. */
typedef enum {
    RAVEL_REDUNDANCY_AUTO, /* as much as the loss that the peer reports asks for */
    RAVEL_REDUNDANCY_OFF,
    RAVEL_REDUNDANCY_ON /* as AUTO, and never less than for some losses */
} ravel_redundancy;

typedef struct {
    const ravel_model *model; /* NULL: Opus. Of one channel and one rate; outlives what is made */
    int opus_rate_hz;         /* of the samples with Opus: 8000, 12000, 16000, 24000 or 48000 */
    int bitrate_bps;          /* of what is sent without headers, redundancy included */
    int max_codebooks;        /* that the peer takes; 0: all of the model */
    bool coded;               /* the peer has the same static tables: range-coded packets */
    int min_frames;           /* of a packet to be sent, 1 ... 4; both equal: always that many */
    int max_frames;
    ravel_redundancy redundancy;
    bool dtx; /* sends next to nothing while nobody speaks */
} ravel_voice;

/* 1 to 4 frames of what is usual: 6 kb/s with a model, 24 kb/s with Opus at 48 kHz. */
ravel_voice ravel_voice_default(const ravel_model *model);

/* What follows from it. */
typedef struct {
    int rate_hz;       /* of samples */
    int clock_hz;      /* of RTP timestamps: the model's rate; 48000 for Opus */
    int frame_samples; /* the model's hop; 20 ms for Opus */
    int frame_ticks;   /* the same in units of the RTP clock */
} ravel_voice_format;

/* return    RAVEL_OK; a negative status with *error filled where such a call cannot be */
int ravel_voice_get_format(const ravel_voice *voice, ravel_voice_format *format,
                           ravel_error *error);

#endif
