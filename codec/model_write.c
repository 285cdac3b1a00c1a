/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/model_write.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/safetensors.h"
#include "codec/sha256.h"
#include "nn/error.h"

/* The graph's text with the digest of the data in it; NULL without memory. */
static char *sign(cJSON *graph, const void *data, size_t size)
{
    ravel_sha256 sha;
    uint8_t digest[RAVEL_SHA256_BYTES];
    char hex[RAVEL_SHA256_HEX];
    ravel_sha256_init(&sha);
    ravel_sha256_update(&sha, data, size);
    ravel_sha256_final(&sha, digest);
    ravel_sha256_hex(digest, hex);
    return cJSON_AddStringToObject(graph, "sha256", hex) ? cJSON_PrintUnformatted(graph) : NULL;
}

/* header (NULL: no memory) and data as one file; both are freed. */
static void *concatenate(char *header, size_t header_size, void *data, size_t data_size)
{
    char *file = header && data ? malloc(header_size + data_size) : NULL;
    if (file) {
        memcpy(file, header, header_size);
        memcpy(file + header_size, data, data_size);
    }
    free(header);
    free(data);
    return file;
}

int ravel_model_write(cJSON *graph, ravel_tensor *tensors, size_t n, void **file, size_t *size,
                      ravel_error *error)
{
    char *header = NULL, *text = NULL;
    size_t header_size = 0, data_size = ravel_safetensors_data_size(tensors, n);
    void *data = malloc(data_size ? data_size : 1);
    if (data) {
        ravel_safetensors_write_data(tensors, n, data);
        text = sign(graph, data, data_size);
    }
    if (text)
        header_size = ravel_safetensors_header(tensors, n, "ravel", text, &header);
    cJSON_free(text);
    *file = concatenate(header, header_size, data, data_size);
    *size = *file ? header_size + data_size : 0;
    return *file ? RAVEL_OK : ravel_error_memory(error);
}
