/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_prior MODEL                  prints the identity of the tokeniser
 * run_prior MODEL CODES.npy OUT    writes the logits of all codes [frame][codebook] of one block as
 *                                  little-endian floats, codebook after codebook, pushed in pieces
 *                                  of 1, 2, 3 ... frames
 *
 * For the twin of the prior in tests/reference/prior.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/model.h"
#include "codec/sha256.h"
#include "ravel/io.h"
#include "tests/support/npy.h"

static uint16_t *read_codes(const ravel_npy *array)
{
    uint16_t *codes = malloc((array->count + 1) * sizeof *codes);
    for (size_t i = 0; codes != NULL && i < array->count; i++) {
        codes[i] = (uint16_t)array->values[i];
    }
    return codes;
}

static void push(const ravel_prior *prior, const uint16_t *codes, int n_codebooks, int n,
                 float *contexts, ravel_arena *scratch)
{
    void *state = malloc(ravel_prior_state_size(prior));
    ravel_prior_reset(prior, state);
    for (int t = 0, piece = 1; t < n; t += piece++) {
        ravel_prior_lane lane = {.state = state,
                                 .codes = codes,
                                 .code_stride = n_codebooks,
                                 .n_codebooks = n_codebooks,
                                 .n_frames = piece < n - t ? piece : n - t,
                                 .contexts = contexts + (ptrdiff_t)t * ravel_prior_width(prior)};
        ravel_prior_push(prior, &lane, 1, scratch);
    }
    free(state);
}

static void write_logits(const ravel_prior *prior, const ravel_npy *array, FILE *out)
{
    const int n = (int)array->shape[0], n_codebooks = (int)array->shape[1];
    const size_t push_size = ravel_prior_push_scratch(prior, n, 1);
    const size_t head_size = ravel_prior_logits_scratch(prior, n);
    ravel_arena scratch = {.size = push_size > head_size ? push_size : head_size};
    scratch.base = malloc(scratch.size);
    uint16_t *codes = read_codes(array);
    float *contexts = malloc((size_t)n * (size_t)ravel_prior_width(prior) * sizeof *contexts);
    push(prior, codes, n_codebooks, n, contexts, &scratch);
    for (int k = 0; k < n_codebooks; k++) {
        const size_t count = (size_t)n * (size_t)ravel_prior_codebook_size(prior, k);
        float *logits = malloc(count * sizeof *logits);
        ravel_prior_logits(prior, k, contexts, n, logits, &scratch);
        (void)fwrite(logits, sizeof *logits, count, out);
        if (k + 1 < n_codebooks) {
            ravel_prior_add(prior, k, codes + k, n_codebooks, n, contexts);
        }
        free(logits);
    }
    free(contexts);
    free(codes);
    free(scratch.base);
}

static int run(const ravel_model *model, int argc, char **argv)
{
    char identity[RAVEL_SHA256_HEX];
    ravel_npy array;
    if (argc == 2) {
        ravel_sha256_hex(ravel_model_get_info(model)->tokenizer_identity, identity);
        return puts(identity) < 0;
    }
    FILE *out = fopen(argv[3], "wb");
    if (out == NULL || model->prior == NULL || ravel_npy_read(argv[2], &array) != 0) {
        return 1;
    }
    write_logits(model->prior, &array, out);
    ravel_npy_free(&array);
    return fclose(out) != 0;
}

int main(int argc, char **argv)
{
    ravel_error error = {RAVEL_OK, ""};
    if (argc != 2 && argc != 4) {
        return 2;
    }
    ravel_model *model = ravel_model_open(argv[1], &error);
    if (model == NULL) {
        (void)fprintf(stderr, "run_prior: %s\n", error.text);
        return 1;
    }
    const int status = run(model, argc, argv);
    ravel_model_free(model);
    return status;
}
