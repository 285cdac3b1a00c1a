/* SPDX-License-Identifier: BSD-3-Clause */
/* Many coded blocks of one model, written and read back, as one number to be compared. */
#ifndef RAVEL_TESTS_CODED_BLOCKS_H
#define RAVEL_TESTS_CODED_BLOCKS_H

#include <stdint.h>

#include "codec/model.h"

/*
 * Codes [n_frames][n_codebooks] that the tables or the prior hold for the most likely, or (most 0)
 * the least likely; one in eight is random, so that the course differs from block to block.
 */
void ravel_test_told_codes(const ravel_code_models *models, ravel_payload kind, int most,
                           uint64_t *seed, int n_frames, int n_codebooks, uint16_t *codes);

typedef struct {
    int n_blocks;
    long n_bytes;
    uint64_t hash; /* of all bytes, and of the coder's final range in each block */
} ravel_coded_blocks;

/*
 * Blocks of 50 to 100 frames, in turn a stretch of `codes` [n_frames][the model's codebooks], random
 * codes, and likely ones, written one by one and read eight side by side. Ends the program with a message
 * where a code or a final range comes back otherwise.
 */
ravel_coded_blocks ravel_test_coded_blocks(const ravel_model *model, ravel_payload kind,
                                           const uint16_t *codes, int n_frames, int n_blocks);

#endif
