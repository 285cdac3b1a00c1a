/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RTP payload of Ravel (docs/rtp.md): the packet of the newest frames (rvq/packet.h), before it
 * perhaps packets of earlier frames with fewer codebooks, for a receiver that missed them.
 *
 *     payload      earlier ... newest
 *     newest       packet                        to the end
 *                | 11 000000 packet              one frame of what is heard while nobody speaks
 *     earlier      11 DDDDDD packet              D frames before the newest, 1 ... 62
 *                | 11 111111 length bytes        of a later version, to be passed over
 *
 * No packet begins with the bits 11. Earlier packets are packed and have no extension, so that their
 * first bytes tell where they end. No function allocates or keeps state.
 */
#ifndef RAVEL_CALL_VOICE_PAYLOAD_H
#define RAVEL_CALL_VOICE_PAYLOAD_H

#include <stdbool.h>

#include "ravel/ravel.h"

enum { RAVEL_PAYLOAD_MAX_PARTS = 8, RAVEL_PAYLOAD_MAX_DISTANCE = 62 };

typedef struct {
    int distance; /* frames from the part's first to that of the newest; 0: the newest */
    bool silence; /* of the newest: it tells the noise, and nothing follows until there is speech */
    int n_frames; /* 1 ... RAVEL_PACKET_MAX_FRAMES; 1 of silence; of earlier ones <= distance */
    int n_codebooks;
    uint16_t codes[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS]; /* [n_frames][n_codebooks] */
} ravel_payload_part;

/*
 * parts      [n_parts], the newest last
 * coded      the newest is range-coded where that is smaller
 * return     bytes; RAVEL_ERR_ARGUMENT where that is no payload, RAVEL_ERR_SPACE
 */
int ravel_payload_write(const ravel_model *model, const ravel_payload_part *parts, int n_parts,
                        bool coded, uint8_t *payload, int capacity);

/*
 * payload    n_bytes from the network: anything may be in them
 * parts      room for RAVEL_PAYLOAD_MAX_PARTS; undefined on failure
 * return     parts, the newest last; RAVEL_ERR_DATA, or as ravel_packet_read
 */
int ravel_payload_read(const ravel_model *model, const uint8_t *payload, int n_bytes,
                       ravel_payload_part *parts);

#endif
