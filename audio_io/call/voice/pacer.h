/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When what is played. A frame is played once it has waited as long as nearly all packets are late,
 * or when it is the next one anyway; what is missing then is made up. The delay grows by made-up
 * frames, at once where it is too short, and shrinks by blending two frames into one, in pauses.
 */
#ifndef RAVEL_CALL_VOICE_PACER_H
#define RAVEL_CALL_VOICE_PACER_H

#include "audio_io/call/voice/counters.h"
#include "audio_io/call/voice/delay.h"
#include "audio_io/call/voice/jitter.h"

enum { RAVEL_PACER_MISSED = 32 };

typedef struct {
    ravel_voice_format format;
    ravel_listener *listener;
    ravel_jitter *jitter;
    ravel_counters *counters;
    bool playing;
    int64_t next;                       /* ticks: the end of what was played */
    int64_t last_sequence;              /* of the packets that were played */
    int made_up;                        /* frames since then */
    int since_change;                   /* frames since the delay was changed on purpose */
    float level_db, peak_db;            /* of the last frame; of the speech */
    int64_t missed[RAVEL_PACER_MISSED]; /* begins of frames that were skipped */
    int n_missed;                       /* ever */
    float *pcm;                         /* what has been made and not asked for yet */
    int n_pcm, capacity;
} ravel_pacer;

/* listener, jitter and counters stay the caller's. return    RAVEL_OK or RAVEL_ERR_MEMORY */
int ravel_pacer_init(ravel_pacer *pacer, const ravel_voice_format *format, ravel_listener *listener,
                     ravel_jitter *jitter, ravel_counters *counters);
void ravel_pacer_free(ravel_pacer *pacer);

/* Forgets the stream; what has been made stays to be played. */
void ravel_pacer_restart(ravel_pacer *pacer);

/* Whether a unit that begins there comes too late. */
bool ravel_pacer_over(const ravel_pacer *pacer, int64_t begin);
/* Whether it was skipped, and not found here before: then it is taken off the list. */
bool ravel_pacer_missed(ravel_pacer *pacer, int64_t begin);

/* n samples, always. */
void ravel_pacer_take(ravel_pacer *pacer, const ravel_delay *delay, float *pcm, int n,
                      int64_t now_us);

#endif
