/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a stream reader. Pages are taken one after the other (stream_page.c); each leaves
 * in the queue a number of lost frames, then frames of codes, and ravel_stream_reader_read
 * (stream_read.c) empties the queue. Seeking (stream_seek.c) moves the place where pages come from.
 */
#ifndef RAVEL_AUDIO_IO_STREAM_READER_H
#define RAVEL_AUDIO_IO_STREAM_READER_H

#include <stdbool.h>

#include "audio_io/ogg_pages.h"
#include "ravel/io.h"
#include "rvq/header.h"
#include "rvq/tags.h"

struct ravel_stream_reader {
    ravel_ogg_pages pages;
    const ravel_model_info *model; /* or NULL */
    ravel_stream_info info;
    ravel_stream_damage damage;
    ravel_stream_header header;
    ravel_tags tags;

    bool adopted; /* the stream is found: serial and header are valid */
    int serial;
    bool ended; /* no page of the stream is left */

    /* Where the stream stands. */
    long page_number;   /* of the last page used; -1: none or not known */
    int64_t position;   /* frame that the next page should begin with; -1: not known */
    int64_t cut_frames; /* of gaps, not concealed: later frames come so much earlier */

    /* By which gaps are measured. */
    int64_t n_refused;             /* pages counted as damaged, but not yet missed */
    int64_t n_good, n_concealed;   /* frames so far */
    int64_t explained_bytes;       /* pages.skipped_bytes that earlier gaps have used up */
    int usual_frames, usual_bytes; /* of the last good page */
    int64_t block_bytes;           /* of all good ones */

    /* The queue. */
    int64_t n_lost;
    uint16_t *codes; /* [n_streams][n_frames][frame_codes] */
    size_t codes_room;
    int n_frames, next_frame, n_codebooks, frame_codes;

    bool in_tags; /* the last page ended within the tags */
    int n_tag_pages;
    ogg_stream_state tag_pages;
};

/* Uses one page of n_bytes. return    0, or a negative status that ends the reading */
int ravel_stream_use_page(ravel_stream_reader *reader, ogg_page *page, int n_bytes,
                          ravel_error *error);

/*
 * Takes pages until something is in the queue or none is left.
 * return    1, 0 at the end, or a negative status
 */
int ravel_stream_fill(ravel_stream_reader *reader, ravel_error *error);

/* Finds the granule position of the last page of a seekable file and comes back. */
int ravel_stream_find_end(ravel_stream_reader *reader, ravel_error *error);

#endif
