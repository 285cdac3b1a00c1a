/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sound as a model wants it: reader, mixing and resampling in one, in constant memory. n samples of
 * a file make ceil(n * rate / file's rate) samples here.
 */
#ifndef RAVEL_AUDIO_IO_FILE_SOURCE_H
#define RAVEL_AUDIO_IO_FILE_SOURCE_H

#include <stdbool.h>

#include "ravel/io.h"

typedef struct ravel_source ravel_source;

/*
 * channels       of the model
 * keep           leave the file's channels, which must be a multiple of the model's, as they are
 * return         NULL with *error filled
 */
ravel_source *ravel_source_open(const char *path, const ravel_audio_format *format, int rate_hz,
                                int channels, bool keep, ravel_error *error);
/* The same of a reader that is open; it is taken over, and closed also where it is refused. */
ravel_source *ravel_source_of_reader(ravel_audio_reader *reader, int rate_hz, int channels,
                                     bool keep, ravel_error *error);

/*
 * Before the first read: only the samples from offset_s on, duration_s of them or up to the end for
 * 0, as a file would give that was cut at those samples of its own rate, rounded.
 * return    0; RAVEL_ERR_DATA where the sound ends before it
 */
int ravel_source_cut(ravel_source *source, double offset_s, double duration_s, ravel_error *error);
void ravel_source_close(ravel_source *source); /* NULL is allowed */

const ravel_audio_reader *ravel_source_reader(const ravel_source *source);
int ravel_source_channels(const ravel_source *source);

/* Samples of each channel that there will be, -1 where it is not known. */
int64_t ravel_source_length(const ravel_source *source);

/* NaN and infinite values met so far, each set to 0. */
int64_t ravel_source_bad_values(const ravel_source *source);

/*
 * pcm       valid until the next call
 * return    samples, 0 at the end, or a negative status
 */
int ravel_source_read(ravel_source *source, const float **pcm, ravel_error *error);

#endif
