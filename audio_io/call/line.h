/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a call is spoken into and heard from: the devices of the machine (audio_io/live/engine.h), or
 * files that go at the pace of the system's clock, for services and tests. Mono.
 */
#ifndef RAVEL_AUDIO_IO_CALL_LINE_H
#define RAVEL_AUDIO_IO_CALL_LINE_H

#include "audio_io/live/engine.h"

typedef struct {
    /* A file each, or NULL. One of them is enough to use no device: silence is sent, or what comes
     * is thrown away. */
    const char *play;   /* is sent, and then silence */
    const char *record; /* what comes from the peer, from the begin of the sound to its end */
    bool record_new;    /* to "record-2.wav" and so on where the file is there */
    /* As of ravel_engine_config, where there is no file. */
    const char *input, *output;
    int block_ms;
    bool echo_cancel;
} ravel_line_config;

typedef struct ravel_line ravel_line;

/* Slow: disks and devices are opened. NULL with *error filled. */
ravel_line *ravel_line_open(const ravel_line_config *config, int rate_hz, ravel_error *error);

/* return    0; a negative status where the recording could not be written whole */
int ravel_line_close(ravel_line *line, ravel_error *error); /* NULL is allowed */

/* As those of the engine. capture: capture thread; wanted and play: playout thread. */
int ravel_line_capture(ravel_line *line, float *pcm, int n);
int ravel_line_wanted(ravel_line *line);
void ravel_line_play(ravel_line *line, const float *pcm, int n);
void ravel_line_wait(ravel_line *line);

/* Of devices. return    false where there are files */
bool ravel_line_get_status(const ravel_line *line, ravel_engine_status *status);

#endif
