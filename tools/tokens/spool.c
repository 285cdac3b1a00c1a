/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"

int ravel_temporary_file(ravel_error *error)
{
    const char *directory = getenv("TMPDIR");
    char path[1024];
    const int n =
        snprintf(path, sizeof path, "%s/ravel-XXXXXX", directory != NULL ? directory : "/tmp");
    errno = ENAMETOOLONG;
    const int fd = n > 0 && (size_t)n < sizeof path ? mkstemp(path) : -1;
    if (fd < 0)
        ravel_error_set(error, RAVEL_ERR_IO, "cannot make a temporary file: %s", strerror(errno));
    else
        unlink(path);
    return fd;
}

ravel_spool ravel_spool_new(void)
{
    return (ravel_spool){.fd = -1};
}

ravel_spool ravel_spool_of_file(int fd, int64_t offset, int64_t n_codes)
{
    return (ravel_spool){.fd = fd, .offset = offset, .n = n_codes};
}

void ravel_spool_reset(ravel_spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = -1;
    spool->n = spool->offset = 0;
}

void ravel_spool_free(ravel_spool *spool)
{
    ravel_spool_reset(spool);
    free(spool->codes);
    *spool = ravel_spool_new();
}

static int write_codes(ravel_spool *spool, const uint16_t *codes, int64_t n, ravel_error *error)
{
    const char *bytes = (const char *)codes;
    size_t left = (size_t)n * sizeof *codes;
    off_t at = (off_t)(spool->offset + spool->n * (int64_t)sizeof *codes);
    while (left > 0) {
        const ssize_t done = pwrite(spool->fd, bytes, left, at);
        if (done <= 0)
            return ravel_error_set(error, RAVEL_ERR_IO, "cannot write a temporary file: %s",
                                   done < 0 ? strerror(errno) : "no space");
        bytes += done;
        at += done;
        left -= (size_t)done;
    }
    spool->n += n;
    return 0;
}

/* From memory to a file. */
static int move_out(ravel_spool *spool, ravel_error *error)
{
    const int64_t n = spool->n;
    spool->fd = ravel_temporary_file(error);
    if (spool->fd < 0)
        return RAVEL_ERR_IO;
    spool->n = 0;
    return write_codes(spool, spool->codes, n, error);
}

static int make_room(ravel_spool *spool, size_t n, ravel_error *error)
{
    if (n <= spool->room)
        return 0;
    size_t room = spool->room > 0 ? spool->room : 4096;
    while (room < n)
        room *= 2;
    uint16_t *larger = realloc(spool->codes, room * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(error);
    spool->codes = larger;
    spool->room = room;
    return 0;
}

int ravel_spool_add(ravel_spool *spool, const uint16_t *codes, int64_t n, ravel_error *error)
{
    int status = 0;
    if (spool->fd < 0 && spool->n + n > RAVEL_SPOOL_MEMORY)
        status = move_out(spool, error);
    if (status == 0 && spool->fd >= 0)
        return write_codes(spool, codes, n, error);
    if (status == 0)
        status = make_room(spool, (size_t)(spool->n + n), error);
    if (status == 0 && n > 0) {
        memcpy(spool->codes + spool->n, codes, (size_t)n * sizeof *codes);
        spool->n += n;
    }
    return status;
}

int ravel_spool_read(const ravel_spool *spool, int64_t first, int64_t n, uint16_t *codes,
                     ravel_error *error)
{
    size_t left = (size_t)n * sizeof *codes;
    if (spool->fd < 0) {
        memcpy(codes, spool->codes + first, left);
        return 0;
    }
    char *bytes = (char *)codes;
    off_t at = (off_t)(spool->offset + first * (int64_t)sizeof *codes);
    while (left > 0) {
        const ssize_t done = pread(spool->fd, bytes, left, at);
        if (done <= 0)
            return ravel_error_set(error, RAVEL_ERR_IO, "cannot read a temporary file: %s",
                                   done < 0 ? strerror(errno) : "it is too short");
        bytes += done;
        at += done;
        left -= (size_t)done;
    }
    return 0;
}
