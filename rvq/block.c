/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/block.h"

#include <string.h>

#include "rvq/codes.h"

int ravel_block_parse(const uint8_t *block, size_t size, ravel_block_info *info)
{
    if (size < RAVEL_BLOCK_HEADER_BYTES || size > RAVEL_BLOCK_MAX_BYTES)
        return RAVEL_ERR_DATA;
    if (block[0] >> 4 != RAVEL_BLOCK_VERSION)
        return RAVEL_ERR_VERSION;
    info->kind = block[0] & 15;
    info->n_codebooks = block[1];
    memcpy(info->identity, block + 2, RAVEL_BLOCK_IDENTITY_BYTES);
    info->n_frames = block[4] | block[5] << 8;
    if (info->n_codebooks < 1 || info->n_codebooks > RAVEL_MAX_CODEBOOKS)
        return RAVEL_ERR_DATA;
    info->n_after_end = block[6];
    if (info->n_frames < 1 || info->n_after_end > info->n_frames)
        return RAVEL_ERR_DATA;
    return RAVEL_OK;
}

int ravel_block_read(const ravel_layout *layout, const uint8_t *block, size_t size,
                     const ravel_block_info *info, uint16_t *codes, int capacity)
{
    if (info->kind != RAVEL_PAYLOAD_PACKED)
        return RAVEL_ERR_VERSION;
    if (info->n_codebooks > layout->n_codebooks)
        return RAVEL_ERR_MODEL;
    if (info->n_frames > ravel_block_max_frames(layout, info->n_codebooks))
        return RAVEL_ERR_DATA;
    if (info->n_frames > capacity)
        return RAVEL_ERR_SPACE;

    ravel_bit_reader reader;
    ravel_bit_reader_init(&reader, block + RAVEL_BLOCK_HEADER_BYTES,
                          size - RAVEL_BLOCK_HEADER_BYTES);
    const int status =
        ravel_codes_unpack(&reader, layout, info->n_codebooks, codes, info->n_frames);
    return status ? status : info->n_frames;
}

int ravel_block_max_frames(const ravel_layout *layout, int n_codebooks)
{
    const int room = 8 * (RAVEL_BLOCK_MAX_BYTES - RAVEL_BLOCK_HEADER_BYTES);
    const int frames = room / ravel_layout_bits(layout, n_codebooks);
    return frames < RAVEL_BLOCK_MAX_FRAMES ? frames : RAVEL_BLOCK_MAX_FRAMES;
}

int ravel_block_size(const ravel_layout *layout, int n_codebooks, int n_frames)
{
    if (n_codebooks < 1 || n_codebooks > layout->n_codebooks)
        return RAVEL_ERR_ARGUMENT;
    if (n_frames < 1 || n_frames > ravel_block_max_frames(layout, n_codebooks)) {
        return RAVEL_ERR_ARGUMENT;
    }
    return RAVEL_BLOCK_HEADER_BYTES + (n_frames * ravel_layout_bits(layout, n_codebooks) + 7) / 8;
}

int ravel_block_check(const ravel_layout *layout, const ravel_block_info *info,
                      const uint16_t *codes)
{
    const int size = ravel_block_size(layout, info->n_codebooks, info->n_frames);
    if (size < 0)
        return size;
    if (info->n_after_end < 0 || info->n_after_end > info->n_frames ||
        info->n_after_end > RAVEL_BLOCK_MAX_AFTER_END) {
        return RAVEL_ERR_ARGUMENT;
    }
    const bool valid = ravel_layout_codes_valid(layout, info->n_codebooks, codes, info->n_frames);
    return valid ? size : RAVEL_ERR_ARGUMENT;
}

void ravel_block_put_header(const ravel_block_info *info, uint8_t *block)
{
    block[0] = (uint8_t)(RAVEL_BLOCK_VERSION << 4 | info->kind);
    block[1] = (uint8_t)info->n_codebooks;
    memcpy(block + 2, info->identity, RAVEL_BLOCK_IDENTITY_BYTES);
    block[4] = (uint8_t)(info->n_frames & 255);
    block[5] = (uint8_t)(info->n_frames >> 8);
    block[6] = (uint8_t)info->n_after_end;
}

int ravel_block_write(const ravel_layout *layout, const ravel_block_info *info,
                      const uint16_t *codes, uint8_t *block, size_t capacity)
{
    const int size = ravel_block_check(layout, info, codes);
    if (size < 0)
        return size;
    if (capacity < (size_t)size)
        return RAVEL_ERR_SPACE;
    ravel_block_info packed = *info;
    packed.kind = RAVEL_PAYLOAD_PACKED;
    ravel_block_put_header(&packed, block);

    ravel_bit_writer writer;
    ravel_bit_writer_init(&writer, block + RAVEL_BLOCK_HEADER_BYTES,
                          (size_t)size - RAVEL_BLOCK_HEADER_BYTES);
    ravel_codes_pack(&writer, layout, info->n_codebooks, codes, info->n_frames);
    return size;
}
