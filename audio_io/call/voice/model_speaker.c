/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Speaking by a model: frames become codes at once and wait for their packet; those that were sent
 * are remembered, to be repeated with fewer codebooks.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/call/voice/activity.h"
#include "audio_io/call/voice/coder.h"
#include "audio_io/call/voice/payload.h"
#include "audio_io/call/voice/plan.h"
#include "codec/model.h"
#include "nn/error.h"

enum {
    HISTORY = 16, /* frames, a power of two: those that wait and those that may be repeated */
    SILENCE_CODEBOOKS = 3,
    SILENCE_EVERY_MS = 400
};

typedef struct {
    ravel_speaker speaker;
    const ravel_model *model;
    ravel_voice voice;
    ravel_encoder *encoder;
    ravel_scratch *scratch;
    int frame_samples, frame_ms, frame_bits; /* bits: what the bitrate allows */
    int max_codebooks;
    ravel_plan plan;
    ravel_activity activity;
    bool active;          /* one of the frames that wait is speech */
    bool silent;          /* the peer knows that nobody speaks */
    int since_silence_ms; /* since the noise was told last */
    unsigned n_frames;    /* made so far; frame i is in codes[i % HISTORY] */
    int n_waiting;        /* of these not sent yet */
    int n_sent;           /* before those, in a row and at most HISTORY */
    ravel_payload_part parts[RAVEL_PAYLOAD_MAX_PARTS];
    uint16_t *pushed; /* [frames_room][max_codebooks], what one push gave */
    int frames_room;
    uint16_t codes[HISTORY][RAVEL_MAX_CODEBOOKS];
} model_speaker;

static void free_speaker(ravel_speaker *speaker)
{
    model_speaker *s = (model_speaker *)speaker;
    ravel_encoder_free(s->encoder);
    ravel_scratch_free(s->scratch);
    free(s->pushed);
    free(s);
}

static int at_least(int value, int least)
{
    return value > least ? value : least;
}

static int at_most(int value, int most)
{
    return value < most ? value : most;
}

/* Of a packed code, the mean over the codebooks, rounded up; range-coded ones are fewer. */
static int bits_per_code(const model_speaker *s)
{
    const ravel_model_info *info = ravel_model_get_info(s->model);
    const double frame_s = (double)info->hop_samples / info->sample_rate_hz;
    const double bits = ravel_model_bitrate(s->model, s->max_codebooks) * frame_s;
    return (int)ceil(bits / s->max_codebooks - 1e-6);
}

static ravel_manner adapt(ravel_speaker *speaker, int n_frames, double loss)
{
    model_speaker *s = (model_speaker *)speaker;
    s->plan = ravel_plan_copies(&(ravel_plan_limits){.frame_bits = s->frame_bits,
                                                     .bits_per_code = bits_per_code(s),
                                                     .n_codebooks = s->max_codebooks,
                                                     .n_frames = n_frames,
                                                     .frame_ms = s->frame_ms,
                                                     .loss = loss});
    return (ravel_manner){.codebooks = s->plan.n_codebooks,
                          .redundant_frames = s->plan.n_copies * n_frames,
                          .redundant_codebooks = s->plan.redundant_codebooks};
}

/*
 * All codebooks are kept: how many of them are sent may change until the packet is written. Codecs
 * that hold the first frames back give them at once; the newest is still worth to be heard.
 */
static int push(ravel_speaker *speaker, const float *pcm)
{
    model_speaker *s = (model_speaker *)speaker;
    const int n = ravel_encoder_push(s->encoder, s->scratch, pcm, s->frame_samples, s->pushed,
                                     s->frames_room);
    if (s->voice.dtx)
        s->active |= ravel_activity_step(&s->activity, pcm, s->frame_samples);
    if (n <= 0)
        return n;
    memcpy(s->codes[s->n_frames % HISTORY], s->pushed + (ptrdiff_t)(n - 1) * s->max_codebooks,
           (size_t)s->max_codebooks * sizeof *s->pushed);
    s->n_frames++;
    s->n_waiting++;
    s->since_silence_ms = at_most(s->since_silence_ms + s->frame_ms, SILENCE_EVERY_MS);
    return 1;
}

/* Frames first ... first + n_frames - 1 by their first codebooks. */
static void fill_part(const model_speaker *s, unsigned first, int n_frames, int n_codebooks,
                      ravel_payload_part *part)
{
    part->n_frames = n_frames;
    part->n_codebooks = n_codebooks;
    for (int i = 0; i < n_frames; i++)
        memcpy(part->codes + (ptrdiff_t)i * n_codebooks, s->codes[(first + (unsigned)i) % HISTORY],
               (size_t)n_codebooks * sizeof(uint16_t));
}

/* Repeats what was sent before `newest`, oldest first. return    parts */
static int fill_redundant(model_speaker *s, unsigned newest, int n_waiting)
{
    int n_parts = 0;
    int left = at_most(s->plan.n_copies * n_waiting, at_most(s->n_sent, HISTORY - n_waiting));
    while (left > 0) {
        ravel_payload_part *part = &s->parts[n_parts++];
        const int n = at_most(left, RAVEL_PACKET_MAX_FRAMES);
        *part = (ravel_payload_part){.distance = left};
        fill_part(s, newest - (unsigned)left, n, s->plan.redundant_codebooks, part);
        left -= n;
    }
    return n_parts;
}

static int write_speech(model_speaker *s, unsigned first, int n_waiting, uint8_t *payload,
                        int capacity)
{
    const int n_parts = fill_redundant(s, first, n_waiting);
    ravel_payload_part *newest = &s->parts[n_parts];
    newest->distance = 0;
    newest->silence = false;
    fill_part(s, first, n_waiting, s->plan.n_codebooks, newest);
    s->n_sent = at_most(s->n_sent + n_waiting, HISTORY);
    s->silent = false;
    return ravel_payload_write(s->model, s->parts, n_parts + 1, s->voice.coded, payload, capacity);
}

/* At the begin of silence, and every so often, so that the noise may change. */
static int write_silence(model_speaker *s, unsigned first, uint8_t *payload, int capacity,
                         ravel_said *said)
{
    s->n_sent = 0;
    if (s->silent && s->since_silence_ms < SILENCE_EVERY_MS)
        return 0;
    s->silent = true;
    s->since_silence_ms = 0;
    *said = RAVEL_SAID_SILENCE;
    ravel_payload_part *part = &s->parts[0];
    part->distance = 0;
    part->silence = true;
    fill_part(s, first, 1, at_most(SILENCE_CODEBOOKS, s->max_codebooks), part);
    return ravel_payload_write(s->model, part, 1, s->voice.coded, payload, capacity);
}

static int write_payload(ravel_speaker *speaker, uint8_t *payload, int capacity, ravel_said *said)
{
    model_speaker *s = (model_speaker *)speaker;
    const int n_waiting = s->n_waiting;
    const unsigned first = s->n_frames - (unsigned)n_waiting;
    const bool speech = s->active || !s->voice.dtx;
    *said = RAVEL_SAID_NOTHING;
    s->n_waiting = 0;
    s->active = false;
    if (n_waiting == 0)
        return 0;
    if (!speech)
        return write_silence(s, first, payload, capacity, said);
    *said = RAVEL_SAID_SPEECH;
    return write_speech(s, first, n_waiting, payload, capacity);
}

static const ravel_speaker_ops model_ops = {
    .free = free_speaker, .adapt = adapt, .push = push, .write = write_payload};

ravel_speaker *ravel_model_speaker_new(const ravel_voice *voice, ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(voice->model);
    model_speaker *s = calloc(1, sizeof *s);
    if (!s) {
        ravel_error_memory(error);
        return NULL;
    }
    const double frame_s = (double)info->hop_samples / info->sample_rate_hz;
    s->speaker.ops = &model_ops;
    s->model = voice->model;
    s->voice = *voice;
    s->frame_samples = info->hop_samples;
    s->frame_ms = at_least((int)(1000 * frame_s + 0.5), 1);
    s->frame_bits = (int)(voice->bitrate_bps * frame_s + 0.5);
    s->max_codebooks = voice->max_codebooks ? voice->max_codebooks : info->n_codebooks;
    s->activity = ravel_activity_new();
    s->encoder = ravel_encoder_new(voice->model, s->max_codebooks);
    s->scratch = ravel_scratch_new(voice->model, 1);
    s->frames_room = ravel_model_frames_room(voice->model, s->frame_samples);
    s->pushed = calloc((size_t)s->frames_room * (size_t)s->max_codebooks, sizeof *s->pushed);
    if (!s->encoder || !s->scratch || !s->pushed) {
        free_speaker(&s->speaker);
        ravel_error_memory(error);
        return NULL;
    }
    adapt(&s->speaker, 1, 0.0);
    return &s->speaker;
}
