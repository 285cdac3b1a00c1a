/* SPDX-License-Identifier: BSD-3-Clause */
/* Small files that are read and written whole: models, checkpoints, pictures, JSON. */
#ifndef RAVEL_AUDIO_IO_FILE_WHOLE_FILE_H
#define RAVEL_AUDIO_IO_FILE_WHOLE_FILE_H

#include <stddef.h>

#include "ravel/ravel.h"

/* The bytes of a regular file of at most 1 GiB, and a zero behind them; free() them. */
void *ravel_whole_file_read(const char *path, size_t *size, ravel_error *error);

/* path: as ravel_outfile_open takes it. return    0 or a negative status */
int ravel_whole_file_write(const char *path, const void *data, size_t size, ravel_error *error);

#endif
