/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stream header: the first packet of a `.rvl` stream. All that is needed to know which model a
 * stream wants and what its codes are. docs/format.md, "Header".
 *
 *    byte 0       8   "RavelRVL"
 *         8       1   version: major << 4 | minor
 *         9       1   channels of the sound, 1 ... 64
 *        10       1   codebooks B, 1 ... 64
 *        11       1   bytes N of the model's name, 0 ... 63
 *        12       4   sample rate, Hz
 *        16       4   hop, samples of a frame
 *        20       4   pre-skip, samples
 *        24       8   identity of the tokeniser
 *        32       8   identity of the prior, zeros where there is none
 *        40       N   name of the model, UTF-8, no zero byte
 *        40+N    4B   for each codebook: size - 1, steps per frame (2 bytes each)
 *                     (fields of later minor versions)
 *        last     4   CRC-32 of all bytes before it
 *
 * Numbers are little-endian.
 */
#ifndef RAVEL_RVQ_HEADER_H
#define RAVEL_RVQ_HEADER_H

#include "rvq/layout.h"

enum {
    RAVEL_HEADER_MAX_NAME = 63,
    RAVEL_HEADER_MAX_BYTES = 40 + RAVEL_HEADER_MAX_NAME + 4 * RAVEL_MAX_CODEBOOKS + 4,
    RAVEL_STREAM_IDENTITY_BYTES = 8
};

typedef struct {
    int sample_rate_hz;   /* 1000 ... 768000 */
    int channels;         /* 1 ... 64 */
    int hop_samples;      /* 1 ... 1048576 */
    int pre_skip_samples; /* 0 ... 16777216 */
    char model_name[RAVEL_HEADER_MAX_NAME + 1];
    uint8_t tokenizer_identity[RAVEL_STREAM_IDENTITY_BYTES];
    uint8_t prior_identity[RAVEL_STREAM_IDENTITY_BYTES];
    ravel_layout layout;
} ravel_stream_header;

/* Whether a packet begins as a header does, whatever its version and however damaged the rest. */
bool ravel_header_recognise(const uint8_t *packet, size_t size);

/* return    bytes written; RAVEL_ERR_ARGUMENT for values out of range; RAVEL_ERR_SPACE */
int ravel_header_write(const ravel_stream_header *header, uint8_t *packet, size_t capacity);

/*
 * return    RAVEL_OK; RAVEL_ERR_DATA where it is no header or damaged; RAVEL_ERR_VERSION for a
 *           later major version; *error says what is wrong
 */
int ravel_header_read(const uint8_t *packet, size_t size, ravel_stream_header *header,
                      ravel_error *error);

/* CRC-32 as in zlib, gzip and PNG: reflected polynomial 0xEDB88320, all ones before and after. */
uint32_t ravel_crc32(const uint8_t *bytes, size_t size);
/* The CRC-32 of bytes that begin with those whose CRC-32 is `crc` and go on with these. */
uint32_t ravel_crc32_more(uint32_t crc, const uint8_t *bytes, size_t size);

#endif
