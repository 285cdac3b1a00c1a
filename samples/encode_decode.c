/* SPDX-License-Identifier: BSD-3-Clause */
/* Encodes a second of sound in memory to codes, and decodes the codes again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ravel/ravel.h"

enum { N_CODEBOOKS = 6 }; /* 3 kb/s with the built-in model */

/* A vowel's buzz: harmonics of 120 Hz. */
static void make_sound(float *pcm, int n_samples, int rate_hz)
{
    for (int i = 0; i < n_samples; i++) {
        double t = (double)i / rate_hz, sum = 0.0;
        for (int k = 1; k <= 20; k++)
            sum += sin(6.283185307 * 120.0 * k * t) / k;
        pcm[i] = (float)(0.2 * sum);
    }
}

static double power(const float *pcm, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)pcm[i] * (double)pcm[i];
    return sum / n;
}

int main(void)
{
    const ravel_model *model = ravel_model_builtin();
    if (model == NULL)
        return 1;
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    ravel_encoder *encoder = ravel_encoder_new(model, N_CODEBOOKS);
    ravel_decoder *decoder = ravel_decoder_new(model);

    int n_samples = info->sample_rate_hz; /* one second, one channel */
    int most_frames = ravel_encoder_frames(encoder, n_samples, 1);
    int most_samples = ravel_decoder_samples(decoder, most_frames, 1);
    float *in = malloc((size_t)n_samples * sizeof *in);
    float *out = malloc((size_t)most_samples * sizeof *out);
    uint16_t *codes = malloc((size_t)(most_frames * N_CODEBOOKS) * sizeof *codes);
    make_sound(in, n_samples, info->sample_rate_hz);

    /* Two calls each way: all there is, then the end. A stream comes in many pushes. */
    int n_frames = ravel_encoder_push(encoder, scratch, in, n_samples, codes, most_frames);
    n_frames += ravel_encoder_finish(encoder, scratch, codes + n_frames * N_CODEBOOKS,
                                     most_frames - n_frames);
    int n = ravel_decoder_push(decoder, scratch, codes, n_frames, N_CODEBOOKS, out, most_samples);
    n += ravel_decoder_finish(decoder, scratch, out + n, most_samples - n);

    (void)printf("%d samples -> %d frames of %d codes -> %d samples\n", n_samples, n_frames,
                 N_CODEBOOKS, n);
    (void)printf("%.0f bit/s; power %.4f -> %.4f\n", ravel_model_bitrate(model, N_CODEBOOKS),
                 power(in, n_samples), power(out, n_samples));
    int failed = n < n_samples; /* what is more belongs to the zeros after the end */

    free(codes);
    free(out);
    free(in);
    ravel_decoder_free(decoder);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    return failed;
}
