/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which codec two sides speak: Ravel where both have the same model, else Opus, in offer and answer
 * (SDP, RFC 3264). An answer holds the one codec that was chosen.
 *
 *     m=audio 40000 UDP/TLS/RTP/SAVP 96 97
 *     a=rtpmap:96 ravel/24000
 *     a=fmtp:96 version=1;tokenizer=...
 *     a=rtpmap:97 opus/48000/2
 *
 * Who answers with Opus although he knows Ravel tells his model in an attribute that others pass
 * over, so that both sides can say why:
 *
 *     a=ravel:version=1;tokenizer=...
 */
#ifndef RAVEL_AUDIO_IO_CALL_OFFER_H
#define RAVEL_AUDIO_IO_CALL_OFFER_H

#include "audio_io/call/voice/voice.h"

struct sdp_media;

/* What this side can speak. */
typedef struct {
    ravel_voice ravel; /* its model NULL: Opus alone */
    ravel_voice opus;
} ravel_offer;

typedef struct {
    ravel_voice voice;
    int receive_type, send_type; /* of RTP's payload */
    int clock_hz;                /* of RTP */
    char why_opus[240];          /* for the user; "" where Ravel is spoken */
} ravel_agreement;

/* Adds the formats to the media line. return    0 or a negative status */
int ravel_offer_add(const ravel_offer *offer, struct sdp_media *media, ravel_error *error);

/*
 * Chooses, after sdp_decode.
 * answering    the peer has offered: the other formats leave our answer
 * return       0; RAVEL_ERR_DATA where there is no codec that both know
 */
int ravel_offer_agree(const ravel_offer *offer, struct sdp_media *media, bool answering,
                      ravel_agreement *agreement, ravel_error *error);

#endif
