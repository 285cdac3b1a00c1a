/* SPDX-License-Identifier: BSD-3-Clause */
/* What a prior is made of, for the files that are it. */
#ifndef RAVEL_RVQ_PRIOR_IMPL_H
#define RAVEL_RVQ_PRIOR_IMPL_H

#include "rvq/prior.h"

/* The head of one codebook. */
typedef struct {
    float *features; /* [size][rank] */
    ravel_matrix within, hidden, narrow, logits;
} ravel_prior_net;

struct ravel_prior {
    const ravel_kernels *kernels;
    int n_codebooks, width, rank;
    float *start; /* [width] */
    float *rate;  /* [n_codebooks][width] */
    ravel_matrix embed;
    ravel_prior_net head[RAVEL_MAX_CODEBOOKS];
    ravel_layer *trunk;
};

/* Followed by the state of the trunk. */
typedef struct {
    int64_t n_frames; /* pushed so far */
    int64_t unused;
} ravel_prior_state;

#endif
