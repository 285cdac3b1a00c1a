/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codes of a live voice to a `.rvl` file: the disk may block, so a thread of its own writes what the
 * codec's thread leaves in a ring.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_RECORDER_H
#define RAVEL_AUDIO_IO_LIVE_RECORDER_H

#include "ravel/io.h"

typedef struct ravel_recorder ravel_recorder;

/*
 * path       as of ravel_stream_writer_open
 * return     NULL with *error filled
 */
ravel_recorder *ravel_recorder_open(const char *path, const ravel_model *model, int n_codebooks,
                                    ravel_error *error);

/*
 * From one thread: no allocation, lock or system call. Where the disk is minutes late the frames are
 * dropped and counted.
 * codes    [n_frames][codes per frame of n_codebooks]
 */
void ravel_recorder_write(ravel_recorder *recorder, const uint16_t *codes, int n_frames);

/*
 * Waits until all is written, and frees the recorder.
 * n_samples    that went into the encoder, whose end has been written
 * rates        set on success
 * return       frames that were dropped, or a negative status with *error filled: what went wrong
 *              first; then there is no file
 */
int64_t ravel_recorder_close(ravel_recorder *recorder, int64_t n_samples, ravel_stream_rates *rates,
                             ravel_error *error);

#endif
