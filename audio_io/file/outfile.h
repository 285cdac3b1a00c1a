/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An output that appears whole or not at all: bytes go to a hidden file beside the wanted one
 * (".NAME.PID-N.tmp"), which takes the name, and the place of a file that had it, at the commit.
 * Pipes and devices are written directly; nothing can be taken back there.
 *
 * A write that a signal handler interrupts (installed without SA_RESTART) fails with RAVEL_ERR_IO,
 * so that a program can be stopped while it waits for a pipe.
 */
#ifndef RAVEL_AUDIO_IO_FILE_OUTFILE_H
#define RAVEL_AUDIO_IO_FILE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ravel/ravel.h"

typedef struct ravel_outfile ravel_outfile;

/* path: a file, a device, or "-" for standard output. NULL with *error filled. */
ravel_outfile *ravel_outfile_open(const char *path, ravel_error *error);

/* Not buffered. return    0 or a negative status; once failed, every later write and the commit fail */
int ravel_outfile_write(ravel_outfile *out, const void *data, size_t size, ravel_error *error);

/* Bytes from the start where this output began; whence as for lseek. -1 on a pipe. */
int64_t ravel_outfile_seek(ravel_outfile *out, int64_t offset, int whence);
bool ravel_outfile_seekable(const ravel_outfile *out);

/* All three free the output. */
int ravel_outfile_commit(ravel_outfile *out, ravel_error *error);
void ravel_outfile_abort(ravel_outfile *out); /* NULL is allowed */
/* Commits after a status of 0, aborts after a negative one. return    the first negative status, or 0 */
int ravel_outfile_end(ravel_outfile *out, int status, ravel_error *error);

#endif
