/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a folder and of those below it; links to folders are not followed. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nn/error.h"
#include "tools/tokens/feed.h"
#include "tools/tokens/names.h"

enum { MAX_DEPTH = 128 };

typedef struct {
    struct dirent **entries; /* in byte order */
    int n_entries, next;
    size_t path_length; /* of the folder, in the feed's path */
} level;

typedef struct {
    ravel_feed base;
    bool (*wanted)(const char *path);
    size_t root_length; /* of the path, with the slash behind it */
    char *path;         /* of the folder or file that is looked at */
    size_t path_room;
    level levels[MAX_DEPTH];
    int depth;
} folder_feed;

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* strcmp and not alphasort, which goes by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int enter(folder_feed *feed)
{
    if (feed->depth == MAX_DEPTH)
        return ELOOP;
    level *top = &feed->levels[feed->depth];
    *top = (level){.path_length = strlen(feed->path)};
    top->n_entries = scandir(feed->path, &top->entries, visible, by_name);
    if (top->n_entries < 0)
        return errno;
    feed->depth++;
    return 0;
}

static void leave(folder_feed *feed)
{
    level *top = &feed->levels[--feed->depth];
    while (top->next < top->n_entries)
        free(top->entries[top->next++]);
    free(top->entries);
}

/* The path becomes the top folder's and one of its entries. */
static bool append_name(folder_feed *feed, const char *name)
{
    const size_t length = feed->levels[feed->depth - 1].path_length;
    const size_t room = length + strlen(name) + 2;
    if (room > feed->path_room) {
        char *larger = realloc(feed->path, 2 * room);
        if (larger == NULL)
            return false;
        feed->path = larger;
        feed->path_room = 2 * room;
    }
    feed->path[length] = '/';
    strcpy(feed->path + length + 1, name);
    return true;
}

static void refuse(folder_feed *feed, ravel_item *item, int reason)
{
    if (ravel_item_set(item, feed->path, feed->path, &item->refused) == 0)
        ravel_error_set(&item->refused, RAVEL_ERR_IO, "cannot read '%s': %s", feed->path,
                        strerror(reason));
}

static void give(folder_feed *feed, ravel_item *item)
{
    char *name = ravel_name_of_path(feed->path + feed->root_length);
    if (name == NULL)
        *item = (ravel_item){.fd = -1, .refused = {RAVEL_ERR_MEMORY, "no memory"}};
    else
        (void)ravel_item_set(item, name, feed->path, &item->refused);
    free(name);
}

/* Looks at one entry. return    whether it made an item */
static bool look_at(folder_feed *feed, const char *name, ravel_item *item)
{
    struct stat status;
    int reason = 0;
    if (!append_name(feed, name))
        reason = ENOMEM;
    else if (lstat(feed->path, &status) == 0 && S_ISDIR(status.st_mode))
        reason = enter(feed);
    else if (!feed->wanted(feed->path))
        return false;
    else {
        give(feed, item);
        return true;
    }
    if (reason != 0)
        refuse(feed, item, reason);
    return reason != 0;
}

static bool next_file(ravel_feed *base, ravel_item *item)
{
    folder_feed *feed = (folder_feed *)base;
    while (feed->depth > 0) {
        level *top = &feed->levels[feed->depth - 1];
        if (top->next == top->n_entries) {
            leave(feed);
            continue;
        }
        struct dirent *entry = top->entries[top->next++];
        const bool found = look_at(feed, entry->d_name, item);
        free(entry);
        if (found)
            return true;
    }
    return false;
}

static void close_folder(ravel_feed *base)
{
    folder_feed *feed = (folder_feed *)base;
    while (feed->depth > 0)
        leave(feed);
    free(feed->path);
    free(feed);
}

ravel_feed *ravel_feed_folder(const char *path, bool (*wanted)(const char *path),
                              ravel_error *error)
{
    folder_feed *feed = calloc(1, sizeof *feed);
    if (feed != NULL)
        feed->path = strdup(path);
    if (feed == NULL || feed->path == NULL) {
        free(feed);
        ravel_error_memory(error);
        return NULL;
    }
    feed->base = (ravel_feed){next_file, close_folder};
    feed->wanted = wanted;
    feed->path_room = strlen(path) + 1;
    feed->root_length = feed->path_room; /* with the slash */
    const int reason = enter(feed);
    if (reason == 0)
        return &feed->base;
    ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", path, strerror(reason));
    close_folder(&feed->base);
    return NULL;
}
