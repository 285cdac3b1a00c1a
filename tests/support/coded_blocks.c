/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/coded_blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/fpenv.h"
#include "rvq/frequencies.h"
#include "tests/support/random.h"

enum { LANES = 8, LEAST_FRAMES = 50, MOST_FRAMES = 100 };

static void fail(const char *what)
{
    fprintf(stderr, "coded blocks: %s\n", what);
    exit(1);
}

/* --- Codes ------------------------------------------------------------------------------------ */

static int pick(const float *logits, int n, uint64_t *seed, int most)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        best = (most ? logits[i] > logits[best] : logits[i] < logits[best]) ? i : best;
    return ravel_random_below(seed, 8) == 0 ? ravel_random_below(seed, n) : best;
}

static void *allocate(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (memory == NULL)
        fail("no memory");
    return memory;
}

static void told_by_tables(const ravel_code_models *models, int most, uint64_t *seed, int n_frames,
                           int n_codebooks, uint16_t *codes)
{
    static float logits[RAVEL_FREQUENCIES_MAX_SYMBOLS];
    for (int i = 0; i < n_frames * n_codebooks; i++) {
        const int k = i % n_codebooks;
        ravel_tables_logits(models->tables, k, codes + i - (k > 0), 1, 1, logits);
        codes[i] = (uint16_t)pick(logits, models->layout->codebook_size[k], seed, most);
    }
}

static void told_by_prior(const ravel_code_models *models, int most, uint64_t *seed, int n_frames,
                          int n_codebooks, uint16_t *codes)
{
    static float logits[RAVEL_FREQUENCIES_MAX_SYMBOLS];
    const ravel_prior *prior = models->prior;
    const size_t push = ravel_prior_push_scratch(prior, 1, 1);
    const size_t head = ravel_prior_logits_scratch(prior, 1), size = push > head ? push : head;
    void *memory = allocate(size), *state = allocate(ravel_prior_state_size(prior));
    float *context = allocate((size_t)ravel_prior_width(prior) * sizeof *context);
    ravel_prior_reset(prior, state);
    for (int f = 0; f < n_frames; f++) {
        ravel_arena scratch = {memory, size, 0};
        ravel_prior_lane lane = {state, codes, n_codebooks, n_codebooks, 1, context};
        ravel_prior_push(prior, &lane, 1, &scratch);
        for (int k = 0; k < n_codebooks; k++) {
            uint16_t *code = &codes[f * n_codebooks + k];
            scratch.used = 0;
            ravel_prior_logits(prior, k, context, 1, logits, &scratch);
            *code = (uint16_t)pick(logits, models->layout->codebook_size[k], seed, most);
            if (k + 1 < n_codebooks)
                ravel_prior_add(prior, k, code, 1, 1, context);
        }
    }
    free(memory);
    free(state);
    free(context);
}

void ravel_test_told_codes(const ravel_code_models *models, ravel_payload kind, int most,
                           uint64_t *seed, int n_frames, int n_codebooks, uint16_t *codes)
{
    const uint64_t control = ravel_fpenv_enter();
    if (kind == RAVEL_PAYLOAD_PRIOR)
        told_by_prior(models, most, seed, n_frames, n_codebooks, codes);
    else
        told_by_tables(models, most, seed, n_frames, n_codebooks, codes);
    ravel_fpenv_leave(control);
}

/* --- Blocks ----------------------------------------------------------------------------------- */

/* What is under way: blocks that were written and wait to be read together. */
typedef struct {
    const ravel_model *model;
    ravel_block_coder *writer, *reader;
    uint16_t codes[LANES][MOST_FRAMES * RAVEL_MAX_CODEBOOKS];
    uint16_t read_back[LANES][MOST_FRAMES * RAVEL_MAX_CODEBOOKS];
    uint8_t block[LANES][RAVEL_BLOCK_MAX_BYTES];
    ravel_block_job jobs[LANES];
    uint32_t range[LANES];
    int n;
} blocks_in_work;

/* FNV-1a, as in golden.c. */
static void add_bytes(uint64_t *hash, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *hash = (*hash ^ bytes[i]) * 0x100000001b3u;
}

static void write_block(blocks_in_work *w, ravel_payload kind, int n_frames,
                        ravel_coded_blocks *all)
{
    const int lane = w->n++;
    const ravel_block_info info = {
        .kind = (int)kind, .n_codebooks = w->model->info.n_codebooks, .n_frames = n_frames};
    const int size = ravel_block_coder_write(w->writer, &info, w->codes[lane], w->block[lane],
                                             RAVEL_BLOCK_MAX_BYTES);
    if (size < 0)
        fail("not written");
    const uint32_t range = w->range[lane] = ravel_block_coder_range(w->writer);
    const uint8_t range_bytes[4] = {(uint8_t)range, (uint8_t)(range >> 8), (uint8_t)(range >> 16),
                                    (uint8_t)(range >> 24)};
    w->jobs[lane] = (ravel_block_job){
        .block = w->block[lane], .size = (size_t)size, .codes = w->read_back[lane]};
    ravel_block_parse(w->block[lane], (size_t)size, &w->jobs[lane].info);
    add_bytes(&all->hash, w->block[lane], (size_t)size);
    add_bytes(&all->hash, range_bytes, sizeof range_bytes);
    all->n_bytes += size;
    all->n_blocks++;
}

static void read_blocks(blocks_in_work *w)
{
    ravel_block_coder_read(w->reader, w->jobs, w->n);
    for (int i = 0; i < w->n; i++) {
        const ravel_block_info *info = &w->jobs[i].info;
        const size_t bytes = (size_t)(info->n_frames * info->n_codebooks) * sizeof **w->codes;
        if (w->jobs[i].status != RAVEL_OK || memcmp(w->codes[i], w->read_back[i], bytes) != 0)
            fail("other codes came back");
        if (info->kind != RAVEL_PAYLOAD_PACKED && w->jobs[i].range != w->range[i])
            fail("another final range");
    }
    w->n = 0;
}

static void random_codes(const ravel_model *model, int n, uint64_t *seed, uint16_t *codes)
{
    const int per_frame = model->info.n_codebooks;
    for (int i = 0; i < n * per_frame; i++)
        codes[i] = (uint16_t)ravel_random_below(seed, model->info.codebook_size[i % per_frame]);
}

ravel_coded_blocks ravel_test_coded_blocks(const ravel_model *model, ravel_payload kind,
                                           const uint16_t *codes, int n_frames, int n_blocks)
{
    const ravel_code_models models = ravel_model_code_models(model);
    ravel_coded_blocks all = {.hash = 0xcbf29ce484222325u};
    blocks_in_work *w = calloc(1, sizeof *w);
    const int per_frame = model->info.n_codebooks;
    uint64_t seed = 1;
    if (w == NULL)
        fail("no memory");
    w->model = model;
    w->writer = ravel_block_coder_new(&models, 1);
    w->reader = ravel_block_coder_new(&models, LANES);
    for (int i = 0; i < n_blocks; i++) {
        const int n = LEAST_FRAMES + ravel_random_below(&seed, MOST_FRAMES - LEAST_FRAMES + 1);
        uint16_t *chosen = w->codes[w->n];
        if (i % 3 == 0)
            memcpy(chosen, codes + ravel_random_below(&seed, n_frames - n + 1) * per_frame,
                   (size_t)(n * per_frame) * sizeof *codes);
        else if (i % 3 == 1)
            random_codes(model, n, &seed, chosen);
        else
            ravel_test_told_codes(&models, kind, 1, &seed, n, per_frame, chosen);
        write_block(w, kind, n, &all);
        if (w->n == LANES)
            read_blocks(w);
    }
    read_blocks(w);
    ravel_block_coder_free(w->writer);
    ravel_block_coder_free(w->reader);
    free(w);
    return all;
}
