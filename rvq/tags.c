/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/tags.h"

#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "rvq/bytes.h"

enum { MAX_BYTES = 1 << 30, LENGTH_BYTES = 4 };

static const uint8_t magic[8] = {'R', 'a', 'v', 'e', 'l', 'T', 'a', 'g'};

bool ravel_tags_recognise(const uint8_t *packet, size_t size)
{
    return size >= sizeof magic && memcmp(packet, magic, sizeof magic) == 0;
}

/* Name characters: 0x20 ... 0x7D without '=' (RFC 7845 by way of the Vorbis specification). */
static bool tag_valid(const uint8_t *tag, size_t size)
{
    size_t name = 0;
    while (name < size && tag[name] >= 0x20 && tag[name] <= 0x7d && tag[name] != '=') {
        name++;
    }
    return name > 0 && name < size && tag[name] == '=' && !memchr(tag, 0, size) &&
           ravel_is_utf8(tag, size);
}

bool ravel_tag_valid(const char *tag)
{
    return tag_valid((const uint8_t *)tag, strlen(tag));
}

/* --- Writing -------------------------------------------------------------------------------- */

int ravel_tags_size(const char *vendor, const char *const *tags, int n_tags)
{
    size_t size = sizeof magic + 2 * LENGTH_BYTES;
    const size_t vendor_size = strlen(vendor);
    if (n_tags < 0 || vendor_size > MAX_BYTES - size)
        return RAVEL_ERR_ARGUMENT;
    size += vendor_size;
    for (int i = 0; i < n_tags; i++) {
        const size_t tag_size = strlen(tags[i]);
        if (!ravel_tag_valid(tags[i]))
            return RAVEL_ERR_ARGUMENT;
        if (tag_size + LENGTH_BYTES > MAX_BYTES - size)
            return RAVEL_ERR_ARGUMENT;
        size += LENGTH_BYTES + tag_size;
    }
    return (int)size;
}

static uint8_t *put_string(uint8_t *to, const char *text, size_t size)
{
    ravel_put_u32(to, (uint32_t)size);
    memcpy(to + LENGTH_BYTES, text, size);
    return to + LENGTH_BYTES + size;
}

int ravel_tags_write(const char *vendor, const char *const *tags, int n_tags, uint8_t *packet,
                     size_t capacity)
{
    const int size = ravel_tags_size(vendor, tags, n_tags);
    if (size < 0)
        return size;
    if (capacity < (size_t)size)
        return RAVEL_ERR_SPACE;
    memcpy(packet, magic, sizeof magic);
    uint8_t *to = put_string(packet + sizeof magic, vendor, strlen(vendor));
    ravel_put_u32(to, (uint32_t)n_tags);
    to += LENGTH_BYTES;
    for (int i = 0; i < n_tags; i++) {
        to = put_string(to, tags[i], strlen(tags[i]));
    }
    return size;
}

/* --- Reading -------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at;
    size_t left;
} cursor;

static bool take_u32(cursor *c, uint32_t *value)
{
    if (c->left < LENGTH_BYTES)
        return false;
    *value = ravel_get_u32(c->at);
    c->at += LENGTH_BYTES;
    c->left -= LENGTH_BYTES;
    return true;
}

/* The next string: its size, and *text set to where it begins. */
static bool take_string(cursor *c, const uint8_t **text, size_t *size)
{
    uint32_t length;
    if (!take_u32(c, &length) || length > c->left)
        return false;
    *text = c->at;
    *size = length;
    c->at += length;
    c->left -= length;
    return true;
}

static char *copy_string(const uint8_t *text, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy) {
        memcpy(copy, text, size);
        copy[size] = 0;
    }
    return copy;
}

static int truncated(ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA, "tags packet is truncated or damaged");
}

static int read_list(cursor *c, uint32_t count, ravel_tags *tags, ravel_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *text;
        size_t size;
        if (!take_string(c, &text, &size))
            return truncated(error);
        if (!tag_valid(text, size))
            continue;
        tags->tags[tags->n_tags] = copy_string(text, size);
        if (!tags->tags[tags->n_tags])
            return ravel_error_memory(error);
        tags->n_tags++;
    }
    return RAVEL_OK;
}

/* The number of tags is bounded by the bytes there are before memory is taken for them. */
static int read_all(cursor *c, ravel_tags *tags, ravel_error *error)
{
    const uint8_t *vendor;
    size_t vendor_size;
    uint32_t count;
    if (!take_string(c, &vendor, &vendor_size) || !take_u32(c, &count))
        return truncated(error);
    if (count > c->left / LENGTH_BYTES)
        return truncated(error);
    const bool plain = !memchr(vendor, 0, vendor_size) && ravel_is_utf8(vendor, vendor_size);
    tags->vendor = copy_string(vendor, plain ? vendor_size : 0);
    tags->tags = calloc((size_t)count + 1, sizeof *tags->tags);
    if (!tags->vendor || !tags->tags)
        return ravel_error_memory(error);
    return read_list(c, count, tags, error);
}

int ravel_tags_read(const uint8_t *packet, size_t size, ravel_tags *tags, ravel_error *error)
{
    *tags = (ravel_tags){0};
    if (!ravel_tags_recognise(packet, size)) {
        return ravel_error_set(error, RAVEL_ERR_DATA, "not the tags packet of a Ravel stream");
    }
    if (size > MAX_BYTES)
        return ravel_error_set(error, RAVEL_ERR_DATA, "tags packet too long");
    cursor c = {.at = packet + sizeof magic, .left = size - sizeof magic};
    const int status = read_all(&c, tags, error);
    if (status)
        ravel_tags_free(tags);
    return status;
}

void ravel_tags_free(ravel_tags *tags)
{
    for (int i = 0; i < tags->n_tags; i++) {
        free(tags->tags[i]);
    }
    free(tags->tags);
    free(tags->vendor);
    *tags = (ravel_tags){0};
}
