/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/rtp_header.h"

bool ravel_rtp_header_read(ravel_rtp_header *header, const uint8_t *packet, size_t size)
{
    if (size < RAVEL_RTP_HEADER || packet[0] >> 6 != 2)
        return false;
    size_t end = RAVEL_RTP_HEADER + 4 * (size_t)(packet[0] & 0x0f);
    if ((packet[0] & 0x10) != 0) {
        if (size < end + 4)
            return false;
        end += 4 + 4 * (size_t)ravel_get_16(packet + end + 2);
    }
    if (size < end)
        return false;
    *header = (ravel_rtp_header){.marker = (packet[1] & 0x80) != 0,
                                 .padding = (packet[0] & 0x20) != 0,
                                 .payload_type = packet[1] & 0x7f,
                                 .sequence = ravel_get_16(packet + 2),
                                 .timestamp = ravel_get_32(packet + 4),
                                 .ssrc = ravel_get_32(packet + 8),
                                 .size = end};
    return true;
}

void ravel_rtp_header_write(const ravel_rtp_header *header, uint8_t *packet)
{
    packet[0] = 2 << 6;
    packet[1] = (uint8_t)((header->marker ? 0x80 : 0) | (header->payload_type & 0x7f));
    ravel_put_16(packet + 2, header->sequence);
    ravel_put_32(packet + 4, header->timestamp);
    ravel_put_32(packet + 8, header->ssrc);
}

int ravel_rtp_payload_size(const ravel_rtp_header *header, const uint8_t *packet, size_t size)
{
    size_t payload = size - header->size;
    if (!header->padding)
        return (int)payload;
    size_t padding = payload > 0 ? packet[size - 1] : 0;
    return padding > 0 && padding <= payload ? (int)(payload - padding) : -1;
}
