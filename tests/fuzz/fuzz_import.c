/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints from strangers: two bytes with the length of a configuration (least significant first),
 * the configuration, a safetensors file. What is imported must open and run: a few frames of noise
 * are encoded and decoded.
 *
 * The mutator works on the configuration or, more often, on the header of the safetensors file, and
 * keeps the lengths before them right.
 */
#include <string.h>

#include "codec/import/import.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/run_model.h"

enum { CONFIG_LENGTH = 2, HEADER_LENGTH = 8, MAX_CONFIG = 65535 };

/* Bytes of the configuration that are there. */
static size_t config_size(const uint8_t *data, size_t size)
{
    size_t n = (size_t)(data[0] | data[1] << 8);
    return n < size - CONFIG_LENGTH ? n : size - CONFIG_LENGTH;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ravel_error error = {0};
    void *file;
    size_t file_size;
    if (size < CONFIG_LENGTH)
        return 0;
    size_t n = config_size(data, size);
    const ravel_import_source source = {.weights = data + CONFIG_LENGTH + n,
                                        .weights_size = size - CONFIG_LENGTH - n,
                                        .config = n ? (const char *)data + CONFIG_LENGTH : NULL,
                                        .config_size = n};
    if (ravel_import(NULL, &source, &file, &file_size, &error)) {
        FUZZ_CHECK(error.status != RAVEL_OK && error.text[0] != '\0' && file == NULL);
        return 0;
    }
    ravel_model *model = ravel_model_open_memory(file, file_size, &error);
    free(file);
    FUZZ_CHECK(model != NULL);
    ravel_fuzz_run_model(model);
    ravel_model_free(model);
    return 0;
}

/* Mutates the n bytes at `at` of data [size]; the rest moves. return    how many they are now */
static size_t mutate_piece(uint8_t *data, size_t size, size_t max_size, size_t at, size_t n,
                           size_t most)
{
    size_t room = max_size - size + n;
    room = room < most ? room : most;
    uint8_t *piece = malloc(room + n + 1);
    memcpy(piece, data + at, n);
    size_t mutated = LLVMFuzzerMutate(piece, n, room > n ? room : n);
    memmove(data + at + mutated, data + at + n, size - at - n);
    memcpy(data + at, piece, mutated);
    free(piece);
    return mutated;
}

static size_t mutate_config(uint8_t *data, size_t size, size_t max_size)
{
    size_t n = config_size(data, size);
    size_t mutated = mutate_piece(data, size, max_size, CONFIG_LENGTH, n, MAX_CONFIG);
    data[0] = (uint8_t)(mutated & 255);
    data[1] = (uint8_t)(mutated >> 8);
    return size - n + mutated;
}

static size_t mutate_header(uint8_t *data, size_t size, size_t max_size)
{
    size_t at = CONFIG_LENGTH + config_size(data, size);
    uint64_t n = 0;
    if (size - at < HEADER_LENGTH)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(&n, data + at, HEADER_LENGTH);
    size_t rest = size - at - HEADER_LENGTH;
    size_t old = n < rest ? (size_t)n : rest;
    uint64_t mutated = mutate_piece(data, size, max_size, at + HEADER_LENGTH, old, max_size);
    memcpy(data + at, &mutated, HEADER_LENGTH);
    return size - old + (size_t)mutated;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size < CONFIG_LENGTH || seed % 8 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    return seed % 8 < 4 ? mutate_config(data, size, max_size) : mutate_header(data, size, max_size);
}
