/* SPDX-License-Identifier: BSD-3-Clause */
/* A call, as its user sees it: what was asked for, what happens, what came of it. */
#ifndef RAVEL_AUDIO_IO_CALL_CALL_H
#define RAVEL_AUDIO_IO_CALL_CALL_H

#include "audio_io/call/offer.h"
#include "audio_io/call/pins.h"
#include "audio_io/call/sound.h"
#include "audio_io/call/transport/transport.h"

/* How calls are made. Texts and models outlive them. */
typedef struct {
    ravel_offer offer;
    ravel_line_config line;
    ravel_media_security weakest;
    bool ice;
    const struct sa *stun_server; /* NULL: none */
    const ravel_certificate *certificate;
    const char *folder; /* of the peers that are known */
    bool auto_answer;   /* unless the peer shows another certificate than before */
    bool ask;           /* there is somebody to ask; else a changed certificate ends the call */
    int ring_s;         /* so long it rings, here or there */
    int talk_s;         /* so long it lasts; 0: without end */
} ravel_call_config;

/* What a call came to. */
typedef enum {
    RAVEL_CALL_ENDED,  /* two talked, and one hung up */
    RAVEL_CALL_FAILED, /* the network, the peer's software, or our sound */
    RAVEL_CALL_BUSY,   /* busy, or declined, by the peer or here */
    RAVEL_CALL_NO_ANSWER,
    RAVEL_CALL_KEY /* the peer's certificate is not the one that is known */
} ravel_call_result;

typedef enum {
    RAVEL_CALL_NEW,     /* placed, or come in */
    RAVEL_CALL_RINGING, /* there, or here */
    RAVEL_CALL_ASKING,  /* whether the changed certificate is to be trusted */
    RAVEL_CALL_SECURING,
    RAVEL_CALL_TALKING,
    RAVEL_CALL_OVER
} ravel_call_state;

typedef struct {
    ravel_call_state state;
    ravel_call_result result; /* once it is over */
    char reason[300];         /* of that, for the user */
    bool outgoing;
    char peer[RAVEL_PEER_TEXT];
    ravel_pin pin;
    bool forgotten; /* the certificate could not be kept: known_peers is full or not writable */
    char fingerprint[RAVEL_PIN_TEXT]; /* of the peer's certificate, "" without one */
    char known[RAVEL_PIN_TEXT];       /* that was expected, "" for a new peer */
    ravel_media_security security;
    char own_fingerprint[RAVEL_PIN_TEXT];
    bool agreed;           /* the codec is known */
    ravel_agreement codec; /* its voice's model NULL: Opus */
    double talked_s;
    ravel_transport_status transport;
    ravel_sound_status sound;
} ravel_call_status;

#endif
