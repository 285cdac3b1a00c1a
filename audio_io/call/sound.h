/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sound of a call: two threads between the line (line.h) and the network's thread.
 *
 *     capture thread   line -> sender -> ring of packets ----> network's thread: ravel_sound_take
 *     playout thread   line <- receiver <- ring of packets <-- network's thread: ravel_sound_put
 */
#ifndef RAVEL_AUDIO_IO_CALL_SOUND_H
#define RAVEL_AUDIO_IO_CALL_SOUND_H

#include "audio_io/call/line.h"
#include "audio_io/call/voice/receiver.h"
#include "audio_io/call/voice/sender.h"

typedef struct ravel_sound ravel_sound;

typedef enum { RAVEL_SOUND_OPENING, RAVEL_SOUND_ON, RAVEL_SOUND_FAILED } ravel_sound_state;

typedef struct {
    ravel_sound_state state;
    bool muted;
    bool devices;             /* whether `engine` tells anything */
    bool realtime;            /* whether the system lets the threads go first */
    double in_dbfs, out_dbfs; /* of the last 0.3 s, as sent and as played */
    double load;              /* share of the time that coding takes, of both threads together */
    int64_t dropped;          /* packets for which a ring had no room */
    ravel_sender_status sender;
    ravel_receiver_status receiver;
    ravel_engine_status engine;
} ravel_sound_status;

/*
 * Returns at once; the line is opened on a thread, the state tells what came of it.
 * line        its texts outlive the sound
 * ready       is called on the capture thread when there is a packet to take
 * return      NULL with *error filled
 */
ravel_sound *ravel_sound_open(const ravel_voice *voice, const ravel_line_config *line,
                              void (*ready)(void *context), void *context, ravel_error *error);

/*
 * Ends the threads, writes the recording and frees the sound; NULL is allowed.
 * return    0; a negative status with *error filled where the line failed
 */
int ravel_sound_close(ravel_sound *sound, ravel_error *error);

/* --- On the network's thread ------------------------------------------------------------------ */

/* The next packet to be sent. return    false where there is none */
bool ravel_sound_take(ravel_sound *sound, ravel_voice_packet *packet);
void ravel_sound_put(ravel_sound *sound, const ravel_voice_packet *packet);
void ravel_sound_report(ravel_sound *sound, const ravel_network_report *report);
/* Sends silence. */
void ravel_sound_mute(ravel_sound *sound, bool muted);
void ravel_sound_get_status(const ravel_sound *sound, ravel_sound_status *status);

#endif
