/* SPDX-License-Identifier: BSD-3-Clause */
/* A way into a ravel_audio_reader that programs seldom need: a file without a name. */
#ifndef RAVEL_AUDIO_IO_FILE_READER_H
#define RAVEL_AUDIO_IO_FILE_READER_H

#include "ravel/io.h"

/*
 * As ravel_audio_reader_open, for a regular file that is open and stands at its beginning. The
 * descriptor is taken over and closed, also where the file is refused.
 * name      for messages
 */
ravel_audio_reader *ravel_audio_reader_open_descriptor(int fd, const char *name,
                                                       ravel_error *error);

#endif
