/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/failures.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/file/outfile.h"
#include "nn/error.h"
#include "tools/tokens/grow.h"

void ravel_failures_free(ravel_failures *failures)
{
    for (size_t i = 0; i < failures->n; i++)
        free(failures->list[i].line);
    free(failures->list);
    *failures = (ravel_failures){0};
}

/* Takes the line over. */
static int append(ravel_failures *failures, int64_t index, char *line)
{
    ravel_failure *list = ravel_grow(failures->list, failures->n, &failures->room, sizeof *list);
    if (list == NULL)
        return -1;
    failures->list = list;
    list[failures->n++] = (ravel_failure){index, line};
    return 0;
}

const char *ravel_failures_add(ravel_failures *failures, const ravel_item *item, const char *reason)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "index", (double)item->index);
    cJSON_AddStringToObject(json, "name", item->name != NULL ? item->name : "");
    cJSON_AddStringToObject(json, "input", item->path != NULL ? item->path : "");
    cJSON_AddStringToObject(json, "reason", reason);
    char *line = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (line != NULL && append(failures, item->index, line) == 0)
        return line;
    free(line);
    return NULL;
}

void ravel_failures_load(ravel_failures *failures, const char *path)
{
    FILE *file = fopen(path, "rbe");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while (file != NULL && (n = getline(&line, &room, file)) > 0) {
        cJSON *json = cJSON_Parse(line);
        const cJSON *index = cJSON_GetObjectItemCaseSensitive(json, "index");
        if (line[n - 1] == '\n' && cJSON_IsNumber(index) && index->valuedouble >= 0.0 &&
            index->valuedouble < 1e15) {
            line[n - 1] = '\0';
            char *copy = strdup(line);
            if (copy == NULL || append(failures, (int64_t)index->valuedouble, copy) < 0)
                free(copy);
        }
        cJSON_Delete(json);
    }
    free(line);
    if (file != NULL)
        fclose(file);
}

int ravel_failures_move(ravel_failures *from, int64_t index, ravel_failures *to)
{
    for (size_t i = 0; i < from->n; i++) {
        if (from->list[i].index != index || append(to, index, from->list[i].line) < 0)
            continue;
        from->list[i] = from->list[--from->n];
        return 1;
    }
    return 0;
}

static int by_index(const void *a, const void *b)
{
    const ravel_failure *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

int ravel_failures_write(ravel_failures *failures, const char *path, ravel_error *error)
{
    ravel_outfile *out = ravel_outfile_open(path, error);
    if (out == NULL)
        return (int)error->status;
    int status = 0;
    if (failures->n > 0)
        qsort(failures->list, failures->n, sizeof *failures->list, by_index);
    for (size_t i = 0; status == 0 && i < failures->n; i++) {
        const char *line = failures->list[i].line;
        status = ravel_outfile_write(out, line, strlen(line), error);
        if (status == 0)
            status = ravel_outfile_write(out, "\n", 1, error);
    }
    return ravel_outfile_end(out, status, error);
}
