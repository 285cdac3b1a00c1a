/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tar shards as webdataset has them: "000017.flac" beside "000017.txt" and the like. A member that
 * is sound goes into a temporary file without a name, because decoders seek; the others are passed
 * over.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tokens/feed.h"
#include "tools/tokens/names.h"
#include "tools/tokens/spool.h"

typedef struct {
    ravel_feed base;
    struct archive *archive;
    char *path; /* for messages */
    bool ended;
} tar_feed;

static int archive_failed(const tar_feed *feed, ravel_error *error)
{
    const char *text = archive_error_string(feed->archive);
    return ravel_error_set(error, RAVEL_ERR_DATA, "cannot read '%s': %s", feed->path,
                           text != NULL ? text : "damaged");
}

static int copy_member(tar_feed *feed, int fd, ravel_error *error)
{
    const void *bytes;
    size_t n;
    la_int64_t offset;
    int got;
    while ((got = archive_read_data_block(feed->archive, &bytes, &n, &offset)) == ARCHIVE_OK)
        if (pwrite(fd, bytes, n, (off_t)offset) != (ssize_t)n)
            return ravel_error_set(error, RAVEL_ERR_IO, "cannot write a temporary file: %s",
                                   strerror(errno));
    if (got != ARCHIVE_EOF)
        return archive_failed(feed, error);
    return 0;
}

static void take_member(tar_feed *feed, const char *member, ravel_item *item)
{
    const size_t room = strlen(feed->path) + strlen(member) + 2;
    char *name = ravel_name_of_member(member), *place = malloc(room);
    if (place != NULL)
        (void)snprintf(place, room, "%s:%s", feed->path, member);
    if (name == NULL || place == NULL)
        *item = (ravel_item){.fd = -1, .refused = {RAVEL_ERR_MEMORY, "no memory"}};
    else if (ravel_item_set(item, name, place, &item->refused) == 0) {
        item->fd = ravel_temporary_file(&item->refused);
        if (item->fd >= 0)
            (void)copy_member(feed, item->fd, &item->refused);
    }
    free(name);
    free(place);
}

/* What is wrong with the tar is told as its last item. */
static bool end_badly(tar_feed *feed, ravel_item *item)
{
    feed->ended = true;
    if (ravel_item_set(item, feed->path, feed->path, &item->refused) == 0)
        archive_failed(feed, &item->refused);
    return true;
}

static bool next_member(ravel_feed *base, ravel_item *item)
{
    tar_feed *feed = (tar_feed *)base;
    struct archive_entry *entry;
    while (!feed->ended) {
        const int got = archive_read_next_header(feed->archive, &entry);
        if (got == ARCHIVE_EOF)
            break;
        if (got < ARCHIVE_WARN)
            return end_badly(feed, item);
        const char *member = archive_entry_pathname(entry);
        if (member != NULL && archive_entry_filetype(entry) == AE_IFREG &&
            ravel_name_is_audio(member)) {
            take_member(feed, member, item);
            return true;
        }
    }
    feed->ended = true;
    return false;
}

static void close_tar(ravel_feed *base)
{
    tar_feed *feed = (tar_feed *)base;
    archive_read_free(feed->archive);
    free(feed->path);
    free(feed);
}

ravel_feed *ravel_feed_tar(const char *path, ravel_error *error)
{
    const bool piped = strcmp(path, "-") == 0;
    tar_feed *feed = calloc(1, sizeof *feed);
    if (feed != NULL) {
        feed->base = (ravel_feed){next_member, close_tar};
        feed->path = strdup(piped ? "standard input" : path);
        feed->archive = archive_read_new();
    }
    if (feed == NULL || feed->path == NULL || feed->archive == NULL) {
        if (feed != NULL)
            close_tar(&feed->base);
        ravel_error_memory(error);
        return NULL;
    }
    archive_read_support_filter_all(feed->archive);
    archive_read_support_format_tar(feed->archive);
    if (archive_read_open_filename(feed->archive, piped ? NULL : path, 1 << 16) == ARCHIVE_OK)
        return &feed->base;
    archive_failed(feed, error);
    close_tar(&feed->base);
    return NULL;
}
