/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/compare/sound.h"

#include <stdlib.h>
#include <string.h>

#include "audio_io/file/source.h"
#include "nn/error.h"
#include "tools/tool.h"

int ravel_sound_new(ravel_sound *sound, int n, ravel_error *error)
{
    *sound = (ravel_sound){.pcm = calloc((size_t)n + 1, sizeof *sound->pcm), .n = n};
    return sound->pcm != NULL ? 0 : ravel_error_memory(error);
}

void ravel_sound_free(ravel_sound *sound)
{
    free(sound->pcm);
    *sound = (ravel_sound){0};
}

static int append(ravel_sound *sound, int *capacity, const float *pcm, int n, ravel_error *error)
{
    if (n > RAVEL_SOUND_MAX_SAMPLES - sound->n)
        return ravel_error_set(error, RAVEL_ERR_DATA, "more than %d samples are too many",
                               RAVEL_SOUND_MAX_SAMPLES);
    if (sound->n + n > *capacity) {
        *capacity = 2 * (sound->n + n);
        float *grown = realloc(sound->pcm, (size_t)*capacity * sizeof *grown);
        if (grown == NULL)
            return ravel_error_memory(error);
        sound->pcm = grown;
    }
    memcpy(sound->pcm + sound->n, pcm, (size_t)n * sizeof *pcm);
    sound->n += n;
    return 0;
}

static int read_all(ravel_sound *sound, ravel_source *source, ravel_error *error)
{
    const float *pcm;
    int n, capacity = 0;
    while ((n = ravel_source_read(source, &pcm, error)) > 0) {
        int status = append(sound, &capacity, pcm, n, error);
        if (status == 0 && ravel_tool_stopped())
            status = ravel_tool_interrupted(error);
        if (status < 0)
            return status;
    }
    return n;
}

int ravel_sound_load(ravel_sound *sound, const char *path, int rate_hz, ravel_error *error)
{
    *sound = (ravel_sound){0};
    ravel_source *source = ravel_source_open(path, NULL, rate_hz, 1, false, error);
    if (source == NULL)
        return (int)error->status;
    int status = read_all(sound, source, error);
    ravel_source_close(source);
    if (status < 0)
        ravel_sound_free(sound);
    return status;
}

int ravel_sound_resample(ravel_sound *out, const ravel_sound *in, int from_hz, int to_hz,
                         ravel_error *error)
{
    *out = (ravel_sound){0};
    ravel_resampler *resampler = ravel_resampler_new(from_hz, to_hz, 1);
    if (resampler == NULL)
        return ravel_error_memory(error);
    int room = ravel_resampler_samples(resampler, in->n, 1);
    int status = room < 0 ? room : ravel_sound_new(out, room, error);
    if (status == 0) {
        int n = ravel_resampler_push(resampler, in->pcm, in->n, out->pcm, room);
        out->n = n + ravel_resampler_finish(resampler, out->pcm + n, room - n);
    }
    ravel_resampler_free(resampler);
    return status;
}

int ravel_sound_shift(ravel_sound *sound, int delay, int n, ravel_error *error)
{
    ravel_sound shifted;
    int status = ravel_sound_new(&shifted, n, error);
    if (status < 0)
        return status;
    for (int i = delay < 0 ? -delay : 0; i < n && i + delay < sound->n; i++)
        shifted.pcm[i] = sound->pcm[i + delay];
    ravel_sound_free(sound);
    *sound = shifted;
    return 0;
}
