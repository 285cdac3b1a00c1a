/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Model files from strangers. A model that opens runs: some frames of noise are encoded and decoded.
 *
 * The mutator works on the graph and on the tensors (mutate.h), sometimes on the header's text, whose
 * length field it keeps right: what stands in the weights matters little.
 */
#include <string.h>

#include "ravel/ravel.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_model.h"

enum { LENGTH_BYTES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ravel_error error = {0};
    ravel_model *model = ravel_model_open_memory(data, size, &error);
    if (model == NULL) {
        FUZZ_CHECK(error.status != RAVEL_OK && error.text[0] != '\0');
        return 0;
    }
    ravel_fuzz_run_model(model);
    ravel_model_free(model);
    return 0;
}

static const char *const types[] = {"whole",  "segment",  "overlap_add", "residual", "fold",
                                    "unfold", "split",    "grouped",     "strided",  "projected",
                                    "fsq",    "noise",    "tanh",        "product",  "mean",
                                    "slice",  "max_pool", NULL};

/* The text of the header, whose length stays right. */
static size_t mutate_text(uint8_t *data, size_t size, size_t max_size)
{
    uint64_t length = 0;
    memcpy(&length, data, LENGTH_BYTES);
    if (length > size - LENGTH_BYTES) {
        length = size - LENGTH_BYTES;
    }
    size_t n_weights = size - LENGTH_BYTES - (size_t)length;
    size_t room = max_size - LENGTH_BYTES - n_weights;
    uint8_t *header = malloc(room + 1);
    memcpy(header, data + LENGTH_BYTES, (size_t)length);
    uint64_t mutated = LLVMFuzzerMutate(header, (size_t)length, room);
    memmove(data + LENGTH_BYTES + mutated, data + LENGTH_BYTES + length, n_weights);
    memcpy(data + LENGTH_BYTES, header, (size_t)mutated);
    memcpy(data, &mutated, LENGTH_BYTES);
    free(header);
    return LENGTH_BYTES + (size_t)mutated + n_weights;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    unsigned what = ravel_fuzz_below(&state, 16);
    if (size < LENGTH_BYTES || what == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t n = what < 5 ? mutate_text(data, size, max_size)
                        : ravel_fuzz_mutate_tensors(data, size, max_size, types, &state);
    return n ? n : size;
}
