/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoded sound out: resampled and written. n samples of the sound make ceil(n * file's rate /
 * sound's rate) samples of the file.
 */
#ifndef RAVEL_AUDIO_IO_FILE_SINK_H
#define RAVEL_AUDIO_IO_FILE_SINK_H

#include "ravel/io.h"

typedef struct ravel_sink ravel_sink;

typedef struct {
    int rate_hz, channels; /* of the sound */
    int out_rate_hz;       /* of the file */
    int bits;              /* as for ravel_audio_writer_open */
} ravel_sink_format;

ravel_sink *ravel_sink_open(const char *path, const ravel_sink_format *format, ravel_error *error);

/* pcm: n samples of the sound. return    0 or a negative status */
int ravel_sink_write(ravel_sink *sink, const float *pcm, int n, ravel_error *error);

/* Samples written, at the file's rate. */
int64_t ravel_sink_samples(const ravel_sink *sink);

/* Both free the sink. */
int ravel_sink_close(ravel_sink *sink, ravel_error *error);
void ravel_sink_abort(ravel_sink *sink); /* NULL is allowed */

#endif
