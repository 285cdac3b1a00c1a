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
#include "tools/tokens/npy.h"
#include "tools/tokens/sidecar.h"
#include "tools/tokens/workplace.h"

/* An utterance of a part. */
typedef struct {
    ravel_pack_entry entry; /* name NULL: failed or not settled */
    uint64_t name_hash;
} member;

/* Utterances that become one file; those of one index range. */
typedef struct part {
    int64_t number;
    member *members; /* [per_file at most], by index */
    size_t n, room;
    size_t n_settled;
    bool exists; /* written by an earlier run */
    struct part *next;
} part;

struct ravel_outputs {
    ravel_outputs_options options;
    ravel_workplace work;
    pthread_mutex_t lock;
    part *parts;               /* not yet written; the latest first */
    ravel_token_meta parallel; /* of utterances that wait to be packed */
    ravel_error broken;        /* the first part that could not be written, if any */
    bool done;                 /* all that was to be written is */
    ravel_failures failures;   /* of this run */
    ravel_failures earlier;    /* of those before */
    int journal;               /* descriptor: failures as they come, or -1 */
};

/* --- Names ------------------------------------------------------------------------------------ */

/* "-00003-of-00100" where there are several shards. */
static const char *shard_name(const ravel_outputs *outputs, char text[32])
{
    text[0] = '\0';
    if (outputs->options.n_shards > 1)
        (void)snprintf(text, 32, "-%05d-of-%05d", outputs->options.shard,
                       outputs->options.n_shards);
    return text;
}

static char *failed_path(const ravel_outputs *outputs)
{
    char name[64], shard[32];
    (void)snprintf(name, sizeof name, "failed%s.jsonl", shard_name(outputs, shard));
    return ravel_name_join(outputs->options.directory, name, "");
}

static char *part_path(const ravel_outputs *outputs, int64_t number)
{
    char name[96], shard[32];
    (void)snprintf(name, sizeof name, "tokens%s-%06" PRId64 ".%s", shard_name(outputs, shard),
                   number, ravel_pack_name((int)outputs->options.format));
    return ravel_name_join(outputs->options.directory, name, "");
}

static char *single_path(const ravel_outputs *outputs, const char *name)
{
    char suffix[16];
    (void)snprintf(suffix, sizeof suffix, ".%s", ravel_pack_name((int)outputs->options.format));
    return ravel_name_join(outputs->options.directory, name, suffix);
}

/* A finished utterance in the workplace: its index, its name's hash, its samples. */
static void member_prefix(int64_t index, uint64_t name_hash, char text[RAVEL_WORK_NAME])
{
    (void)snprintf(text, RAVEL_WORK_NAME, "%010" PRId64 "-%016" PRIx64 "-", index, name_hash);
}

static void member_name(int64_t index, uint64_t name_hash, int64_t n_samples,
                        char text[RAVEL_WORK_NAME])
{
    (void)snprintf(text, RAVEL_WORK_NAME, "%010" PRId64 "-%016" PRIx64 "-%" PRId64 ".npy", index,
                   name_hash, n_samples);
}

static bool exists(char *path)
{
    return path != NULL && access(path, F_OK) == 0;
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
    (void)snprintf(name, sizeof name, ".ravel%s", shard_name(outputs, shard));
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

static void free_part(part *of)
{
    for (size_t i = 0; i < of->n; i++)
        free(of->members[i].entry.name);
    free(of->members);
    free(of);
}

static void release(ravel_outputs *outputs)
{
    while (outputs->parts != NULL) {
        part *next = outputs->parts->next;
        free_part(outputs->parts);
        outputs->parts = next;
    }
    if (outputs->journal >= 0)
        close(outputs->journal);
    ravel_failures_free(&outputs->failures);
    ravel_failures_free(&outputs->earlier);
    if (outputs->options.directory != NULL)
        ravel_workplace_close(&outputs->work, outputs->done);
    pthread_mutex_destroy(&outputs->lock);
    free(outputs);
}

/* The codes as they are: what every layout is made of. */
static ravel_token_meta parallel_meta(const ravel_outputs_options *options)
{
    const ravel_token_options codes = {.n_codebooks = options->meta->layout.n_codebooks,
                                       .shared = 1};
    ravel_token_meta meta;
    (void)ravel_token_meta_make(&meta, ravel_model_get_info(options->model), &codes, NULL);
    return meta;
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
    outputs->parallel = parallel_meta(options);
    outputs->journal = outputs->work.lock = -1;
    if (options->directory == NULL || open_folder(outputs, error) == 0)
        return outputs;
    release(outputs);
    return NULL;
}

/* --- Announcing ------------------------------------------------------------------------------- */

static part *new_part(ravel_outputs *outputs, int64_t number)
{
    part *made = calloc(1, sizeof *made), *before = outputs->parts;
    char *path = part_path(outputs, number);
    if (before != NULL && before->exists) { /* nothing is to be done for it */
        outputs->parts = before->next;
        free_part(before);
    }
    if (made != NULL) {
        made->number = number;
        made->exists = outputs->options.resume && exists(path);
        made->next = outputs->parts;
        outputs->parts = made;
    }
    free(path);
    return made;
}

/* The part of an item. NULL without memory. */
static part *part_of_next(ravel_outputs *outputs, int64_t index)
{
    const int64_t number = index / outputs->options.per_file;
    part *of = outputs->parts;
    return of != NULL && of->number == number ? of : new_part(outputs, number);
}

static member *add_member(part *of)
{
    if (of->n == of->room) {
        const size_t room = of->room > 0 ? 2 * of->room : 64;
        member *larger = realloc(of->members, room * sizeof *larger);
        if (larger == NULL)
            return NULL;
        of->members = larger;
        of->room = room;
    }
    return &of->members[of->n++];
}

/* What an earlier run left of the item in the workplace: *n_samples, *n_frames. */
static bool find_member(const ravel_outputs *outputs, int64_t index, uint64_t name_hash,
                        ravel_pack_entry *entry)
{
    char prefix[RAVEL_WORK_NAME];
    member_prefix(index, name_hash, prefix);
    const char *found = ravel_workplace_find(&outputs->work, prefix);
    char *path = found != NULL ? ravel_workplace_path(&outputs->work, found) : NULL;
    uint8_t header[RAVEL_NPY_HEADER_BYTES];
    bool usable = false;
    FILE *file = path != NULL ? fopen(path, "rbe") : NULL;
    if (file != NULL && fread(header, 1, sizeof header, file) == sizeof header &&
        fseeko(file, 0, SEEK_END) == 0) {
        const int64_t bytes = ftello(file) - (int64_t)sizeof header;
        entry->n_samples = strtoll(found + strlen(prefix), NULL, 10);
        entry->n_frames = bytes / 2 / outputs->options.meta->layout.columns;
        usable = bytes > 0;
    }
    if (file != NULL)
        fclose(file);
    free(path);
    return usable;
}

static int begin_member(ravel_outputs *outputs, const ravel_item *item, ravel_error *error)
{
    part *of = part_of_next(outputs, item->index);
    if (of != NULL && of->exists) {
        ravel_failures_move(&outputs->earlier, item->index, &outputs->failures);
        return 0;
    }
    member *added = of != NULL ? add_member(of) : NULL;
    if (added == NULL)
        return ravel_error_memory(error);
    *added = (member){.name_hash = item->name != NULL ? ravel_name_hash(item->name) : 0};
    if (item->name == NULL || !find_member(outputs, item->index, added->name_hash, &added->entry))
        return 1;
    added->entry.name = strdup(item->name);
    of->n_settled++;
    return added->entry.name != NULL ? 0 : ravel_error_memory(error);
}

static int begin_single(const ravel_outputs *outputs, const ravel_item *item)
{
    if (!outputs->options.resume || item->name == NULL)
        return 1;
    char *path = single_path(outputs, item->name);
    const int found = exists(path);
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
    const int status = begin_member(outputs, item, error);
    pthread_mutex_unlock(&outputs->lock);
    return status;
}

/* --- Parts ------------------------------------------------------------------------------------ */

/* The members of a part that came out well, as the writer of files wants them. */
typedef struct {
    const ravel_outputs *outputs;
    const part *of;
    ravel_pack_entry *entries;
    size_t *places; /* of the entries among the members */
    int64_t n;
} packing;

static char *member_path(const packing *p, int64_t entry)
{
    char name[RAVEL_WORK_NAME];
    const size_t place = p->places[entry];
    const int64_t index =
        p->of->number * p->outputs->options.per_file + (int64_t)place; /* of the item */
    member_name(index, p->of->members[place].name_hash, p->entries[entry].n_samples, name);
    return ravel_workplace_path(&p->outputs->work, name);
}

static int open_member(void *context, int64_t entry, ravel_spool *spool, ravel_error *error)
{
    const packing *p = context;
    char *path = member_path(p, entry);
    const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int status = 0;
    if (fd >= 0)
        *spool = ravel_spool_of_file(fd, RAVEL_NPY_HEADER_BYTES,
                                     p->entries[entry].n_frames *
                                         p->outputs->options.meta->layout.columns);
    else
        status = ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s",
                                 path != NULL ? path : "", strerror(errno));
    free(path);
    return status;
}

static int collect_members(packing *p, ravel_error *error)
{
    p->entries = calloc(p->of->n + 1, sizeof *p->entries);
    p->places = calloc(p->of->n + 1, sizeof *p->places);
    if (p->entries == NULL || p->places == NULL)
        return ravel_error_memory(error);
    for (size_t i = 0; i < p->of->n; i++) {
        if (p->of->members[i].entry.name == NULL)
            continue;
        p->places[p->n] = i;
        p->entries[p->n++] = p->of->members[i].entry;
    }
    return 0;
}

static int pack_members(packing *p, ravel_error *error)
{
    const ravel_outputs_options *options = &p->outputs->options;
    const ravel_pack pack = {.format = options->format,
                             .model = options->model,
                             .meta = options->meta,
                             .entries = p->entries,
                             .n_entries = p->n,
                             .open = open_member,
                             .context = p};
    char name[RAVEL_WORK_NAME];
    (void)snprintf(name, sizeof name, "part-%" PRId64, p->of->number);
    char *path = ravel_workplace_path(&p->outputs->work, name);
    char *final_path = part_path(p->outputs, p->of->number);
    int status = path != NULL && final_path != NULL ? 0 : ravel_error_memory(error);
    if (status == 0)
        status = ravel_pack_write(&pack, path, error);
    if (status == 0)
        status = ravel_workplace_publish(&p->outputs->work, name, final_path, error);
    free(path);
    free(final_path);
    return status;
}

/* Writes a part whose members are settled; one without any good member makes no file. */
static int write_part(const ravel_outputs *outputs, const part *of, ravel_error *error)
{
    packing p = {.outputs = outputs, .of = of};
    int status = collect_members(&p, error);
    if (status == 0 && p.n > 0)
        status = pack_members(&p, error);
    for (int64_t i = 0; status == 0 && i < p.n; i++) {
        char *path = member_path(&p, i);
        if (path != NULL)
            unlink(path);
        free(path);
    }
    free(p.entries);
    free(p.places);
    return status;
}

/* Takes a part off the list if it is full and settled, or settled at the end. */
static part *take_settled(ravel_outputs *outputs, int64_t number, bool at_end)
{
    for (part **at = &outputs->parts; *at != NULL; at = &(*at)->next) {
        part *of = *at;
        const bool full = at_end || (int64_t)of->n == outputs->options.per_file;
        if ((number >= 0 && of->number != number) || !full || of->n_settled < of->n)
            continue;
        *at = of->next;
        return of;
    }
    return NULL;
}

/* Remembers that a part could not be written. */
static void break_off(ravel_outputs *outputs, const ravel_error *error)
{
    pthread_mutex_lock(&outputs->lock);
    if (outputs->broken.status == 0)
        outputs->broken = *error;
    pthread_mutex_unlock(&outputs->lock);
}

/* One more member of the item's part is settled; entry NULL: it failed. The name is taken over. */
static int settle(ravel_outputs *outputs, const ravel_item *item, const ravel_pack_entry *entry,
                  ravel_error *error)
{
    const int64_t number = item->index / outputs->options.per_file;
    int status = 0;
    pthread_mutex_lock(&outputs->lock);
    for (part *of = outputs->parts; of != NULL; of = of->next) {
        if (of->number != number)
            continue;
        if (entry != NULL)
            of->members[item->index % outputs->options.per_file].entry = *entry;
        of->n_settled++;
    }
    part *full = take_settled(outputs, number, false);
    pthread_mutex_unlock(&outputs->lock);
    if (full != NULL) {
        status = write_part(outputs, full, error);
        free_part(full);
    }
    return status;
}

/* --- Utterances ------------------------------------------------------------------------------- */

/* Writes one utterance: as what it is to be, or parallel codes that wait to be packed. */
static int write_one(const ravel_outputs *outputs, const ravel_pack_entry *entry,
                     const ravel_token_meta *meta, ravel_pack_format format,
                     const ravel_spool *spool, const char *path, ravel_error *error)
{
    const ravel_pack pack = {.format = format,
                             .model = outputs->options.model,
                             .meta = meta,
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
        status = write_one(outputs, entry, outputs->options.meta, outputs->options.format, spool,
                           path, error);
    if (status == 0)
        status = ravel_workplace_publish(&outputs->work, name, final_path, error);
    free(path);
    free(final_path);
    return status;
}

static int put_member(ravel_outputs *outputs, const ravel_item *item, ravel_pack_entry *entry,
                      const ravel_spool *spool, ravel_error *error)
{
    char name[RAVEL_WORK_NAME];
    member_name(item->index, ravel_name_hash(item->name), entry->n_samples, name);
    char *path = ravel_workplace_path(&outputs->work, name);
    entry->name = strdup(item->name);
    int status = path != NULL && entry->name != NULL ? 0 : ravel_error_memory(error);
    if (status == 0)
        status = write_one(outputs, entry, &outputs->parallel, RAVEL_PACK_NPY, spool, path, error);
    free(path);
    if (status < 0) {
        free(entry->name);
        return status;
    }
    status = settle(outputs, item, entry, error);
    if (status < 0) /* of the whole part, not of this item */
        break_off(outputs, error);
    return 0;
}

static int put_file(ravel_outputs *outputs, const ravel_pack_entry *entry, const ravel_spool *spool,
                    ravel_error *error)
{
    const ravel_outputs_options *options = &outputs->options;
    int status =
        write_one(outputs, entry, options->meta, options->format, spool, options->path, error);
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
    ravel_error error = {0};
    pthread_mutex_lock(&outputs->lock);
    const char *line = ravel_failures_add(&outputs->failures, item, reason->text);
    if (line != NULL && outputs->journal >= 0)
        write_journal(outputs, line);
    pthread_mutex_unlock(&outputs->lock);
    if (outputs->options.directory != NULL && !ravel_pack_is_single(outputs->options.format) &&
        settle(outputs, item, NULL, &error) < 0)
        break_off(outputs, &error);
}

/* --- Closing ---------------------------------------------------------------------------------- */

static int write_rest(ravel_outputs *outputs, ravel_error *error)
{
    int status = outputs->broken.status;
    part *of;
    if (status < 0)
        *error = outputs->broken;
    while (status == 0 && (of = take_settled(outputs, -1, true)) != NULL) {
        if (!of->exists)
            status = write_part(outputs, of, error);
        free_part(of);
    }
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
