/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/bits.h"

/* Bits of the current byte that are still free or unread: 8 at a byte's start. */
static int left_in_byte(size_t position)
{
    return 8 - (int)(position % 8);
}

void ravel_bit_writer_init(ravel_bit_writer *writer, uint8_t *bytes, size_t size)
{
    *writer = (ravel_bit_writer){.bytes = bytes, .size = size};
}

void ravel_bits_write(ravel_bit_writer *writer, uint32_t value, int n_bits)
{
    if (value >> n_bits || (size_t)n_bits > 8 * writer->size - writer->position) {
        writer->failed = true;
    }
    while (n_bits > 0 && !writer->failed) {
        uint8_t *byte = writer->bytes + writer->position / 8;
        const int left = left_in_byte(writer->position);
        const int now = n_bits < left ? n_bits : left;
        const uint32_t piece = value >> (n_bits - now) & ((1u << now) - 1);
        *byte = (uint8_t)((left == 8 ? 0u : *byte) | piece << (left - now));
        writer->position += (size_t)now;
        n_bits -= now;
    }
}

size_t ravel_bit_writer_bytes(const ravel_bit_writer *writer)
{
    return (writer->position + 7) / 8;
}

void ravel_bit_reader_init(ravel_bit_reader *reader, const uint8_t *bytes, size_t size)
{
    *reader = (ravel_bit_reader){.bytes = bytes, .size = size};
}

uint32_t ravel_bits_read(ravel_bit_reader *reader, int n_bits)
{
    uint32_t value = 0;
    if ((size_t)n_bits > 8 * reader->size - reader->position) {
        reader->failed = true;
    }
    while (n_bits > 0 && !reader->failed) {
        const uint32_t byte = reader->bytes[reader->position / 8];
        const int left = left_in_byte(reader->position);
        const int now = n_bits < left ? n_bits : left;
        value = value << now | (byte >> (left - now) & ((1u << now) - 1));
        reader->position += (size_t)now;
        n_bits -= now;
    }
    return value;
}

bool ravel_bit_reader_at_end(const ravel_bit_reader *reader)
{
    const size_t rest = 8 * reader->size - reader->position;
    if (reader->failed || rest >= 8)
        return false;
    return rest == 0 || (reader->bytes[reader->size - 1] & ((1u << rest) - 1)) == 0;
}
