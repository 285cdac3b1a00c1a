/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of every kind of payload: packed codes, and codes that went through the range coder with
 * the probabilities of static tables or of the prior (docs/format.md, "Block").
 *
 * A coded payload is a check byte and the bytes of the range coder: frame after frame, codebook
 * after codebook. Coder and prior begin anew in every block. A writer takes what is smaller, so a
 * block is never larger than packed codes, whatever the codes are.
 *
 * An encoder knows all codes of a block and takes its frames as rows of one batch; a decoder takes
 * several blocks side by side. The numbers of a row are the same in both, to the last bit.
 */
#ifndef RAVEL_RVQ_BLOCK_CODER_H
#define RAVEL_RVQ_BLOCK_CODER_H

#include "rvq/block.h"
#include "rvq/prior.h"
#include "rvq/tables.h"

/*
 * By what codes are told in advance. tables and prior may be NULL, and are for all codebooks of a
 * layout of one rate: one step a frame, RAVEL_FREQUENCIES_MAX_SYMBOLS codewords at most.
 */
typedef struct {
    const ravel_kernels *kernels;
    const ravel_layout *layout;
    const ravel_tables *tables;
    const ravel_prior *prior;
} ravel_code_models;

typedef struct ravel_block_coder ravel_block_coder;

/*
 * Blocks that are decoded side by side are worth the most when they share the reading of the
 * prior's weights; more than this many would take more memory than they save time.
 */
int ravel_block_coder_good_lanes(const ravel_code_models *models);

/*
 * One allocation, none later; what the models point to must outlive the coder.
 * n_lanes    blocks side by side, 1 ... RAVEL_TABLES_MAX_ROWS
 * return     NULL without memory
 */
ravel_block_coder *ravel_block_coder_new(const ravel_code_models *models, int n_lanes);
void ravel_block_coder_free(ravel_block_coder *coder); /* NULL is allowed */
/* Bytes that it has allocated. */
size_t ravel_block_coder_bytes(const ravel_block_coder *coder);

/* Whether it can read and write payloads of that kind. */
bool ravel_block_coder_knows(const ravel_block_coder *coder, int kind);

/*
 * Writes a block of codes [info->n_frames][codes of a frame] with a payload of info->kind, or of
 * packed codes where that is not smaller, or there are more than RAVEL_BLOCK_MAX_CODED_FRAMES.
 * return    bytes, as ravel_block_write; RAVEL_ERR_MODEL for a kind that the coder does not know
 */
int ravel_block_coder_write(ravel_block_coder *coder, const ravel_block_info *info,
                            const uint16_t *codes, uint8_t *block, size_t capacity);
/* Size of the range in the end of the last coded block written, for comparison; 0: it was packed. */
uint32_t ravel_block_coder_range(const ravel_block_coder *coder);

/* A block to be read. */
typedef struct {
    const uint8_t *block;
    size_t size;
    ravel_block_info info; /* as ravel_block_parse gave it */
    uint16_t *codes;       /* room for [info.n_frames][info.n_codebooks]; undefined on failure */
    uint64_t *bits;        /* [info.n_codebooks]: what the codes of each cost is added, in
                              1 / RAVEL_RANGE_TELL_PER_BIT bits; NULL is allowed */
    uint32_t range;        /* result: of a coded block, as ravel_block_coder_range */
    int status;            /* result: RAVEL_OK; RAVEL_ERR_MODEL where the coder does not know the
                              kind, or for too many codebooks; otherwise as ravel_block_read */
} ravel_block_job;

void ravel_block_coder_read(ravel_block_coder *coder, ravel_block_job *jobs, int n_jobs);

#endif
