/* SPDX-License-Identifier: BSD-3-Clause */
/* Small checkpoints made in memory, for tests of the converters. Failures are Criterion's. */
#ifndef RAVEL_TESTS_CHECKPOINT_H
#define RAVEL_TESTS_CHECKPOINT_H

#include "codec/import/import.h"
#include "nn/tensor.h"

enum { RAVEL_CHECKPOINT_TENSORS = 600, RAVEL_CHECKPOINT_NAME = 120 };

/* Of weight norm: weight_g and weight_v; parametrizations.weight.original0 and 1; none. */
typedef enum { RAVEL_OLD_NORM, RAVEL_NEW_NORM, RAVEL_FOLDED } ravel_norm_spelling;

typedef struct {
    ravel_norm_spelling how;
    ravel_tensor tensors[RAVEL_CHECKPOINT_TENSORS];
    char names[RAVEL_CHECKPOINT_TENSORS][RAVEL_CHECKPOINT_NAME];
    float *data[RAVEL_CHECKPOINT_TENSORS];
    size_t n;
    uint64_t seed; /* of what is added next */
} ravel_checkpoint;

ravel_checkpoint *ravel_checkpoint_new(ravel_norm_spelling how);
/* A copy of the small one of that name (small_checkpoints.h). */
ravel_checkpoint *ravel_checkpoint_small(const char *small);
void ravel_checkpoint_free(ravel_checkpoint *c);

/* A tensor of noise; its rank ends before the first extent of 0. return    its values */
float *ravel_checkpoint_add(ravel_checkpoint *c, const char *name, int a, int b, int k);

/*
 * A convolution's weight [a, b, k] and bias [n_out] under PREFIX. Its rows have a norm that is a power
 * of two, so that folding is exact and the spellings can be compared bit by bit.
 */
void ravel_checkpoint_add_conv(ravel_checkpoint *c, const char *prefix, int a, int b, int k,
                               int n_out);

/* Takes out all tensors with that word in their name. */
void ravel_checkpoint_leave_out(ravel_checkpoint *c, const char *word);

/* Replaces the first `from` in every name that has it; "" puts a prefix before each. */
void ravel_checkpoint_rename(ravel_checkpoint *c, const char *from, const char *to);

/* As a safetensors file, the order of its tensors changed; free() it. */
void *ravel_checkpoint_file(const ravel_checkpoint *c, size_t *size);

/* ravel_import of it. config, settings: may be NULL */
int ravel_checkpoint_import(const ravel_checkpoint *c, const char *config,
                            const char *const *settings, int n_settings, void **model, size_t *size,
                            ravel_error *error);

/* The model file, which must be made; frees the checkpoint. */
void *ravel_checkpoint_imported(ravel_checkpoint *c, const char *config, size_t *size);

/* The same, opened. */
ravel_model *ravel_checkpoint_opened(ravel_checkpoint *c, const char *config);

/* Two model files are to be the same, and are freed. */
void ravel_checkpoint_expect_equal(void *a, size_t a_size, void *b, size_t b_size);

/* The import must fail, with the word in its message. */
void ravel_checkpoint_refused(const ravel_checkpoint *c, const char *config, const char *word);

/* The same without tensor number i, which is there again afterwards. */
void ravel_checkpoint_refused_without(ravel_checkpoint *c, size_t i, const char *config,
                                      const char *word);

/* The same with the tensors of that name in another shape; frees the checkpoint. */
void ravel_checkpoint_refused_with(ravel_checkpoint *c, const char *name, const int shape[3],
                                   const char *config, const char *word);

#endif
