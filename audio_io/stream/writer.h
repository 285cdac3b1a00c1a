/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a stream writer. Frames are held back and put on pages by write.c; how many
 * codebooks the blocks of a page get, and their bytes, come from draft.c.
 */
#ifndef RAVEL_AUDIO_IO_STREAM_WRITER_H
#define RAVEL_AUDIO_IO_STREAM_WRITER_H

#include <ogg/ogg.h>
#include <stdbool.h>

#include "audio_io/file/outfile.h"
#include "codec/import/code_file.h"
#include "ravel/io.h"
#include "rvq/block_coder.h"
#include "rvq/header.h"

enum { RAVEL_PAGE_MAX_SEGMENTS = 255, RAVEL_PAGE_MAX_BODY = 255 * 255, RAVEL_PAGE_HEADER = 27 };

enum { RAVEL_STREAM_MAX_CHANNELS = 64 };

/* The blocks of one page: those of all streams, one behind the other. */
typedef struct {
    uint8_t bytes[RAVEL_PAGE_MAX_BODY];
    int size[RAVEL_STREAM_MAX_CHANNELS]; /* of each block */
    int page_bytes;                      /* of the whole Ogg page */
    int n_codebooks;
} ravel_page_draft;

struct ravel_stream_writer {
    ravel_outfile *out;
    /* Another codec's file, which has no pages: all codes are kept until the end (code_file.c). */
    const ravel_code_file *file;
    const ravel_model *model; /* of such a file */
    ravel_code_list list;
    int list_room; /* frames */
    ogg_stream_state ogg;
    ravel_stream_header header;
    int dropped_samples; /* most that follow the last frame: those of an incomplete one */
    int n_streams, n_codebooks;
    int frame_codes; /* of one stream */
    int block_frames;
    int held_frames;   /* kept back at least, so that the end is in the last page */
    int n_pending;     /* frames in `pending` */
    uint16_t *pending; /* [n_streams][block_frames + held_frames][frame_codes] */
    uint16_t *chosen;  /* [block_frames + held_frames][frame_codes]: fewer codebooks of those */
    ravel_block_coder *coder;
    int kind;                /* of payload */
    double target_bps;       /* 0: all codebooks in every block */
    double saved_bits;       /* that pages so far were below the target */
    int usual_codebooks;     /* of the last page */
    int least_codebooks;     /* of any */
    ravel_page_draft *draft; /* [2]: of the page in work, and to compare with */
    int64_t n_written;       /* frames on pages */
    ravel_stream_rates rates;
    double page_seconds, page_bits; /* of all pages with blocks */
};

/*
 * Makes the blocks of the first n_frames pending ones, of which the last n_after_end lie behind the
 * end of the sound, with as many codebooks as the target allows. *draft is the writer's.
 */
int ravel_stream_draft(ravel_stream_writer *writer, int n_frames, int n_after_end,
                       ravel_page_draft **draft, ravel_error *error);

#endif
