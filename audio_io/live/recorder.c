/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/live/recorder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nn/error.h"

/* How long a disk may stand still, and how often the thread looks for codes. */
enum { ROOM_S = 300, PAUSE_MS = 50 };

struct ravel_recorder {
    ravel_stream_writer *writer;
    pthread_t thread;
    int hop_samples, n_codes; /* of a frame */
    size_t room;              /* frames */
    uint16_t *codes;          /* [room][n_codes] */
    atomic_size_t written;    /* frames by the codec's thread; frame i lies at i % room */
    atomic_size_t read;       /* frames by the disk's thread */
    atomic_bool finished;     /* no more is written to the ring */
    int64_t n_dropped;        /* of the codec's thread */
    ravel_error error;        /* of the disk's thread until it is joined: its first */
};

/* --- The disk's thread ------------------------------------------------------------------------ */

/* What lies in the ring from `from` on, up to its end; after an error it is only passed over. */
static size_t write_piece(ravel_recorder *recorder, size_t from, size_t to)
{
    const size_t at = from % recorder->room, until_end = recorder->room - at;
    const size_t n = to - from < until_end ? to - from : until_end;
    if (recorder->error.status == RAVEL_OK)
        ravel_stream_writer_write(recorder->writer,
                                  recorder->codes + at * (size_t)recorder->n_codes, (int)n, (int)n,
                                  &recorder->error);
    return from + n;
}

static void *run(void *context)
{
    ravel_recorder *recorder = context;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    for (;;) {
        const bool finished = atomic_load(&recorder->finished); /* before the last look */
        const size_t to = atomic_load(&recorder->written);
        size_t from = atomic_load(&recorder->read);
        while (from < to) {
            from = write_piece(recorder, from, to);
            atomic_store(&recorder->read, from);
        }
        if (finished)
            return NULL;
        nanosleep(&pause, NULL);
    }
}

/* --- The owner -------------------------------------------------------------------------------- */

static void release(ravel_recorder *recorder)
{
    free(recorder->codes);
    free(recorder);
}

static int start(ravel_recorder *recorder, const char *path, const ravel_model *model,
                 int n_codebooks, ravel_error *error)
{
    const ravel_entropy best = ravel_model_get_info(model)->entropy;
    const ravel_stream_format format = {
        .n_streams = 1,
        .n_codebooks = n_codebooks,
        /* The prior is a network: it would take the processor from the voice. */
        .entropy = best < RAVEL_ENTROPY_STATIC ? best : RAVEL_ENTROPY_STATIC};
    recorder->writer = ravel_stream_writer_open(path, model, &format, error);
    if (recorder->writer == NULL)
        return -1;
    if (pthread_create(&recorder->thread, NULL, run, recorder) != 0) {
        ravel_stream_writer_abort(recorder->writer);
        return ravel_error_set(error, RAVEL_ERR_MEMORY, "no thread for the recording");
    }
    return 0;
}

ravel_recorder *ravel_recorder_open(const char *path, const ravel_model *model, int n_codebooks,
                                    ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    recorder->hop_samples = info->hop_samples;
    recorder->n_codes = ravel_model_codes_per_frame(model, n_codebooks);
    recorder->room = (size_t)(info->sample_rate_hz / info->hop_samples + 1) * ROOM_S;
    const size_t bytes = recorder->room * (size_t)recorder->n_codes * sizeof *recorder->codes;
    recorder->codes = malloc(bytes);
    if (recorder->codes == NULL) {
        ravel_error_memory(error);
        release(recorder);
        return NULL;
    }
    memset(recorder->codes, 0xff, bytes); /* a page that is not there yet would be a system call */
    if (start(recorder, path, model, n_codebooks, error) < 0) {
        release(recorder);
        return NULL;
    }
    return recorder;
}

void ravel_recorder_write(ravel_recorder *recorder, const uint16_t *codes, int n_frames)
{
    const size_t written = atomic_load(&recorder->written);
    const size_t n_codes = (size_t)recorder->n_codes;
    if (written + (size_t)n_frames - atomic_load(&recorder->read) > recorder->room) {
        recorder->n_dropped += n_frames;
        return;
    }
    for (size_t f = 0; f < (size_t)n_frames; f++)
        memcpy(recorder->codes + (written + f) % recorder->room * n_codes, codes + f * n_codes,
               n_codes * sizeof *codes);
    atomic_store(&recorder->written, written + (size_t)n_frames);
}

int64_t ravel_recorder_close(ravel_recorder *recorder, int64_t n_samples, ravel_stream_rates *rates,
                             ravel_error *error)
{
    const int64_t n_dropped = recorder->n_dropped;
    const int64_t length = n_samples - n_dropped * recorder->hop_samples;
    atomic_store(&recorder->finished, true);
    pthread_join(recorder->thread, NULL);
    int status = (int)recorder->error.status;
    if (status < 0) {
        *error = recorder->error;
        ravel_stream_writer_abort(recorder->writer);
    } else {
        status = ravel_stream_writer_close(recorder->writer, length > 0 ? length : 0, rates, error);
    }
    release(recorder);
    return status < 0 ? status : n_dropped;
}
