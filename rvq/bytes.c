/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/bytes.h"

/* Bytes of the character that begins with `lead`, or 0. */
static size_t character_bytes(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0)
        return 3;
    return lead < 0xf5 ? 4 : 0;
}

/* The second byte's range depends on the first (RFC 3629, section 4); later bytes are plain. */
static bool second_byte_fits(uint8_t lead, uint8_t second)
{
    const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

bool ravel_is_utf8(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        const size_t n = character_bytes(text[i]);
        if (n == 0 || n > size - i)
            return false;
        if (n > 1 && !second_byte_fits(text[i], text[i + 1]))
            return false;
        for (size_t k = 2; k < n; k++) {
            if (text[i + k] >> 6 != 2)
                return false;
        }
        i += n;
    }
    return true;
}
