/* SPDX-License-Identifier: BSD-3-Clause */
/* The step functions of the codec allocate nothing, take no lock and make no system call. */
#include <stdlib.h>

#include "ravel/ravel.h"
#include "tests/support/sound.h"
#include "tests/support/watched.h"

enum { N_STEPS = 10000, CLIP_STEPS = 200, MAX_HOP = 4096, MAX_CODES = 1024 };

typedef struct {
    const ravel_model *model;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    ravel_resampler *resampler;
    const float *clip; /* CLIP_STEPS of 20 ms at 48 kHz */
    int n_clip;
    int n_codebooks;
} call;

static call open_call(void)
{
    call c = {.model = ravel_model_builtin(), .n_clip = 960, .n_codebooks = 6};
    float *clip = malloc(sizeof *clip * CLIP_STEPS * (size_t)c.n_clip);
    ravel_test_speech(clip, CLIP_STEPS * c.n_clip, 48000, 7);
    c.clip = clip;
    c.scratch = ravel_scratch_new(c.model, 1);
    c.encoder = ravel_encoder_new(c.model, c.n_codebooks);
    c.decoder = ravel_decoder_new(c.model);
    c.resampler = ravel_resampler_new(48000, ravel_model_get_info(c.model)->sample_rate_hz, 1);
    return c;
}

static void close_call(call *c)
{
    ravel_resampler_free(c->resampler);
    ravel_decoder_free(c->decoder);
    ravel_encoder_free(c->encoder);
    ravel_scratch_free(c->scratch);
    free((void *)c->clip);
}

/* Now and then what happens in a call: another rate, a new start. */
static void disturb(call *c, int i)
{
    if (i % 97 == 0) {
        c->n_codebooks = 1 + i % 12;
        ravel_encoder_set_codebooks(c->encoder, c->n_codebooks);
    }
    if (i % 1999 == 1998) {
        ravel_encoder_reset(c->encoder);
        ravel_decoder_reset(c->decoder);
        ravel_resampler_reset(c->resampler);
    }
}

/* 20 ms through resampler, encoder, packet and decoder; some packets get lost. */
static int step(call *c, int i)
{
    float pcm[MAX_HOP], out[MAX_HOP];
    uint16_t codes[MAX_CODES], received[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
    uint8_t packet[512];
    int n_codebooks = c->n_codebooks;
    const float *in = c->clip + (i % CLIP_STEPS) * c->n_clip;
    int n = ravel_resampler_push(c->resampler, in, c->n_clip, pcm, MAX_HOP);
    int n_frames = ravel_encoder_push(c->encoder, c->scratch, pcm, n, codes, 4);
    if (n_frames <= 0) {
        return n_frames;
    }
    int size = ravel_packet_write(c->model, codes, n_frames, n_codebooks, packet, sizeof packet);
    n_frames = ravel_packet_read(c->model, packet, size, received, &n_codebooks);
    if (i % 17 == 0) {
        return ravel_decoder_conceal(c->decoder, c->scratch, n_frames, out, MAX_HOP);
    }
    if (i % 17 == 1) {
        return ravel_decoder_bridge(c->decoder, c->scratch, received, n_codebooks, 1, out, MAX_HOP);
    }
    return ravel_decoder_push(c->decoder, c->scratch, received, n_frames, n_codebooks, out,
                              MAX_HOP);
}

static int run_steps(void *context)
{
    call *c = context;
    for (int i = 0; i < N_STEPS; i++) {
        disturb(c, i);
        if (step(c, i) < 0)
            return 1;
    }
    return 0;
}

int main(void)
{
    call c = open_call();
    int result = ravel_test_watched("the codec's steps", run_steps, &c);
    close_call(&c);
    return result;
}
