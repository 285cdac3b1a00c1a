/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codes of an utterance as the tokens of a language model, and back.
 *
 * The encoder gives codes [n_frames][columns]: the codebooks of a frame coarse to fine, a codebook
 * of several steps a frame taking as many columns. A layout says in which order they follow each
 * other and which number each becomes. Three codebooks a, b, c and four frames:
 *
 *     parallel        a0 b0 c0      delay    a0  -  -      flat           a0 b0 c0 a1 b1 c1 ...
 *                     a1 b1 c1               a1 b0  -
 *                     a2 b2 c2               a2 b1 c0      coarse-first   a0 a1 a2 a3 b0 b1 b2 b3
 *                     a3 b3 c3               a3 b2 c1                     c0 c1 c2 c3
 *                                             - b3 c2
 *                                             -  - c3
 *
 * "-" is the pad token. The delays of codebooks are free; 0, 1, 2 ... is the pattern of MusicGen
 * (Copet et al., arXiv 2306.05284). Parallel and delay are rows of all columns, a step of the model
 * each; flat and the rest are rows of one token. Interleaved is for codebooks of several steps a
 * frame: each code stands where its step begins, coarse to fine; where all have one step it is flat.
 * One frame of three codebooks of one, two and four steps, as SNAC has them:
 *
 *     flat    a0 b0 b1 c0 c1 c2 c3      interleaved    a0 b0 c0 c1 b1 c2 c3
 *
 * A code of codebook b becomes the token base + code + the sizes of the codebooks before b, so that
 * no two codebooks share a token; or, shared, base + code for all; or by places: base + code + the
 * sizes of all codes before it in the frame, tokens of its own for every place. Special tokens follow
 * the last one that a code can have: pad, begin, end. A begin or end is a row of that token.
 *
 * Every layout is undone without loss by ravel_tokens_to_codes. docs/tokens.md tells more.
 */
#ifndef RAVEL_TOKENS_H
#define RAVEL_TOKENS_H

#include "ravel/ravel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    RAVEL_TOKENS_PARALLEL,
    RAVEL_TOKENS_DELAY,
    RAVEL_TOKENS_FLAT,
    RAVEL_TOKENS_COARSE_FIRST,
    RAVEL_TOKENS_INTERLEAVED
} ravel_token_order;

/* "parallel", "delay", "flat", "coarse-first", "interleaved"; NULL for another number. */
RAVEL_API const char *ravel_token_order_name(int order);

/* What has tokens of its own. */
typedef enum {
    RAVEL_TOKENS_APART,  /* each codebook */
    RAVEL_TOKENS_SHARED, /* nothing: the same tokens for all codebooks */
    RAVEL_TOKENS_PLACES  /* each place in a frame: every step of every codebook */
} ravel_token_numbers;

/* "apart", "shared", "places"; NULL for another number. */
RAVEL_API const char *ravel_token_numbers_name(int numbers);

enum { RAVEL_TOKENS_MAX_DELAY = 1024 }; /* frames */

typedef struct {
    ravel_token_order order;
    int n_codebooks;         /* of the model, the first so many; 0 for all */
    const int *delay_frames; /* [n_codebooks], 0 ... RAVEL_TOKENS_MAX_DELAY; NULL for 0, 1, 2 ... */
    uint32_t base;           /* added to every token */
    ravel_token_numbers numbers;
    int begin, end; /* nonzero: a row before, or after, each utterance */
} ravel_token_options;

/* Made by ravel_token_layout_make; to be read only. */
typedef struct {
    ravel_token_order order;
    int n_codebooks;
    int codebook_size[RAVEL_MAX_CODEBOOKS];
    int steps_per_frame[RAVEL_MAX_CODEBOOKS];
    int delay_frames[RAVEL_MAX_CODEBOOKS]; /* 0 unless the order is delay */
    uint32_t base;
    ravel_token_numbers numbers;
    int64_t pad, begin, end; /* special tokens; -1 where there is none */
    uint32_t vocabulary;     /* one more than the greatest token */
    int columns;             /* of codes: a frame's */
    int row_tokens;          /* of tokens: the columns, or 1 */
} ravel_token_layout;

/*
 * options   NULL for the codes as they are: all codebooks, parallel, shared, from 0
 * return    0, or RAVEL_ERR_ARGUMENT with *error
 */
RAVEL_API int ravel_token_layout_make(ravel_token_layout *layout, const ravel_model_info *model,
                                      const ravel_token_options *options, ravel_error *error);

/* A token is its code and this; column 0 ... columns - 1 of a frame of codes. */
RAVEL_API uint32_t ravel_token_offset(const ravel_token_layout *layout, int column);

/* Rows of tokens that n_frames frames make. */
RAVEL_API int64_t ravel_token_rows(const ravel_token_layout *layout, int64_t n_frames);

/* Frames that so many rows are; RAVEL_ERR_DATA where no number of frames makes them. */
RAVEL_API int64_t ravel_token_frames(const ravel_token_layout *layout, int64_t n_rows);

/*
 * What stands at a place of the tokens of n_frames frames, 0 <= row < ravel_token_rows, column <
 * row_tokens.
 * return    index of its code, frame * columns + column of the frame; -1 for a special token, which
 *           *special is set to
 */
RAVEL_API int64_t ravel_token_place(const ravel_token_layout *layout, int64_t n_frames, int64_t row,
                                    int column, uint32_t *special);

/*
 * codes     [n_frames][columns]
 * tokens    [ravel_token_rows][row_tokens]
 * return    0; RAVEL_ERR_DATA with *error for a code that its codebook has not
 */
RAVEL_API int ravel_tokens_from_codes(const ravel_token_layout *layout, const uint16_t *codes,
                                      int64_t n_frames, uint32_t *tokens, ravel_error *error);

/*
 * The way back. A token that cannot stand where it does is refused, wherever the tokens are from.
 * codes     [ravel_token_frames(n_rows)][columns]
 * return    frames, or RAVEL_ERR_DATA with *error
 */
RAVEL_API int64_t ravel_tokens_to_codes(const ravel_token_layout *layout, const uint32_t *tokens,
                                        int64_t n_rows, uint16_t *codes, ravel_error *error);

#ifdef __cplusplus
}
#endif

#endif
