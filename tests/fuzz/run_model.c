/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/run_model.h"

#include <math.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/sound.h"

enum { N_FRAMES = 3, MAX_HOP = 65536 };

/* Whether a few frames of it take seconds rather than minutes under the sanitizers. */
static int affordable(const ravel_model_info *info)
{
    double frame_s = (double)info->hop_samples / info->sample_rate_hz;
    double macs = info->encoder_macs + info->quantizer_macs + info->decoder_macs;
    return info->hop_samples * info->channels <= MAX_HOP && macs * frame_s < 1e8;
}

typedef struct {
    const ravel_model *model;
    const ravel_model_info *info;
    ravel_scratch *scratch;
    int per_frame;
} run;

/* All codes of a sound in pushes of `piece` samples; malloc'ed. */
static uint16_t *encode(const run *r, const float *pcm, int n_samples, int piece, int *n_frames)
{
    ravel_encoder *encoder = ravel_encoder_new(r->model, r->info->n_codebooks);
    int capacity = ravel_encoder_frames(encoder, n_samples, 1), n = 0;
    uint16_t *codes = calloc((size_t)capacity * (size_t)r->per_frame + 1, sizeof *codes);
    for (int at = 0; at < n_samples; at += piece) {
        int left = n_samples - at < piece ? n_samples - at : piece;
        int made = ravel_encoder_push(encoder, r->scratch, pcm + at * r->info->channels, left,
                                      codes + n * r->per_frame, capacity - n);
        FUZZ_CHECK(made >= 0 && made <= capacity - n);
        n += made;
    }
    int last = ravel_encoder_finish(encoder, r->scratch, codes + n * r->per_frame, capacity - n);
    FUZZ_CHECK(last >= 0 && n + last <= capacity);
    *n_frames = n + last;
    ravel_encoder_free(encoder);
    return codes;
}

/* All samples of codes in pushes of `piece` frames; malloc'ed. */
static float *decode(const run *r, const uint16_t *codes, int n_frames, int piece, int *n_samples)
{
    ravel_decoder *decoder = ravel_decoder_new(r->model);
    int capacity = ravel_decoder_samples(decoder, n_frames, 1), n = 0;
    int channels = r->info->channels;
    float *pcm = calloc((size_t)capacity * (size_t)channels + 1, sizeof *pcm);
    for (int at = 0; at < n_frames; at += piece) {
        int left = n_frames - at < piece ? n_frames - at : piece;
        int made = ravel_decoder_push(decoder, r->scratch, codes + at * r->per_frame, left,
                                      r->info->n_codebooks, pcm + n * channels, capacity - n);
        FUZZ_CHECK(made >= 0 && made <= capacity - n);
        n += made;
    }
    int last = ravel_decoder_finish(decoder, r->scratch, pcm + n * channels, capacity - n);
    FUZZ_CHECK(last >= 0 && n + last <= capacity);
    *n_samples = n + last;
    ravel_decoder_free(decoder);
    return pcm;
}

/* What is not a number is that in both, but perhaps not the same. */
static int same_samples(const float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++) {
        uint32_t x, y;
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        if (x != y && !(isnan(a[i]) && isnan(b[i])))
            return 0;
    }
    return 1;
}

static void check_decoder(const run *r, const uint16_t *codes, int n_frames)
{
    int n, n_pieces;
    float *pcm = decode(r, codes, n_frames, n_frames ? n_frames : 1, &n);
    float *in_pieces = decode(r, codes, n_frames, 1, &n_pieces);
    FUZZ_CHECK(n == n_pieces && same_samples(pcm, in_pieces, n * r->info->channels));
    free(pcm);
    free(in_pieces);
}

static void check_encoder(const run *r)
{
    int n_samples = N_FRAMES * r->info->hop_samples - 1, n_frames, n_pieces;
    float *pcm = malloc((size_t)(n_samples * r->info->channels + 1) * sizeof *pcm);
    ravel_test_speech(pcm, n_samples * r->info->channels, 24000, 5);
    uint16_t *codes = encode(r, pcm, n_samples, n_samples + 1, &n_frames);
    uint16_t *in_pieces = encode(r, pcm, n_samples, 2 * r->info->hop_samples / 3 + 1, &n_pieces);
    FUZZ_CHECK(n_frames == n_pieces);
    FUZZ_CHECK(memcmp(codes, in_pieces, (size_t)n_frames * (size_t)r->per_frame * sizeof *codes) ==
               0);
    check_decoder(r, codes, n_frames);
    free(pcm);
    free(codes);
    free(in_pieces);
}

/* Of a model that only decodes: codes of all sizes. */
static void check_decoder_alone(const run *r)
{
    uint16_t *codes = calloc((size_t)N_FRAMES * (size_t)r->per_frame, sizeof *codes);
    for (int i = 0, t = 0; t < N_FRAMES; t++)
        for (int b = 0; b < r->info->n_codebooks; b++)
            for (int s = 0; s < r->info->steps_per_frame[b]; s++, i++)
                codes[i] = (uint16_t)(i * 40503 % r->info->codebook_size[b]);
    check_decoder(r, codes, N_FRAMES);
    free(codes);
}

/* Whole frames out of the prior, where there is one. */
static void predict(const ravel_model *model)
{
    uint16_t codes[N_FRAMES * RAVEL_MAX_CODEBOOKS];
    int n_codebooks = ravel_model_get_info(model)->n_codebooks;
    ravel_predictor *predictor = ravel_predictor_new(model, 1);
    if (predictor)
        FUZZ_CHECK(ravel_predictor_push(predictor, NULL, N_FRAMES, 0, n_codebooks, codes) ==
                   N_FRAMES);
    ravel_predictor_free(predictor);
}

void ravel_fuzz_run_model(const ravel_model *model)
{
    run r = {.model = model, .info = ravel_model_get_info(model)};
    if (!affordable(r.info))
        return;
    r.scratch = ravel_scratch_new(model, 1);
    r.per_frame = ravel_model_codes_per_frame(model, r.info->n_codebooks);
    if (r.info->decodes_only)
        check_decoder_alone(&r);
    else
        check_encoder(&r);
    predict(model);
    ravel_scratch_free(r.scratch);
}
