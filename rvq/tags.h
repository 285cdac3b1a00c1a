/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tags packet, second of a `.rvl` stream: "RavelTag", then a Vorbis comment header in the form
 * of RFC 7845, section 5.2: vendor string, number of tags, tags, each string behind its length
 * (4 bytes, little-endian). A tag is "NAME=value": NAME printable ASCII without '=', value UTF-8.
 */
#ifndef RAVEL_RVQ_TAGS_H
#define RAVEL_RVQ_TAGS_H

#include <stdbool.h>

#include "ravel/ravel.h"

typedef struct {
    char *vendor;
    char **tags; /* [n_tags] "NAME=value" */
    int n_tags;
} ravel_tags;

/* Whether a packet begins as a tags packet does. */
bool ravel_tags_recognise(const uint8_t *packet, size_t size);

/* Whether a string is "NAME=value" with a name of at least one character. */
bool ravel_tag_valid(const char *tag);

/* Bytes of the packet; RAVEL_ERR_ARGUMENT for a tag that is not valid or more than 2^30 bytes. */
int ravel_tags_size(const char *vendor, const char *const *tags, int n_tags);

/* return    bytes written; RAVEL_ERR_ARGUMENT, RAVEL_ERR_SPACE */
int ravel_tags_write(const char *vendor, const char *const *tags, int n_tags, uint8_t *packet,
                     size_t capacity);

/*
 * Allocates copies. A tag that is not valid is left out, a vendor that is not UTF-8 is empty.
 * return    RAVEL_OK; RAVEL_ERR_DATA or RAVEL_ERR_MEMORY with *error and *tags empty
 */
int ravel_tags_read(const uint8_t *packet, size_t size, ravel_tags *tags, ravel_error *error);

/* Frees what ravel_tags_read allocated and empties *tags. */
void ravel_tags_free(ravel_tags *tags);

#endif
