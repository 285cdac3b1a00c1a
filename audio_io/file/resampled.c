/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/resampled.h"

#include <stdlib.h>

#include "nn/error.h"

static int make_room(ravel_resampled *resampled, int n_samples, ravel_error *error)
{
    if (n_samples <= resampled->room)
        return 0;
    size_t n = (size_t)n_samples * (size_t)resampled->channels;
    float *larger = realloc(resampled->pcm, n * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(error);
    resampled->pcm = larger;
    resampled->room = n_samples;
    return 0;
}

int ravel_resampled_push(ravel_resampled *resampled, const float *in, int n, ravel_error *error)
{
    ravel_resampler *resampler = resampled->resampler;
    int n_out = ravel_resampler_samples(resampler, n, in == NULL);
    int status = make_room(resampled, n_out, error);
    if (status < 0)
        return status;
    n_out = in != NULL ? ravel_resampler_push(resampler, in, n, resampled->pcm, resampled->room)
                       : ravel_resampler_finish(resampler, resampled->pcm, resampled->room);
    if (n_out < 0)
        return ravel_error_set(error, (ravel_status)n_out, "resampling failed: %s",
                               ravel_strerror(n_out));
    return n_out;
}

void ravel_resampled_free(ravel_resampled *resampled)
{
    ravel_resampler_free(resampled->resampler);
    free(resampled->pcm);
}
