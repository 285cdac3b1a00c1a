/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams in the files of other codecs' tools (codec/import/code_file.h): all codes at once. */
#ifndef RAVEL_AUDIO_IO_STREAM_CODE_FILE_H
#define RAVEL_AUDIO_IO_STREAM_CODE_FILE_H

#include "audio_io/stream/reader.h"
#include "audio_io/stream/writer.h"
#include "codec/import/code_file.h"

/*
 * Puts all frames of the file into the reader's queue, as if they were one page.
 * n_codebooks    as ravel_code_list of what is read
 */
int ravel_stream_read_code_file(ravel_stream_reader *reader, const ravel_code_file *file,
                                const char *path, int n_codebooks, ravel_error *error);

/* A writer that keeps what it is given until it is closed. */
int ravel_stream_begin_code_file(ravel_stream_writer *writer, const char *path,
                                 const ravel_model *model, const ravel_stream_format *format,
                                 ravel_error *error);
int ravel_stream_keep_codes(ravel_stream_writer *writer, const uint16_t *codes, int n_frames,
                            ravel_error *error);
int ravel_stream_write_code_file(ravel_stream_writer *writer, int64_t n_samples,
                                 ravel_error *error);

#endif
