/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/range_coder.h"

enum { STATE_BITS = 32, TOP_SHIFT = STATE_BITS - 8, TELL_STEPS = 8 };

#define MIN_RANGE (1u << TOP_SHIFT)

static const ravel_range_state begin = {.range = UINT32_MAX};

/*
 * Narrows the state to the symbol; what the division by the total leaves over belongs to the last
 * one. Returns by how much the bottom rises.
 */
static uint32_t narrow(ravel_range_state *state, ravel_interval symbol)
{
    const uint32_t unit = state->range >> RAVEL_RANGE_BITS;
    const uint32_t rise = unit * symbol.low;
    const bool last = symbol.low + symbol.size == RAVEL_RANGE_TOTAL;
    state->range = last ? state->range - rise : unit * symbol.size;
    state->low += rise;
    return rise;
}

/*
 * How far above the bottom the number lies that ends the bytes: a multiple of 2^32, which needs no
 * further byte, or else the next one of 2^24, which is there because the range is no smaller.
 */
static uint32_t end_offset(const ravel_range_state *state, size_t *n_bytes)
{
    const uint32_t to_whole = 0u - state->low, to_byte = to_whole % MIN_RANGE;
    *n_bytes = to_whole < state->range ? 0 : 1;
    return *n_bytes == 0 ? to_whole : to_byte;
}

/* --- Encoder ---------------------------------------------------------------------------------- */

void ravel_range_encoder_init(ravel_range_encoder *encoder, uint8_t *bytes, size_t capacity)
{
    *encoder = (ravel_range_encoder){.state = begin, .bytes = bytes, .capacity = capacity};
}

/* The interval lies within the first one, so a carry always finds a byte that takes it. */
static void carry(ravel_range_encoder *encoder)
{
    size_t i = encoder->state.shifted;
    while (!encoder->failed && i > 0 && ++encoder->bytes[--i] == 0) {
    }
}

static void shift_out(ravel_range_encoder *encoder)
{
    ravel_range_state *state = &encoder->state;
    if (state->shifted < encoder->capacity) {
        encoder->bytes[state->shifted] = (uint8_t)(state->low >> TOP_SHIFT);
    } else {
        encoder->failed = true;
    }
    state->shifted++;
    state->low <<= 8;
}

void ravel_range_encode(ravel_range_encoder *encoder, ravel_interval symbol)
{
    ravel_range_state *state = &encoder->state;
    const uint32_t rise = narrow(state, symbol);
    if (state->low < rise)
        carry(encoder);
    while (state->range < MIN_RANGE) {
        shift_out(encoder);
        state->range <<= 8;
    }
}

size_t ravel_range_encoder_finish(ravel_range_encoder *encoder)
{
    const ravel_range_state state = encoder->state;
    size_t more;
    const uint32_t rise = end_offset(&state, &more);
    encoder->state.low += rise;
    if (encoder->state.low < rise)
        carry(encoder);
    if (more > 0)
        shift_out(encoder);
    encoder->state = state;
    return state.shifted + more;
}

/* --- Decoder ---------------------------------------------------------------------------------- */

static uint32_t byte_at(const ravel_range_decoder *decoder, size_t i)
{
    return i < decoder->size ? decoder->bytes[i] : 0;
}

void ravel_range_decoder_init(ravel_range_decoder *decoder, const uint8_t *bytes, size_t size)
{
    *decoder = (ravel_range_decoder){.state = begin, .bytes = bytes, .size = size};
    for (size_t i = 0; i < STATE_BITS / 8; i++) {
        decoder->offset = decoder->offset << 8 | byte_at(decoder, i);
    }
    decoder->failed = decoder->offset >= decoder->state.range;
    if (decoder->failed)
        decoder->offset = decoder->state.range - 1;
}

/* What the division by the total leaves over belongs to the last symbol. */
uint32_t ravel_range_decoder_target(const ravel_range_decoder *decoder)
{
    const uint32_t target = decoder->offset / (decoder->state.range >> RAVEL_RANGE_BITS);
    return target < RAVEL_RANGE_TOTAL ? target : RAVEL_RANGE_TOTAL - 1;
}

void ravel_range_decode(ravel_range_decoder *decoder, ravel_interval symbol)
{
    ravel_range_state *state = &decoder->state;
    decoder->offset -= narrow(state, symbol);
    while (state->range < MIN_RANGE) {
        const uint32_t byte = byte_at(decoder, state->shifted + STATE_BITS / 8);
        decoder->offset = decoder->offset << 8 | byte;
        state->shifted++;
        state->low <<= 8;
        state->range <<= 8;
    }
}

bool ravel_range_decoder_overrun(const ravel_range_decoder *decoder)
{
    return decoder->state.shifted > decoder->size;
}

bool ravel_range_decoder_at_end(const ravel_range_decoder *decoder)
{
    size_t more;
    const uint32_t offset = end_offset(&decoder->state, &more);
    return !decoder->failed && decoder->state.shifted + more == decoder->size &&
           decoder->offset == offset;
}

/* --- Both ------------------------------------------------------------------------------------- */

/* log2 of the range by repeated squaring, one binary place a step. */
uint64_t ravel_range_tell(const ravel_range_state *state)
{
    uint64_t log = STATE_BITS - 1, x = state->range;
    while (x >> (STATE_BITS - 1) == 0) {
        x <<= 1;
        log--;
    }
    for (int i = 0; i < TELL_STEPS; i++) {
        x = x * x >> (STATE_BITS - 1);
        const uint64_t place = x >> STATE_BITS;
        x >>= place;
        log = 2 * log + place;
    }
    return ((uint64_t)state->shifted * 8 + STATE_BITS) * RAVEL_RANGE_TELL_PER_BIT - log;
}
