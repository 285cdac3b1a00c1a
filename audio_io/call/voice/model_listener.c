/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listening by a model. In silence the noise is made of frames that were noise: the last ones before
 * the silence was told, which the hangover of the sender's activity detection makes noise, and those
 * that tell it. They are drawn by chance, so that no rhythm is heard.
 */
#include <stdlib.h>
#include <string.h>

#include "audio_io/call/voice/activity.h"
#include "audio_io/call/voice/coder.h"
#include "audio_io/call/voice/payload.h"
#include "nn/error.h"

enum { NOISE_FRAMES = 8 };
_Static_assert((int)NOISE_FRAMES < (int)RAVEL_ACTIVITY_HANGOVER_FRAMES,
               "noise is learned in the hangover");

typedef struct {
    int n_codebooks;
    bool silence;
    uint16_t codes[RAVEL_MAX_CODEBOOKS];
} coded_frame;

_Static_assert(sizeof(coded_frame) <= RAVEL_UNIT_BYTES, "a frame is a unit");

typedef struct {
    ravel_listener listener;
    const ravel_model *model;
    ravel_decoder *decoder;
    ravel_scratch *scratch;
    int frame_ticks;
    bool silent;       /* the peer has told that nobody speaks */
    uint32_t random;   /* xorshift, not 0 */
    unsigned n_recent; /* frames met so far; the last ones in recent, by turns */
    coded_frame recent[NOISE_FRAMES];
    ravel_payload_part parts[RAVEL_PAYLOAD_MAX_PARTS];
    coded_frame frames[RAVEL_MAX_UNITS]; /* of the payload that was opened */
} model_listener;

_Static_assert((int)RAVEL_PAYLOAD_MAX_PARTS *RAVEL_PACKET_MAX_FRAMES <= (int)RAVEL_MAX_UNITS,
               "every frame of a payload is a unit");

static void free_listener(ravel_listener *listener)
{
    model_listener *l = (model_listener *)listener;
    ravel_decoder_free(l->decoder);
    ravel_scratch_free(l->scratch);
    free(l);
}

/* Frames with more codebooks are the better ones; of equals those of the newest part. */
static void fill_unit(model_listener *l, const ravel_payload_part *part, int i, int n_units,
                      ravel_unit *unit)
{
    coded_frame *frame = &l->frames[n_units];
    frame->n_codebooks = part->n_codebooks;
    frame->silence = part->silence;
    memcpy(frame->codes, part->codes + (ptrdiff_t)i * part->n_codebooks,
           (size_t)part->n_codebooks * sizeof *frame->codes);
    *unit = (ravel_unit){.offset_ticks = (i - part->distance) * l->frame_ticks,
                         .ticks = l->frame_ticks,
                         .rank = 2 * part->n_codebooks + (part->distance == 0),
                         .redundant = part->distance > 0,
                         .bytes = (const uint8_t *)frame,
                         .n_bytes = sizeof *frame};
}

static int open_payload(ravel_listener *listener, const uint8_t *payload, int n_bytes,
                        ravel_unit *units)
{
    model_listener *l = (model_listener *)listener;
    const int n_parts = ravel_payload_read(l->model, payload, n_bytes, l->parts);
    int n_units = 0;
    for (int p = 0; p < n_parts; p++) {
        for (int i = 0; i < l->parts[p].n_frames; i++, n_units++)
            fill_unit(l, &l->parts[p], i, n_units, &units[n_units]);
    }
    return n_parts < 0 ? n_parts : n_units;
}

static int push_frame(model_listener *l, const coded_frame *frame, float *pcm, int capacity)
{
    return ravel_decoder_push(l->decoder, l->scratch, frame->codes, 1, frame->n_codebooks, pcm,
                              capacity);
}

static int decode(ravel_listener *listener, const ravel_unit *unit, float *pcm, int capacity)
{
    model_listener *l = (model_listener *)listener;
    coded_frame *frame = &l->recent[l->n_recent++ % NOISE_FRAMES];
    memcpy(frame, unit->bytes, sizeof *frame);
    l->silent = frame->silence;
    return push_frame(l, frame, pcm, capacity);
}

/* xorshift (Marsaglia 2003) */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static int make_noise(model_listener *l, float *pcm, int capacity)
{
    const unsigned n = l->n_recent < NOISE_FRAMES ? l->n_recent : NOISE_FRAMES;
    return push_frame(l, &l->recent[next_random(&l->random) % n], pcm, capacity);
}

static int conceal(ravel_listener *listener, const ravel_unit *next, int distance, float *pcm,
                   int capacity)
{
    model_listener *l = (model_listener *)listener;
    if (l->silent)
        return make_noise(l, pcm, capacity);
    if (!next)
        return ravel_decoder_conceal(l->decoder, l->scratch, 1, pcm, capacity);
    coded_frame frame;
    memcpy(&frame, next->bytes, sizeof frame);
    return ravel_decoder_bridge(l->decoder, l->scratch, frame.codes, frame.n_codebooks, distance,
                                pcm, capacity);
}

static const ravel_listener_ops model_ops = {
    .free = free_listener, .open = open_payload, .decode = decode, .conceal = conceal};

ravel_listener *ravel_model_listener_new(const ravel_voice *voice, ravel_error *error)
{
    model_listener *l = calloc(1, sizeof *l);
    if (!l) {
        ravel_error_memory(error);
        return NULL;
    }
    l->listener.ops = &model_ops;
    l->model = voice->model;
    l->frame_ticks = ravel_model_get_info(voice->model)->hop_samples;
    l->random = 1;
    l->decoder = ravel_decoder_new(voice->model);
    l->scratch = ravel_scratch_new(voice->model, 1);
    if (!l->decoder || !l->scratch) {
        free_listener(&l->listener);
        ravel_error_memory(error);
        return NULL;
    }
    return &l->listener;
}
