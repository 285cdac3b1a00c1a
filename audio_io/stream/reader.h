/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a stream reader. Pages are read, several ahead where the prior decodes their blocks
 * side by side, and their blocks decoded (ahead.c). Then they are taken one after the other
 * (page.c); each leaves in the queue a number of lost frames, then frames of codes, and
 * ravel_stream_reader_read (read.c) empties the queue. Seeking (seek.c) moves the place where pages
 * come from. Each of ahead.c, page.c, seek.c, read.c uses those before it.
 */
#ifndef RAVEL_AUDIO_IO_STREAM_READER_H
#define RAVEL_AUDIO_IO_STREAM_READER_H

#include <stdbool.h>

#include "audio_io/stream/ogg_pages.h"
#include "ravel/io.h"
#include "rvq/block_coder.h"
#include "rvq/header.h"
#include "rvq/tags.h"

enum { RAVEL_MAX_PAGES_AHEAD = 8, RAVEL_STREAM_MAX_BLOCKS = 64 };

/* A page, and what its blocks hold. */
typedef struct {
    ogg_page page;
    uint8_t *bytes; /* of it, own copy */
    size_t bytes_room;
    int n_bytes;
    int64_t skipped_bytes; /* of the file, up to this page */

    int n_blocks; /* that can be blocks of the stream: all packets of the page, or 0 */
    int n_kind[RAVEL_BLOCK_KINDS]; /* of them, by the kind of their payload */
    int status;                    /* RAVEL_OK, or why they cannot be read */
    bool told;       /* their codes are known; else the stream is looked at without its model */
    uint16_t *codes; /* [n_blocks][n_frames][codes of a frame] */
    size_t codes_room;
    ravel_block_info info; /* of the first; the others are of the same frames and codebooks */
    uint64_t bits[RAVEL_MAX_CODEBOOKS]; /* of each codebook, as ravel_block_job counts them */
} ravel_page_ahead;

struct ravel_stream_reader {
    ravel_ogg_pages pages;
    int64_t skipped_bytes;         /* up to the page in use */
    const ravel_model *opened;     /* or NULL */
    const ravel_model_info *model; /* of it */
    ravel_stream_info info;
    ravel_stream_damage damage;
    ravel_stream_header header;
    ravel_tags tags;

    bool adopted; /* the stream is found: serial and header are valid */
    int serial;
    bool ended;   /* no page of the stream is left */
    bool at_once; /* there are no pages: all frames are in the queue (code_file.c) */

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

    /* Pages read ahead. */
    ravel_block_coder *coder; /* once the stream is found */
    int most_ahead;
    int n_ahead, next_ahead;
    ravel_page_ahead ahead[RAVEL_MAX_PAGES_AHEAD];
    ravel_block_job *jobs; /* [RAVEL_MAX_PAGES_AHEAD * RAVEL_STREAM_MAX_BLOCKS] */
    ravel_stream_bits bits;

    /* The queue. */
    int64_t n_lost;
    bool told;       /* as in ravel_page_ahead */
    uint16_t *codes; /* [n_streams][n_frames][frame_codes] */
    size_t codes_room;
    int n_frames, next_frame, n_codebooks, frame_codes;

    bool in_tags; /* the last page ended within the tags */
    int n_tag_pages;
    ogg_stream_state tag_pages;
};

/*
 * Next page, with its blocks decoded.
 * *page     valid until the next call; its codes may be taken away
 * return    1, 0 at the end, or a negative status
 */
int ravel_stream_next_page(ravel_stream_reader *reader, ravel_page_ahead **page,
                           ravel_error *error);

/* Makes the decoder of blocks for the stream that was found. */
int ravel_stream_open_coder(ravel_stream_reader *reader, ravel_error *error);

/* Looks anew at the page in use, now that it has told which stream this is. */
int ravel_stream_look_again(ravel_stream_reader *reader, ravel_error *error);

/* Drops the pages that were read ahead. */
void ravel_stream_forget_ahead(ravel_stream_reader *reader);
void ravel_stream_free_ahead(ravel_stream_reader *reader);

/* What the header says, for those who look at the stream. */
void ravel_stream_describe(ravel_stream_reader *reader);

/* Uses one page. return    0, or a negative status that ends the reading */
int ravel_stream_use_page(ravel_stream_reader *reader, ravel_page_ahead *ahead, ravel_error *error);

/*
 * Takes pages until something is in the queue or none is left.
 * return    1, 0 at the end, or a negative status
 */
int ravel_stream_fill(ravel_stream_reader *reader, ravel_error *error);

/* Finds the granule position of the last page of a seekable file and comes back. */
int ravel_stream_find_end(ravel_stream_reader *reader, ravel_error *error);

#endif
