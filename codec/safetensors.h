/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * safetensors files in memory: 8 bytes of header length (little-endian), a JSON header that gives
 * each tensor its type, shape and place, then the data. `__metadata__` in the header is a map of
 * strings.
 *
 * The reader takes files from strangers. What it accepts is exact: each tensor has as many bytes as
 * its shape and type need, and the tensors fill the data without a gap or an overlap.
 */
#ifndef RAVEL_CODEC_SAFETENSORS_H
#define RAVEL_CODEC_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/tensor.h"
#include "ravel/ravel.h"

struct cJSON;

/* A tensor of the file. Names live as long as the ravel_safetensors, data as long as the file. */
typedef struct {
    ravel_tensor tensor;
    /* tensor.dtype is meant; else the type is one that no layer takes (I64 ...), or a dimension 0 */
    bool readable;
    const char *type; /* as written in the file: "F32"; "empty" of a tensor without elements */
    size_t bytes;
    unsigned parts; /* free for the user of the file, 0 at first */
} ravel_entry;

typedef struct {
    struct cJSON *header;
    const struct cJSON *metadata; /* `__metadata__`, NULL where there is none */
    ravel_entry *entries;         /* in byte order of their names */
    size_t n_entries;
    const uint8_t *data; /* all tensors */
    size_t data_size;
} ravel_safetensors;

/*
 * file    stays the caller's; `data` points into it
 * return  0, or a negative status with *error filled and *st empty
 */
int ravel_safetensors_parse(ravel_safetensors *st, const void *file, size_t size,
                            ravel_error *error);

/* Leaves *st empty; an empty one is allowed. */
void ravel_safetensors_free(ravel_safetensors *st);

/* The tensor of that name, or NULL. */
ravel_entry *ravel_safetensors_find(const ravel_safetensors *st, const char *name);

/* The metadata string of that key, or NULL. */
const char *ravel_safetensors_metadata(const ravel_safetensors *st, const char *key);

/* Bytes that the tensors take in a file. */
size_t ravel_safetensors_data_size(const ravel_tensor *tensors, size_t n);

/*
 * Writes the data of a file: the tensors one after the other, wider types first and in byte order
 * of their names within a type, so that each is aligned. Sorts the array so.
 * data    ravel_safetensors_data_size bytes
 */
void ravel_safetensors_write_data(ravel_tensor *tensors, size_t n, void *data);

/*
 * Header of such data with one metadata string, padded with spaces so that the data that follow are
 * aligned to 64 bytes. `tensors` in the order in which ravel_safetensors_write_data left them.
 * return    bytes in malloc'ed *header, the length field included; 0 without memory
 */
size_t ravel_safetensors_header(const ravel_tensor *tensors, size_t n, const char *key,
                                const char *value, char **header);

#endif
