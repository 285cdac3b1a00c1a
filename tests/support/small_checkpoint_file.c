/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/support/small_checkpoints.h"

enum { NAME = 160, HEADER = 1 << 16, DATA = 1 << 20 };

/* A safetensors file in the making. */
typedef struct {
    char header[HEADER];
    uint8_t data[DATA];
    size_t n_header, n_data;
    uint64_t seed;
} writer;

/* Weights that keep signals about as loud as they are: positive gains, small rest. */
static float random_weight(writer *w, const char *name, size_t width)
{
    float x = ravel_random_float(&w->seed);
    bool gain = strstr(name, "alpha") || strstr(name, "weight_g") || strstr(name, "original0") ||
                strstr(name, "cluster") || (strstr(name, "norm") && strstr(name, "weight"));
    return gain ? 0.75f + 0.25f * x : width > 8 ? 0.4f * x : x;
}

/* extents: ends with a 0; numbers: of an I32, or NULL */
static void add(writer *w, const char *name, const int *extents, const int *numbers)
{
    size_t count = 1, begin = w->n_data, width = (size_t)(extents[1] ? extents[1] : 1);
    w->n_header += (size_t)snprintf(w->header + w->n_header, HEADER - w->n_header,
                                    "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                                    w->n_header > 1 ? "," : "", name, numbers ? "I32" : "F32");
    for (int i = 0; extents[i]; i++) {
        count *= (size_t)extents[i];
        w->n_header += (size_t)snprintf(w->header + w->n_header, HEADER - w->n_header, "%s%d",
                                        i ? "," : "", extents[i]);
    }
    if (w->n_data + 4 * count > DATA)
        abort();
    for (size_t i = 0; i < count; i++, w->n_data += 4) {
        const float value = random_weight(w, name, width);
        memcpy(w->data + w->n_data, numbers ? (const void *)&numbers[i] : &value, 4);
    }
    w->n_header += (size_t)snprintf(w->header + w->n_header, HEADER - w->n_header,
                                    "],\"data_offsets\":[%zu,%zu]}", begin, w->n_data);
    if (w->n_header >= HEADER - 2)
        abort();
}

static void add_part(writer *w, const char *name, const char *part, int a, int b, int k)
{
    char full[NAME + 50];
    const int extents[4] = {a, b, b ? k : 0, 0};
    (void)snprintf(full, sizeof full, "%s%s", name, part);
    add(w, full, extents, NULL);
}

/* What a letter stands for. e: extents, 0 where there are none */
static void add_letter(writer *w, const char *name, char letter, const int e[4])
{
    bool transposed = strchr("WGP", letter) != NULL;
    switch (letter) {
    case 'i': {
        const int n = e[1] ? 2 : 1, shape[4] = {1, n, 1, 0};
        add(w, name, shape, e);
        return;
    }
    case 't':
        add_part(w, name, "", e[0], e[1], e[2]);
        return;
    case 'g':
    case 'G':
        add_part(w, name, ".weight_g", e[0], 1, e[2] ? 1 : 0);
        add_part(w, name, ".weight_v", e[0], e[1], e[2]);
        break;
    case 'p':
    case 'P':
    case 'q':
        add_part(w, name, ".parametrizations.weight.original0", e[0], 1, e[2] ? 1 : 0);
        add_part(w, name, ".parametrizations.weight.original1", e[0], e[1], e[2]);
        break;
    default:
        add_part(w, name, ".weight", e[0], e[1], e[2]);
    }
    if (letter != 'q' && letter != 'v')
        add_part(w, name, ".bias", transposed ? e[1] : e[0], 0, 0);
}

/* The name with each alternative of its first pair of braces, and so on. */
static void expand(writer *w, const char *name, char letter, const int e[4])
{
    const char *open = strchr(name, '{'), *close = open ? strchr(open, '}') : NULL;
    if (!close) {
        add_letter(w, name, letter, e);
        return;
    }
    char one[NAME];
    if (open[2] == '-') {
        for (char digit = open[1]; digit <= open[3]; digit++) {
            (void)snprintf(one, sizeof one, "%.*s%c%s", (int)(open - name), name, digit, close + 1);
            expand(w, one, letter, e);
        }
        return;
    }
    for (const char *at = open + 1; at < close; at += strcspn(at, ",}") + 1) {
        (void)snprintf(one, sizeof one, "%.*s%.*s%s", (int)(open - name), name,
                       (int)strcspn(at, ",}"), at, close + 1);
        expand(w, one, letter, e);
    }
}

void *ravel_small_checkpoint(int i, size_t *size)
{
    writer *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->seed = 7;
    w->header[w->n_header++] = '{';
    for (const char *line = ravel_small_tensors(i); *line; line = strchr(line, '\n') + 1) {
        char name[NAME], letter;
        int e[4] = {0};
        if (sscanf(line, "%150s %c %d %d %d", name, &letter, &e[0], &e[1], &e[2]) < 3)
            abort();
        expand(w, name, letter, e);
    }
    w->header[w->n_header++] = '}';
    const uint64_t length = w->n_header;
    *size = 8 + w->n_header + w->n_data;
    uint8_t *file = malloc(*size);
    if (!file)
        abort();
    memcpy(file, &length, 8);
    memcpy(file + 8, w->header, w->n_header);
    memcpy(file + 8 + w->n_header, w->data, w->n_data);
    free(w);
    return file;
}
