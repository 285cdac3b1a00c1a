/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/sidecar.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio_io/file/whole_file.h"
#include "nn/error.h"
#include "tools/tokens/names.h"

static int write_json(const char *path, const cJSON *json, ravel_error *error)
{
    char *text = cJSON_Print(json);
    if (text == NULL)
        return ravel_error_memory(error);
    const size_t n = strlen(text);
    text[n] = '\n';
    const int status = ravel_whole_file_write(path, text, n + 1, error);
    free(text);
    return status;
}

int ravel_sidecar_write_file(const char *path, const ravel_token_meta *meta, ravel_error *error)
{
    char *beside = malloc(strlen(path) + sizeof ".json");
    if (beside == NULL)
        return ravel_error_memory(error);
    strcat(strcpy(beside, path), ".json");
    cJSON *json = ravel_token_meta_json(meta);
    const int status = write_json(beside, json, error);
    cJSON_Delete(json);
    free(beside);
    return status;
}

static int compare(const char *folder, const char *path, const cJSON *wanted, ravel_error *error)
{
    static const char key[] = "tokenizer_identity";
    size_t size;
    char *text = ravel_whole_file_read(path, &size, error);
    if (text == NULL)
        return (int)error->status;
    cJSON *found = cJSON_Parse(text);
    int status = 0;
    if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(found, key),
                       cJSON_GetObjectItemCaseSensitive(wanted, key), 1))
        status = ravel_error_set(error, RAVEL_ERR_MODEL,
                                 "'%s' has tokens of another model (ravel.json)", folder);
    else if (!cJSON_Compare(found, wanted, 1))
        status = ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                                 "'%s' has tokens of another layout (ravel.json): name another "
                                 "folder",
                                 folder);
    cJSON_Delete(found);
    free(text);
    return status;
}

static int publish(const ravel_workplace *work, const char *path, const cJSON *json,
                   ravel_error *error)
{
    static const char name[] = "ravel.json";
    char *made = ravel_workplace_path(work, name);
    int status = made != NULL ? write_json(made, json, error) : ravel_error_memory(error);
    if (status == 0)
        status = ravel_workplace_publish(work, name, path, error);
    free(made);
    return status;
}

int ravel_sidecar_write_folder(const char *folder, const ravel_workplace *work,
                               const ravel_token_meta *meta, ravel_error *error)
{
    char *path = ravel_name_join(folder, "ravel.json", "");
    if (path == NULL)
        return ravel_error_memory(error);
    cJSON *json = ravel_token_meta_json(meta);
    const int status = access(path, F_OK) == 0 ? compare(folder, path, json, error)
                                               : publish(work, path, json, error);
    cJSON_Delete(json);
    free(path);
    return status;
}
