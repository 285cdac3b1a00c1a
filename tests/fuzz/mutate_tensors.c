/* SPDX-License-Identifier: BSD-3-Clause */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/mutate.h"

enum { LENGTH_BYTES = 8, MAX_EXTENT = 4096 };

static size_t type_size(const char *dtype)
{
    static const struct {
        const char *name;
        size_t size;
    } types[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I8", 1}, {"I32", 4}, {"I64", 8}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, dtype) == 0)
            return types[i].size;
    return 0;
}

/* NULL where the item is no tensor. */
static cJSON *any_tensor(cJSON *header, uint64_t *state)
{
    int n = cJSON_GetArraySize(header);
    cJSON *item = n ? cJSON_GetArrayItem(header, (int)ravel_fuzz_below(state, (unsigned)n)) : NULL;
    bool whole = cJSON_IsString(cJSON_GetObjectItemCaseSensitive(item, "dtype")) &&
                 cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(item, "shape")) &&
                 cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(item, "data_offsets"));
    return whole ? item : NULL;
}

/* Another digit, letter or end of a name. */
static void rename_tensor(cJSON *header, cJSON *tensor, uint64_t *state)
{
    char name[300];
    cJSON *other = any_tensor(header, state);
    (void)snprintf(name, sizeof name, "%s", tensor->string);
    size_t n = strlen(name);
    char *digit = strpbrk(name, "0123456789");
    if (ravel_fuzz_below(state, 4) == 0 && other)
        (void)snprintf(name, sizeof name, "%s", other->string);
    else if (ravel_fuzz_below(state, 2) && digit)
        *digit = (char)('0' + ravel_fuzz_below(state, 10));
    else if (n > 1)
        name[ravel_fuzz_below(state, (unsigned)n)] = (char)('a' + ravel_fuzz_below(state, 26));
    cJSON_DetachItemViaPointer(header, tensor);
    cJSON_AddItemToObject(header, name, tensor);
}

static void reshape(cJSON *tensor, uint64_t *state)
{
    cJSON *shape = cJSON_GetObjectItemCaseSensitive(tensor, "shape");
    int rank = cJSON_GetArraySize(shape);
    cJSON *extent =
        rank ? cJSON_GetArrayItem(shape, (int)ravel_fuzz_below(state, (unsigned)rank)) : NULL;
    switch (ravel_fuzz_below(state, 5)) {
    case 0:
        cJSON_AddItemToArray(shape, cJSON_CreateNumber(1 + ravel_fuzz_below(state, 4)));
        break;
    case 1:
        cJSON_DeleteItemFromArray(shape, rank - 1);
        break;
    default:
        if (extent)
            cJSON_SetNumberValue(extent, extent->valueint + (int)ravel_fuzz_below(state, 5) - 2);
    }
}

static void retype(cJSON *tensor, uint64_t *state)
{
    static const char *const types[] = {"F32", "F16", "BF16", "I8", "I32", "I64"};
    cJSON_ReplaceItemInObjectCaseSensitive(tensor, "dtype",
                                           cJSON_CreateString(types[ravel_fuzz_below(state, 6)]));
}

static void mutate_graph(cJSON *header, const char *const *types, uint64_t *state)
{
    cJSON *metadata = cJSON_GetObjectItemCaseSensitive(header, "__metadata__");
    cJSON *text = cJSON_GetObjectItemCaseSensitive(metadata, "ravel");
    cJSON *graph = cJSON_IsString(text) ? cJSON_Parse(text->valuestring) : NULL;
    if (!graph)
        return;
    ravel_fuzz_mutate_json(&graph, types, state);
    char *changed = cJSON_PrintUnformatted(graph);
    if (changed)
        cJSON_SetValuestring(text, changed);
    cJSON_free(changed);
    cJSON_Delete(graph);
}

static void mutate_header(cJSON *header, const char *const *types, uint64_t *state)
{
    cJSON *tensor = any_tensor(header, state);
    if (types && ravel_fuzz_below(state, 8) != 0) {
        mutate_graph(header, types, state);
        return;
    }
    if (!tensor)
        return;
    switch (ravel_fuzz_below(state, 6)) {
    case 0:
        cJSON_Delete(cJSON_DetachItemViaPointer(header, tensor));
        break;
    case 1:
    case 2:
        rename_tensor(header, tensor, state);
        break;
    case 3:
        retype(tensor, state);
        break;
    default:
        reshape(tensor, state);
    }
}

/* Bytes of a tensor as its type and shape say; 0 where they say too much, or nothing. */
static size_t tensor_bytes(const cJSON *tensor)
{
    const cJSON *extent;
    const char *dtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tensor, "dtype"));
    size_t bytes = type_size(dtype ? dtype : "");
    cJSON_ArrayForEach(extent, cJSON_GetObjectItemCaseSensitive(tensor, "shape"))
    {
        if (extent->valueint < 0 || extent->valueint > MAX_EXTENT || bytes > (size_t)1 << 30)
            return 0;
        bytes *= (size_t)extent->valueint;
    }
    return bytes;
}

/* Where a tensor begins or ends in n bytes; n where its number makes no sense. */
static size_t offset(const cJSON *offsets, int i, size_t n)
{
    const cJSON *number = cJSON_GetArrayItem(offsets, i);
    const double x = cJSON_IsNumber(number) ? number->valuedouble : 0.0;
    return x >= 0.0 && x <= (double)n ? (size_t)x : n;
}

/*
 * Lays the tensors out anew behind one another. Each has its old bytes; where it became longer,
 * they are repeated. return    bytes, or 0 where they do not fit
 */
static size_t lay_out(cJSON *header, const uint8_t *old, size_t n_old, uint8_t *data, size_t room)
{
    size_t at = 0;
    for (cJSON *tensor = header->child; tensor; tensor = tensor->next) {
        cJSON *offsets = cJSON_GetObjectItemCaseSensitive(tensor, "data_offsets");
        if (!offsets)
            continue;
        size_t n = tensor_bytes(tensor);
        size_t from = offset(offsets, 0, n_old), end = offset(offsets, 1, n_old);
        size_t length = end > from ? end - from : 0;
        if (n > room - at)
            return 0;
        for (size_t i = 0; i < n; i++)
            data[at + i] = length ? old[from + i % length] : 0;
        cJSON *place = cJSON_CreateArray();
        cJSON_AddItemToArray(place, cJSON_CreateNumber((double)at));
        cJSON_AddItemToArray(place, cJSON_CreateNumber((double)(at + n)));
        cJSON_ReplaceItemInObjectCaseSensitive(tensor, "data_offsets", place);
        at += n;
    }
    return at;
}

/* The file of a header, which is deleted, and the data of the old one. */
static size_t rebuild(cJSON *header, uint8_t *data, const uint8_t *old, size_t n_old,
                      size_t max_size)
{
    uint8_t *laid = malloc(max_size + 1);
    size_t n = lay_out(header, old, n_old, laid, max_size), size = 0;
    char *text = cJSON_PrintUnformatted(header);
    const uint64_t length = text ? strlen(text) : 0;
    if (text && n <= max_size && length <= max_size - n && LENGTH_BYTES <= max_size - n - length) {
        memcpy(data, &length, LENGTH_BYTES);
        memcpy(data + LENGTH_BYTES, text, (size_t)length);
        memcpy(data + LENGTH_BYTES + length, laid, n);
        size = LENGTH_BYTES + (size_t)length + n;
    }
    cJSON_free(text);
    cJSON_Delete(header);
    free(laid);
    return size;
}

size_t ravel_fuzz_mutate_tensors(uint8_t *data, size_t size, size_t max_size,
                                 const char *const *types, uint64_t *state)
{
    uint64_t length;
    if (size < LENGTH_BYTES)
        return 0;
    memcpy(&length, data, LENGTH_BYTES);
    if (length > size - LENGTH_BYTES)
        return 0;
    cJSON *header = cJSON_ParseWithLength((const char *)data + LENGTH_BYTES, (size_t)length);
    if (!cJSON_IsObject(header)) {
        cJSON_Delete(header);
        return 0;
    }
    size_t n_old = size - LENGTH_BYTES - (size_t)length;
    uint8_t *old = malloc(n_old + 1);
    memcpy(old, data + LENGTH_BYTES + length, n_old);
    for (unsigned n = 1 + ravel_fuzz_below(state, 3); n > 0; n--)
        mutate_header(header, types, state);
    size_t changed = rebuild(header, data, old, n_old, max_size);
    free(old);
    return changed;
}
