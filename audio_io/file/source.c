/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/source.h"

#include <math.h>
#include <stdlib.h>

#include "audio_io/file/mix.h"
#include "audio_io/file/reader.h"
#include "audio_io/file/resampled.h"
#include "nn/error.h"

enum { CHUNK_SAMPLES = 4096 };

struct ravel_source {
    ravel_audio_reader *reader;
    ravel_resampled out;
    int rate_hz, channels;
    float *in; /* [CHUNK_SAMPLES][the file's channels or these, whichever are more] */
    int64_t n_bad;
    bool ended;
    int64_t begin, left; /* samples of the file: passed over, and still wanted; -1: all */
};

static int choose_channels(ravel_source *source, int channels, bool keep, ravel_error *error)
{
    int from = ravel_audio_reader_channels(source->reader);
    source->channels = keep ? from : channels;
    if (keep && from % channels != 0)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "%d channels cannot be kept: the model takes %d together", from,
                               channels);
    if (!ravel_mix_possible(from, source->channels))
        return ravel_error_set(error, RAVEL_ERR_DATA, "%d channels cannot be mixed to %d", from,
                               channels);
    return 0;
}

static int prepare(ravel_source *source, ravel_error *error)
{
    int from_hz = ravel_audio_reader_rate(source->reader);
    int from = ravel_audio_reader_channels(source->reader);
    int wider = from > source->channels ? from : source->channels;
    source->in = calloc((size_t)CHUNK_SAMPLES * (size_t)wider, sizeof *source->in);
    if (source->in == NULL)
        return ravel_error_memory(error);
    source->out.channels = source->channels;
    source->out.resampler = ravel_resampler_new(from_hz, source->rate_hz, source->channels);
    if (source->out.resampler == NULL)
        return ravel_error_set(error, RAVEL_ERR_MEMORY, "cannot resample %d Hz to %d Hz", from_hz,
                               source->rate_hz);
    return 0;
}

ravel_source *ravel_source_of_reader(ravel_audio_reader *reader, int rate_hz, int channels,
                                     bool keep, ravel_error *error)
{
    ravel_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        ravel_audio_reader_close(reader);
        ravel_error_memory(error);
        return NULL;
    }
    source->rate_hz = rate_hz;
    source->reader = reader;
    source->left = -1;
    if (choose_channels(source, channels, keep, error) == 0 && prepare(source, error) == 0)
        return source;
    ravel_source_close(source);
    return NULL;
}

ravel_source *ravel_source_open(const char *path, const ravel_audio_format *format, int rate_hz,
                                int channels, bool keep, ravel_error *error)
{
    ravel_audio_reader *reader = ravel_audio_reader_open(path, format, error);
    return reader != NULL ? ravel_source_of_reader(reader, rate_hz, channels, keep, error) : NULL;
}

int ravel_source_cut(ravel_source *source, double offset_s, double duration_s, ravel_error *error)
{
    const double rate_hz = ravel_audio_reader_rate(source->reader);
    const int64_t begin = (int64_t)floor(offset_s * rate_hz + 0.5);
    const int64_t passed = ravel_audio_reader_skip(source->reader, begin, error);
    if (passed < 0)
        return (int)passed;
    if (passed < begin)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "an offset of %g s lies behind the end of the sound, %g s", offset_s,
                               (double)passed / rate_hz);
    source->begin = begin;
    source->left = duration_s > 0.0 ? (int64_t)floor(duration_s * rate_hz + 0.5) : -1;
    return 0;
}

void ravel_source_close(ravel_source *source)
{
    if (source == NULL)
        return;
    ravel_audio_reader_close(source->reader);
    ravel_resampled_free(&source->out);
    free(source->in);
    free(source);
}

const ravel_audio_reader *ravel_source_reader(const ravel_source *source)
{
    return source->reader;
}

int ravel_source_channels(const ravel_source *source)
{
    return source->channels;
}

int64_t ravel_source_bad_values(const ravel_source *source)
{
    return source->n_bad;
}

/* ceil(n * to / from) without overflow. */
int64_t ravel_source_length(const ravel_source *source)
{
    int64_t n = ravel_audio_reader_length(source->reader);
    int64_t from = ravel_audio_reader_rate(source->reader), to = source->rate_hz;
    if (n < 0)
        return -1;
    n = n > source->begin ? n - source->begin : 0;
    n = source->left >= 0 && source->left < n ? source->left : n;
    return n / from * to + (n % from * to + from - 1) / from;
}

int ravel_source_read(ravel_source *source, const float **pcm, ravel_error *error)
{
    int from = ravel_audio_reader_channels(source->reader), n_out = 0;
    while (n_out == 0 && !source->ended) {
        int n =
            source->left >= 0 && source->left < CHUNK_SAMPLES ? (int)source->left : CHUNK_SAMPLES;
        n = ravel_audio_reader_read(source->reader, source->in, n, error);
        if (n < 0)
            return n;
        source->left -= source->left >= 0 ? n : 0;
        source->ended = n == 0;
        source->n_bad += ravel_mix_clean(source->in, (int64_t)n * from);
        ravel_mix(source->in, from, n, source->in, source->channels);
        n_out = ravel_resampled_push(&source->out, n > 0 ? source->in : NULL, n, error);
    }
    *pcm = source->out.pcm;
    return n_out;
}
