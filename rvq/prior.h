/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The prior: a network that knows which codes are likely, given those that came before.
 *
 * It has two parts. Over time, a causal trunk of layers (nn/layer.h) makes one row, the context, of
 * the frames before a frame of the block. Within the frame, from coarse to fine, a small head for
 * each codebook makes logits of the context and of the frame's codes so far:
 *
 *     ravel_prior_push      context of a frame, from the codes of the frame before it
 *     ravel_prior_logits    what codebook k of that frame may be; the caller chooses or decodes
 *     ravel_prior_add       adds the code of codebook k to the context, for the codebooks after it
 *
 * An encoder knows all codes: it pushes a whole block and then goes codebook by codebook, with all
 * frames as rows. A decoder pushes one frame of several blocks, with the blocks as rows. The
 * bits of a row are the same in both cases, for any number of rows and on every machine.
 *
 * Nothing here allocates but ravel_prior_new.
 */
#ifndef RAVEL_RVQ_PRIOR_H
#define RAVEL_RVQ_PRIOR_H

#include "nn/layer.h"

typedef struct ravel_prior ravel_prior;

int ravel_prior_codebooks(const ravel_prior *prior);
int ravel_prior_codebook_size(const ravel_prior *prior, int codebook);
int ravel_prior_width(const ravel_prior *prior); /* floats of a context */
size_t ravel_prior_weight_bytes(const ravel_prior *prior);
double ravel_prior_macs(const ravel_prior *prior, int n_codebooks); /* multiply-adds a frame */

/*
 * What a block has to remember between its frames: bytes, a multiple of 16, to lie 16-byte aligned.
 * Flat: may be copied.
 */
size_t ravel_prior_state_size(const ravel_prior *prior);
/* To the start of a block. */
void ravel_prior_reset(const ravel_prior *prior, void *state);

/* A block's share of a push. */
typedef struct {
    void *state;
    /*
     * The codes of the block, [frame][code_stride], from its first frame on, each below its
     * codebook's size. The context of frame t is made of frames 0 ... t - 1, of which the state
     * remembers what it needs: only codes from the frame before the first one pushed are read.
     */
    const uint16_t *codes;
    ptrdiff_t code_stride;
    int n_codebooks; /* 1 ... the prior's, the same for the whole block */
    int n_frames;    /* to go on by, >= 0 */
    float *contexts; /* [n_frames][width], written */
} ravel_prior_lane;

/* Contexts of the next frames of each block. */
void ravel_prior_push(const ravel_prior *prior, ravel_prior_lane *lanes, int n_lanes,
                      ravel_arena *scratch);
/* Upper bound of the arena bytes of a push of at most max_frames frames in each lane. */
size_t ravel_prior_push_scratch(const ravel_prior *prior, int max_frames, int n_lanes);

/*
 * contexts    [n][width], the codes of codebooks 0 ... codebook - 1 added to each
 * logits      [n][codebook size]: natural logarithms of the probabilities but for a
 *             constant in each row; within -1e4 ... 1e4
 */
void ravel_prior_logits(const ravel_prior *prior, int codebook, const float *contexts, int n,
                        float *logits, ravel_arena *scratch);
size_t ravel_prior_logits_scratch(const ravel_prior *prior, int n);

/*
 * Adds a code to each context.
 * codes       code i at codes[i * code_stride], below the codebook's size
 * contexts    [n][width]
 */
void ravel_prior_add(const ravel_prior *prior, int codebook, const uint16_t *codes,
                     ptrdiff_t code_stride, int n, float *contexts);

/* --- Construction --------------------------------------------------------------------------- */

/* A linear map: weight [out, in], bias [out] or NULL, scale [out] for I8 weights only. */
typedef struct {
    const ravel_tensor *weight, *bias, *scale;
} ravel_prior_map;

typedef struct {
    const ravel_tensor *features; /* [size, rank]: what a code is to the prior; not I8 */
    ravel_prior_map within;       /* [width, rank] without bias: for the frame's later codebooks */
    ravel_prior_map hidden;       /* [hidden, width]: after a norm without gain, before GELU */
    ravel_prior_map narrow;       /* [narrow, hidden] */
    ravel_prior_map logits;       /* [size, narrow] */
} ravel_prior_head;

typedef struct {
    int n_codebooks;
    const ravel_tensor *start; /* [width]: in the place of the frame before the first */
    const ravel_tensor *rate;  /* [n_codebooks, width]: row n - 1 is added where there are n */
    ravel_prior_map embed;     /* [width, n_codebooks * rank]: features of the frame before */
    ravel_prior_head head[RAVEL_MAX_CODEBOOKS];
    ravel_layer *trunk; /* one row out for each row in, width channels, no lookahead */
} ravel_prior_spec;

/* Takes ownership of the trunk in either case. NULL with *error filled where something is wrong. */
ravel_prior *ravel_prior_new(const ravel_kernels *kernels, const ravel_prior_spec *spec,
                             ravel_error *error);
void ravel_prior_free(ravel_prior *prior); /* NULL is allowed */

#endif
