/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing safetensors files: one canonical form, so that equal models are equal files. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/safetensors.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 64 };

static size_t tensor_bytes(const ravel_tensor *tensor)
{
    return ravel_tensor_count(tensor) * ravel_dtype_size(tensor->dtype);
}

size_t ravel_safetensors_data_size(const ravel_tensor *tensors, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += tensor_bytes(&tensors[i]);
    return size;
}

static int by_width_then_name(const void *a, const void *b)
{
    const ravel_tensor *x = a, *y = b;
    size_t x_size = ravel_dtype_size(x->dtype), y_size = ravel_dtype_size(y->dtype);
    if (x_size != y_size)
        return x_size > y_size ? -1 : 1;
    return strcmp(x->name, y->name);
}

void ravel_safetensors_write_data(ravel_tensor *tensors, size_t n, void *data)
{
    char *end = data;
    qsort(tensors, n, sizeof *tensors, by_width_then_name);
    for (size_t i = 0; i < n; i++) {
        size_t bytes = tensor_bytes(&tensors[i]);
        memcpy(end, tensors[i].data, bytes);
        end += bytes;
    }
}

static cJSON *describe(const ravel_tensor *tensor, size_t begin)
{
    static const char *const names[] = {
        [RAVEL_F32] = "F32", [RAVEL_F16] = "F16", [RAVEL_BF16] = "BF16", [RAVEL_I8] = "I8"};
    double offsets[2] = {(double)begin, (double)(begin + tensor_bytes(tensor))};
    cJSON *item = cJSON_CreateObject();
    cJSON *shape = cJSON_CreateIntArray(tensor->shape, tensor->rank);
    cJSON *place = cJSON_CreateDoubleArray(offsets, 2);
    if (item && shape && place && cJSON_AddStringToObject(item, "dtype", names[tensor->dtype])) {
        if (cJSON_AddItemToObject(item, "shape", shape))
            shape = NULL;
        if (!shape && cJSON_AddItemToObject(item, "data_offsets", place))
            return item;
    }
    cJSON_Delete(shape);
    cJSON_Delete(place);
    cJSON_Delete(item);
    return NULL;
}

static char *header_text(const ravel_tensor *tensors, size_t n, const char *key, const char *value)
{
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    bool good = cJSON_AddStringToObject(metadata, key, value) != NULL;
    for (size_t i = 0, begin = 0; i < n && good; i++) {
        cJSON *item = describe(&tensors[i], begin);
        good = item && cJSON_AddItemToObject(header, tensors[i].name, item);
        if (!good)
            cJSON_Delete(item);
        begin += tensor_bytes(&tensors[i]);
    }
    char *text = good ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
    return text;
}

size_t ravel_safetensors_header(const ravel_tensor *tensors, size_t n, const char *key,
                                const char *value, char **header)
{
    char *text = header_text(tensors, n, key, value);
    size_t length = text ? strlen(text) : 0;
    size_t size = (LENGTH_BYTES + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    *header = text ? malloc(size) : NULL;
    if (*header) {
        uint64_t header_size = size - LENGTH_BYTES;
        for (int i = 0; i < LENGTH_BYTES; i++)
            (*header)[i] = (char)(header_size >> 8 * i & 255);
        memcpy(*header + LENGTH_BYTES, text, length);
        memset(*header + LENGTH_BYTES + length, ' ', size - LENGTH_BYTES - length);
    }
    cJSON_free(text);
    return *header ? size : 0;
}
