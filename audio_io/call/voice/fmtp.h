/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The format parameters of Ravel in a session description, "a=fmtp" (docs/rtp.md): what makes sure
 * that codes mean the same on both sides before there is a packet.
 *
 *     a=rtpmap:96 ravel/24000
 *     a=fmtp:96 version=1;tokenizer=0123456789abcdef;prior=0123456789abcdef;codebooks=12;maxframes=4
 */
#ifndef RAVEL_CALL_VOICE_FMTP_H
#define RAVEL_CALL_VOICE_FMTP_H

#include "audio_io/call/voice/voice.h"

enum { RAVEL_FMTP_VERSION = 1, RAVEL_FMTP_TEXT = 256 };

/* text: the parameters of a side that has the model, after "a=fmtp:96 ". */
void ravel_fmtp_write(const ravel_model *model, char text[RAVEL_FMTP_TEXT]);

/*
 * Reads what the peer wrote, anything; text may be NULL where it wrote nothing.
 * voice     its model is ours; set on success: max_codebooks, coded, min_frames and max_frames
 * return    RAVEL_OK; RAVEL_ERR_MODEL where the peer's tokeniser is another, RAVEL_ERR_VERSION,
 *           RAVEL_ERR_DATA: with *error filled, fit to be shown to the user
 */
int ravel_fmtp_read(const char *text, ravel_voice *voice, ravel_error *error);

#endif
