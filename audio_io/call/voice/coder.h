/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sender and receiver want of a codec: a speaker makes payloads of samples, a listener makes
 * samples of payloads. The functions allocate, lock and wait for nothing, but for new and free.
 */
#ifndef RAVEL_CALL_VOICE_CODER_H
#define RAVEL_CALL_VOICE_CODER_H

#include "audio_io/call/voice/voice.h"

/* --- Speaker -------------------------------------------------------------------------------- */

typedef struct ravel_speaker ravel_speaker;

/* How it speaks; what it does not have is 0. */
typedef struct {
    int codebooks, redundant_frames, redundant_codebooks;
} ravel_manner;

typedef enum {
    RAVEL_SAID_NOTHING,
    RAVEL_SAID_SILENCE, /* what the noise is like while nobody speaks */
    RAVEL_SAID_SPEECH
} ravel_said;

typedef struct {
    void (*free)(ravel_speaker *speaker);
    /* From the next packet on, of n_frames frames, at that share of lost packets. */
    ravel_manner (*adapt)(ravel_speaker *speaker, int n_frames, double loss);
    /* A frame of samples. return    frames that are ready because of it, or a negative status */
    int (*push)(ravel_speaker *speaker, const float *pcm);
    /*
     * The payload of all frames that are ready, at most RAVEL_PACKET_MAX_FRAMES.
     * said      set
     * return    bytes, 0 where nothing is to be sent, or a negative status
     */
    int (*write)(ravel_speaker *speaker, uint8_t *payload, int capacity, ravel_said *said);
} ravel_speaker_ops;

struct ravel_speaker {
    const ravel_speaker_ops *ops;
};

/* The voice has been checked by ravel_voice_get_format. NULL with *error filled. */
ravel_speaker *ravel_model_speaker_new(const ravel_voice *voice, ravel_error *error);
ravel_speaker *ravel_opus_speaker_new(const ravel_voice *voice, ravel_error *error);

/* --- Listener ------------------------------------------------------------------------------- */

typedef struct ravel_listener ravel_listener;

/* A stretch of sound that a payload has something of. */
typedef struct {
    int offset_ticks;     /* of its begin from the packet's timestamp, units of the RTP clock */
    int ticks;            /* its length */
    int rank;             /* of two for the same stretch the greater is the better */
    bool redundant;       /* it had been sent before */
    const uint8_t *bytes; /* what decode needs; valid until the listener's next call */
    int n_bytes;
} ravel_unit;

enum { RAVEL_MAX_UNITS = 32, RAVEL_UNIT_BYTES = 1500 };

typedef struct {
    void (*free)(ravel_listener *listener);
    /*
     * payload    from the network, anything
     * units      room for RAVEL_MAX_UNITS
     * return     units, at least 1; or a negative status
     */
    int (*open)(ravel_listener *listener, const uint8_t *payload, int n_bytes, ravel_unit *units);
    /*
     * The sound of a unit: bytes, n_bytes, ticks and redundant as open gave them.
     * pcm       room for capacity samples, RAVEL_MAX_UNIT_MS of sound
     * return    samples, or a negative status
     */
    int (*decode)(ravel_listener *listener, const ravel_unit *unit, float *pcm, int capacity);
    /*
     * One frame in the place of what did not come: continued sound, or noise in silence.
     * next        the unit that is the next to be decoded, where it is known already; else NULL
     * distance    frames from this one to next, >= 1
     */
    int (*conceal)(ravel_listener *listener, const ravel_unit *next, int distance, float *pcm,
                   int capacity);
} ravel_listener_ops;

enum { RAVEL_MAX_UNIT_MS = 120 };

struct ravel_listener {
    const ravel_listener_ops *ops;
};

ravel_listener *ravel_model_listener_new(const ravel_voice *voice, ravel_error *error);
ravel_listener *ravel_opus_listener_new(const ravel_voice *voice, ravel_error *error);

#endif
