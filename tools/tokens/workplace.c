/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/workplace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tokens/grow.h"
#include "tools/tokens/names.h"

static const char lock_name[] = "lock";

int ravel_make_folders(const char *path)
{
    char *copy = strdup(path);
    int reason = copy != NULL ? 0 : ENOMEM;
    for (char *slash = copy; reason == 0 && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            reason = errno;
        *slash = '/';
    }
    free(copy);
    return reason;
}

char *ravel_workplace_path(const ravel_workplace *work, const char *name)
{
    return ravel_name_join(work->path, name, "");
}

static int fail(const char *what, const char *path, int reason, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_IO, "cannot %s '%s': %s", what, path, strerror(reason));
}

static int lock_folder(ravel_workplace *work, ravel_error *error)
{
    char *path = ravel_workplace_path(work, lock_name);
    if (path == NULL)
        return ravel_error_memory(error);
    work->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int status = 0;
    if (work->lock < 0)
        status = fail("write", path, errno, error);
    else if (flock(work->lock, LOCK_EX | LOCK_NB) != 0)
        status =
            ravel_error_set(error, RAVEL_ERR_IO, "another process works on this shard: '%s'", path);
    free(path);
    return status;
}

/* --- What is left ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int remember(ravel_workplace *work, const char *name, size_t *room)
{
    char *left = ravel_grow(work->left, work->n_left, room, RAVEL_WORK_NAME);
    if (left == NULL)
        return -1;
    work->left = left;
    (void)snprintf(left + RAVEL_WORK_NAME * work->n_left++, RAVEL_WORK_NAME, "%s", name);
    return 0;
}

/* Temporary files begin with a dot, finished ones with a digit. */
static bool is_finished(const char *name)
{
    return name[0] >= '0' && name[0] <= '9' && strlen(name) < RAVEL_WORK_NAME;
}

static int look_around(ravel_workplace *work, DIR *folder, bool resume, ravel_error *error)
{
    const struct dirent *entry;
    size_t room = 0;
    while ((entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, lock_name) == 0)
            continue;
        if (!(resume && is_finished(name)))
            unlinkat(dirfd(folder), name, 0);
        else if (remember(work, name, &room) < 0)
            return ravel_error_memory(error);
    }
    if (work->n_left > 0)
        qsort(work->left, work->n_left, RAVEL_WORK_NAME, by_name);
    return 0;
}

const char *ravel_workplace_find(const ravel_workplace *work, const char *prefix)
{
    size_t low = 0, high = work->n_left;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(work->left + RAVEL_WORK_NAME * middle, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == work->n_left)
        return NULL;
    const char *name = work->left + RAVEL_WORK_NAME * low;
    return strncmp(name, prefix, strlen(prefix)) == 0 ? name : NULL;
}

/* --- The folder ------------------------------------------------------------------------------- */

int ravel_workplace_open(ravel_workplace *work, const char *folder, const char *name, bool resume,
                         ravel_error *error)
{
    *work = (ravel_workplace){.lock = -1, .path = ravel_name_join(folder, name, "")};
    if (work->path == NULL)
        return ravel_error_memory(error);
    const int reason = ravel_make_folders(work->path);
    if (reason != 0 || (mkdir(work->path, 0777) != 0 && errno != EEXIST))
        return fail("make", work->path, reason != 0 ? reason : errno, error);
    int status = lock_folder(work, error);
    if (status < 0)
        return status;
    DIR *entries = opendir(work->path);
    if (entries == NULL)
        return fail("read", work->path, errno, error);
    status = look_around(work, entries, resume, error);
    closedir(entries);
    return status;
}

static void remove_all(const ravel_workplace *work)
{
    const struct dirent *entry;
    DIR *folder = opendir(work->path);
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        closedir(folder);
    rmdir(work->path);
}

void ravel_workplace_close(ravel_workplace *work, bool done)
{
    if (work->lock >= 0) {
        char *lock = ravel_workplace_path(work, lock_name);
        if (done)
            remove_all(work);
        else if (lock != NULL && unlink(lock) == 0)
            rmdir(work->path); /* where nothing was begun */
        free(lock);
        close(work->lock);
    }
    free(work->path);
    free(work->left);
    *work = (ravel_workplace){.lock = -1};
}

int ravel_workplace_publish(const ravel_workplace *work, const char *name, const char *final_path,
                            ravel_error *error)
{
    char *path = ravel_workplace_path(work, name);
    if (path == NULL)
        return ravel_error_memory(error);
    int reason = rename(path, final_path) == 0 ? 0 : errno;
    if (reason == ENOENT) {
        reason = ravel_make_folders(final_path);
        if (reason == 0 && rename(path, final_path) != 0)
            reason = errno;
    }
    if (reason != 0)
        unlink(path);
    free(path);
    return reason == 0 ? 0 : fail("write", final_path, reason, error);
}
