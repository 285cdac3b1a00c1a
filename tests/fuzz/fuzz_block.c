/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of every kind of payload. The input is one to four of them, each behind two bytes of its
 * length; they are read side by side. What is accepted holds valid codes and, written again with
 * the same payload, gives the same bytes, unless packed codes are smaller.
 */
#include <string.h>

#include "codec/model.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/tiny_model.h"

enum { BLOCKS = 4, MAX_CODES = 1 << 16, LENGTH_BYTES = 2 };

static ravel_block_coder *coder;
static ravel_code_models models;
static uint16_t codes[BLOCKS][MAX_CODES];

/* A block that can be read at all, with room for its codes. */
static int make_job(const uint8_t *block, size_t size, int i, ravel_block_job *job)
{
    *job = (ravel_block_job){.block = block, .size = size, .codes = codes[i]};
    return ravel_block_parse(block, size, &job->info) == RAVEL_OK &&
           job->info.n_codebooks <= models.layout->n_codebooks &&
           job->info.n_frames * job->info.n_codebooks <= MAX_CODES;
}

/* The blocks of an input. return    how many */
static int split(const uint8_t *data, size_t size, ravel_block_job jobs[BLOCKS])
{
    int n = 0;
    for (size_t at = 0; n < BLOCKS && at + LENGTH_BYTES <= size;) {
        size_t length = (size_t)data[at] | (size_t)data[at + 1] << 8;
        at += LENGTH_BYTES;
        length = length < size - at ? length : size - at;
        n += make_job(data + at, length, n, &jobs[n]);
        at += length;
    }
    return n;
}

static void check_written(const ravel_block_job *job)
{
    static uint8_t again[RAVEL_BLOCK_MAX_BYTES];
    const int n = ravel_block_coder_write(coder, &job->info, job->codes, again, sizeof again);
    FUZZ_CHECK(n > 0);
    if ((again[0] & 15) == job->info.kind) {
        FUZZ_CHECK((size_t)n == job->size && memcmp(again, job->block, job->size) == 0);
    } else {
        FUZZ_CHECK((size_t)n <= job->size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ravel_block_job jobs[BLOCKS];
    if (coder == NULL) {
        models = ravel_model_code_models(ravel_test_model_open(RAVEL_TINY_PRIOR));
        coder = ravel_block_coder_new(&models, BLOCKS);
    }
    const int n = split(data, size, jobs);
    ravel_block_coder_read(coder, jobs, n);
    for (int i = 0; i < n; i++) {
        if (jobs[i].status == RAVEL_OK) {
            FUZZ_CHECK(ravel_layout_codes_valid(models.layout, jobs[i].info.n_codebooks,
                                                jobs[i].codes, jobs[i].info.n_frames));
            check_written(&jobs[i]);
        }
    }
    return 0;
}
