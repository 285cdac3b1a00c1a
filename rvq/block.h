/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block: a whole number of frames, about two seconds of them, that decodes without any other
 * block. In a file it is one Ogg packet on one page. docs/format.md, "Block".
 *
 *    byte 0      version << 4 | kind of payload
 *    byte 1      codebooks, 1 ... 64
 *    byte 2, 3   the first two bytes of the tokeniser's identity
 *    byte 4, 5   frames, 1 ... 65535, little-endian
 *    byte 6      frames at its end that lie wholly behind the end of the sound; 0 but in the last
 *                block, where a codec's lookahead takes such frames
 *    byte 7 ...  payload
 *
 * The first seven bytes stay what they are in every kind of payload, so that a reader that does not
 * know a kind still knows how many frames it misses. With the granule position g of its page, the
 * first frame of a block has the number ceil(g / hop) + frames after the end - frames.
 */
#ifndef RAVEL_RVQ_BLOCK_H
#define RAVEL_RVQ_BLOCK_H

#include "rvq/layout.h"

enum {
    RAVEL_BLOCK_VERSION = 0,
    RAVEL_BLOCK_HEADER_BYTES = 7,
    RAVEL_BLOCK_MAX_BYTES = 65024, /* the longest packet that begins and ends on one Ogg page */
    RAVEL_BLOCK_MAX_FRAMES = 65535,
    RAVEL_BLOCK_MAX_CODED_FRAMES = 1024, /* a few bytes can hold no hours */
    RAVEL_BLOCK_MAX_AFTER_END = 255,
    RAVEL_BLOCK_IDENTITY_BYTES = 2,
    RAVEL_BLOCK_KINDS = 16 /* of payloads that a header can name */
};

typedef enum {
    RAVEL_PAYLOAD_PACKED = 0, /* codes of ravel_code_bits bits each, frame after frame */
    RAVEL_PAYLOAD_STATIC = 1, /* range-coded by static tables (rvq/block_coder.h) */
    RAVEL_PAYLOAD_PRIOR = 2,  /* range-coded by the prior */
    RAVEL_PAYLOADS
} ravel_payload;

typedef struct {
    int kind; /* ravel_payload; those up to 15 that it does not name are of later versions */
    int n_codebooks;
    int n_frames;
    int n_after_end; /* frames behind the end of the sound, 0 ... n_frames and at most 255 */
    uint8_t identity[RAVEL_BLOCK_IDENTITY_BYTES];
} ravel_block_info;

/*
 * Reads the first seven bytes.
 * return    RAVEL_OK, also for an unknown kind; RAVEL_ERR_DATA where it cannot be a block;
 *           RAVEL_ERR_VERSION for a version other than RAVEL_BLOCK_VERSION
 */
int ravel_block_parse(const uint8_t *block, size_t size, ravel_block_info *info);

/*
 * Reads the packed codes of a block that ravel_block_parse accepted; rvq/block_coder.h reads those
 * of every kind.
 * codes     [info->n_frames][ravel_layout_codes(layout, info->n_codebooks)]; undefined on failure
 * return    frames; RAVEL_ERR_VERSION for another kind; RAVEL_ERR_MODEL for more codebooks than
 *           the layout has; RAVEL_ERR_SPACE where capacity (frames) is less; RAVEL_ERR_DATA where
 *           the size is not exact, a code is too great for its codebook, or a padding bit is set
 */
int ravel_block_read(const ravel_layout *layout, const uint8_t *block, size_t size,
                     const ravel_block_info *info, uint16_t *codes, int capacity);

/* Bytes of a block of packed codes, or RAVEL_ERR_ARGUMENT where it cannot be one page. */
int ravel_block_size(const ravel_layout *layout, int n_codebooks, int n_frames);

/* Most frames of n_codebooks that fit into one block, at least 1 for every valid layout. */
int ravel_block_max_frames(const ravel_layout *layout, int n_codebooks);

/*
 * Whether info and codes [info->n_frames][codes of a frame] can be a block.
 * return    its bytes with packed codes; RAVEL_ERR_ARGUMENT, also for a code too great for its
 *           codebook
 */
int ravel_block_check(const ravel_layout *layout, const ravel_block_info *info,
                      const uint16_t *codes);

/* Writes the first seven bytes of a block that was checked. */
void ravel_block_put_header(const ravel_block_info *info, uint8_t *block);

/*
 * Writes a block of packed codes [info->n_frames][codes of a frame]; info->kind is ignored.
 * return    bytes; RAVEL_ERR_ARGUMENT as ravel_block_check; RAVEL_ERR_SPACE
 */
int ravel_block_write(const ravel_layout *layout, const ravel_block_info *info,
                      const uint16_t *codes, uint8_t *block, size_t capacity);

#endif
