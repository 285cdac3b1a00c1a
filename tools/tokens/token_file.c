/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/token_file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio_io/file/whole_file.h"
#include "nn/error.h"
#include "tools/tokens/names.h"
#include "tools/tokens/token_file_inside.h"

void ravel_utterance_clear(ravel_utterance *utterance)
{
    free(utterance->name);
    free(utterance->codes);
    *utterance = (ravel_utterance){.n_samples = -1};
}

/* --- Sidecars --------------------------------------------------------------------------------- */

/* return    whether there was such a file; *status is what came of it */
static bool try_sidecar(ravel_token_file *file, const char *path, int *status, ravel_error *error)
{
    size_t size;
    if (access(path, F_OK) != 0)
        return false;
    char *text = ravel_whole_file_read(path, &size, error);
    *status = text != NULL ? ravel_token_describe(file, text, error) : (int)error->status;
    free(text);
    if (*status < 0) {
        char reason[160];
        (void)snprintf(reason, sizeof reason, "%.150s", error->text);
        ravel_error_set(error, error->status, "'%s': %s", path, reason);
    }
    return true;
}

/* FILE.json, then ravel.json in the folder of the file and in those above it. */
static int find_sidecar(ravel_token_file *file, ravel_error *error)
{
    int status = 0;
    char *beside = malloc(strlen(file->path) + 6), *folder = realpath(file->path, NULL);
    if (beside != NULL)
        strcat(strcpy(beside, file->path), ".json");
    bool found = beside == NULL || try_sidecar(file, beside, &status, error);
    char *slash;
    while (!found && folder != NULL && (slash = strrchr(folder, '/')) != NULL) {
        *slash = '\0';
        char *path = ravel_name_join(folder, "ravel.json", "");
        found = path == NULL || try_sidecar(file, path, &status, error);
        free(path);
    }
    free(beside);
    free(folder);
    return status;
}

/* --- The file --------------------------------------------------------------------------------- */

static bool find_format(const char *path, ravel_pack_format *format)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && ravel_pack_find(dot + 1, format);
}

bool ravel_token_file_known(const char *path)
{
    ravel_pack_format format;
    return find_format(path, &format);
}

static int open_format(ravel_token_file *file, ravel_error *error)
{
    switch (file->format) {
    case RAVEL_PACK_NPY:
        return ravel_token_open_npy(file, error);
    case RAVEL_PACK_RVL:
        return ravel_token_open_rvl(file, error);
    case RAVEL_PACK_SAFETENSORS:
        return ravel_token_open_safetensors(file, error);
    case RAVEL_PACK_JSONL:
        return ravel_token_open_jsonl(file, error);
    case RAVEL_PACK_NPZ:
    case RAVEL_PACK_TAR:
        break;
    }
    return ravel_token_open_archive(file, error);
}

ravel_token_file *ravel_token_file_open(const char *path, const ravel_model *model,
                                        ravel_error *error)
{
    ravel_pack_format format;
    if (!find_format(path, &format)) {
        ravel_error_set(error, RAVEL_ERR_DATA,
                        "'%s' is no file of tokens: those end in .npy, .npz, .safetensors, .jsonl, "
                        ".tar or .rvl",
                        path);
        return NULL;
    }
    ravel_token_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    file->format = format;
    file->model = model;
    file->path = strdup(path);
    int status = file->path != NULL ? 0 : ravel_error_memory(error);
    if (status == 0 && format != RAVEL_PACK_RVL)
        status = find_sidecar(file, error);
    if (status == 0)
        status = open_format(file, error);
    if (status == 0)
        return file;
    ravel_token_file_close(file);
    return NULL;
}

void ravel_token_file_close(ravel_token_file *file)
{
    if (file == NULL)
        return;
    if (file->close != NULL)
        file->close(file);
    cJSON_Delete(file->samples);
    free(file->path);
    free(file);
}

int ravel_token_file_next(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                          ravel_error *error)
{
    *utterance = (ravel_utterance){.n_samples = -1};
    *lost = false;
    const int status = file->next(file, utterance, lost, error);
    if (status < 0) {
        char reason[200];
        (void)snprintf(reason, sizeof reason, "%.190s", error->text);
        if (strstr(reason, file->path) == NULL)
            ravel_error_set(error, error->status, "'%.120s'%s%.80s: %s", file->path,
                            utterance->name != NULL ? ", " : "",
                            utterance->name != NULL ? utterance->name : "", reason);
        ravel_utterance_clear(utterance);
    }
    return status;
}
