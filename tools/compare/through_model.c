/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "nn/error.h"
#include "rvq/block.h"
#include "tools/compare/codecs.h"
#include "tools/measure/measure.h"
#include "tools/tool.h"

enum { PIECE = 16384 };

typedef struct {
    const ravel_model *model;
    const ravel_model_info *info;
    int n_codebooks;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    uint16_t *codes;
    float *in, *out; /* of a piece, interleaved */
    int frame_room, sample_room;
    int64_t n_frames;
} codec;

static void codec_free(codec *c)
{
    ravel_scratch_free(c->scratch);
    ravel_encoder_free(c->encoder);
    ravel_decoder_free(c->decoder);
    free(c->codes);
    free(c->in);
    free(c->out);
}

/* Room for all that a piece, or the end after it, can give. */
static int codec_new(codec *c, ravel_error *error)
{
    c->scratch = ravel_scratch_new(c->model, 1);
    c->encoder = ravel_encoder_new(c->model, c->n_codebooks);
    c->decoder = ravel_decoder_new(c->model);
    if (c->scratch == NULL || c->encoder == NULL || c->decoder == NULL)
        return ravel_error_memory(error);
    c->frame_room = ravel_model_frames_room(c->model, PIECE);
    c->sample_room = ravel_model_samples_room(c->model, c->frame_room);
    size_t channels = (size_t)c->info->channels;
    size_t codes = (size_t)ravel_model_codes_per_frame(c->model, c->n_codebooks);
    c->codes = malloc((size_t)c->frame_room * codes * sizeof *c->codes);
    c->in = malloc(PIECE * channels * sizeof *c->in);
    c->out = malloc((size_t)c->sample_room * channels * sizeof *c->out);
    if (c->codes == NULL || c->in == NULL || c->out == NULL)
        return ravel_error_memory(error);
    return 0;
}

/* Appends n decoded samples of c->out, mixed to mono, as far as `out` has room. */
static void keep(const codec *c, int n, ravel_sound *out, int *n_kept)
{
    int channels = c->info->channels;
    for (int i = 0; i < n && *n_kept < out->n; i++, ++*n_kept) {
        float sum = 0;
        for (int channel = 0; channel < channels; channel++)
            sum += c->out[i * channels + channel];
        out->pcm[*n_kept] = sum / (float)channels;
    }
}

/* What the encoder gave, or its status, on to the decoder. return    0 or negative */
static int decode(codec *c, int n_frames, ravel_sound *out, int *n_kept)
{
    if (n_frames < 0)
        return n_frames;
    int n = ravel_decoder_push(c->decoder, c->scratch, c->codes, n_frames, c->n_codebooks, c->out,
                               c->sample_room);
    if (n < 0)
        return n;
    c->n_frames += n_frames;
    keep(c, n, out, n_kept);
    return 0;
}

/* n mono samples, to every channel of the model. return    0 or negative */
static int code_piece(codec *c, const float *pcm, int n, ravel_sound *out, int *n_kept)
{
    for (int i = 0; i < n * c->info->channels; i++)
        c->in[i] = pcm[i / c->info->channels];
    return decode(c, ravel_encoder_push(c->encoder, c->scratch, c->in, n, c->codes, c->frame_room),
                  out, n_kept);
}

/* What encoder and decoder still hold back. return    0 or negative */
static int code_end(codec *c, ravel_sound *out, int *n_kept)
{
    int status = decode(c, ravel_encoder_finish(c->encoder, c->scratch, c->codes, c->frame_room),
                        out, n_kept);
    if (status < 0)
        return status;
    int n = ravel_decoder_finish(c->decoder, c->scratch, c->out, c->sample_room);
    if (n < 0)
        return n;
    keep(c, n, out, n_kept);
    return 0;
}

static int transmit(codec *c, const ravel_sound *in, ravel_sound *out, ravel_error *error)
{
    int n_kept = 0, status = 0;
    for (int begin = 0; begin < in->n && status == 0; begin += PIECE) {
        int n = in->n - begin < PIECE ? in->n - begin : PIECE;
        status = code_piece(c, in->pcm + begin, n, out, &n_kept);
        if (ravel_tool_stopped())
            return ravel_tool_interrupted(error);
    }
    if (status == 0)
        status = code_end(c, out, &n_kept);
    if (status < 0)
        return ravel_error_set(error, (ravel_status)status, "coding failed: %s",
                               ravel_strerror(status));
    return 0;
}

/* Bytes of all blocks. */
static int64_t count_bytes(const codec *c)
{
    ravel_layout layout = {.n_codebooks = c->info->n_codebooks};
    memcpy(layout.codebook_size, c->info->codebook_size, sizeof layout.codebook_size);
    memcpy(layout.steps_per_frame, c->info->steps_per_frame, sizeof layout.steps_per_frame);
    int most = ravel_block_max_frames(&layout, c->n_codebooks);
    int frames = 2 * c->info->sample_rate_hz / c->info->hop_samples;
    frames = frames < 1 ? 1 : frames > most ? most : frames;
    int rest = (int)(c->n_frames % frames);
    int64_t bytes = c->n_frames / frames * ravel_block_size(&layout, c->n_codebooks, frames);
    return bytes + (rest > 0 ? ravel_block_size(&layout, c->n_codebooks, rest) : 0);
}

/* At the model's own rate. */
static int code(codec *c, const ravel_sound *in, ravel_sound *out, double *kbps, ravel_error *error)
{
    int status = codec_new(c, error);
    if (status == 0)
        status = ravel_sound_new(out, in->n, error);
    if (status == 0)
        status = transmit(c, in, out, error);
    if (status == 0)
        *kbps = 8e-3 * (double)count_bytes(c) * c->info->sample_rate_hz / in->n;
    codec_free(c);
    return status;
}

/* Of another rate: down and up again. */
static int code_resampled(codec *c, const ravel_sound *in, ravel_sound *out, double *kbps,
                          ravel_error *error)
{
    const int rate_hz = RAVEL_MEASURE_RATE_HZ, model_hz = c->info->sample_rate_hz;
    ravel_sound lower = {0}, decoded = {0};
    int status = ravel_sound_resample(&lower, in, rate_hz, model_hz, error);
    if (status == 0)
        status = code(c, &lower, &decoded, kbps, error);
    if (status == 0)
        status = ravel_sound_resample(out, &decoded, model_hz, rate_hz, error);
    if (status == 0)
        status = ravel_sound_shift(out, 0, in->n, error);
    ravel_sound_free(&lower);
    ravel_sound_free(&decoded);
    return status;
}

int ravel_through_model(const ravel_model *model, int n_codebooks, const ravel_sound *in,
                        ravel_sound *out, double *kbps, ravel_error *error)
{
    codec c = {.model = model, .info = ravel_model_get_info(model), .n_codebooks = n_codebooks};
    *out = (ravel_sound){0};
    int status = c.info->sample_rate_hz == RAVEL_MEASURE_RATE_HZ
                     ? code(&c, in, out, kbps, error)
                     : code_resampled(&c, in, out, kbps, error);
    if (status < 0)
        ravel_sound_free(out);
    return status;
}
