/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec's thread of `ravel live`: microphone, encoder, network, decoder, loudspeaker. */
#ifndef RAVEL_TOOLS_LIVE_VOICE_H
#define RAVEL_TOOLS_LIVE_VOICE_H

#include "audio_io/live/engine.h"
#include "audio_io/live/loop.h"
#include "audio_io/live/recorder.h"

typedef struct ravel_live_voice ravel_live_voice;

typedef struct {
    ravel_loop_counts counts;
    double busy_s;     /* in steps, by the clock */
    double cpu_s;      /* of the thread, on the processor */
    double longest_ms; /* of all steps */
    int realtime; /* 0, or why the system does not put the thread first (errno); -1: not asked yet */
} ravel_live_figures;

/*
 * Everything belongs to the caller, and is the thread's until it is stopped.
 * recorder    or NULL
 * return      NULL with *error filled
 */
ravel_live_voice *ravel_live_voice_start(ravel_engine *engine, ravel_loop *loop,
                                         ravel_recorder *recorder, ravel_error *error);

/* Any thread, until it is stopped. */
ravel_live_figures ravel_live_voice_figures(const ravel_live_voice *voice);

/* Ends the thread, lets the recorder have the last frames, and frees. return    the last figures */
ravel_live_figures ravel_live_voice_stop(ravel_live_voice *voice);

#endif
