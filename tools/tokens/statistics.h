/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a corpus uses its codebooks. Entropies are those of the counts, in bits a code: of few hours
 * they are too low, the more so the longer the context is.
 */
#ifndef RAVEL_TOOLS_TOKENS_STATISTICS_H
#define RAVEL_TOOLS_TOKENS_STATISTICS_H

#include "tools/tokens/token_file.h"

struct cJSON;

enum {
    RAVEL_PAIRS_MAX_CODEWORDS = 4096,  /* pairs of codes of larger codebooks are not counted */
    RAVEL_TRIPLES_MAX_FRAMES = 2000000 /* later frames do not count for triples */
};

typedef struct {
    int size;
    int64_t n;       /* codes */
    uint64_t *codes; /* [size] how often each came */
    int64_t n_pairs; /* codes that have one before them in their utterance */
    uint32_t *pairs; /* [size of the code before][size], or NULL */
} ravel_codebook_counts;

typedef struct {
    uint64_t key; /* three codes of 16 bits, and 1 << 48; 0: free */
    uint64_t n;
} ravel_triple;

typedef struct {
    bool begun;
    ravel_token_meta meta; /* of the first utterance */
    int64_t n_utterances, n_frames;
    ravel_codebook_counts codebooks[RAVEL_MAX_CODEBOOKS];
    ravel_triple *triples; /* of the first codebook */
    size_t n_triples, triples_room;
    int64_t n_triple_codes;
} ravel_statistics;

/* Counts an utterance. return    0; RAVEL_ERR_MODEL where it is of another model than the first */
int ravel_statistics_add(ravel_statistics *statistics, const ravel_utterance *utterance,
                         ravel_error *error);
void ravel_statistics_free(ravel_statistics *statistics);

/* Bits a code of a codebook; of the code before; of the two before, for the first codebook. */
double ravel_statistics_entropy(const ravel_codebook_counts *counts);
double ravel_statistics_pair_entropy(const ravel_codebook_counts *counts); /* -1: not counted */
double ravel_statistics_triple_entropy(const ravel_statistics *statistics);

/* Codewords that came at least once. */
int ravel_statistics_used(const ravel_codebook_counts *counts);

double ravel_statistics_hours(const ravel_statistics *statistics);

/* All of it; cJSON_Delete it. */
struct cJSON *ravel_statistics_json(const ravel_statistics *statistics);

/* The same for people, on standard output. */
void ravel_statistics_print(const ravel_statistics *statistics);

#ifdef RAVEL_PICTURE
/* How often each codeword comes, codebook under codebook. return    0 or a negative status */
int ravel_statistics_draw(const ravel_statistics *statistics, const char *path, ravel_error *error);
#endif

#endif
