/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/pins.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/error.h"

/* Strangers who are answered automatically add lines: their number has an end. */
enum { MAX_BYTES = 1 << 20, FINGERPRINT_CHARS = 95, LINE = RAVEL_PEER_TEXT + RAVEL_PIN_TEXT + 2 };

static int path_of(char *path, size_t size, const char *folder, ravel_error *error)
{
    int n = snprintf(path, size, "%s/known_peers", folder);
    if (n < 0 || (size_t)n >= size)
        return ravel_error_set(error, RAVEL_ERR_IO, "the folder's name is too long: %s", folder);
    return 0;
}

static bool is_peer(const char *peer)
{
    size_t n = strlen(peer);
    if (n == 0 || n >= RAVEL_PEER_TEXT)
        return false;
    for (size_t i = 0; i < n; i++)
        if (peer[i] <= ' ' || peer[i] > '~')
            return false;
    return true;
}

/* "AB:CD:...", 32 bytes */
static bool is_fingerprint(const char *text, size_t n)
{
    if (n != FINGERPRINT_CHARS)
        return false;
    for (size_t i = 0; i < n; i++)
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/* A line without its end. known is set where it is about the peer. return    false: damaged */
static bool read_line(char *line, const char *peer, char known[RAVEL_PIN_TEXT])
{
    if (line[0] == '#' || line[0] == '\0')
        return true;
    char *space = strchr(line, ' ');
    if (space == NULL || !is_fingerprint(line, (size_t)(space - line)) || !is_peer(space + 1))
        return false;
    *space = '\0';
    if (strcmp(space + 1, peer) == 0)
        memcpy(known, line, FINGERPRINT_CHARS + 1);
    return true;
}

static int find(FILE *file, const char *path, const char *peer, char known[RAVEL_PIN_TEXT],
                ravel_error *error)
{
    char line[LINE];
    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        line[strcspn(line, "\n")] = '\0';
        if (!read_line(line, peer, known))
            return ravel_error_set(error, RAVEL_ERR_DATA,
                                   "%s: line %d is not a fingerprint and a peer: nobody can be "
                                   "recognised until it is mended",
                                   path, number);
    }
    if (ferror(file))
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

int ravel_pins_look(const char *folder, const char *peer, const char *fingerprint, ravel_pin *pin,
                    char known[RAVEL_PIN_TEXT], ravel_error *error)
{
    char path[PATH_MAX];
    known[0] = '\0';
    *pin = RAVEL_PIN_NEW;
    int status = path_of(path, sizeof path, folder, error);
    if (status < 0)
        return status;
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT)
        return 0;
    if (file == NULL)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    status = find(file, path, peer, known, error);
    (void)fclose(file);
    if (status == 0 && known[0] != '\0')
        *pin = strcasecmp(known, fingerprint) == 0 ? RAVEL_PIN_SAME : RAVEL_PIN_CHANGED;
    return status;
}

/* An editor may have left the last line without its end. */
static bool ends_with_line(int fd, off_t size)
{
    char last = '\n';
    return size == 0 || (pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

/* One write to the end of the file: whole, whoever else writes there. line begins with an end. */
static int append(const char *path, const char *line, size_t n, ravel_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    struct stat info;
    int status = 0;
    if (fstat(fd, &info) != 0 || info.st_size + (off_t)n > MAX_BYTES)
        status = ravel_error_set(error, RAVEL_ERR_SPACE,
                                 "%s is full: take out whom you do not know", path);
    const size_t begin = status == 0 && ends_with_line(fd, info.st_size) ? 1 : 0;
    if (status == 0 && write(fd, line + begin, n - begin) != (ssize_t)(n - begin))
        status = ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    if (close(fd) != 0 && status == 0)
        status = ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    return status;
}

int ravel_pins_keep(const char *folder, const char *peer, const char *fingerprint,
                    ravel_error *error)
{
    char path[PATH_MAX], line[LINE + 2];
    if (!is_peer(peer) || !is_fingerprint(fingerprint, strlen(fingerprint)))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s' cannot be kept as a peer", peer);
    int status = path_of(path, sizeof path, folder, error);
    if (status < 0)
        return status;
    int n = snprintf(line, sizeof line, "\n%s %s\n", fingerprint, peer);
    return append(path, line, (size_t)n, error);
}
