/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks of a set of vectors, a file a family of them. */
#ifndef RAVEL_TESTS_CONFORMANCE_CHECKS_H
#define RAVEL_TESTS_CONFORMANCE_CHECKS_H

#include "tests/support/conformance/decisions.h"
#include "tests/support/conformance/subject.h"

/* Arrays that belong to one recording and one form of the model: their names begin so. */
typedef struct {
    ravel_set *set;
    const char *recording; /* "", "short_" */
    const char *form;      /* "", "zeropad_", "stream_" */
    const ravel_subject *subject;
    ravel_signal pcm;
    bool time_first; /* codes are [steps, codebooks] */
} ravel_case;

/* Latents, codes, what they stand for, samples; but for those of segments. */
void ravel_check_arrays(const ravel_case *c);

/* Bits do not depend on how a stream is cut into pushes. */
void ravel_check_pieces(const ravel_case *c);

/* The delay that the model states suffices, and no shorter one would. */
void ravel_check_delay(const ravel_case *c);

/* Outputs of single modules of the reference. */
void ravel_check_modules(const ravel_case *c);

/* The same of a codec whose frames are segments with a level of their own (EnCodec 48 kHz). */
void ravel_check_segments(const ravel_case *c);

/* What the stages of the quantiser project, "proj_latents", where that is there. */
void ravel_check_projections(const ravel_case *c);

/* A file of the reference's own tool, by its name, that holds these codes: read and written. */
void ravel_check_code_file(ravel_set *set, const char *name, const ravel_model *model,
                           const ravel_codes *codes, int64_t n_samples);

/* EnCodec's files of the recording, where there are any; these codes are in it. */
void ravel_check_ecdc(const ravel_case *c, const ravel_codes *codes);

/* Lyra's folder. return    whether it is one */
bool ravel_check_lyra(ravel_set *set);

#endif
