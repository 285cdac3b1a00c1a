/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Samples to payloads. How many frames a packet has, how many codebooks a frame, and how much of
 * earlier frames is repeated follows what the peer reports; the bitrate is held.
 */
#ifndef RAVEL_CALL_VOICE_SENDER_H
#define RAVEL_CALL_VOICE_SENDER_H

#include "audio_io/call/transport/network_report.h"
#include "audio_io/call/voice/packet_ring.h"
#include "audio_io/call/voice/voice.h"

typedef struct ravel_sender ravel_sender;

enum { RAVEL_SENDER_MAX_BYTES = 1200 }; /* of a payload: what a packet on any path has room for */

/* NULL with *error filled. */
ravel_sender *ravel_sender_new(const ravel_voice *voice, ravel_error *error);
void ravel_sender_free(ravel_sender *sender); /* NULL is allowed */

/*
 * One frame: no allocation, lock or system call. Of the capture thread.
 * pcm       frame_samples samples
 * packet    timestamp, marker, n_bytes and bytes are set when one is due
 * return    1: a packet is due; 0: none is; or a negative status
 */
int ravel_sender_push(ravel_sender *sender, const float *pcm, ravel_voice_packet *packet);

/* What the peer has reported. From one thread, any; lock-free. */
void ravel_sender_report(ravel_sender *sender, const ravel_network_report *report);

typedef struct {
    int64_t packets, bytes; /* payloads, without headers */
    int64_t frames;         /* that went in */
    int64_t silent_frames;  /* of these not sent, because nobody spoke */
    int frames_per_packet;
    int codebooks;           /* of a frame; 0 with Opus */
    int redundant_frames;    /* that a packet repeats */
    int redundant_codebooks; /* of each; 0 with Opus */
    double loss;             /* smoothed, as it is used */
} ravel_sender_status;

/* From any thread. */
void ravel_sender_get_status(const ravel_sender *sender, ravel_sender_status *status);

#endif
