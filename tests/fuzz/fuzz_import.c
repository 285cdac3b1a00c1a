/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints from strangers: two bytes with the length of a configuration (least significant first),
 * the configuration, a safetensors file. What is imported must open and run: a few frames of noise
 * are encoded and decoded. Of three files, by their size, two become narrower.
 *
 * The mutator works on a value of the configuration or on a tensor in most cases (mutate.h), now and
 * then on the text of the configuration or on any byte.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "codec/import/import.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/run_model.h"

enum { CONFIG_LENGTH = 2, MAX_CONFIG = 65535 };

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
    static const ravel_dtype types[] = {RAVEL_F32, RAVEL_F16, RAVEL_I8};
    size_t n = config_size(data, size);
    ravel_narrowing narrowing = {.dtype = types[size % 3]};
    const ravel_import_source source = {.weights = data + CONFIG_LENGTH + n,
                                        .weights_size = size - CONFIG_LENGTH - n,
                                        .config = n ? (const char *)data + CONFIG_LENGTH : NULL,
                                        .config_size = n,
                                        .narrowing = size % 3 != 0 ? &narrowing : NULL};
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

/* Puts other text in the place of the configuration, where it fits. return    bytes of data */
static size_t put_config(uint8_t *data, size_t size, size_t max_size, const char *text, size_t n)
{
    size_t old = config_size(data, size);
    if (n > MAX_CONFIG || n > max_size - size + old)
        return size;
    memmove(data + CONFIG_LENGTH + n, data + CONFIG_LENGTH + old, size - CONFIG_LENGTH - old);
    memcpy(data + CONFIG_LENGTH, text, n);
    data[0] = (uint8_t)(n & 255);
    data[1] = (uint8_t)(n >> 8);
    return size - old + n;
}

static size_t mutate_text(uint8_t *data, size_t size, size_t max_size)
{
    size_t n = config_size(data, size), room = n + 1000;
    uint8_t *text = malloc(room);
    memcpy(text, data + CONFIG_LENGTH, n);
    n = LLVMFuzzerMutate(text, n, room);
    size = put_config(data, size, max_size, (const char *)text, n);
    free(text);
    return size;
}

static size_t mutate_value(uint8_t *data, size_t size, size_t max_size, uint64_t *state)
{
    static const char *const no_types[] = {NULL};
    cJSON *config =
        cJSON_ParseWithLength((const char *)data + CONFIG_LENGTH, config_size(data, size));
    if (!config)
        return mutate_text(data, size, max_size);
    ravel_fuzz_mutate_json(&config, no_types, state);
    char *text = cJSON_PrintUnformatted(config);
    if (text)
        size = put_config(data, size, max_size, text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(config);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t state = seed;
    unsigned what = ravel_fuzz_below(&state, 16);
    if (size < CONFIG_LENGTH || what == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (what < 3)
        return mutate_text(data, size, max_size);
    if (what < 7)
        return mutate_value(data, size, max_size, &state);
    size_t at = CONFIG_LENGTH + config_size(data, size);
    size_t n = ravel_fuzz_mutate_tensors(data + at, size - at, max_size - at, NULL, &state);
    return n ? at + n : size;
}
