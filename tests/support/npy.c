/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 10, MAX_HEADER = 1000 };

/* The text behind 'key': in the header, a Python dictionary. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    const char *colon = at ? strchr(at, ':') : NULL;
    return colon ? colon + 1 + strspn(colon + 1, " '<|") : "";
}

static void parse_shape(const char *text, ravel_npy *array)
{
    array->count = 1;
    text += strspn(text, "(");
    while (array->rank < RAVEL_NPY_RANK && *text >= '0' && *text <= '9') {
        char *end;
        size_t extent = strtoul(text, &end, 10);
        array->shape[array->rank++] = extent;
        array->count *= extent;
        text = end + strspn(end, ", ");
    }
}

static float element(const uint8_t *bytes, char kind, size_t size)
{
    float real;
    int32_t integer = 0;
    if (kind == 'f') {
        memcpy(&real, bytes, sizeof real);
        return real;
    }
    memcpy(&integer, bytes, size);
    return (float)(size == 2 ? (int16_t)integer : integer);
}

static int read_values(FILE *file, const char *type, ravel_npy *array)
{
    size_t size = (size_t)(type[1] - '0');
    int known = !strncmp(type, "f4", 2) || !strncmp(type, "i4", 2) || !strncmp(type, "i2", 2) ||
                !strncmp(type, "u1", 2);
    if (!known || array->count > SIZE_MAX / 8)
        return -1;
    uint8_t *bytes = malloc(array->count * size + 1);
    array->values = malloc(array->count * sizeof(float) + 1);
    int good = bytes && array->values && fread(bytes, size, array->count, file) == array->count;
    for (size_t i = 0; good && i < array->count; i++)
        array->values[i] = element(bytes + i * size, type[0], size);
    free(bytes);
    return good ? 0 : -1;
}

/* From the first index changing fastest to the last one doing so. */
static int to_c_order(ravel_npy *array)
{
    float *values = malloc(array->count * sizeof(float) + 1);
    if (!values)
        return -1;
    for (size_t i = 0; i < array->count; i++) {
        size_t rest = i, from = 0, step = array->count;
        for (int d = array->rank - 1; d >= 0; d--) {
            step /= array->shape[d];
            from += rest % array->shape[d] * step;
            rest /= array->shape[d];
        }
        values[i] = array->values[from];
    }
    free(array->values);
    array->values = values;
    return 0;
}

static int read_file(FILE *file, ravel_npy *array)
{
    uint8_t head[HEAD];
    char header[MAX_HEADER + 1];
    if (fread(head, 1, HEAD, file) != HEAD || memcmp(head, "\x93NUMPY\x01", 7) != 0)
        return -1;
    size_t length = (size_t)(head[8] | head[9] << 8);
    if (length > MAX_HEADER || fread(header, 1, length, file) != length)
        return -1;
    header[length] = '\0';
    parse_shape(value_of(header, "'shape'"), array);
    if (read_values(file, value_of(header, "'descr'"), array))
        return -1;
    return strncmp(value_of(header, "'fortran_order'"), "True", 4) == 0 ? to_c_order(array) : 0;
}

int ravel_npy_read(const char *path, ravel_npy *array)
{
    memset(array, 0, sizeof *array);
    FILE *file = fopen(path, "rb");
    int status = file ? read_file(file, array) : -1;
    if (file)
        (void)fclose(file);
    if (status)
        ravel_npy_free(array);
    return status;
}

void ravel_npy_free(ravel_npy *array)
{
    free(array->values);
    memset(array, 0, sizeof *array);
}
