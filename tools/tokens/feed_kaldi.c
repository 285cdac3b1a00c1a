/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kaldi data folders. wav.scp: "RECORDING PATH" a line; segments: "UTTERANCE RECORDING BEGIN END",
 * in seconds. Without segments a recording is an utterance. A path that ends in "|" is a command;
 * commands of files are not run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/tokens/feed.h"
#include "tools/tokens/grow.h"
#include "tools/tokens/names.h"

typedef struct {
    char *id, *path;
} recording;

typedef struct {
    ravel_feed base;
    recording *recordings; /* in byte order of their ids, where there are segments */
    size_t n_recordings, next;
    FILE *segments; /* or NULL */
    char *segments_path;
    char *line;
    size_t room;
    int64_t number;
    bool ended;
} kaldi_feed;

/* The first word of *text, which is moved behind it and the blanks. "" where there is none. */
static char *take_word(char **text)
{
    char *word = *text + strspn(*text, " \t");
    char *end = word + strcspn(word, " \t\r\n");
    *text = end + strspn(end, " \t\r\n");
    *end = '\0';
    return word;
}

static void cut_blanks(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        text[--n] = '\0';
}

/* --- wav.scp ---------------------------------------------------------------------------------- */

static int add_recording(kaldi_feed *feed, const char *id, const char *path, size_t *room)
{
    recording *list = ravel_grow(feed->recordings, feed->n_recordings, room, sizeof *list);
    if (list == NULL)
        return -1;
    feed->recordings = list;
    recording *added = &list[feed->n_recordings++];
    *added = (recording){strdup(id), strdup(path)};
    return added->id != NULL && added->path != NULL ? 0 : -1;
}

static int read_recordings(kaldi_feed *feed, FILE *file)
{
    size_t room = 0;
    while (getline(&feed->line, &feed->room, file) > 0) {
        char *rest = feed->line;
        const char *id = take_word(&rest);
        cut_blanks(rest);
        if (id[0] != '\0' && add_recording(feed, id, rest, &room) < 0)
            return ENOMEM;
    }
    return ferror(file) ? errno : 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const recording *)a)->id, ((const recording *)b)->id);
}

static const recording *find_recording(const kaldi_feed *feed, char *id)
{
    const recording key = {.id = id};
    if (feed->n_recordings == 0)
        return NULL;
    return bsearch(&key, feed->recordings, feed->n_recordings, sizeof key, by_id);
}

/* --- Items ------------------------------------------------------------------------------------ */

static void refuse(ravel_item *item, const char *name, const char *what)
{
    if (ravel_item_set(item, name, name, &item->refused) == 0)
        ravel_error_set(&item->refused, RAVEL_ERR_DATA, "'%s': %s", name, what);
}

static void give(ravel_item *item, const char *id, const recording *of)
{
    const size_t n = strlen(of->path);
    if (n == 0)
        refuse(item, id, "wav.scp has no path for it");
    else if (of->path[n - 1] == '|')
        refuse(item, id, "wav.scp has a command for it, and commands are not run");
    else {
        char *name = ravel_name_of_path(id);
        if (name == NULL)
            *item = (ravel_item){.fd = -1, .refused = {RAVEL_ERR_MEMORY, "no memory"}};
        else
            (void)ravel_item_set(item, name, of->path, &item->refused);
        free(name);
    }
}

static bool next_recording(ravel_feed *base, ravel_item *item)
{
    kaldi_feed *feed = (kaldi_feed *)base;
    if (feed->next == feed->n_recordings)
        return false;
    const recording *of = &feed->recordings[feed->next++];
    give(item, of->id, of);
    return true;
}

static bool take_seconds(const char *text, double low, double *seconds)
{
    char *end;
    *seconds = strtod(text, &end);
    return end > text && *end == '\0' && *seconds >= low && *seconds <= 1e9;
}

static void give_segment(const kaldi_feed *feed, ravel_item *item, char *text)
{
    char place[512];
    char *id = take_word(&text), *of_id = take_word(&text);
    const char *begin = take_word(&text), *end = take_word(&text);
    double begin_s, end_s;
    (void)snprintf(place, sizeof place, "%s:%lld", feed->segments_path, (long long)feed->number);
    if (!take_seconds(begin, 0.0, &begin_s) || !take_seconds(end, -1.0, &end_s) ||
        (end_s >= 0.0 && end_s <= begin_s)) {
        refuse(item, place, "not UTTERANCE RECORDING BEGIN END");
        return;
    }
    const recording *of = find_recording(feed, of_id);
    if (of == NULL) {
        refuse(item, id, "wav.scp has no recording of this segment");
        return;
    }
    give(item, id, of);
    item->offset_s = begin_s;
    item->duration_s = end_s >= 0.0 ? end_s - begin_s : 0.0; /* -1: up to the end */
}

static bool next_segment(ravel_feed *base, ravel_item *item)
{
    kaldi_feed *feed = (kaldi_feed *)base;
    do {
        feed->number++;
        if (feed->ended || getline(&feed->line, &feed->room, feed->segments) < 0) {
            const bool failed = !feed->ended && ferror(feed->segments);
            feed->ended = true;
            if (failed)
                refuse(item, feed->segments_path, "cannot be read");
            return failed;
        }
        cut_blanks(feed->line);
    } while (feed->line[0] == '\0');
    give_segment(feed, item, feed->line);
    return true;
}

/* --- The feed --------------------------------------------------------------------------------- */

static void close_kaldi(ravel_feed *base)
{
    kaldi_feed *feed = (kaldi_feed *)base;
    for (size_t i = 0; i < feed->n_recordings; i++) {
        free(feed->recordings[i].id);
        free(feed->recordings[i].path);
    }
    free(feed->recordings);
    if (feed->segments != NULL)
        fclose(feed->segments);
    free(feed->segments_path);
    free(feed->line);
    free(feed);
}

static int open_kaldi(kaldi_feed *feed, const char *folder, ravel_error *error)
{
    char *path = ravel_name_join(folder, "wav.scp", "");
    feed->segments_path = ravel_name_join(folder, "segments", "");
    if (path == NULL || feed->segments_path == NULL) {
        free(path);
        return ravel_error_memory(error);
    }
    FILE *file = fopen(path, "rbe");
    const int reason = file != NULL ? read_recordings(feed, file) : errno;
    if (file != NULL)
        fclose(file);
    int status = 0;
    if (reason != 0)
        status =
            ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", path, strerror(reason));
    free(path);
    return status;
}

ravel_feed *ravel_feed_kaldi(const char *folder, ravel_error *error)
{
    kaldi_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    feed->base = (ravel_feed){next_recording, close_kaldi};
    if (open_kaldi(feed, folder, error) < 0) {
        close_kaldi(&feed->base);
        return NULL;
    }
    feed->segments = fopen(feed->segments_path, "rbe");
    if (feed->segments != NULL) {
        feed->base.next = next_segment;
        qsort(feed->recordings, feed->n_recordings, sizeof *feed->recordings, by_id);
    }
    return &feed->base;
}
