/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/sink.h"

#include <stdlib.h>

#include "nn/error.h"

struct ravel_sink {
    ravel_audio_writer *writer;
    ravel_resampler *resampler;
    int channels;
    float *out; /* [out_room][channels] */
    int out_room;
    int64_t n_written;
};

ravel_sink *ravel_sink_open(const char *path, const ravel_sink_format *format, ravel_error *error)
{
    ravel_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    sink->channels = format->channels;
    sink->resampler = ravel_resampler_new(format->rate_hz, format->out_rate_hz, format->channels);
    if (sink->resampler == NULL)
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

static int make_room(ravel_sink *sink, int n_samples, ravel_error *error)
{
    if (n_samples <= sink->out_room)
        return 0;
    size_t room = (size_t)n_samples * (size_t)sink->channels;
    float *larger = realloc(sink->out, room * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(error);
    sink->out = larger;
    sink->out_room = n_samples;
    return 0;
}

/* pcm NULL: the end */
static int resample(ravel_sink *sink, const float *pcm, int n, ravel_error *error)
{
    int n_out = ravel_resampler_samples(sink->resampler, n, pcm == NULL);
    int status = make_room(sink, n_out, error);
    if (status < 0)
        return status;
    n_out = pcm != NULL ? ravel_resampler_push(sink->resampler, pcm, n, sink->out, sink->out_room)
                        : ravel_resampler_finish(sink->resampler, sink->out, sink->out_room);
    if (n_out < 0)
        return ravel_error_set(error, (ravel_status)n_out, "resampling failed: %s",
                               ravel_strerror(n_out));
    sink->n_written += n_out;
    status = ravel_audio_writer_write(sink->writer, sink->out, n_out, error);
    return status < 0 ? status : 0;
}

int ravel_sink_write(ravel_sink *sink, const float *pcm, int n, ravel_error *error)
{
    return n > 0 ? resample(sink, pcm, n, error) : 0;
}

int64_t ravel_sink_samples(const ravel_sink *sink)
{
    return sink->n_written;
}

static void sink_free(ravel_sink *sink)
{
    ravel_resampler_free(sink->resampler);
    free(sink->out);
    free(sink);
}

int ravel_sink_close(ravel_sink *sink, ravel_error *error)
{
    int status = resample(sink, NULL, 0, error);
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
