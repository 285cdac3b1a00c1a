/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/header.h"

#include <string.h>

#include "nn/error.h"
#include "rvq/bytes.h"

enum {
    MAJOR = 1,
    MINOR = 0,
    FIXED_BYTES = 40,
    CRC_BYTES = 4,
    MIN_RATE_HZ = 1000,
    MAX_RATE_HZ = 768000,
    MAX_CHANNELS = 64,
    MAX_HOP = 1 << 20,
    MAX_PRE_SKIP = 1 << 24
};

static const uint8_t magic[8] = {'R', 'a', 'v', 'e', 'l', 'R', 'V', 'L'};

/* Bit by bit: a header has a few hundred bytes. */
uint32_t ravel_crc32_more(uint32_t crc, const uint8_t *bytes, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

uint32_t ravel_crc32(const uint8_t *bytes, size_t size)
{
    return ravel_crc32_more(0, bytes, size);
}

bool ravel_header_recognise(const uint8_t *packet, size_t size)
{
    return size >= sizeof magic && memcmp(packet, magic, sizeof magic) == 0;
}

/* Names are shown to people: no control characters. */
static bool name_valid(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    }
    return ravel_is_utf8((const uint8_t *)name, size);
}

static bool between(int value, int low, int high)
{
    return value >= low && value <= high;
}

/* The first field whose value is out of range, or NULL. */
static const char *bad_field(const ravel_stream_header *h)
{
    if (!between(h->sample_rate_hz, MIN_RATE_HZ, MAX_RATE_HZ))
        return "sample rate";
    if (!between(h->channels, 1, MAX_CHANNELS))
        return "number of channels";
    if (!between(h->hop_samples, 1, MAX_HOP))
        return "hop";
    if (!between(h->pre_skip_samples, 0, MAX_PRE_SKIP))
        return "pre-skip";
    if (!memchr(h->model_name, 0, sizeof h->model_name))
        return "model name";
    if (!name_valid(h->model_name, strlen(h->model_name)))
        return "model name";
    return ravel_layout_valid(&h->layout) ? NULL : "list of codebooks";
}

static void put_fixed(const ravel_stream_header *h, size_t name_size, uint8_t *packet)
{
    memcpy(packet, magic, sizeof magic);
    packet[8] = MAJOR << 4 | MINOR;
    packet[9] = (uint8_t)h->channels;
    packet[10] = (uint8_t)h->layout.n_codebooks;
    packet[11] = (uint8_t)name_size;
    ravel_put_u32(packet + 12, (uint32_t)h->sample_rate_hz);
    ravel_put_u32(packet + 16, (uint32_t)h->hop_samples);
    ravel_put_u32(packet + 20, (uint32_t)h->pre_skip_samples);
    memcpy(packet + 24, h->tokenizer_identity, RAVEL_STREAM_IDENTITY_BYTES);
    memcpy(packet + 32, h->prior_identity, RAVEL_STREAM_IDENTITY_BYTES);
}

int ravel_header_write(const ravel_stream_header *header, uint8_t *packet, size_t capacity)
{
    if (bad_field(header))
        return RAVEL_ERR_ARGUMENT;
    const ravel_layout *layout = &header->layout;
    const size_t name_size = strlen(header->model_name);
    const size_t size = FIXED_BYTES + name_size + 4 * (size_t)layout->n_codebooks + CRC_BYTES;
    if (capacity < size)
        return RAVEL_ERR_SPACE;

    put_fixed(header, name_size, packet);
    memcpy(packet + FIXED_BYTES, header->model_name, name_size);
    uint8_t *entry = packet + FIXED_BYTES + name_size;
    for (int b = 0; b < layout->n_codebooks; b++, entry += 4) {
        ravel_put_u16(entry, (uint32_t)layout->codebook_size[b] - 1);
        ravel_put_u16(entry + 2, (uint32_t)layout->steps_per_frame[b]);
    }
    ravel_put_u32(entry, ravel_crc32(packet, size - CRC_BYTES));
    return (int)size;
}

/* A number above INT_MAX cannot be in range; it becomes one that is not either. */
static int get_int(const uint8_t *bytes)
{
    const uint32_t value = ravel_get_u32(bytes);
    return value > INT32_MAX ? INT32_MAX : (int)value;
}

static void get_fields(const uint8_t *packet, ravel_stream_header *h)
{
    const size_t name_size = packet[11];
    const uint8_t *entry = packet + FIXED_BYTES + name_size;
    h->channels = packet[9];
    h->layout.n_codebooks = packet[10];
    h->sample_rate_hz = get_int(packet + 12);
    h->hop_samples = get_int(packet + 16);
    h->pre_skip_samples = get_int(packet + 20);
    memcpy(h->tokenizer_identity, packet + 24, RAVEL_STREAM_IDENTITY_BYTES);
    memcpy(h->prior_identity, packet + 32, RAVEL_STREAM_IDENTITY_BYTES);
    memcpy(h->model_name, packet + FIXED_BYTES, name_size);
    for (int b = 0; b < h->layout.n_codebooks; b++, entry += 4) {
        h->layout.codebook_size[b] = (int)ravel_get_u16(entry) + 1;
        h->layout.steps_per_frame[b] = (int)ravel_get_u16(entry + 2);
    }
}

/* That it is whole, ours, of a version that we know, and as long as its own numbers say. */
static int check_frame(const uint8_t *packet, size_t size, ravel_error *error)
{
    if (!ravel_header_recognise(packet, size)) {
        return ravel_error_set(error, RAVEL_ERR_DATA, "not the header of a Ravel stream");
    }
    if (size < FIXED_BYTES + CRC_BYTES) {
        return ravel_error_set(error, RAVEL_ERR_DATA, "stream header of %zu bytes is truncated",
                               size);
    }
    if (ravel_crc32(packet, size - CRC_BYTES) != ravel_get_u32(packet + size - CRC_BYTES)) {
        return ravel_error_set(error, RAVEL_ERR_DATA, "stream header is damaged (wrong CRC)");
    }
    if (packet[8] >> 4 != MAJOR) {
        return ravel_error_set(error, RAVEL_ERR_VERSION,
                               "stream of format version %d.%d; this library knows version %d",
                               packet[8] >> 4, packet[8] & 15, MAJOR);
    }
    const size_t least = FIXED_BYTES + (size_t)packet[11] + 4 * (size_t)packet[10] + CRC_BYTES;
    if (packet[10] > RAVEL_MAX_CODEBOOKS || packet[11] > RAVEL_HEADER_MAX_NAME || size < least ||
        ((packet[8] & 15) == MINOR && size != least)) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "stream header: %zu bytes do not hold %d codebooks and a name of %d",
                               size, packet[10], packet[11]);
    }
    return RAVEL_OK;
}

int ravel_header_read(const uint8_t *packet, size_t size, ravel_stream_header *header,
                      ravel_error *error)
{
    const int status = check_frame(packet, size, error);
    if (status)
        return status;
    ravel_stream_header h = {0};
    get_fields(packet, &h);
    const char *bad = bad_field(&h);
    if (!bad && strlen(h.model_name) != packet[11])
        bad = "model name";
    if (bad) {
        return ravel_error_set(error, RAVEL_ERR_DATA, "stream header: %s out of range", bad);
    }
    *header = h;
    return RAVEL_OK;
}
