/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WAV where libsndfile cannot go: read from a pipe without seeking, and written with one header for
 * files and pipes. RIFF and RF64 (EBU Tech 3306), PCM and IEEE float, plain or extensible.
 */
#ifndef RAVEL_AUDIO_IO_FILE_WAV_H
#define RAVEL_AUDIO_IO_FILE_WAV_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int rate_hz, channels;
    int bits;           /* as in audio_io/file/pcm.h */
    size_t data_offset; /* of the first sample, in bytes */
    int64_t data_bytes; /* -1: up to the end of the pipe */
} ravel_wav_info;

typedef enum {
    RAVEL_WAV_OK,
    RAVEL_WAV_MORE,  /* the header goes on beyond the bytes given */
    RAVEL_WAV_OTHER, /* not a WAV, or of a coding that is not known here: ask libsndfile */
    RAVEL_WAV_BROKEN /* a WAV whose numbers contradict each other */
} ravel_wav_status;

/*
 * head    the first n bytes of the file. Lengths of 0 and 0xFFFFFFFF, which programs write when they
 *         do not know the end, mean "up to the end".
 */
ravel_wav_status ravel_wav_parse(const uint8_t *head, size_t n, ravel_wav_info *info);

enum { RAVEL_WAV_HEADER_BYTES = 58 };

/*
 * data_bytes    -1 where it is not known (lengths 0xFFFFFFFF, also from 4 GiB on)
 * bits          16, 24, 32 or -32
 * return        bytes of the header, at most RAVEL_WAV_HEADER_BYTES; the same for any data_bytes
 */
size_t ravel_wav_header(int rate_hz, int channels, int bits, int64_t data_bytes,
                        uint8_t header[RAVEL_WAV_HEADER_BYTES]);

#endif
