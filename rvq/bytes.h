/* SPDX-License-Identifier: BSD-3-Clause */
/* Little-endian numbers and text in packets. */
#ifndef RAVEL_RVQ_BYTES_H
#define RAVEL_RVQ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void ravel_put_u16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value & 255);
    bytes[1] = (uint8_t)(value >> 8 & 255);
}

static inline void ravel_put_u32(uint8_t *bytes, uint32_t value)
{
    ravel_put_u16(bytes, value & 0xffff);
    ravel_put_u16(bytes + 2, value >> 16);
}

static inline uint32_t ravel_get_u16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t ravel_get_u32(const uint8_t *bytes)
{
    return ravel_get_u16(bytes) | ravel_get_u16(bytes + 2) << 16;
}

/* Whether it is UTF-8 (RFC 3629): shortest forms, no surrogates, nothing above U+10FFFF. */
bool ravel_is_utf8(const uint8_t *text, size_t size);

#endif
