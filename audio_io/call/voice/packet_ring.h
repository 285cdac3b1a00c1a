/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets from one thread to another, without a lock: one thread puts, one takes. Between the
 * capture thread and the network, and between the network and the playout thread.
 */
#ifndef RAVEL_CALL_VOICE_PACKET_RING_H
#define RAVEL_CALL_VOICE_PACKET_RING_H

#include <stdbool.h>
#include <stdint.h>

enum { RAVEL_VOICE_PACKET_BYTES = 1500 };

/* What RTP carries of a voice. */
typedef struct {
    uint16_t sequence;  /* of packets that came; those to be sent get theirs from the transport */
    uint32_t timestamp; /* units of the RTP clock */
    bool marker;        /* the first packet after silence */
    int64_t time_us;    /* when it came, or was made; monotonic clock */
    int n_bytes;        /* of the payload, 0 ... RAVEL_VOICE_PACKET_BYTES */
    uint8_t bytes[RAVEL_VOICE_PACKET_BYTES];
} ravel_voice_packet;

typedef struct ravel_packet_ring ravel_packet_ring;

/* n_packets: room, 1 ... 65536. NULL without memory, or for other numbers. */
ravel_packet_ring *ravel_packet_ring_new(int n_packets);
void ravel_packet_ring_free(ravel_packet_ring *ring); /* NULL is allowed */

/* return    false where there is no room, or n_bytes is out of range: the packet is not taken */
bool ravel_packet_ring_put(ravel_packet_ring *ring, const ravel_voice_packet *packet);

/* return    false where there is none; *packet is left as it was */
bool ravel_packet_ring_take(ravel_packet_ring *ring, ravel_voice_packet *packet);

#endif
