/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/safetensors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"

enum {
    LENGTH_BYTES = 8,
    /* Bounds what parsing may allocate: a JSON value of two bytes becomes a node of about 80. */
    MAX_HEADER_BYTES = 4 << 20,
    MAX_NAME_BYTES = 200,
    MAX_METADATA = 1000 /* looked through once for each of them */
};

/* Types of the format. Those without `readable` are known only to skip them. */
static const struct {
    const char *name;
    size_t size;
    bool readable;
    ravel_dtype dtype;
} types[] = {
    {"F32", 4, true, RAVEL_F32}, {"F16", 2, true, RAVEL_F16},     {"BF16", 2, true, RAVEL_BF16},
    {"I8", 1, true, RAVEL_I8},   {"BOOL", 1, false, RAVEL_I8},    {"U8", 1, false, RAVEL_I8},
    {"I16", 2, false, RAVEL_I8}, {"U16", 2, false, RAVEL_I8},     {"I32", 4, false, RAVEL_I8},
    {"U32", 4, false, RAVEL_I8}, {"I64", 8, false, RAVEL_I8},     {"U64", 8, false, RAVEL_I8},
    {"F64", 8, false, RAVEL_I8}, {"F8_E4M3", 1, false, RAVEL_I8}, {"F8_E5M2", 1, false, RAVEL_I8},
    {"C64", 8, false, RAVEL_I8},
};

static int refuse(ravel_error *error, const char *name, const char *what)
{
    return ravel_error_set(error, RAVEL_ERR_DATA, "safetensors: tensor '%.100s': %s", name, what);
}

/* A JSON number that is an integer in 0 ... 2^53. */
static bool whole_number(const cJSON *item, size_t *value)
{
    if (!cJSON_IsNumber(item))
        return false;
    double number = item->valuedouble;
    if (!(number >= 0.0 && number <= 9007199254740992.0))
        return false;
    *value = (size_t)number;
    return (double)*value == number;
}

/* Element size by name of the type; 0 where it is unknown. */
static size_t set_type(ravel_entry *entry, const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) != 0)
            continue;
        entry->type = types[i].name;
        entry->readable = types[i].readable;
        entry->tensor.dtype = types[i].dtype;
        return types[i].size;
    }
    return 0;
}

/* Fills in the shape; `bytes` becomes what it needs. */
static int parse_shape(ravel_entry *entry, const cJSON *shape, size_t element_size,
                       ravel_error *error)
{
    const char *name = entry->tensor.name;
    size_t count = 1;
    const cJSON *item;
    cJSON_ArrayForEach(item, shape)
    {
        size_t extent;
        if (entry->tensor.rank == RAVEL_MAX_RANK) {
            return refuse(error, name, "more than 4 dimensions");
        }
        if (!whole_number(item, &extent) || extent > INT32_MAX) {
            return refuse(error, name, "a dimension is not a number up to 2147483647");
        }
        if (extent > 0 && count > INT32_MAX / extent)
            return refuse(error, name, "more than 2147483647 elements");
        count *= extent;
        entry->tensor.shape[entry->tensor.rank++] = (int32_t)extent;
    }
    entry->bytes = count * element_size;
    if (count == 0) {
        entry->readable = false;
        entry->type = "empty";
    }
    return 0;
}

static int parse_offsets(ravel_entry *entry, const cJSON *offsets, const ravel_safetensors *st,
                         ravel_error *error)
{
    const char *name = entry->tensor.name;
    size_t begin, end;
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !whole_number(offsets->child, &begin) || !whole_number(offsets->child->next, &end)) {
        return refuse(error, name, "data_offsets is not a pair of whole numbers");
    }
    if (begin > end || end > st->data_size) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "safetensors: tensor '%.100s': data %zu ... %zu lie outside the "
                               "file's %zu bytes of data (truncated?)",
                               name, begin, end, st->data_size);
    }
    if (end - begin != entry->bytes) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "safetensors: tensor '%.100s': %zu bytes of data, %s and the shape "
                               "need %zu",
                               name, end - begin, entry->type, entry->bytes);
    }
    entry->tensor.data = st->data + begin;
    return 0;
}

static int parse_entry(ravel_entry *entry, const cJSON *item, const ravel_safetensors *st,
                       ravel_error *error)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    size_t name_size = strlen(item->string);
    memset(entry, 0, sizeof *entry);
    entry->tensor.name = item->string;
    if (name_size == 0 || name_size > MAX_NAME_BYTES) {
        return refuse(error, item->string, "its name has no or more than 200 bytes");
    }
    if (!cJSON_IsObject(item) || !cJSON_IsString(type) || !cJSON_IsArray(shape) || !offsets ||
        cJSON_GetArraySize(item) != 3) {
        return refuse(error, item->string, "not exactly dtype, shape and data_offsets");
    }
    size_t element_size = set_type(entry, type->valuestring);
    if (element_size == 0) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "safetensors: tensor '%.100s': unknown dtype '%.20s'", item->string,
                               type->valuestring);
    }
    int status = parse_shape(entry, shape, element_size, error);
    return status ? status : parse_offsets(entry, offsets, st, error);
}

static int by_place(const void *a, const void *b)
{
    const ravel_entry *x = a, *y = b;
    if (x->tensor.data != y->tensor.data) {
        return (const char *)x->tensor.data < (const char *)y->tensor.data ? -1 : 1;
    }
    if ((x->bytes == 0) != (y->bytes == 0)) {
        return x->bytes == 0 ? -1 : 1;
    }
    return strcmp(x->tensor.name, y->tensor.name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ravel_entry *)a)->tensor.name, ((const ravel_entry *)b)->tensor.name);
}

/* Leaves the entries in order of their names. */
static int check_tiling(ravel_safetensors *st, ravel_error *error)
{
    const uint8_t *end = st->data;
    qsort(st->entries, st->n_entries, sizeof *st->entries, by_place);
    for (size_t i = 0; i < st->n_entries; i++) {
        const ravel_entry *entry = &st->entries[i];
        if (entry->tensor.data != end) {
            return refuse(error, entry->tensor.name, "its data overlap others, or follow a gap");
        }
        end += entry->bytes;
    }
    if (end != st->data + st->data_size) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "safetensors: %zu bytes at the end belong to no tensor",
                               (size_t)(st->data + st->data_size - end));
    }
    qsort(st->entries, st->n_entries, sizeof *st->entries, by_name);
    for (size_t i = 1; i < st->n_entries; i++) {
        if (by_name(&st->entries[i - 1], &st->entries[i]) == 0) {
            return refuse(error, st->entries[i].tensor.name, "there are two of this name");
        }
    }
    return 0;
}

static int check_metadata(const cJSON *metadata, ravel_error *error)
{
    const cJSON *item;
    if (!cJSON_IsObject(metadata) || cJSON_GetArraySize(metadata) > MAX_METADATA) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "safetensors: __metadata__ is not a map, or of more than %d strings",
                               MAX_METADATA);
    }
    cJSON_ArrayForEach(item, metadata)
    {
        const cJSON *first = cJSON_GetObjectItemCaseSensitive(metadata, item->string);
        if (!cJSON_IsString(item) || first != item) {
            return ravel_error_set(error, RAVEL_ERR_DATA,
                                   "safetensors: __metadata__ '%.100s' is not a string, or twice",
                                   item->string);
        }
    }
    return 0;
}

static int parse_entries(ravel_safetensors *st, ravel_error *error)
{
    const cJSON *item;
    st->entries = calloc((size_t)cJSON_GetArraySize(st->header) + 1, sizeof *st->entries);
    if (!st->entries)
        return ravel_error_memory(error);
    cJSON_ArrayForEach(item, st->header)
    {
        int status;
        if (strcmp(item->string, "__metadata__") == 0) {
            if (st->metadata)
                return refuse(error, item->string, "there are two of this name");
            st->metadata = item;
            status = check_metadata(item, error);
        } else {
            status = parse_entry(&st->entries[st->n_entries++], item, st, error);
        }
        if (status)
            return status;
    }
    return check_tiling(st, error);
}

/* The header as JSON; NULL with *error filled. */
static cJSON *parse_header(const char *text, size_t size, ravel_error *error)
{
    if (memchr(text, '\0', size)) {
        (void)ravel_error_set(error, RAVEL_ERR_DATA, "safetensors: a zero byte in the header");
        return NULL;
    }
    char *copy = malloc(size + 1);
    if (!copy) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    cJSON *header = cJSON_ParseWithOpts(copy, NULL, 1);
    free(copy);
    if (!cJSON_IsObject(header)) {
        cJSON_Delete(header);
        (void)ravel_error_set(error, RAVEL_ERR_DATA, "safetensors: the header is not JSON");
        return NULL;
    }
    return header;
}

static int parse(ravel_safetensors *st, const uint8_t *file, size_t size, ravel_error *error)
{
    uint64_t header_size = 0;
    if (size < LENGTH_BYTES) {
        return ravel_error_set(error, RAVEL_ERR_DATA, "safetensors: only %zu bytes", size);
    }
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        header_size = header_size << 8 | file[i];
    if (header_size > MAX_HEADER_BYTES || header_size > size - LENGTH_BYTES) {
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "not a safetensors file, or truncated: a header of %llu bytes in a "
                               "file of %zu",
                               (unsigned long long)header_size, size);
    }
    st->data = file + LENGTH_BYTES + (size_t)header_size;
    st->data_size = size - LENGTH_BYTES - (size_t)header_size;
    st->header = parse_header((const char *)file + LENGTH_BYTES, (size_t)header_size, error);
    if (!st->header)
        return error ? (int)error->status : RAVEL_ERR_DATA;
    return parse_entries(st, error);
}

int ravel_safetensors_parse(ravel_safetensors *st, const void *file, size_t size,
                            ravel_error *error)
{
    memset(st, 0, sizeof *st);
    int status = parse(st, file, size, error);
    if (status)
        ravel_safetensors_free(st);
    return status;
}

void ravel_safetensors_free(ravel_safetensors *st)
{
    cJSON_Delete(st->header);
    free(st->entries);
    memset(st, 0, sizeof *st);
}

static int name_against(const void *name, const void *entry)
{
    return strcmp(name, ((const ravel_entry *)entry)->tensor.name);
}

ravel_entry *ravel_safetensors_find(const ravel_safetensors *st, const char *name)
{
    if (st->n_entries == 0)
        return NULL;
    return bsearch(name, st->entries, st->n_entries, sizeof *st->entries, name_against);
}

const char *ravel_safetensors_metadata(const ravel_safetensors *st, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(st->metadata, key));
}
