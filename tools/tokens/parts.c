/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tokens/grow.h"
#include "tools/tokens/names.h"
#include "tools/tokens/npy.h"

typedef struct {
    ravel_pack_entry entry; /* name NULL: failed or not settled */
    uint64_t name_hash;
} member;

struct ravel_part {
    int64_t number;
    member *members; /* [per_file at most], by index */
    size_t n, room;
    size_t n_settled;
    bool exists; /* written by an earlier run */
    ravel_part *next;
};

/* The codes as they are: what every layout is made of. */
static ravel_token_meta parallel_meta(const ravel_outputs_options *options)
{
    const ravel_token_options codes = {.n_codebooks = options->meta->layout.n_codebooks,
                                       .numbers = RAVEL_TOKENS_SHARED};
    ravel_token_meta meta;
    (void)ravel_token_meta_make(&meta, ravel_model_get_info(options->model), &codes, NULL);
    return meta;
}

ravel_parts ravel_parts_new(const ravel_outputs_options *options, const ravel_workplace *work)
{
    return (ravel_parts){.options = options, .work = work, .parallel = parallel_meta(options)};
}

static void free_part(ravel_part *part)
{
    for (size_t i = 0; i < part->n; i++)
        free(part->members[i].entry.name);
    free(part->members);
    free(part);
}

void ravel_parts_free(ravel_parts *parts)
{
    while (parts->list != NULL) {
        ravel_part *next = parts->list->next;
        free_part(parts->list);
        parts->list = next;
    }
}

/* --- Names ------------------------------------------------------------------------------------ */

const char *ravel_shard_name(const ravel_outputs_options *options, char text[32])
{
    text[0] = '\0';
    if (options->n_shards > 1)
        (void)snprintf(text, 32, "-%05d-of-%05d", options->shard, options->n_shards);
    return text;
}

static char *part_path(const ravel_parts *parts, int64_t number)
{
    char name[96], shard[32];
    (void)snprintf(name, sizeof name, "tokens%s-%06" PRId64 ".%s",
                   ravel_shard_name(parts->options, shard), number,
                   ravel_pack_name((int)parts->options->format));
    return ravel_name_join(parts->options->directory, name, "");
}

/* Of a member in the workplace: its item's index and its name's hash; then come its samples. */
static void member_prefix(int64_t index, uint64_t name_hash, char text[RAVEL_WORK_NAME])
{
    (void)snprintf(text, RAVEL_WORK_NAME, "%010" PRId64 "-%016" PRIx64 "-", index, name_hash);
}

static char *member_path(const ravel_parts *parts, int64_t index, uint64_t name_hash,
                         int64_t n_samples)
{
    char prefix[RAVEL_WORK_NAME], name[RAVEL_WORK_NAME + 32];
    member_prefix(index, name_hash, prefix);
    (void)snprintf(name, sizeof name, "%s%" PRId64 ".npy", prefix, n_samples);
    return ravel_workplace_path(parts->work, name);
}

/* --- The list --------------------------------------------------------------------------------- */

static ravel_part *new_part(ravel_parts *parts, int64_t number)
{
    ravel_part *made = calloc(1, sizeof *made), *before = parts->list;
    char *path = part_path(parts, number);
    if (before != NULL && before->exists) { /* nothing is to be done for it */
        parts->list = before->next;
        free_part(before);
    }
    if (made != NULL) {
        made->number = number;
        made->exists = parts->options->resume && path != NULL && access(path, F_OK) == 0;
        made->next = parts->list;
        parts->list = made;
    }
    free(path);
    return made;
}

/* The part of the next item. NULL without memory. */
static ravel_part *part_of_next(ravel_parts *parts, int64_t index)
{
    const int64_t number = index / parts->options->per_file;
    ravel_part *part = parts->list;
    return part != NULL && part->number == number ? part : new_part(parts, number);
}

static member *add_member(ravel_part *part)
{
    member *members = ravel_grow(part->members, part->n, &part->room, sizeof *members);
    if (members == NULL)
        return NULL;
    part->members = members;
    return &members[part->n++];
}

/* What an earlier run left of the item in the workplace: its n_samples and n_frames. */
static bool find_member(const ravel_parts *parts, int64_t index, uint64_t name_hash,
                        ravel_pack_entry *entry)
{
    char prefix[RAVEL_WORK_NAME];
    member_prefix(index, name_hash, prefix);
    const char *found = ravel_workplace_find(parts->work, prefix);
    char *path = found != NULL ? ravel_workplace_path(parts->work, found) : NULL;
    uint8_t header[RAVEL_NPY_HEADER_BYTES];
    bool usable = false;
    FILE *file = path != NULL ? fopen(path, "rbe") : NULL;
    if (file != NULL && fread(header, 1, sizeof header, file) == sizeof header &&
        fseeko(file, 0, SEEK_END) == 0) {
        const int64_t bytes = ftello(file) - (int64_t)sizeof header;
        entry->n_samples = strtoll(found + strlen(prefix), NULL, 10);
        entry->n_frames = bytes / 2 / parts->options->meta->layout.columns;
        usable = bytes > 0;
    }
    if (file != NULL)
        fclose(file);
    free(path);
    return usable;
}

int ravel_parts_begin(ravel_parts *parts, const ravel_item *item, ravel_error *error)
{
    ravel_part *part = part_of_next(parts, item->index);
    if (part != NULL && part->exists)
        return RAVEL_MEMBER_WRITTEN;
    member *added = part != NULL ? add_member(part) : NULL;
    if (added == NULL)
        return ravel_error_memory(error);
    *added = (member){.name_hash = item->name != NULL ? ravel_name_hash(item->name) : 0};
    if (item->name == NULL || !find_member(parts, item->index, added->name_hash, &added->entry))
        return RAVEL_MEMBER_WANTED;
    added->entry.name = strdup(item->name);
    if (added->entry.name == NULL)
        return ravel_error_memory(error);
    part->n_settled++;
    return RAVEL_MEMBER_STORED;
}

int ravel_parts_store(const ravel_parts *parts, const ravel_item *item,
                      const ravel_pack_entry *entry, const ravel_spool *spool, ravel_error *error)
{
    const ravel_pack pack = {.format = RAVEL_PACK_NPY,
                             .model = parts->options->model,
                             .meta = &parts->parallel,
                             .entries = entry,
                             .n_entries = 1,
                             .spool = spool};
    char *path = member_path(parts, item->index, ravel_name_hash(item->name), entry->n_samples);
    const int status =
        path != NULL ? ravel_pack_write(&pack, path, error) : ravel_error_memory(error);
    free(path);
    return status;
}

ravel_part *ravel_parts_settle(ravel_parts *parts, int64_t index, const ravel_pack_entry *entry)
{
    const int64_t per_file = parts->options->per_file;
    ravel_part **at = &parts->list;
    while (*at != NULL && (*at)->number != index / per_file)
        at = &(*at)->next;
    ravel_part *part = *at;
    if (part == NULL)
        return NULL;
    if (entry != NULL)
        part->members[index % per_file].entry = *entry;
    part->n_settled++;
    if ((int64_t)part->n < per_file || part->n_settled < part->n)
        return NULL;
    *at = part->next;
    return part;
}

ravel_part *ravel_parts_take(ravel_parts *parts)
{
    ravel_part **at = &parts->list;
    while (*at != NULL && (*at)->n_settled < (*at)->n)
        at = &(*at)->next;
    ravel_part *part = *at;
    if (part != NULL)
        *at = part->next;
    return part;
}

/* --- The file --------------------------------------------------------------------------------- */

/* The members of a part that came out well, as the writer of files wants them. */
typedef struct {
    const ravel_parts *parts;
    const ravel_part *part;
    ravel_pack_entry *entries;
    size_t *places; /* of the entries among the members */
    int64_t n;
} packing;

static char *path_of_entry(const packing *p, int64_t entry)
{
    const size_t place = p->places[entry];
    const int64_t index = p->part->number * p->parts->options->per_file + (int64_t)place;
    return member_path(p->parts, index, p->part->members[place].name_hash,
                       p->entries[entry].n_samples);
}

static int open_entry(void *context, int64_t entry, ravel_spool *spool, ravel_error *error)
{
    const packing *p = context;
    char *path = path_of_entry(p, entry);
    const int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int status = 0;
    if (fd >= 0)
        *spool = ravel_spool_of_file(fd, RAVEL_NPY_HEADER_BYTES,
                                     p->entries[entry].n_frames *
                                         p->parts->options->meta->layout.columns);
    else
        status = ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s",
                                 path != NULL ? path : "", strerror(errno));
    free(path);
    return status;
}

static int collect_entries(packing *p, ravel_error *error)
{
    const ravel_part *part = p->part;
    p->entries = calloc(part->n + 1, sizeof *p->entries);
    p->places = calloc(part->n + 1, sizeof *p->places);
    if (p->entries == NULL || p->places == NULL)
        return ravel_error_memory(error);
    for (size_t i = 0; i < part->n; i++) {
        if (part->members[i].entry.name == NULL)
            continue;
        p->places[p->n] = i;
        p->entries[p->n++] = part->members[i].entry;
    }
    return 0;
}

static int pack_entries(packing *p, ravel_error *error)
{
    const ravel_outputs_options *options = p->parts->options;
    const ravel_pack pack = {.format = options->format,
                             .model = options->model,
                             .meta = options->meta,
                             .entries = p->entries,
                             .n_entries = p->n,
                             .open = open_entry,
                             .context = p};
    char name[RAVEL_WORK_NAME];
    (void)snprintf(name, sizeof name, "part-%" PRId64, p->part->number);
    char *path = ravel_workplace_path(p->parts->work, name);
    char *final_path = part_path(p->parts, p->part->number);
    int status = path != NULL && final_path != NULL ? 0 : ravel_error_memory(error);
    if (status == 0)
        status = ravel_pack_write(&pack, path, error);
    if (status == 0)
        status = ravel_workplace_publish(p->parts->work, name, final_path, error);
    free(path);
    free(final_path);
    return status;
}

static void remove_members(const packing *p)
{
    for (int64_t i = 0; i < p->n; i++) {
        char *path = path_of_entry(p, i);
        if (path != NULL)
            unlink(path);
        free(path);
    }
}

int ravel_parts_write(const ravel_parts *parts, ravel_part *part, ravel_error *error)
{
    packing p = {.parts = parts, .part = part};
    int status = collect_entries(&p, error);
    if (status == 0 && p.n > 0)
        status = pack_entries(&p, error);
    if (status == 0)
        remove_members(&p);
    free(p.entries);
    free(p.places);
    free_part(part);
    return status;
}
