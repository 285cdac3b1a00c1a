/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "codec/sha256.h"
#include "ravel/ravel.h"
#include "tools/tokens/item.h"
#include "tools/tokens/pack.h"

/* --- Items ------------------------------------------------------------------------------------ */

void ravel_item_clear(ravel_item *item)
{
    free(item->name);
    free(item->path);
    if (item->fd >= 0)
        close(item->fd);
    *item = (ravel_item){.fd = -1};
}

int ravel_item_set(ravel_item *item, const char *name, const char *path, ravel_error *error)
{
    *item = (ravel_item){.name = strdup(name), .path = strdup(path), .fd = -1};
    if (item->name != NULL && item->path != NULL)
        return 0;
    ravel_item_clear(item);
    if (error != NULL)
        *error = (ravel_error){RAVEL_ERR_MEMORY, "no memory"};
    return RAVEL_ERR_MEMORY;
}

/* --- Names ------------------------------------------------------------------------------------ */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool ravel_name_is_audio(const char *path)
{
    static const char *const suffixes[] = {"wav", "flac", "ogg",  "oga", "opus", "mp3",
                                           "aif", "aiff", "aifc", "au",  "snd",  "caf",
                                           "w64", "rf64", "sph",  "nist"};
    const char *dot = strrchr(last_part(path), '.');
    for (size_t i = 0; dot != NULL && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcasecmp(dot + 1, suffixes[i]) == 0)
            return true;
    return false;
}

/* Whether a part of a path, n bytes, leads anywhere. */
static bool part_counts(const char *part, size_t n)
{
    return n > 0 && !(n == 1 && part[0] == '.') && !(n == 2 && part[0] == '.' && part[1] == '.');
}

/* Without the parts that do not count, of the first n bytes of path. */
static char *clean_name(const char *path, size_t n)
{
    char *name = malloc(n + 2), *end = name;
    if (name == NULL)
        return NULL;
    for (size_t at = 0; at < n;) {
        const char *slash = memchr(path + at, '/', n - at);
        const size_t part = slash != NULL ? (size_t)(slash - path) - at : n - at;
        if (part_counts(path + at, part)) {
            if (end > name)
                *end++ = '/';
            memcpy(end, path + at, part);
            end += part;
        }
        at += part + 1;
    }
    if (end == name)
        *end++ = '-';
    *end = '\0';
    return name;
}

char *ravel_name_of_path(const char *path)
{
    const char *last = last_part(path), *dot = strrchr(last, '.');
    ravel_pack_format format;
    const bool cut = dot != NULL && dot > last &&
                     (ravel_name_is_audio(path) || ravel_pack_find(dot + 1, &format));
    return clean_name(path, cut ? (size_t)(dot - path) : strlen(path));
}

char *ravel_name_of_member(const char *path)
{
    const char *last = last_part(path), *dot = strchr(last, '.');
    return clean_name(path, dot != NULL && dot > last ? (size_t)(dot - path) : strlen(path));
}

char *ravel_name_join(const char *folder, const char *name, const char *suffix)
{
    const size_t room = strlen(folder) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(room);
    if (path != NULL)
        (void)snprintf(path, room, "%s/%s%s", folder, name, suffix);
    return path;
}

/* --- Sets of names ---------------------------------------------------------------------------- */

static void hash_name(const char *name, uint64_t hash[2])
{
    uint8_t digest[RAVEL_SHA256_BYTES];
    ravel_sha256 sha;
    ravel_sha256_init(&sha);
    ravel_sha256_update(&sha, name, strlen(name));
    ravel_sha256_final(&sha, digest);
    for (int h = 0; h < 2; h++) {
        hash[h] = 0;
        for (int i = 0; i < 8; i++)
            hash[h] = hash[h] << 8 | digest[8 * h + i];
    }
}

uint64_t ravel_name_hash(const char *name)
{
    uint64_t hash[2];
    hash_name(name, hash);
    return hash[0];
}

/* The slot of a hash, or the free one where it belongs. */
static uint64_t *find_slot(const ravel_name_set *set, const uint64_t hash[2])
{
    size_t at = (size_t)hash[0] & (set->n_slots - 1);
    for (;; at = (at + 1) & (set->n_slots - 1)) {
        uint64_t *slot = set->slots[at];
        if ((slot[0] == 0 && slot[1] == 0) || (slot[0] == hash[0] && slot[1] == hash[1]))
            return slot;
    }
}

/* At most three quarters of the slots, a power of two, are used. */
static int grow(ravel_name_set *set)
{
    if (set->n_slots > 0 && set->n_used < set->n_slots / 4 * 3)
        return 0;
    ravel_name_set larger = {.n_slots = set->n_slots > 0 ? 2 * set->n_slots : 1024,
                             .n_used = set->n_used};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (larger.slots == NULL)
        return RAVEL_ERR_MEMORY;
    for (size_t i = 0; i < set->n_slots; i++)
        if (set->slots[i][0] != 0 || set->slots[i][1] != 0)
            memcpy(find_slot(&larger, set->slots[i]), set->slots[i], sizeof *set->slots);
    free(set->slots);
    *set = larger;
    return 0;
}

int ravel_name_set_add(ravel_name_set *set, const char *name)
{
    uint64_t hash[2];
    hash_name(name, hash);
    if (grow(set) < 0)
        return RAVEL_ERR_MEMORY;
    uint64_t *slot = find_slot(set, hash);
    if (slot[0] == hash[0] && slot[1] == hash[1])
        return 0;
    memcpy(slot, hash, sizeof hash);
    set->n_used++;
    return 1;
}

void ravel_name_set_free(ravel_name_set *set)
{
    free(set->slots);
    *set = (ravel_name_set){0};
}
