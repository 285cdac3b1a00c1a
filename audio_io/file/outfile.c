/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/error.h"

struct ravel_outfile {
    int fd;
    int failure; /* errno of the first failed write, or 0 */
    bool seekable;
    int64_t origin;   /* where this output begins in what the descriptor stands for */
    char *path;       /* as the caller named it, for messages */
    char *final_path; /* symbolic links resolved; NULL where bytes are written directly */
    char *temporary_path;
};

static void outfile_free(ravel_outfile *out)
{
    if (out->fd > STDERR_FILENO)
        close(out->fd);
    free(out->path);
    free(out->final_path);
    free(out->temporary_path);
    free(out);
}

void ravel_outfile_abort(ravel_outfile *out)
{
    if (out == NULL)
        return;
    if (out->temporary_path != NULL)
        unlink(out->temporary_path);
    outfile_free(out);
}

/* A link is followed, so that the file it points to is replaced and not the link. */
static char *resolve(const char *path)
{
    char *resolved = realpath(path, NULL);
    return resolved != NULL ? resolved : strdup(path);
}

/* Directory and name apart: the temporary file is hidden and lies in the same directory. */
static char *temporary_name(const char *path, int attempt)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t room = strlen(path) + 48;
    char *result = malloc(room);
    if (result != NULL)
        (void)snprintf(result, room, "%.*s.%.200s.%ld-%d.tmp", (int)(name - path), path, name,
                       (long)getpid(), attempt);
    return result;
}

/* The first free name; O_EXCL and not mkstemp, so that the umask decides on the mode. */
static int create_temporary(ravel_outfile *out)
{
    for (int attempt = 0; attempt < 10000; attempt++) {
        out->temporary_path = temporary_name(out->final_path, attempt);
        if (out->temporary_path == NULL)
            return ENOMEM;
        out->fd = open(out->temporary_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd >= 0)
            return 0;
        int reason = errno;
        free(out->temporary_path);
        out->temporary_path = NULL;
        if (reason != EEXIST)
            return reason;
    }
    return EEXIST;
}

static int open_regular(ravel_outfile *out, const char *path, const struct stat *existing)
{
    out->final_path = resolve(path);
    if (out->final_path == NULL)
        return ENOMEM;
    int reason = create_temporary(out);
    if (reason == 0 && existing != NULL && fchmod(out->fd, existing->st_mode & 07777) != 0)
        return errno;
    return reason;
}

static int open_target(ravel_outfile *out, const char *path)
{
    struct stat existing;
    if (strcmp(path, "-") == 0) {
        out->fd = STDOUT_FILENO;
        return fstat(out->fd, &existing) == 0 ? 0 : errno;
    }
    if (stat(path, &existing) != 0)
        return errno == ENOENT ? open_regular(out, path, NULL) : errno;
    if (S_ISDIR(existing.st_mode))
        return EISDIR;
    if (S_ISREG(existing.st_mode))
        return open_regular(out, path, &existing);
    out->fd = open(path, O_WRONLY | O_CLOEXEC);
    return out->fd >= 0 ? 0 : errno;
}

/* Appending (>>) makes every write go to the end, so nothing written can be corrected. */
static void find_origin(ravel_outfile *out)
{
    off_t origin = lseek(out->fd, 0, SEEK_CUR);
    int flags = fcntl(out->fd, F_GETFL);
    struct stat status;
    out->seekable = origin >= 0 && flags >= 0 && (flags & O_APPEND) == 0 &&
                    fstat(out->fd, &status) == 0 && S_ISREG(status.st_mode);
    out->origin = out->seekable ? origin : 0;
}

ravel_outfile *ravel_outfile_open(const char *path, ravel_error *error)
{
    ravel_outfile *out = calloc(1, sizeof *out);
    if (out != NULL)
        out->path = strdup(strcmp(path, "-") == 0 ? "standard output" : path);
    if (out == NULL || out->path == NULL) {
        free(out);
        ravel_error_set(error, RAVEL_ERR_MEMORY, "no memory to open '%s'", path);
        return NULL;
    }
    out->fd = -1;
    int reason = open_target(out, path);
    if (reason != 0) {
        ravel_error_set(error, RAVEL_ERR_IO, "cannot write '%s': %s", out->path, strerror(reason));
        ravel_outfile_abort(out);
        return NULL;
    }
    find_origin(out);
    return out;
}

static int write_failed(const ravel_outfile *out, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_IO, "cannot write '%s': %s", out->path,
                           strerror(out->failure));
}

int ravel_outfile_write(ravel_outfile *out, const void *data, size_t size, ravel_error *error)
{
    const char *bytes = data;
    while (size > 0 && out->failure == 0) {
        ssize_t n = write(out->fd, bytes, size);
        if (n < 0)
            out->failure = errno;
        else if (n == 0)
            out->failure = ENOSPC; /* POSIX leaves it open; never loop for ever */
        else {
            bytes += n;
            size -= (size_t)n;
        }
    }
    return out->failure == 0 ? 0 : write_failed(out, error);
}

int64_t ravel_outfile_seek(ravel_outfile *out, int64_t offset, int whence)
{
    if (!out->seekable)
        return -1;
    if (whence == SEEK_SET)
        offset += out->origin;
    off_t position = lseek(out->fd, (off_t)offset, whence);
    return position < 0 ? -1 : position - out->origin;
}

bool ravel_outfile_seekable(const ravel_outfile *out)
{
    return out->seekable;
}

/* Network file systems tell of a full disk only when the file is closed. */
static void close_target(ravel_outfile *out)
{
    if (out->temporary_path == NULL)
        return;
    if (close(out->fd) != 0 && out->failure == 0)
        out->failure = errno;
    out->fd = -1;
}

int ravel_outfile_commit(ravel_outfile *out, ravel_error *error)
{
    close_target(out);
    if (out->failure == 0 && out->temporary_path != NULL &&
        rename(out->temporary_path, out->final_path) != 0)
        out->failure = errno;
    if (out->failure != 0) {
        int status = write_failed(out, error);
        ravel_outfile_abort(out);
        return status;
    }
    outfile_free(out);
    return 0;
}

int ravel_outfile_end(ravel_outfile *out, int status, ravel_error *error)
{
    if (status == 0)
        return ravel_outfile_commit(out, error);
    ravel_outfile_abort(out);
    return status;
}
