/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of files, and NeMo manifests: one item a line. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/tokens/feed.h"
#include "tools/tokens/names.h"

typedef struct {
    ravel_feed base;
    FILE *file;
    char *path; /* for messages */
    char delimiter;
    char *line;
    size_t room;
    int64_t number; /* of the line, from 1 */
    bool ended;
} list_feed;

static void refuse_memory(ravel_item *item)
{
    *item = (ravel_item){.fd = -1};
    ravel_error_memory(&item->refused);
}

/* A refused item that is named by its place in the list. */
static void refuse_line(const list_feed *feed, ravel_item *item, const char *what)
{
    char place[512];
    (void)snprintf(place, sizeof place, "%s:%lld", feed->path, (long long)feed->number);
    if (ravel_item_set(item, place, place, &item->refused) == 0)
        ravel_error_set(&item->refused, RAVEL_ERR_DATA, "%s: %s", place, what);
}

/* return    1 and the next line that is not empty, 0 at the end, -1 where reading fails */
static int read_line(list_feed *feed)
{
    ssize_t n;
    errno = 0;
    do {
        feed->number++;
        n = getdelim(&feed->line, &feed->room, feed->delimiter, feed->file);
        if (n > 0 && feed->line[n - 1] == feed->delimiter)
            feed->line[--n] = '\0';
        if (n > 0 && feed->delimiter == '\n' && feed->line[n - 1] == '\r')
            feed->line[--n] = '\0';
    } while (n == 0);
    if (n > 0)
        return 1;
    return ferror(feed->file) || errno != 0 ? -1 : 0;
}

/* As read_line, but a failure becomes the last item. return    1 line, 0 end, -1 refused item */
static int next_line(list_feed *feed, ravel_item *item)
{
    const int got = feed->ended ? 0 : read_line(feed);
    feed->ended = got <= 0;
    if (got < 0)
        refuse_line(feed, item, strerror(errno));
    return got;
}

static void close_list(ravel_feed *base)
{
    list_feed *feed = (list_feed *)base;
    if (feed->file != NULL && feed->file != stdin)
        fclose(feed->file);
    free(feed->path);
    free(feed->line);
    free(feed);
}

static ravel_feed *open_list(const char *path, char delimiter,
                             bool (*next)(ravel_feed *, ravel_item *), ravel_error *error)
{
    list_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    feed->base = (ravel_feed){next, close_list};
    feed->delimiter = delimiter;
    feed->path = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
    feed->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (feed->file == NULL || feed->path == NULL) {
        ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        close_list(&feed->base);
        return NULL;
    }
    return &feed->base;
}

/* --- Paths ------------------------------------------------------------------------------------ */

static bool next_path(ravel_feed *base, ravel_item *item)
{
    list_feed *feed = (list_feed *)base;
    const int got = next_line(feed, item);
    if (got <= 0)
        return got < 0;
    char *name = ravel_name_of_path(feed->line);
    if (name == NULL)
        refuse_memory(item);
    else
        (void)ravel_item_set(item, name, feed->line, &item->refused);
    free(name);
    return true;
}

ravel_feed *ravel_feed_list(const char *path, char delimiter, ravel_error *error)
{
    return open_list(path, delimiter, next_path, error);
}

/* --- Manifests -------------------------------------------------------------------------------- */

enum { MAX_SECONDS = 1000000000 };

/* A number of seconds; absent ones are -1. return    false where it is there and no such thing */
static bool get_seconds(const cJSON *entry, const char *key, double *seconds)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    *seconds = cJSON_IsNumber(item) ? item->valuedouble : -1.0;
    return item == NULL || cJSON_IsNull(item) || (*seconds >= 0.0 && *seconds <= MAX_SECONDS);
}

/* "NAME-000012345": the part of a file that begins at 12.345 s. */
static char *part_name(const char *path, double offset_s)
{
    char *name = ravel_name_of_path(path);
    if (name == NULL || offset_s < 0.0)
        return name;
    const size_t room = strlen(name) + 24;
    char *part = malloc(room);
    if (part != NULL)
        (void)snprintf(part, room, "%s-%09.0f", name, floor(offset_s * 1e3 + 0.5));
    free(name);
    return part;
}

/* Relative paths begin in the folder of the manifest. */
static char *resolve(const char *manifest, const char *path)
{
    const char *slash = strrchr(manifest, '/');
    if (path[0] == '/' || slash == NULL)
        return strdup(path);
    const size_t folder = (size_t)(slash - manifest) + 1, room = folder + strlen(path) + 1;
    char *whole = malloc(room);
    if (whole != NULL)
        (void)snprintf(whole, room, "%.*s%s", (int)folder, manifest, path);
    return whole;
}

static void use_entry(const list_feed *feed, const cJSON *entry, ravel_item *item)
{
    const char *path =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "audio_filepath"));
    double offset_s, duration_s;
    if (path == NULL || path[0] == '\0') {
        refuse_line(feed, item, "no JSON object with an audio_filepath");
        return;
    }
    if (!get_seconds(entry, "offset", &offset_s) || !get_seconds(entry, "duration", &duration_s)) {
        refuse_line(feed, item, "offset or duration is no number of seconds");
        return;
    }
    char *name = part_name(path, offset_s), *whole = resolve(feed->path, path);
    if (name == NULL || whole == NULL)
        refuse_memory(item);
    else if (ravel_item_set(item, name, whole, &item->refused) == 0 && offset_s >= 0.0) {
        item->offset_s = offset_s;
        item->duration_s = duration_s > 0.0 ? duration_s : 0.0;
    }
    free(name);
    free(whole);
}

static bool next_entry(ravel_feed *base, ravel_item *item)
{
    list_feed *feed = (list_feed *)base;
    const int got = next_line(feed, item);
    if (got <= 0)
        return got < 0;
    cJSON *entry = cJSON_Parse(feed->line);
    use_entry(feed, entry, item);
    cJSON_Delete(entry);
    return true;
}

ravel_feed *ravel_feed_manifest(const char *path, ravel_error *error)
{
    return open_list(path, '\n', next_entry, error);
}
