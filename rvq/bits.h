/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bits in bytes, most significant bit first: the first bit written is bit 7 of the first byte.
 * Nothing is read or written beyond the end; instead `failed` is set and stays set, so that a
 * caller may check once, after the last field.
 */
#ifndef RAVEL_RVQ_BITS_H
#define RAVEL_RVQ_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *bytes;
    size_t size;     /* bytes of room */
    size_t position; /* bits written */
    bool failed;     /* there was no room, or a value had more bits than its field */
} ravel_bit_writer;

/* Writes into bytes[size], which need not be cleared. */
void ravel_bit_writer_init(ravel_bit_writer *writer, uint8_t *bytes, size_t size);

/* value < 2^n_bits; n_bits 0 ... 24 */
void ravel_bits_write(ravel_bit_writer *writer, uint32_t value, int n_bits);

/* Bytes written so far, the last one filled up with zero bits. */
size_t ravel_bit_writer_bytes(const ravel_bit_writer *writer);

typedef struct {
    const uint8_t *bytes;
    size_t size;     /* bytes */
    size_t position; /* bits read */
    bool failed;     /* more was asked for than there is */
} ravel_bit_reader;

void ravel_bit_reader_init(ravel_bit_reader *reader, const uint8_t *bytes, size_t size);

/* n_bits 0 ... 24. Returns 0 once the reader has failed. */
uint32_t ravel_bits_read(ravel_bit_reader *reader, int n_bits);

/*
 * Whether the reader stands in the last byte or at its end and all bits left there are zero: true
 * for exactly one way of writing the same values.
 */
bool ravel_bit_reader_at_end(const ravel_bit_reader *reader);

#endif
