/* SPDX-License-Identifier: BSD-3-Clause */
/* Files as the microphone and the loudspeaker of a call (line.h). */
#ifndef RAVEL_AUDIO_IO_CALL_FILE_LINE_H
#define RAVEL_AUDIO_IO_CALL_FILE_LINE_H

#include <stdbool.h>

#include "ravel/ravel.h"

typedef struct ravel_file_line ravel_file_line;

/*
 * play, record    NULL for none
 * record_new      a file that is there stays: the recording is "record-2.wav", "record-3.wav", ...
 */
ravel_file_line *ravel_file_line_open(const char *play, const char *record, bool record_new,
                                      int rate_hz, ravel_error *error);
int ravel_file_line_close(ravel_file_line *line, ravel_error *error);

int ravel_file_line_capture(ravel_file_line *line, float *pcm, int n);
int ravel_file_line_wanted(ravel_file_line *line);
void ravel_file_line_play(ravel_file_line *line, const float *pcm, int n);

#endif
