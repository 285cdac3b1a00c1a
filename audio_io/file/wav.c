/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/wav.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/file/pcm.h"

enum { WAVE_PCM = 1, WAVE_FLOAT = 3, WAVE_EXTENSIBLE = 0xFFFE };

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static bool is(const uint8_t *p, const char *id)
{
    return memcmp(p, id, 4) == 0;
}

/* body: the `size` bytes of a "fmt " chunk. */
static ravel_wav_status parse_format(const uint8_t *body, uint32_t size, ravel_wav_info *info)
{
    if (size < 16)
        return RAVEL_WAV_BROKEN;
    uint32_t tag = get16(body);
    if (tag == WAVE_EXTENSIBLE && size >= 26)
        tag = get16(body + 24); /* the first two bytes of the sub-format's GUID */
    uint32_t channels = get16(body + 2), rate_hz = get32(body + 4);
    uint32_t block_bytes = get16(body + 12);
    int bits = (int)get16(body + 14);
    info->bits = tag == WAVE_FLOAT ? -bits : bits;
    if ((tag != WAVE_PCM && tag != WAVE_FLOAT) || !ravel_pcm_known(info->bits))
        return RAVEL_WAV_OTHER;
    if (channels == 0 || rate_hz == 0 || rate_hz > INT32_MAX ||
        block_bytes != channels * (uint32_t)bits / 8)
        return RAVEL_WAV_BROKEN;
    info->channels = (int)channels;
    info->rate_hz = (int)rate_hz;
    return RAVEL_WAV_OK;
}

/* RF64 keeps the true length in its first chunk, "ds64": riff size, data size, samples. */
static int64_t long_data_size(const uint8_t *body, uint32_t size)
{
    if (size < 16)
        return -1;
    uint64_t value = get32(body + 8) | (uint64_t)get32(body + 12) << 32;
    return value > 0 && value <= INT64_MAX ? (int64_t)value : -1;
}

static int64_t data_size(uint32_t size, int64_t long_size)
{
    if (size == UINT32_MAX)
        return long_size;
    return size == 0 ? -1 : (int64_t)size;
}

ravel_wav_status ravel_wav_parse(const uint8_t *head, size_t n, ravel_wav_info *info)
{
    if (n < 12)
        return RAVEL_WAV_MORE;
    if ((!is(head, "RIFF") && !is(head, "RF64")) || !is(head + 8, "WAVE"))
        return RAVEL_WAV_OTHER;
    int64_t long_size = -1;
    bool have_format = false;
    size_t at = 12;
    while (n - at >= 8) {
        const uint8_t *body = head + at + 8;
        uint32_t size = get32(head + at + 4);
        if (is(head + at, "data")) {
            info->data_offset = at + 8;
            info->data_bytes = data_size(size, long_size);
            return have_format ? RAVEL_WAV_OK : RAVEL_WAV_BROKEN;
        }
        size_t padded = (size_t)size + (size & 1); /* chunks begin at even offsets */
        if (padded < size || padded > n - at - 8)
            return RAVEL_WAV_MORE;
        if (is(head + at, "ds64"))
            long_size = long_data_size(body, size);
        if (is(head + at, "fmt ")) {
            ravel_wav_status status = parse_format(body, size, info);
            if (status != RAVEL_WAV_OK)
                return status;
            have_format = true;
        }
        at += 8 + padded;
    }
    return RAVEL_WAV_MORE;
}

static uint8_t *put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
    return put16(put16(p, value), value >> 16);
}

static uint8_t *put_id(uint8_t *p, const char *id)
{
    memcpy(p, id, 4);
    return p + 4;
}

/* Formats other than PCM have an extension size, here 0, and a "fact" chunk: length in samples. */
static uint8_t *put_format(uint8_t *p, int rate_hz, int channels, int bits)
{
    uint32_t block_bytes = (uint32_t)(channels * ravel_pcm_bytes(bits));
    p = put32(put_id(p, "fmt "), bits < 0 ? 18 : 16);
    p = put16(put16(p, bits < 0 ? WAVE_FLOAT : WAVE_PCM), (uint32_t)channels);
    p = put32(put32(p, (uint32_t)rate_hz), (uint32_t)rate_hz * block_bytes);
    p = put16(put16(p, block_bytes), (uint32_t)abs(bits));
    return bits < 0 ? put16(p, 0) : p;
}

size_t ravel_wav_header(int rate_hz, int channels, int bits, int64_t data_bytes,
                        uint8_t header[RAVEL_WAV_HEADER_BYTES])
{
    uint32_t rest = bits < 0 ? 50 : 36; /* of the header after the RIFF chunk's own size */
    bool known = data_bytes >= 0 && data_bytes < UINT32_MAX - rest - 1;
    uint32_t data = known ? (uint32_t)data_bytes : UINT32_MAX;
    int64_t block_bytes = channels * ravel_pcm_bytes(bits);
    uint8_t *p = put32(put_id(header, "RIFF"), known ? rest + data + (data & 1) : UINT32_MAX);
    p = put_format(put_id(p, "WAVE"), rate_hz, channels, bits);
    if (bits < 0) {
        p = put32(put_id(p, "fact"), 4);
        p = put32(p, known ? (uint32_t)(data_bytes / block_bytes) : UINT32_MAX);
    }
    p = put32(put_id(p, "data"), data);
    return (size_t)(p - header);
}
