/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "audio_io/file/whole_file.h"
#include "nn/error.h"
#include "ravel/io.h"

ravel_model *ravel_model_open(const char *path, ravel_error *error)
{
    size_t size;
    ravel_error reason;
    void *data = ravel_whole_file_read(path, &size, error);
    if (data == NULL)
        return NULL;
    ravel_model *model = ravel_model_open_memory(data, size, &reason);
    if (model == NULL)
        ravel_error_set(error, reason.status, "'%s': %s", path, reason.text);
    free(data);
    return model;
}
