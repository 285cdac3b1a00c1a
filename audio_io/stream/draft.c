/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blocks of a page, and the choice of their codebooks. Every prefix of the codebooks is a
 * codec, so a writer that is to keep to an average rate gives each page as many as it can: a pause
 * costs an entropy coder little, and what it leaves is spent where there is much to say.
 */
#include <string.h>

#include "audio_io/stream/writer.h"
#include "nn/error.h"

/* Seconds of the target that can be saved: a long silence is not paid back by minutes of plenty. */
enum { SAVING_SECONDS = 10 };

/* Codes of the first n_codebooks of a stream's frames. */
static const uint16_t *choose_codes(ravel_stream_writer *writer, int stream, int n_frames,
                                    int n_codebooks)
{
    const size_t most = (size_t)writer->block_frames + (size_t)writer->held_frames;
    const size_t all = (size_t)writer->frame_codes;
    const uint16_t *codes = writer->pending + (size_t)stream * most * all;
    if (n_codebooks == writer->n_codebooks)
        return codes;
    const size_t few = (size_t)ravel_layout_codes(&writer->header.layout, n_codebooks);
    for (size_t f = 0; f < (size_t)n_frames; f++)
        memcpy(writer->chosen + f * few, codes + f * all, few * sizeof *codes);
    return writer->chosen;
}

static int draft_with(ravel_stream_writer *writer, ravel_page_draft *draft, int n_frames,
                      int n_after_end, int n_codebooks, ravel_error *error)
{
    ravel_block_info info = {.kind = writer->kind,
                             .n_codebooks = n_codebooks,
                             .n_frames = n_frames,
                             .n_after_end = n_after_end};
    memcpy(info.identity, writer->header.tokenizer_identity, sizeof info.identity);
    int used = 0;
    draft->n_codebooks = n_codebooks;
    draft->page_bytes = RAVEL_PAGE_HEADER;
    for (int s = 0; s < writer->n_streams; s++) {
        size_t room = (size_t)(RAVEL_PAGE_MAX_BODY - used);
        const uint16_t *codes = choose_codes(writer, s, n_frames, n_codebooks);
        int n =
            ravel_block_coder_write(writer->coder, &info, codes, draft->bytes + used,
                                    room < RAVEL_BLOCK_MAX_BYTES ? room : RAVEL_BLOCK_MAX_BYTES);
        if (n < 0)
            return ravel_error_set(error, (ravel_status)n, "a block of %d frames: %s", n_frames,
                                   ravel_strerror(n));
        draft->size[s] = n;
        draft->page_bytes += n + n / 255 + 1;
        used += n;
    }
    return 0;
}

static void swap_drafts(ravel_page_draft **a, ravel_page_draft **b)
{
    ravel_page_draft *other = *a;
    *a = *b;
    *b = other;
}

/*
 * The most codebooks whose page is not above `allowed` bits, from those of the page before on: a
 * page costs about as much as its neighbour. As many as hold a sound are always there.
 */
static int search(ravel_stream_writer *writer, int n_frames, int n_after_end, double allowed,
                  ravel_page_draft **found, ravel_error *error)
{
    ravel_page_draft *best = &writer->draft[0], *next = &writer->draft[1];
    int n = writer->usual_codebooks;
    int status = draft_with(writer, best, n_frames, n_after_end, n, error);
    while (status == 0 && n > writer->least_codebooks && 8.0 * best->page_bytes > allowed)
        status = draft_with(writer, best, n_frames, n_after_end, --n, error);
    bool went_down = n < writer->usual_codebooks;
    while (status == 0 && !went_down && n < writer->n_codebooks) {
        status = draft_with(writer, next, n_frames, n_after_end, ++n, error);
        if (8.0 * next->page_bytes > allowed)
            break;
        swap_drafts(&best, &next);
    }
    *found = best;
    return status;
}

int ravel_stream_draft(ravel_stream_writer *writer, int n_frames, int n_after_end,
                       ravel_page_draft **draft, ravel_error *error)
{
    const ravel_stream_header *header = &writer->header;
    *draft = &writer->draft[0];
    if (writer->target_bps <= 0.0)
        return draft_with(writer, *draft, n_frames, n_after_end, writer->n_codebooks, error);
    double seconds = (double)n_frames * header->hop_samples / header->sample_rate_hz;
    double allowed = writer->saved_bits + writer->target_bps * seconds;
    int status = search(writer, n_frames, n_after_end, allowed, draft, error);
    if (status < 0)
        return status;
    double most = writer->target_bps * SAVING_SECONDS, left = allowed - 8.0 * (*draft)->page_bytes;
    writer->saved_bits = left < most ? left : most;
    writer->usual_codebooks = (*draft)->n_codebooks;
    return 0;
}
