/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/sink.h"

#include <stdlib.h>

#include "audio_io/file/resampled.h"
#include "nn/error.h"

struct ravel_sink {
    ravel_audio_writer *writer;
    ravel_resampled out;
    int64_t n_written;
};

ravel_sink *ravel_sink_open(const char *path, const ravel_sink_format *format, ravel_error *error)
{
    ravel_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    sink->out.channels = format->channels;
    sink->out.resampler =
        ravel_resampler_new(format->rate_hz, format->out_rate_hz, format->channels);
    if (sink->out.resampler == NULL)
        ravel_error_set(error, RAVEL_ERR_ARGUMENT, "cannot resample %d Hz to %d Hz",
                        format->rate_hz, format->out_rate_hz);
    else
        sink->writer = ravel_audio_writer_open(path, format->out_rate_hz, format->channels,
                                               format->bits, error);
    if (sink->writer != NULL)
        return sink;
    ravel_sink_abort(sink);
    return NULL;
}

/* pcm NULL: the end */
static int put(ravel_sink *sink, const float *pcm, int n, ravel_error *error)
{
    const int n_out = ravel_resampled_push(&sink->out, pcm, n, error);
    if (n_out < 0)
        return n_out;
    sink->n_written += n_out;
    const int status = ravel_audio_writer_write(sink->writer, sink->out.pcm, n_out, error);
    return status < 0 ? status : 0;
}

int ravel_sink_write(ravel_sink *sink, const float *pcm, int n, ravel_error *error)
{
    return n > 0 ? put(sink, pcm, n, error) : 0;
}

int64_t ravel_sink_samples(const ravel_sink *sink)
{
    return sink->n_written;
}

static void sink_free(ravel_sink *sink)
{
    ravel_resampled_free(&sink->out);
    free(sink);
}

int ravel_sink_close(ravel_sink *sink, ravel_error *error)
{
    int status = put(sink, NULL, 0, error);
    if (status < 0) {
        ravel_sink_abort(sink);
        return status;
    }
    status = ravel_audio_writer_close(sink->writer, error);
    sink_free(sink);
    return status;
}

void ravel_sink_abort(ravel_sink *sink)
{
    if (sink == NULL)
        return;
    ravel_audio_writer_abort(sink->writer);
    sink_free(sink);
}
