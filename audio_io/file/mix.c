/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/file/mix.h"

#include <math.h>
#include <string.h>

bool ravel_mix_possible(int from_channels, int to_channels)
{
    return from_channels == to_channels || from_channels == 1 || to_channels == 1;
}

static void average(const float *in, int channels, int n, float *out)
{
    for (int i = 0; i < n; i++) {
        float sum = in[i * channels];
        for (int c = 1; c < channels; c++)
            sum += in[i * channels + c];
        out[i] = sum / (float)channels;
    }
}

void ravel_mix(const float *in, int from_channels, int n, float *out, int to_channels)
{
    if (from_channels == to_channels) {
        memmove(out, in, (size_t)n * (size_t)from_channels * sizeof *out);
        return;
    }
    if (to_channels == 1) {
        average(in, from_channels, n, out);
        return;
    }
    for (int i = n - 1; i >= 0; i--) { /* backwards, for in may be out */
        float sample = in[i];
        for (int c = 0; c < to_channels; c++)
            out[i * to_channels + c] = sample;
    }
}

int64_t ravel_mix_clean(float *pcm, int64_t n_values)
{
    int64_t n_bad = 0;
    for (int64_t i = 0; i < n_values; i++) {
        if (!isfinite(pcm[i])) {
            pcm[i] = 0.0f;
            n_bad++;
        }
    }
    return n_bad;
}
