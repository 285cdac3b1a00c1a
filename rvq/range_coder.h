/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The range coder: symbols of known probability to bytes and back (Martin, "Range encoding", 1979;
 * the integer form is near RFC 6716, section 4.1, the carry is Subbotin's byte by byte).
 *
 * A probability is an interval of the 2^16 values below RAVEL_RANGE_TOTAL. The state is the bottom
 * of an interval of 32-bit numbers and its size, which is kept at 2^24 or more by shifting bytes
 * out. Encoder and decoder go through the same sizes: two that agree in every symbol have the same
 * `range` in the end.
 *
 * The end is the shortest: at most one byte follows those that were shifted out, and the decoder
 * takes zeros for what is not there. Which byte it is follows from the state, so there is one way
 * to write given symbols, and the decoder knows it.
 */
#ifndef RAVEL_RVQ_RANGE_CODER_H
#define RAVEL_RVQ_RANGE_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RAVEL_RANGE_BITS = 16,
    RAVEL_RANGE_TOTAL = 1 << RAVEL_RANGE_BITS,
    RAVEL_RANGE_TELL_PER_BIT = 256 /* resolution of tell */
};

/* low + size <= RAVEL_RANGE_TOTAL, size >= 1 */
typedef struct {
    uint32_t low, size;
} ravel_interval;

typedef struct {
    uint32_t low;   /* modulo 2^32 */
    uint32_t range; /* 2^24 or more */
    size_t shifted; /* bytes that went out, or came in below the four in sight */
} ravel_range_state;

typedef struct {
    ravel_range_state state;
    uint8_t *bytes;
    size_t capacity;
    bool failed; /* there was no room; `state` goes on as if there were */
} ravel_range_encoder;

void ravel_range_encoder_init(ravel_range_encoder *encoder, uint8_t *bytes, size_t capacity);
void ravel_range_encode(ravel_range_encoder *encoder, ravel_interval symbol);
/*
 * Ends the bytes. return    how many there are; where `failed` is set, how many there would be.
 * The state, and so the final range, stays as it is.
 */
size_t ravel_range_encoder_finish(ravel_range_encoder *encoder);

typedef struct {
    ravel_range_state state;
    uint32_t offset; /* of the number that the bytes are from state.low, below state.range */
    const uint8_t *bytes;
    size_t size;
    bool failed; /* the bytes begin as those of no symbols: four times 255 */
} ravel_range_decoder;

void ravel_range_decoder_init(ravel_range_decoder *decoder, const uint8_t *bytes, size_t size);
/* A value of the symbol's interval, 0 ... RAVEL_RANGE_TOTAL - 1; nothing is consumed. */
uint32_t ravel_range_decoder_target(const ravel_range_decoder *decoder);
/* Consumes the symbol whose interval holds the target. */
void ravel_range_decode(ravel_range_decoder *decoder, ravel_interval symbol);
/* Whether more bytes went out than there are: the last symbols were read from zeros. */
bool ravel_range_decoder_overrun(const ravel_range_decoder *decoder);
/* Whether the bytes end exactly as an encoder of the same symbols would have ended them. */
bool ravel_range_decoder_at_end(const ravel_range_decoder *decoder);
/* Information of the symbols so far, in 1 / RAVEL_RANGE_TELL_PER_BIT bits, rounded up. */
uint64_t ravel_range_tell(const ravel_range_state *state);

#endif
