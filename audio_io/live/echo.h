/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Takes out of the microphone what the loudspeaker played: speexdsp's canceller (Valin, "On adjusting
 * the learning rate in frequency domain echo cancellation with double-talk", 2007).
 *
 * The playout thread leaves what it plays in a ring; the capture thread takes as much out of it as
 * comes from the microphone, beginning where the devices' delays say that the sound of this moment
 * is, and stays there: the canceller learns the room, and a reference that moves would be another
 * room. Positions count samples at the codec's rate.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_ECHO_H
#define RAVEL_AUDIO_IO_LIVE_ECHO_H

#include <stdint.h>

typedef struct ravel_echo ravel_echo;

/* NULL without memory. */
ravel_echo *ravel_echo_new(int rate_hz);
void ravel_echo_free(ravel_echo *echo); /* NULL is allowed */

/* Samples of a block: 10 ms. */
int ravel_echo_block(const ravel_echo *echo);

/* Playout thread. NULL: n samples of silence. return    the position behind the last sample kept */
int64_t ravel_echo_played(ravel_echo *echo, const float *pcm, int n);

/*
 * Capture thread.
 * pcm        a block, replaced by what is left of it
 * position   of the sample that left the loudspeaker when the first of the block came in
 */
void ravel_echo_cancel(ravel_echo *echo, float *pcm, double position);

/* Any thread: mean of what is taken away, in decibels, while something is played. */
double ravel_echo_reduction_db(const ravel_echo *echo);

#endif
