/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/line.h"

#include <stdlib.h>
#include <time.h>

#include "audio_io/call/file_line.h"
#include "nn/error.h"

/* One of the two. */
struct ravel_line {
    ravel_engine *engine;
    ravel_file_line *files;
};

ravel_line *ravel_line_open(const ravel_line_config *config, int rate_hz, ravel_error *error)
{
    ravel_line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    if (config->play != NULL || config->record != NULL)
        line->files =
            ravel_file_line_open(config->play, config->record, config->record_new, rate_hz, error);
    else
        line->engine = ravel_engine_open(&(ravel_engine_config){.input = config->input,
                                                                .output = config->output,
                                                                .sample_rate_hz = rate_hz,
                                                                .block_ms = config->block_ms,
                                                                .echo_cancel = config->echo_cancel},
                                         error);
    if (line->files == NULL && line->engine == NULL) {
        free(line);
        return NULL;
    }
    return line;
}

int ravel_line_close(ravel_line *line, ravel_error *error)
{
    int status = 0;
    if (line == NULL)
        return 0;
    if (line->files != NULL)
        status = ravel_file_line_close(line->files, error);
    ravel_engine_close(line->engine);
    free(line);
    return status;
}

int ravel_line_capture(ravel_line *line, float *pcm, int n)
{
    return line->files != NULL ? ravel_file_line_capture(line->files, pcm, n)
                               : ravel_engine_capture(line->engine, pcm, n);
}

int ravel_line_wanted(ravel_line *line)
{
    return line->files != NULL ? ravel_file_line_wanted(line->files)
                               : ravel_engine_wanted(line->engine);
}

void ravel_line_play(ravel_line *line, const float *pcm, int n)
{
    if (line->files != NULL)
        ravel_file_line_play(line->files, pcm, n);
    else
        ravel_engine_play(line->engine, pcm, n);
}

void ravel_line_wait(ravel_line *line)
{
    static const struct timespec pause = {.tv_nsec = 2000000};
    if (line->files != NULL)
        (void)nanosleep(&pause, NULL);
    else
        ravel_engine_wait(line->engine);
}

bool ravel_line_get_status(const ravel_line *line, ravel_engine_status *status)
{
    if (line->engine != NULL)
        ravel_engine_get_status(line->engine, status);
    return line->engine != NULL;
}
