/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/stream/ogg_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/error.h"

enum { READ_BYTES = 1 << 14, MAX_PAGE_BYTES = 27 + 255 + 255 * 255, HEADER_BYTES = 27 };

static int fail_system(const ravel_ogg_pages *pages, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", pages->name,
                           strerror(errno));
}

int ravel_ogg_pages_open(ravel_ogg_pages *pages, const char *path, ravel_error *error)
{
    bool standard = strcmp(path, "-") == 0;
    *pages = (ravel_ogg_pages){.fd = -1, .size = -1};
    ogg_sync_init(&pages->sync);
    pages->name = strdup(standard ? "standard input" : path);
    if (pages->name == NULL)
        return ravel_error_memory(error);
    pages->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (pages->fd < 0 || fstat(pages->fd, &status) != 0)
        return fail_system(pages, error);
    if (S_ISREG(status.st_mode) && lseek(pages->fd, 0, SEEK_CUR) == 0) {
        pages->seekable = true;
        pages->size = status.st_size;
    }
    return 0;
}

void ravel_ogg_pages_close(ravel_ogg_pages *pages)
{
    if (pages->fd > STDERR_FILENO)
        close(pages->fd);
    ogg_sync_clear(&pages->sync);
    free(pages->name);
}

/*
 * At the end zeros are added, as many as the longest page: a damaged page that claims to be longer
 * than what is left is then refused by its checksum, and the whole pages within it are found.
 */
static int add_bytes(ravel_ogg_pages *pages, ravel_error *error)
{
    char *buffer = ogg_sync_buffer(&pages->sync, MAX_PAGE_BYTES);
    if (buffer == NULL)
        return ravel_error_memory(error);
    ssize_t n = read(pages->fd, buffer, READ_BYTES);
    if (n < 0)
        return fail_system(pages, error);
    if (n == 0) {
        pages->end = pages->offset + pages->sync.fill - pages->sync.returned;
        pages->ended = true;
        memset(buffer, 0, MAX_PAGE_BYTES);
        n = MAX_PAGE_BYTES;
    }
    ogg_sync_wrote(&pages->sync, (long)n);
    return 0;
}

/* The zeros that were added do not count. */
static void skip(ravel_ogg_pages *pages, int64_t n)
{
    if (pages->ended && n > pages->end - pages->offset)
        n = pages->end - pages->offset;
    pages->skipped_bytes += n;
    pages->offset += n;
}

int ravel_ogg_pages_next(ravel_ogg_pages *pages, ogg_page *page, ravel_error *error)
{
    for (;;) {
        long n = ogg_sync_pageseek(&pages->sync, page);
        if (n > 0) {
            pages->offset += n;
            return (int)n;
        }
        if (n < 0) {
            skip(pages, -n);
        } else if (pages->ended) {
            if (pages->offset < pages->end)
                skip(pages, pages->end - pages->offset);
            return 0;
        } else {
            int status = add_bytes(pages, error);
            if (status < 0)
                return status;
        }
    }
}

int ravel_ogg_pages_seek(ravel_ogg_pages *pages, int64_t offset, ravel_error *error)
{
    if (lseek(pages->fd, (off_t)offset, SEEK_SET) < 0)
        return fail_system(pages, error);
    ogg_sync_reset(&pages->sync);
    pages->offset = offset;
    pages->ended = false;
    return 0;
}

bool ravel_ogg_page_whole(const ogg_page *page)
{
    int n_segments = page->header[26];
    return !ogg_page_continued(page) &&
           (n_segments == 0 || page->header[HEADER_BYTES + n_segments - 1] < 255);
}

/* Lacing: a packet is as many segments of 255 bytes as it takes and one shorter one. */
long ravel_ogg_page_packet(const ogg_page *page, int i, const unsigned char **packet)
{
    const unsigned char *body = page->body;
    long size = 0;
    for (int segment = 0; segment < page->header[26]; segment++) {
        int lacing = page->header[HEADER_BYTES + segment];
        size += lacing;
        if (lacing == 255)
            continue;
        if (i-- == 0) {
            *packet = body;
            return size;
        }
        body += size;
        size = 0;
    }
    return -1;
}
