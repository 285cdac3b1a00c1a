/* SPDX-License-Identifier: BSD-3-Clause */
/* The step functions of the codec allocate nothing, take no lock and make no system call. */
#include <stdlib.h>

#include "ravel/ravel.h"
#include "tests/support/sound.h"
#include "tests/support/tiny_model.h"
#include "tests/support/watched.h"

enum { N_STEPS = 10000, CLIP_STEPS = 200, MAX_HOP = 4096, MAX_CODES = 1024 };

/* --- The built-in model in a call ------------------------------------------------------------- */

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

/* --- Other models ----------------------------------------------------------------------------- */

enum { N_PUSHES = 300, N_STREAMS = 3, MOST_CODES = 1 << 16, MOST_SAMPLES = 1 << 16 };

/* Streams of one model, one after the other, each from its start to its end. */
typedef struct {
    ravel_model *model;
    const ravel_model_info *info;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    float *pcm, *out; /* [MOST_SAMPLES] */
    uint16_t *codes;  /* [MOST_CODES] */
} streams;

static streams open_streams(ravel_tiny_kind kind)
{
    streams s = {.model = ravel_test_model_open(kind)};
    s.info = ravel_model_get_info(s.model);
    s.scratch = ravel_scratch_new(s.model, 1);
    s.encoder = ravel_encoder_new(s.model, s.info->n_codebooks);
    s.decoder = ravel_decoder_new(s.model);
    s.pcm = malloc(MOST_SAMPLES * sizeof *s.pcm);
    s.out = malloc(MOST_SAMPLES * sizeof *s.out);
    s.codes = malloc(MOST_CODES * sizeof *s.codes);
    ravel_test_speech(s.pcm, MOST_SAMPLES, 24000, 8);
    return s;
}

static void close_streams(streams *s)
{
    free(s->codes);
    free(s->out);
    free(s->pcm);
    ravel_decoder_free(s->decoder);
    ravel_encoder_free(s->encoder);
    ravel_scratch_free(s->scratch);
    ravel_model_free(s->model);
}

/* n frames, decoded but for those that get lost; n 0: the end. return    samples, or negative */
static int hear(streams *s, int n, int i)
{
    const int per_frame = ravel_model_codes_per_frame(s->model, s->info->n_codebooks);
    const int room = MOST_SAMPLES / s->info->channels;
    if (n == 0)
        return ravel_decoder_finish(s->decoder, s->scratch, s->out, room);
    for (int f = 0; f < n; f++) {
        const uint16_t *codes = s->codes + f * per_frame;
        int made = i % 17 == 0 ? ravel_decoder_conceal(s->decoder, s->scratch, 1, s->out, room)
                               : ravel_decoder_push(s->decoder, s->scratch, codes, 1,
                                                    s->info->n_codebooks, s->out, room);
        if (made < 0)
            return made;
    }
    return 0;
}

/* A stream in pushes of all sizes. */
static int stream(streams *s)
{
    const int per_frame = ravel_model_codes_per_frame(s->model, s->info->n_codebooks);
    const int room = MOST_CODES / per_frame;
    int n = 1, heard = 0;
    ravel_encoder_reset(s->encoder);
    ravel_decoder_reset(s->decoder);
    for (int i = 0; i < N_PUSHES && n >= 0 && heard >= 0; i++) {
        n = ravel_encoder_push(s->encoder, s->scratch, s->pcm, i % (2 * s->info->hop_samples),
                               s->codes, room);
        heard = n > 0 ? hear(s, n, i) : 0;
    }
    if (n >= 0)
        n = ravel_encoder_finish(s->encoder, s->scratch, s->codes, room);
    if (n > 0 && heard >= 0)
        heard = hear(s, n, 1);
    return n < 0 || heard < 0 || hear(s, 0, 1) < 0;
}

static int run_streams(void *context)
{
    int failed = 0;
    for (int i = 0; i < N_STREAMS; i++)
        failed |= stream(context);
    return failed;
}

static int watch_streams(ravel_tiny_kind kind)
{
    streams s = open_streams(kind);
    int result = ravel_test_watched(ravel_tiny_name(kind), run_streams, &s);
    close_streams(&s);
    return result;
}

int main(void)
{
    call c = open_call();
    int result = ravel_test_watched("the codec's steps", run_steps, &c);
    close_call(&c);
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++)
        result |= watch_streams((ravel_tiny_kind)kind);
    return result;
}
