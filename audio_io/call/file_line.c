/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/file_line.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audio_io/file/source.h"
#include "nn/error.h"

/* Samples that a loudspeaker's buffer would hold. */
enum { AHEAD_MS = 20 };

struct ravel_file_line {
    int rate_hz;
    struct timespec begin;
    /* The capture thread's. */
    ravel_source *source;
    const float *read; /* that the source gave, n_read of them left */
    int n_read;
    int64_t n_captured;
    /* The playout thread's. */
    ravel_audio_writer *writer;
    int64_t n_played;
    ravel_error failed; /* the first failure of the writer */
};

/* "call.wav", "call-2.wav", ...: the first that is not there. return    false: none is free */
static bool free_name(const char *path, char *name, size_t size)
{
    enum { MOST = 100000 };
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (dot == NULL || (slash != NULL && dot < slash))
        dot = path + strlen(path);
    int n = snprintf(name, size, "%s", path);
    for (int i = 2; n >= 0 && (size_t)n < size && i < MOST; i++) {
        if (access(name, F_OK) != 0)
            return true;
        n = snprintf(name, size, "%.*s-%d%s", (int)(dot - path), path, i, dot);
    }
    return false;
}

static int open_record(ravel_file_line *line, const char *record, bool record_new,
                       ravel_error *error)
{
    char name[PATH_MAX];
    if (record_new && !free_name(record, name, sizeof name))
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: there is no other name", record);
    line->writer = ravel_audio_writer_open(record_new ? name : record, line->rate_hz, 1, 0, error);
    return line->writer != NULL ? 0 : (int)error->status;
}

static int open_files(ravel_file_line *line, const char *play, const char *record, bool record_new,
                      ravel_error *error)
{
    if (play != NULL) {
        line->source = ravel_source_open(play, NULL, line->rate_hz, 1, false, error);
        if (line->source == NULL)
            return (int)error->status;
    }
    return record != NULL ? open_record(line, record, record_new, error) : 0;
}

ravel_file_line *ravel_file_line_open(const char *play, const char *record, bool record_new,
                                      int rate_hz, ravel_error *error)
{
    ravel_file_line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    line->rate_hz = rate_hz;
    if (open_files(line, play, record, record_new, error) < 0) {
        ravel_source_close(line->source);
        free(line);
        return NULL;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &line->begin);
    return line;
}

int ravel_file_line_close(ravel_file_line *line, ravel_error *error)
{
    int status = (int)line->failed.status;
    if (status < 0 && error != NULL)
        *error = line->failed;
    if (line->writer != NULL && status < 0)
        ravel_audio_writer_abort(line->writer);
    else if (line->writer != NULL)
        status = ravel_audio_writer_close(line->writer, error);
    ravel_source_close(line->source);
    free(line);
    return status;
}

/* Samples that a device would have moved by now. */
static int64_t due(const ravel_file_line *line)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - line->begin.tv_sec) +
                     1e-9 * (double)(now.tv_nsec - line->begin.tv_nsec);
    return (int64_t)floor(seconds * line->rate_hz);
}

/* After the file, and where it fails, there is silence. */
static void read_sound(ravel_file_line *line, float *pcm, int n)
{
    int filled = 0;
    while (filled < n && line->source != NULL) {
        if (line->n_read == 0)
            line->n_read = ravel_source_read(line->source, &line->read, NULL);
        if (line->n_read <= 0) {
            ravel_source_close(line->source);
            line->source = NULL;
            break;
        }
        int k = line->n_read < n - filled ? line->n_read : n - filled;
        memcpy(pcm + filled, line->read, (size_t)k * sizeof *pcm);
        line->read += k;
        line->n_read -= k;
        filled += k;
    }
    memset(pcm + filled, 0, (size_t)(n - filled) * sizeof *pcm);
}

int ravel_file_line_capture(ravel_file_line *line, float *pcm, int n)
{
    if (due(line) < line->n_captured + n)
        return 0;
    read_sound(line, pcm, n);
    line->n_captured += n;
    return n;
}

int ravel_file_line_wanted(ravel_file_line *line)
{
    int64_t lacks = due(line) + line->rate_hz * AHEAD_MS / 1000 - line->n_played;
    return lacks <= 0 ? 0 : lacks < line->rate_hz ? (int)lacks : line->rate_hz;
}

void ravel_file_line_play(ravel_file_line *line, const float *pcm, int n)
{
    line->n_played += n;
    if (line->writer != NULL && line->failed.status == RAVEL_OK)
        (void)ravel_audio_writer_write(line->writer, pcm, n, &line->failed);
}
