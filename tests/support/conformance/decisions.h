/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codes against those of a reference. They are equal, but where the two nearest codewords were so
 * near to each other that rounding decided.
 */
#ifndef RAVEL_TESTS_CONFORMANCE_DECISIONS_H
#define RAVEL_TESTS_CONFORMANCE_DECISIONS_H

#include "tests/support/conformance/run.h"

/*
 * A value a code of an array: NAME.npy, of shape [codebooks, steps] or, where `time_first`, [steps,
 * codebooks]; or NAME_0.npy, NAME_1.npy ..., one a codebook. Codebooks of several steps a frame
 * have theirs one after another. n is 0 where there is no such array, or it fits to no frames.
 */
typedef struct {
    int n_frames, per_frame, n_codebooks;
    float *values; /* [n_frames][per_frame], the order of ravel_codes */
} ravel_decisions;

ravel_decisions ravel_decisions_load(ravel_set *set, const ravel_model *model, const char *name,
                                     bool time_first);
void ravel_decisions_free(ravel_decisions *decisions);

ravel_codes ravel_decisions_codes(const ravel_decisions *decisions);

typedef struct {
    const ravel_codes *ours, *theirs;
    const ravel_decisions *margin; /* (d2 - d1) / d2 of each decision; NULL: nothing is excused */
    const ravel_signal *latents, *reference; /* ours and theirs, a row a frame */
} ravel_decision_check;

/* A line of the report. */
void ravel_decisions_check(ravel_set *set, const char *what, const ravel_model *model,
                           const ravel_decision_check *check);

#endif
