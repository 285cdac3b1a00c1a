/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/payload.h"

enum { ESCAPE = 0xc0, FIELD = 0x3f, SILENCE = 0, EXTENSION = FIELD };

static bool part_valid(const ravel_payload_part *part, bool newest)
{
    if (newest)
        return part->distance == 0 && (!part->silence || part->n_frames == 1);
    return !part->silence && part->distance >= part->n_frames &&
           part->distance <= RAVEL_PAYLOAD_MAX_DISTANCE;
}

static int write_earlier(const ravel_model *model, const ravel_payload_part *part, uint8_t *payload,
                         int capacity)
{
    if (capacity < 1)
        return RAVEL_ERR_SPACE;
    const int n = ravel_packet_write(model, part->codes, part->n_frames, part->n_codebooks,
                                     payload + 1, capacity - 1);
    payload[0] = (uint8_t)(ESCAPE | part->distance);
    return n < 0 ? n : n + 1;
}

static int write_packet(const ravel_model *model, const ravel_payload_part *part, bool coded,
                        uint8_t *packet, int capacity)
{
    return (coded ? ravel_packet_write_coded : ravel_packet_write)(
        model, part->codes, part->n_frames, part->n_codebooks, packet, capacity);
}

static int write_newest(const ravel_model *model, const ravel_payload_part *part, bool coded,
                        uint8_t *payload, int capacity)
{
    if (!part->silence)
        return write_packet(model, part, coded, payload, capacity);
    if (capacity < 1)
        return RAVEL_ERR_SPACE;
    payload[0] = ESCAPE | SILENCE;
    const int n = write_packet(model, part, coded, payload + 1, capacity - 1);
    return n < 0 ? n : n + 1;
}

int ravel_payload_write(const ravel_model *model, const ravel_payload_part *parts, int n_parts,
                        bool coded, uint8_t *payload, int capacity)
{
    if (n_parts < 1 || n_parts > RAVEL_PAYLOAD_MAX_PARTS)
        return RAVEL_ERR_ARGUMENT;
    int size = 0;
    for (int i = 0; i < n_parts; i++) {
        const bool newest = i == n_parts - 1;
        if (!part_valid(&parts[i], newest))
            return RAVEL_ERR_ARGUMENT;
        const int n = newest
                          ? write_newest(model, &parts[i], coded, payload + size, capacity - size)
                          : write_earlier(model, &parts[i], payload + size, capacity - size);
        if (n < 0)
            return n;
        size += n;
    }
    return size;
}

/* The packet of a part whose distance and silence are set. */
static int read_packet(const ravel_model *model, const uint8_t *packet, int n_bytes,
                       ravel_payload_part *part, bool newest)
{
    const int n = ravel_packet_read(model, packet, n_bytes, part->codes, &part->n_codebooks);
    if (n < 0)
        return n;
    part->n_frames = n;
    return part_valid(part, newest) ? RAVEL_OK : RAVEL_ERR_DATA;
}

static bool escaped(const uint8_t *payload, int n_bytes)
{
    return n_bytes > 0 && (payload[0] & ESCAPE) == ESCAPE;
}

/*
 * Bytes of a packed packet that begins there, by its header; RAVEL_ERR_DATA where it is none. What
 * the header says beyond the model is found when the packet is read.
 */
static int packed_bytes(const ravel_model *model, const uint8_t *packet, int n_bytes)
{
    enum { CODED_OR_EXTENDED = 0xc0, COUNT = 15, FRAMES_SHIFT = 4 };
    if (n_bytes < 1 || (packet[0] & CODED_OR_EXTENDED) != 0)
        return RAVEL_ERR_DATA;
    int n_codebooks = (packet[0] & COUNT) + 1;
    if (n_codebooks > COUNT) {
        if (n_bytes < 2)
            return RAVEL_ERR_DATA;
        n_codebooks = packet[1] + 1;
    }
    const int n = ravel_packet_size(model, (packet[0] >> FRAMES_SHIFT) + 1, n_codebooks);
    return n < 0 || n > n_bytes ? RAVEL_ERR_DATA : n;
}

/* The entry of a later version: its bytes, or RAVEL_ERR_DATA. */
static int extension_bytes(const uint8_t *payload, int n_bytes)
{
    return n_bytes < 2 || payload[1] > n_bytes - 2 ? RAVEL_ERR_DATA : payload[1] + 2;
}

/* An entry before the newest. return    its bytes; RAVEL_ERR_DATA */
static int read_earlier(const ravel_model *model, const uint8_t *payload, int n_bytes,
                        ravel_payload_part *parts, int *n_parts)
{
    const int distance = payload[0] & FIELD;
    if (distance == EXTENSION)
        return extension_bytes(payload, n_bytes);
    const int n = packed_bytes(model, payload + 1, n_bytes - 1);
    if (n < 0 || *n_parts == RAVEL_PAYLOAD_MAX_PARTS - 1)
        return RAVEL_ERR_DATA;
    ravel_payload_part *part = &parts[(*n_parts)++];
    part->distance = distance;
    part->silence = false;
    const int status = read_packet(model, payload + 1, n, part, false);
    return status < 0 ? status : n + 1;
}

int ravel_payload_read(const ravel_model *model, const uint8_t *payload, int n_bytes,
                       ravel_payload_part *parts)
{
    int n_parts = 0, at = 0;
    while (escaped(payload + at, n_bytes - at) && (payload[at] & FIELD) != SILENCE) {
        const int n = read_earlier(model, payload + at, n_bytes - at, parts, &n_parts);
        if (n < 0)
            return n;
        at += n;
    }
    ravel_payload_part *newest = &parts[n_parts];
    newest->distance = 0;
    newest->silence = escaped(payload + at, n_bytes - at);
    at += newest->silence;
    const int status = read_packet(model, payload + at, n_bytes - at, newest, true);
    return status < 0 ? status : n_parts + 1;
}
