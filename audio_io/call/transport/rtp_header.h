/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of RTP (RFC 3550 5.1), read from untrusted bytes and written. */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_RTP_HEADER_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_RTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RAVEL_RTP_HEADER = 12 }; /* bytes, without contributing sources and extension */

typedef struct {
    bool marker, padding;
    int payload_type;
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    size_t size; /* bytes, with contributing sources and extension */
} ravel_rtp_header;

/* return    false where it is not version 2, or longer than the packet */
bool ravel_rtp_header_read(ravel_rtp_header *header, const uint8_t *packet, size_t size);

/* RAVEL_RTP_HEADER bytes: no contributing sources, extension or padding. */
void ravel_rtp_header_write(const ravel_rtp_header *header, uint8_t *packet);

/* Payload bytes of a decrypted packet, without header and padding; -1: the padding is a lie. */
int ravel_rtp_payload_size(const ravel_rtp_header *header, const uint8_t *packet, size_t size);

/* Numbers in network order. */
static inline uint16_t ravel_get_16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t ravel_get_32(const uint8_t *p)
{
    return (uint32_t)ravel_get_16(p) << 16 | ravel_get_16(p + 2);
}

static inline void ravel_put_16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void ravel_put_32(uint8_t *p, uint32_t value)
{
    ravel_put_16(p, (uint16_t)(value >> 16));
    ravel_put_16(p + 2, (uint16_t)value);
}

#endif
