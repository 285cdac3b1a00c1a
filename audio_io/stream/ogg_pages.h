/* SPDX-License-Identifier: BSD-3-Clause */
/* The pages of an Ogg file (RFC 3533), whole ones with the right checksum, and where they lie. */
#ifndef RAVEL_AUDIO_IO_STREAM_OGG_PAGES_H
#define RAVEL_AUDIO_IO_STREAM_OGG_PAGES_H

#include <ogg/ogg.h>
#include <stdbool.h>
#include <stdint.h>

#include "ravel/ravel.h"

typedef struct {
    int fd;
    char *name; /* for messages */
    bool seekable;
    int64_t size; /* bytes; -1 on a pipe */
    ogg_sync_state sync;
    int64_t offset;        /* of the first byte that no page and no skipping has used */
    int64_t end;           /* offset of the end, once `ended` */
    int64_t skipped_bytes; /* that belong to no page */
    bool ended;
} ravel_ogg_pages;

/* path: a file or "-". return    0 or a negative status; close it in either case. */
int ravel_ogg_pages_open(ravel_ogg_pages *pages, const char *path, ravel_error *error);
void ravel_ogg_pages_close(ravel_ogg_pages *pages);

/*
 * page      valid until the next call
 * return    the page's bytes (it begins at pages->offset less these), 0 at the end, or a negative
 *           status
 */
int ravel_ogg_pages_next(ravel_ogg_pages *pages, ogg_page *page, ravel_error *error);

/* Goes on at that byte of a seekable file. */
int ravel_ogg_pages_seek(ravel_ogg_pages *pages, int64_t offset, ravel_error *error);

/*
 * Packet i of a page that neither begins nor ends within a packet.
 * return    its bytes and *packet, or -1 where there is no such packet
 */
long ravel_ogg_page_packet(const ogg_page *page, int i, const unsigned char **packet);

/* Whether all packets that the page touches begin and end on it. */
bool ravel_ogg_page_whole(const ogg_page *page);

#endif
