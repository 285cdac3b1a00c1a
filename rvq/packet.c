/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/packet.h"

#include "rvq/codes.h"

enum {
    FRAMES_SHIFT = 4,
    FRAMES_MASK = 3,
    COUNT_MASK = 15,
    COUNT_FOLLOWS = 15 /* smallest codebooks - 1 that takes a byte of its own */
};

int ravel_packet_header_bytes(int n_codebooks)
{
    return n_codebooks - 1 < COUNT_FOLLOWS ? 1 : 2;
}

static int code_bytes(const ravel_layout *layout, int n_frames, int n_codebooks)
{
    return (n_frames * ravel_layout_bits(layout, n_codebooks) + 7) / 8;
}

/* Packets are for codecs of one rate: frames of several rates are too long to be sent singly. */
static bool one_rate(const ravel_layout *layout)
{
    return ravel_layout_codes(layout, layout->n_codebooks) == layout->n_codebooks;
}

int ravel_layout_packet_size(const ravel_layout *layout, int n_frames, int n_codebooks)
{
    if (!one_rate(layout))
        return RAVEL_ERR_MODEL;
    if (n_frames < 1 || n_frames > RAVEL_PACKET_MAX_FRAMES)
        return RAVEL_ERR_ARGUMENT;
    if (n_codebooks < 1 || n_codebooks > layout->n_codebooks)
        return RAVEL_ERR_ARGUMENT;
    return ravel_packet_header_bytes(n_codebooks) + code_bytes(layout, n_frames, n_codebooks);
}

int ravel_layout_packet_write(const ravel_layout *layout, const uint16_t *codes, int n_frames,
                              int n_codebooks, uint8_t *packet, int capacity)
{
    const int size = ravel_layout_packet_size(layout, n_frames, n_codebooks);
    if (size < 0)
        return size;
    if (capacity < size)
        return RAVEL_ERR_SPACE;
    if (!ravel_layout_codes_valid(layout, n_codebooks, codes, n_frames))
        return RAVEL_ERR_ARGUMENT;

    const bool follows = ravel_packet_header_bytes(n_codebooks) == 2;
    const int count = follows ? COUNT_FOLLOWS : n_codebooks - 1;
    packet[0] = (uint8_t)((n_frames - 1) << FRAMES_SHIFT | count);
    if (follows)
        packet[1] = (uint8_t)(n_codebooks - 1);

    ravel_bit_writer writer;
    ravel_bit_writer_init(&writer, packet + 1 + follows, (size_t)(size - 1 - follows));
    ravel_codes_pack(&writer, layout, n_codebooks, codes, n_frames);
    return size;
}

/* Codebooks that the header states, or RAVEL_ERR_DATA. n_bytes >= 1. */
static int read_count(const uint8_t *packet, int n_bytes)
{
    const int count = packet[0] & COUNT_MASK;
    if (count < COUNT_FOLLOWS)
        return count + 1;
    if (n_bytes < 2 || packet[1] < COUNT_FOLLOWS || packet[1] >= RAVEL_MAX_CODEBOOKS) {
        return RAVEL_ERR_DATA;
    }
    return packet[1] + 1;
}

int ravel_packet_read_header(const ravel_layout *layout, const uint8_t *packet, int n_bytes,
                             int *n_codebooks)
{
    if (n_bytes < 1)
        return RAVEL_ERR_DATA;
    const int count = read_count(packet, n_bytes);
    if (count < 0)
        return count;
    if (count > layout->n_codebooks || !one_rate(layout))
        return RAVEL_ERR_MODEL;
    *n_codebooks = count;
    return (packet[0] >> FRAMES_SHIFT & FRAMES_MASK) + 1;
}

int ravel_layout_packet_read(const ravel_layout *layout, const uint8_t *packet, int n_bytes,
                             uint16_t *codes, int *n_codebooks)
{
    int count;
    if (n_bytes >= 1 && packet[0] & RAVEL_PACKET_CODED)
        return RAVEL_ERR_VERSION;
    const int n_frames = ravel_packet_read_header(layout, packet, n_bytes, &count);
    if (n_frames < 0)
        return n_frames;

    const int start = ravel_packet_header_bytes(count), size = code_bytes(layout, n_frames, count);
    const int rest = n_bytes - start - size;
    if ((packet[0] & RAVEL_PACKET_EXTENDED) ? rest < 1 : rest != 0)
        return RAVEL_ERR_DATA;
    ravel_bit_reader reader;
    ravel_bit_reader_init(&reader, packet + start, (size_t)size);
    const int status = ravel_codes_unpack(&reader, layout, count, codes, n_frames);
    if (status)
        return status;
    *n_codebooks = count;
    return n_frames;
}
