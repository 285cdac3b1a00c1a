/* SPDX-License-Identifier: BSD-3-Clause */
#define _XOPEN_SOURCE 700
#include "tests/support/conformance/set.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ravel_set_file *)a)->name, ((const ravel_set_file *)b)->name);
}

/* Adds a file, but for those of names that no vectors have. */
static void add_file(ravel_set *set, const char *name)
{
    if (name[0] == '.' || strlen(name) >= RAVEL_SET_NAME)
        return;
    ravel_set_file *files = realloc(set->files, ((size_t)set->n_files + 1) * sizeof *files);
    if (!files)
        abort();
    set->files = files;
    files[set->n_files] = (ravel_set_file){.settled = false};
    (void)snprintf(files[set->n_files++].name, RAVEL_SET_NAME, "%s", name);
}

static int list(ravel_set *set)
{
    DIR *folder = opendir(set->dir);
    if (!folder)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        add_file(set, entry->d_name);
    if (set->n_files > 0)
        qsort(set->files, (size_t)set->n_files, sizeof *set->files, by_name);
    return closedir(folder);
}

static void read_config(ravel_set *set)
{
    size_t size;
    char *text = ravel_set_bytes(set, "config.json", &size);
    set->config = text ? cJSON_ParseWithLength(text, size) : NULL;
    if (text && !set->config)
        ravel_set_check(set, false, "config.json", "is not JSON");
    free(text);
}

int ravel_set_open(ravel_set *set, const char *dir, FILE *report)
{
    *set = (ravel_set){.report = report};
    if ((size_t)snprintf(set->dir, sizeof set->dir, "%s", dir) >= sizeof set->dir || list(set))
        return -1;
    read_config(set);
    return 0;
}

void ravel_set_close(ravel_set *set)
{
    cJSON_Delete(set->config);
    free(set->files);
    set->config = NULL;
    set->files = NULL;
    set->n_files = 0;
}

static ravel_set_file *find(const ravel_set *set, const char *name)
{
    ravel_set_file key = {.settled = false};
    (void)snprintf(key.name, sizeof key.name, "%s", name);
    return set->files ? bsearch(&key, set->files, (size_t)set->n_files, sizeof key, by_name) : NULL;
}

bool ravel_set_has(const ravel_set *set, const char *format, ...)
{
    char name[RAVEL_SET_NAME];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return find(set, name) != NULL;
}

bool ravel_set_next(const ravel_set *set, const char *end, int *i, char beginning[RAVEL_SET_NAME])
{
    for (; *i < set->n_files; (*i)++) {
        const char *name = set->files[*i].name, *at = strstr(name, end);
        if (!at || strcmp(at, end) != 0)
            continue;
        (void)snprintf(beginning, RAVEL_SET_NAME, "%.*s", (int)(at - name), name);
        return true;
    }
    return false;
}

void ravel_set_settle(ravel_set *set, const char *name)
{
    ravel_set_file *file = find(set, name);
    if (file)
        file->settled = true;
}

static void *read_all(FILE *file, size_t *size)
{
    char *data = NULL;
    long length = -1;
    if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0)
        data = malloc((size_t)length + 1);
    rewind(file);
    if (data)
        *size = fread(data, 1, (size_t)length, file);
    return data;
}

void *ravel_set_bytes(ravel_set *set, const char *name, size_t *size)
{
    char path[RAVEL_SET_PATH + RAVEL_SET_NAME];
    (void)snprintf(path, sizeof path, "%s/%s", set->dir, name);
    *size = 0;
    FILE *file = find(set, name) ? fopen(path, "rb") : NULL;
    if (!file)
        return NULL;
    void *data = read_all(file, size);
    (void)fclose(file);
    ravel_set_settle(set, name);
    return data;
}

ravel_npy ravel_set_array(ravel_set *set, const char *format, ...)
{
    char name[RAVEL_SET_NAME - 4], path[RAVEL_SET_PATH + RAVEL_SET_NAME];
    ravel_npy array = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (!ravel_set_has(set, "%s.npy", name))
        return array;
    (void)snprintf(path, sizeof path, "%s/%s.npy", set->dir, name);
    if (ravel_npy_read(path, &array))
        ravel_set_check(set, false, name, "cannot be read");
    ravel_set_settle(set, strrchr(path, '/') + 1);
    return array;
}

/* --- The report ------------------------------------------------------------------------------- */

void ravel_set_check(ravel_set *set, bool good, const char *what, const char *format, ...)
{
    va_list arguments;
    set->n_checks++;
    set->n_failed += !good;
    (void)fprintf(set->report, "%-4s  %-34s  ", good ? "ok" : "FAIL", what);
    va_start(arguments, format);
    (void)vfprintf(set->report, format, arguments);
    va_end(arguments);
    (void)fputc('\n', set->report);
}

void ravel_set_skip(ravel_set *set, const char *what, const char *why)
{
    set->n_skipped++;
    (void)fprintf(set->report, "skip  %-34s  (%s)\n", what, why);
}

void ravel_set_skip_all(ravel_set *set, const char *piece, const char *why)
{
    for (int i = 0; i < set->n_files; i++) {
        if (set->files[i].settled || !strstr(set->files[i].name, piece))
            continue;
        set->files[i].settled = true;
        ravel_set_skip(set, set->files[i].name, why);
    }
}
