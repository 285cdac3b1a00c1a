/* SPDX-License-Identifier: BSD-3-Clause */
/* Speaking by Opus: the frames of a packet are encoded together (RFC 6716 has 20, 40, 60 ms ...). */
#include <math.h>
#include <opus.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/call/voice/coder.h"
#include "nn/error.h"

enum {
    MOST_FRAME_SAMPLES = 960, /* 20 ms at 48 kHz */
    NOTHING_BYTES = 2,        /* so little says only that nobody speaks (opus_encode) */
    COMPLEXITY = 9
};

typedef struct {
    ravel_speaker speaker;
    OpusEncoder *encoder;
    ravel_voice voice;
    int frame_samples;
    int n_waiting; /* frames in pcm */
    float pcm[RAVEL_PACKET_MAX_FRAMES * MOST_FRAME_SAMPLES];
} opus_speaker;

static void free_speaker(ravel_speaker *speaker)
{
    opus_speaker *s = (opus_speaker *)speaker;
    if (s->encoder)
        opus_encoder_destroy(s->encoder);
    free(s);
}

/* How much of a packet goes to redundancy, and whether any does, is Opus's choice. */
static ravel_manner adapt(ravel_speaker *speaker, int n_frames, double loss)
{
    opus_speaker *s = (opus_speaker *)speaker;
    const bool fec = s->voice.redundancy != RAVEL_REDUNDANCY_OFF && loss > 0.0;
    opus_encoder_ctl(s->encoder, OPUS_SET_INBAND_FEC(fec));
    opus_encoder_ctl(s->encoder, OPUS_SET_PACKET_LOSS_PERC((int)(100.0 * loss + 0.5)));
    return (ravel_manner){.redundant_frames = fec ? n_frames : 0};
}

static int push(ravel_speaker *speaker, const float *pcm)
{
    opus_speaker *s = (opus_speaker *)speaker;
    if (s->n_waiting == RAVEL_PACKET_MAX_FRAMES)
        return RAVEL_ERR_ARGUMENT;
    float *frame = s->pcm + (ptrdiff_t)s->n_waiting++ * s->frame_samples;
    for (int i = 0; i < s->frame_samples; i++)
        frame[i] = isfinite(pcm[i]) ? pcm[i] : 0.0f;
    return 1;
}

static int write_payload(ravel_speaker *speaker, uint8_t *payload, int capacity, ravel_said *said)
{
    opus_speaker *s = (opus_speaker *)speaker;
    const int n_samples = s->n_waiting * s->frame_samples;
    s->n_waiting = 0;
    *said = RAVEL_SAID_NOTHING;
    if (n_samples == 0)
        return 0;
    const int n = opus_encode_float(s->encoder, s->pcm, n_samples, payload, capacity);
    if (n < 0)
        return n == OPUS_BUFFER_TOO_SMALL ? RAVEL_ERR_SPACE : RAVEL_ERR_ARGUMENT;
    if (n <= NOTHING_BYTES)
        return 0;
    opus_int32 silent = 0;
    opus_encoder_ctl(s->encoder, OPUS_GET_IN_DTX(&silent));
    *said = silent ? RAVEL_SAID_SILENCE : RAVEL_SAID_SPEECH;
    return n;
}

static const ravel_speaker_ops opus_ops = {
    .free = free_speaker, .adapt = adapt, .push = push, .write = write_payload};

ravel_speaker *ravel_opus_speaker_new(const ravel_voice *voice, ravel_error *error)
{
    opus_speaker *s = calloc(1, sizeof *s);
    if (!s) {
        ravel_error_memory(error);
        return NULL;
    }
    int status = OPUS_OK;
    s->speaker.ops = &opus_ops;
    s->voice = *voice;
    s->frame_samples = voice->opus_rate_hz / 50;
    s->encoder = opus_encoder_create(voice->opus_rate_hz, 1, OPUS_APPLICATION_VOIP, &status);
    if (!s->encoder) {
        ravel_error_set(error, RAVEL_ERR_MEMORY, "Opus: %s", opus_strerror(status));
        free_speaker(&s->speaker);
        return NULL;
    }
    opus_encoder_ctl(s->encoder, OPUS_SET_BITRATE(voice->bitrate_bps));
    opus_encoder_ctl(s->encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(s->encoder, OPUS_SET_COMPLEXITY(COMPLEXITY));
    opus_encoder_ctl(s->encoder, OPUS_SET_DTX(voice->dtx));
    return &s->speaker;
}
