/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are looked at in memory where they lie: .npy and .safetensors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/safetensors.h"
#include "nn/error.h"
#include "tools/tokens/names.h"
#include "tools/tokens/token_file_inside.h"

typedef struct {
    uint8_t *bytes; /* mapped; NULL for an empty file */
    size_t size;
    ravel_safetensors tensors;
    size_t next;
} mapped_file;

static void close_mapped(ravel_token_file *file)
{
    mapped_file *mapped = file->state;
    ravel_safetensors_free(&mapped->tensors);
    if (mapped->bytes != NULL)
        munmap(mapped->bytes, mapped->size);
    free(mapped);
}

static int map(mapped_file *mapped, const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int reason = fstat(fd, &status) != 0 ? errno : !S_ISREG(status.st_mode) ? EINVAL : 0;
    if (reason == 0 && status.st_size > 0) {
        mapped->size = (size_t)status.st_size;
        mapped->bytes = mmap(NULL, mapped->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapped->bytes == MAP_FAILED) {
            mapped->bytes = NULL;
            reason = errno;
        }
    }
    close(fd);
    return reason;
}

static int open_mapped(ravel_token_file *file, ravel_error *error)
{
    mapped_file *mapped = calloc(1, sizeof *mapped);
    if (mapped == NULL)
        return ravel_error_memory(error);
    file->state = mapped;
    file->close = close_mapped;
    const int reason = map(mapped, file->path);
    if (reason != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", file->path,
                               strerror(reason));
    return 0;
}

/* --- .npy ------------------------------------------------------------------------------------- */

static int next_npy(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                    ravel_error *error)
{
    mapped_file *mapped = file->state;
    const char *slash = strrchr(file->path, '/'), *name = slash != NULL ? slash + 1 : file->path;
    ravel_npy npy = {0};
    if (mapped->next++ > 0)
        return 0;
    *lost = true;
    int status = ravel_npy_parse(mapped->bytes, mapped->size, &npy, error);
    if (status == 0)
        status = ravel_token_describe_usual(file, utterance, error);
    if (status < 0)
        return status;
    utterance->name = strndup(name, strlen(name) - strlen(".npy"));
    if (utterance->name == NULL)
        return ravel_error_memory(error);
    const ravel_token_array array = {mapped->bytes + npy.header_bytes, npy.bytes, npy.is_signed,
                                     npy.rows, npy.row_elements};
    status = ravel_token_undo(utterance, &array, error);
    return status < 0 ? status : 1;
}

int ravel_token_open_npy(ravel_token_file *file, ravel_error *error)
{
    file->next = next_npy;
    return open_mapped(file, error);
}

/* --- .safetensors ----------------------------------------------------------------------------- */

static int make_array(const ravel_entry *entry, ravel_token_array *array, ravel_error *error)
{
    static const struct {
        const char *name;
        int bytes;
        bool is_signed;
    } types[] = {{"U8", 1, false}, {"U16", 2, false}, {"I16", 2, true}, {"U32", 4, false},
                 {"I32", 4, true}, {"U64", 8, false}, {"I64", 8, true}};
    if (entry->tensor.rank < 1 || entry->tensor.rank > 2)
        return ravel_error_set(error, RAVEL_ERR_DATA, "not of one or two dimensions");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(entry->type, types[i].name) != 0)
            continue;
        *array = (ravel_token_array){entry->tensor.data, types[i].bytes, types[i].is_signed,
                                     entry->tensor.shape[0],
                                     entry->tensor.rank > 1 ? entry->tensor.shape[1] : 0};
        return 0;
    }
    return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' are no whole numbers", entry->type);
}

static int next_tensor(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                       ravel_error *error)
{
    mapped_file *mapped = file->state;
    if (mapped->next == mapped->tensors.n_entries)
        return 0;
    const ravel_entry *entry = &mapped->tensors.entries[mapped->next++];
    ravel_token_array array;
    *lost = false;
    utterance->name = strdup(entry->tensor.name);
    if (utterance->name == NULL)
        return ravel_error_memory(error);
    int status = ravel_token_describe_usual(file, utterance, error);
    if (status == 0)
        status = make_array(entry, &array, error);
    if (status == 0)
        status = ravel_token_undo(utterance, &array, error);
    if (status < 0)
        return status;
    ravel_token_find_length(file, utterance);
    return 1;
}

int ravel_token_open_safetensors(ravel_token_file *file, ravel_error *error)
{
    file->next = next_tensor;
    int status = open_mapped(file, error);
    mapped_file *mapped = file->state;
    if (status == 0)
        status = ravel_safetensors_parse(&mapped->tensors, mapped->bytes, mapped->size, error);
    const char *text = status == 0 ? ravel_safetensors_metadata(&mapped->tensors, "ravel") : NULL;
    return text != NULL ? ravel_token_describe(file, text, error) : status;
}
