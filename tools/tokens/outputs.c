/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tokens/failures.h"
#include "tools/tokens/names.h"
#include "tools/tokens/parts.h"
#include "tools/tokens/sidecar.h"

struct ravel_outputs {
    ravel_outputs_options options;
    ravel_workplace work;
    pthread_mutex_t lock;
    ravel_parts parts;       /* of formats of many utterances a file */
    ravel_error broken;      /* the first part that could not be written, if any */
    bool done;               /* all that was to be written is */
    ravel_failures failures; /* of this run */
    ravel_failures earlier;  /* of those before */
    int journal;             /* descriptor: failures as they come, or -1 */
};

/* --- Names ------------------------------------------------------------------------------------ */

static char *failed_path(const ravel_outputs *outputs)
{
    char name[64], shard[32];
    (void)snprintf(name, sizeof name, "failed%s.jsonl", ravel_shard_name(&outputs->options, shard));
    return ravel_name_join(outputs->options.directory, name, "");
}

static char *single_path(const ravel_outputs *outputs, const char *name)
{
    char suffix[16];
    (void)snprintf(suffix, sizeof suffix, ".%s", ravel_pack_name((int)outputs->options.format));
    return ravel_name_join(outputs->options.directory, name, suffix);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int open_journal(ravel_outputs *outputs, ravel_error *error)
{
    char *path = ravel_workplace_path(&outputs->work, "0-failed");
    if (path == NULL)
        return ravel_error_memory(error);
    ravel_failures_load(&outputs->earlier, path);
    outputs->journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (outputs->journal < 0)
        ravel_error_set(error, RAVEL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    free(path);
    return outputs->journal < 0 ? RAVEL_ERR_IO : 0;
}

static int open_folder(ravel_outputs *outputs, ravel_error *error)
{
    char name[64], shard[32];
    (void)snprintf(name, sizeof name, ".ravel%s", ravel_shard_name(&outputs->options, shard));
    int status = ravel_workplace_open(&outputs->work, outputs->options.directory, name,
                                      outputs->options.resume, error);
    if (status == 0)
        status = ravel_sidecar_write_folder(outputs->options.directory, &outputs->work,
                                            outputs->options.meta, error);
    char *failed = failed_path(outputs);
    if (status == 0 && outputs->options.resume && failed != NULL)
        ravel_failures_load(&outputs->earlier, failed);
    free(failed);
    return status < 0 ? status : open_journal(outputs, error);
}

static void release(ravel_outputs *outputs)
{
    ravel_parts_free(&outputs->parts);
    if (outputs->journal >= 0)
        close(outputs->journal);
    ravel_failures_free(&outputs->failures);
    ravel_failures_free(&outputs->earlier);
    if (outputs->options.directory != NULL)
        ravel_workplace_close(&outputs->work, outputs->done);
    pthread_mutex_destroy(&outputs->lock);
    free(outputs);
}

ravel_outputs *ravel_outputs_open(const ravel_outputs_options *options, ravel_error *error)
{
    ravel_outputs *outputs = calloc(1, sizeof *outputs);
    if (outputs == NULL || pthread_mutex_init(&outputs->lock, NULL) != 0) {
        free(outputs);
        ravel_error_memory(error);
        return NULL;
    }
    outputs->options = *options;
    outputs->parts = ravel_parts_new(&outputs->options, &outputs->work);
    outputs->journal = outputs->work.lock = -1;
    if (options->directory == NULL || open_folder(outputs, error) == 0)
        return outputs;
    release(outputs);
    return NULL;
}

/* --- Announcing ------------------------------------------------------------------------------- */

static int begin_single(const ravel_outputs *outputs, const ravel_item *item)
{
    if (!outputs->options.resume || item->name == NULL)
        return 1;
    char *path = single_path(outputs, item->name);
    const bool found = path != NULL && access(path, F_OK) == 0;
    free(path);
    return !found;
}

int ravel_outputs_begin(ravel_outputs *outputs, const ravel_item *item, ravel_error *error)
{
    if (outputs->options.directory == NULL)
        return 1;
    if (ravel_pack_is_single(outputs->options.format))
        return begin_single(outputs, item);
    pthread_mutex_lock(&outputs->lock);
    const int state = ravel_parts_begin(&outputs->parts, item, error);
    if (state == RAVEL_MEMBER_WRITTEN)
        ravel_failures_move(&outputs->earlier, item->index, &outputs->failures);
    pthread_mutex_unlock(&outputs->lock);
    return state < 0 ? state : state == RAVEL_MEMBER_WANTED;
}

/* --- Utterances ------------------------------------------------------------------------------- */

/* A file of one utterance. */
static int write_one(const ravel_outputs *outputs, const ravel_pack_entry *entry,
                     const ravel_spool *spool, const char *path, ravel_error *error)
{
    const ravel_pack pack = {.format = outputs->options.format,
                             .model = outputs->options.model,
                             .meta = outputs->options.meta,
                             .entries = entry,
                             .n_entries = 1,
                             .spool = spool};
    return ravel_pack_write(&pack, path, error);
}

static int put_single(ravel_outputs *outputs, const ravel_item *item, const ravel_pack_entry *entry,
                      const ravel_spool *spool, ravel_error *error)
{
    char name[RAVEL_WORK_NAME];
    (void)snprintf(name, sizeof name, "one-%" PRId64, item->index);
    char *path = ravel_workplace_path(&outputs->work, name);
    char *final_path = single_path(outputs, item->name);
    int status = path != NULL && final_path != NULL ? 0 : ravel_error_memory(error);
    if (status == 0)
        status = write_one(outputs, entry, spool, path, error);
    if (status == 0)
        status = ravel_workplace_publish(&outputs->work, name, final_path, error);
    free(path);
    free(final_path);
    return status;
}

/* Settles a member, and writes its part where that is complete. */
static void settle(ravel_outputs *outputs, const ravel_item *item, const ravel_pack_entry *entry)
{
    ravel_error error = {0};
    pthread_mutex_lock(&outputs->lock);
    ravel_part *complete = ravel_parts_settle(&outputs->parts, item->index, entry);
    pthread_mutex_unlock(&outputs->lock);
    if (complete == NULL || ravel_parts_write(&outputs->parts, complete, &error) == 0)
        return;
    pthread_mutex_lock(&outputs->lock);
    if (outputs->broken.status == 0)
        outputs->broken = error;
    pthread_mutex_unlock(&outputs->lock);
}

static int put_member(ravel_outputs *outputs, const ravel_item *item, ravel_pack_entry *entry,
                      const ravel_spool *spool, ravel_error *error)
{
    const int status = ravel_parts_store(&outputs->parts, item, entry, spool, error);
    entry->name = status == 0 ? strdup(item->name) : NULL;
    if (status == 0 && entry->name == NULL)
        return ravel_error_memory(error);
    if (status == 0)
        settle(outputs, item, entry);
    return status;
}

static int put_file(ravel_outputs *outputs, const ravel_pack_entry *entry, const ravel_spool *spool,
                    ravel_error *error)
{
    const ravel_outputs_options *options = &outputs->options;
    int status = write_one(outputs, entry, spool, options->path, error);
    if (status == 0 && options->format == RAVEL_PACK_NPY && strcmp(options->path, "-") != 0)
        status = ravel_sidecar_write_file(options->path, options->meta, error);
    return status;
}

int ravel_outputs_put(ravel_outputs *outputs, const ravel_item *item, const ravel_spool *spool,
                      int64_t n_samples, ravel_error *error)
{
    ravel_pack_entry entry = {.name = item->name,
                              .n_samples = n_samples,
                              .n_frames = spool->n / outputs->options.meta->layout.columns};
    if (outputs->options.directory == NULL)
        return put_file(outputs, &entry, spool, error);
    if (ravel_pack_is_single(outputs->options.format))
        return put_single(outputs, item, &entry, spool, error);
    return put_member(outputs, item, &entry, spool, error);
}

/* One write, so that a killed process leaves whole lines. */
static void write_journal(const ravel_outputs *outputs, const char *line)
{
    char *copy = malloc(strlen(line) + 2);
    if (copy == NULL)
        return;
    strcpy(copy, line);
    strcat(copy, "\n");
    if (write(outputs->journal, copy, strlen(copy)) < 0)
        (void)fprintf(stderr, "ravel: cannot note a failure: %s\n", strerror(errno));
    free(copy);
}

void ravel_outputs_fail(ravel_outputs *outputs, const ravel_item *item, const ravel_error *reason)
{
    pthread_mutex_lock(&outputs->lock);
    const char *line = ravel_failures_add(&outputs->failures, item, reason->text);
    if (line != NULL && outputs->journal >= 0)
        write_journal(outputs, line);
    pthread_mutex_unlock(&outputs->lock);
    if (outputs->options.directory != NULL && !ravel_pack_is_single(outputs->options.format))
        settle(outputs, item, NULL);
}

/* --- Closing ---------------------------------------------------------------------------------- */

static int write_rest(ravel_outputs *outputs, ravel_error *error)
{
    int status = outputs->broken.status;
    ravel_part *part;
    if (status < 0)
        *error = outputs->broken;
    while (status == 0 && (part = ravel_parts_take(&outputs->parts)) != NULL)
        status = ravel_parts_write(&outputs->parts, part, error);
    return status;
}

static int write_failed_list(ravel_outputs *outputs, const char *path, ravel_error *error)
{
    static const char name[] = "failures";
    char *made = ravel_workplace_path(&outputs->work, name);
    int status = made != NULL ? ravel_failures_write(&outputs->failures, made, error)
                              : ravel_error_memory(error);
    if (status == 0)
        status = ravel_workplace_publish(&outputs->work, name, path, error);
    free(made);
    return status;
}

static int write_failures(ravel_outputs *outputs, ravel_error *error)
{
    const ravel_outputs_options *options = &outputs->options;
    char *path = options->directory != NULL ? failed_path(outputs) : NULL;
    int status = 0;
    if (options->directory != NULL && path == NULL)
        status = ravel_error_memory(error);
    else if (path != NULL && outputs->failures.n > 0)
        status = write_failed_list(outputs, path, error);
    else if (path != NULL)
        unlink(path);
    free(path);
    if (status == 0 && options->report != NULL)
        status = ravel_failures_write(&outputs->failures, options->report, error);
    return status;
}

int ravel_outputs_close(ravel_outputs *outputs, bool stopped, int64_t *n_failed, ravel_error *error)
{
    int status = 0;
    *n_failed = (int64_t)outputs->failures.n;
    if (!stopped)
        status = write_rest(outputs, error);
    if (!stopped && status == 0)
        status = write_failures(outputs, error);
    outputs->done = !stopped && status == 0;
    release(outputs);
    return status;
}
