/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio_io/file/outfile.h"
#include "audio_io/file/whole_file.h"
#include "nn/error.h"

/* The largest published codecs are a third of this. */
enum { MAX_BYTES = 1 << 30 };

static int read_all(int fd, char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = read(fd, data, size);
        if (n <= 0) {
            errno = n == 0 ? EIO : errno; /* shorter than it was when its size was asked */
            return -1;
        }
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static void *read_descriptor(int fd, const char *path, size_t *size, ravel_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': not a regular file", path);
        return NULL;
    }
    if (status.st_size > MAX_BYTES) {
        ravel_error_set(error, RAVEL_ERR_DATA, "'%s' has %lld bytes; at most %d are read", path,
                        (long long)status.st_size, MAX_BYTES);
        return NULL;
    }
    *size = (size_t)status.st_size;
    char *data = malloc(*size + 1);
    if (data == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    if (read_all(fd, data, *size) != 0) {
        ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        free(data);
        return NULL;
    }
    data[*size] = '\0';
    return data;
}

void *ravel_whole_file_read(const char *path, size_t *size, ravel_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        return NULL;
    }
    void *data = read_descriptor(fd, path, size, error);
    close(fd);
    return data;
}

int ravel_whole_file_write(const char *path, const void *data, size_t size, ravel_error *error)
{
    ravel_outfile *out = ravel_outfile_open(path, error);
    if (out == NULL)
        return (int)error->status;
    return ravel_outfile_end(out, ravel_outfile_write(out, data, size, error), error);
}
