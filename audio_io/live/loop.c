/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/live/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "nn/error.h"

/*
 * A voice that is half a second late is no conversation: that is a model for files. Of longer frames
 * than MAX_FRAME_MS the engine gives none.
 */
enum { MAX_DELAY_MS = 500, MAX_FRAME_MS = 120, PACKET_BYTES = 512 };

struct ravel_loop {
    const ravel_model *model;
    const ravel_model_info *info;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    ravel_loss loss;
    int n_codebooks;
    int capacity;       /* samples */
    int frames_room;    /* frames */
    uint16_t *codes;    /* [frames_room][n_codebooks] */
    uint16_t *received; /* [RAVEL_PACKET_MAX_FRAMES][all codebooks] */
    int n_coded;        /* frames in codes */
    bool begun;         /* the lookahead is filled */
    ravel_loop_counts counts;
    uint8_t packet[PACKET_BYTES];
};

/* --- Making ----------------------------------------------------------------------------------- */

/* Whether a live voice can be sent with it. */
static int check_model(const ravel_model_info *info, int packet_bytes, ravel_error *error)
{
    const double delay_ms = 1e3 * info->delay_samples / info->sample_rate_hz;
    const double frame_ms = 1e3 * info->hop_samples / info->sample_rate_hz;
    if (info->channels != 1)
        return ravel_error_set(error, RAVEL_ERR_MODEL, "the model '%s' has %d channels, not one",
                               info->name, info->channels);
    for (int b = 0; b < info->n_codebooks; b++) {
        if (info->steps_per_frame[b] > 1)
            return ravel_error_set(error, RAVEL_ERR_MODEL,
                                   "the model '%s' has codebooks of several rates, which do not go "
                                   "into packets",
                                   info->name);
    }
    if (packet_bytes < 0 || packet_bytes > PACKET_BYTES)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "the frames of the model '%s' do not go into packets", info->name);
    if (delay_ms > MAX_DELAY_MS || frame_ms > MAX_FRAME_MS)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "the model '%s' has a delay of %.0f ms, and frames of %.0f ms: too "
                               "much for a live voice",
                               info->name, delay_ms, frame_ms);
    return 0;
}

static int allocate(ravel_loop *loop, ravel_error *error)
{
    const ravel_model_info *info = loop->info;
    loop->frames_room = ravel_model_frames_room(loop->model, info->hop_samples);
    loop->capacity = ravel_model_samples_room(loop->model, loop->frames_room);
    loop->scratch = ravel_scratch_new(loop->model, 1);
    loop->encoder = ravel_encoder_new(loop->model, loop->n_codebooks);
    loop->decoder = ravel_decoder_new(loop->model);
    loop->codes = calloc((size_t)(loop->frames_room * loop->n_codebooks), sizeof *loop->codes);
    loop->received =
        calloc((size_t)(RAVEL_PACKET_MAX_FRAMES * info->n_codebooks), sizeof *loop->received);
    const bool whole = loop->scratch != NULL && loop->encoder != NULL && loop->decoder != NULL &&
                       loop->codes != NULL && loop->received != NULL;
    return whole ? 0 : ravel_error_memory(error);
}

ravel_loop *ravel_loop_new(const ravel_model *model, int n_codebooks, const ravel_loss *loss,
                           ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    if (check_model(info, ravel_packet_size(model, 1, n_codebooks), error) < 0)
        return NULL;
    ravel_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    loop->model = model;
    loop->info = info;
    loop->n_codebooks = n_codebooks;
    loop->loss = *loss;
    if (allocate(loop, error) < 0) {
        ravel_loop_free(loop);
        return NULL;
    }
    return loop;
}

void ravel_loop_free(ravel_loop *loop)
{
    if (loop == NULL)
        return;
    ravel_scratch_free(loop->scratch);
    ravel_encoder_free(loop->encoder);
    ravel_decoder_free(loop->decoder);
    free(loop->codes);
    free(loop->received);
    free(loop);
}

/* --- Steps ------------------------------------------------------------------------------------ */

int ravel_loop_hop(const ravel_loop *loop)
{
    return loop->info->hop_samples;
}

int ravel_loop_capacity(const ravel_loop *loop)
{
    return loop->capacity;
}

/* The frame that came, or what stands in for it. */
static int receive(ravel_loop *loop, int n_bytes, float *out, int room)
{
    int n_codebooks;
    loop->counts.n_frames++;
    if (ravel_loss_next(&loop->loss)) {
        loop->counts.n_lost_frames++;
        return ravel_decoder_conceal(loop->decoder, loop->scratch, 1, out, room);
    }
    ravel_packet_read(loop->model, loop->packet, n_bytes, loop->received, &n_codebooks);
    return ravel_decoder_push(loop->decoder, loop->scratch, loop->received, 1, n_codebooks, out,
                              room);
}

/* One frame from codes to samples. return    samples; no status can be negative, by make and size */
static int pass_frame(ravel_loop *loop, const uint16_t *codes, float *out, int room)
{
    int n_bytes = ravel_packet_write_coded(loop->model, codes, 1, loop->n_codebooks, loop->packet,
                                           PACKET_BYTES);
    loop->counts.n_bytes += n_bytes;
    return receive(loop, n_bytes, out, room);
}

/*
 * Silence before the first sound, so that a player gets as much as it has to play; and of more than
 * that, which some codecs give at once in the end, the newest.
 */
static int begin(ravel_loop *loop, float *out, int made)
{
    const int hop = loop->info->hop_samples;
    loop->begun = made >= hop;
    if (loop->begun) {
        memmove(out, out + made - hop, (size_t)hop * sizeof *out);
        return hop;
    }
    memmove(out + hop - made, out, (size_t)made * sizeof *out);
    memset(out, 0, (size_t)(hop - made) * sizeof *out);
    return hop;
}

int ravel_loop_step(ravel_loop *loop, const float *pcm, float *out)
{
    const int hop = loop->info->hop_samples;
    int made = 0;
    loop->n_coded =
        ravel_encoder_push(loop->encoder, loop->scratch, pcm, hop, loop->codes, loop->frames_room);
    assert(loop->n_coded >= 0);
    loop->counts.n_samples += hop;
    for (int f = 0; f < loop->n_coded; f++) {
        int n = pass_frame(loop, loop->codes + f * loop->n_codebooks, out + made,
                           loop->capacity - made);
        assert(n >= 0);
        made += n;
    }
    return loop->begun ? made : begin(loop, out, made);
}

int ravel_loop_finish(ravel_loop *loop)
{
    loop->n_coded =
        ravel_encoder_finish(loop->encoder, loop->scratch, loop->codes, loop->frames_room);
    return loop->n_coded;
}

void ravel_loop_warm_up(ravel_loop *loop, const float *pcm, float *out)
{
    const ravel_loss loss = loop->loss;
    for (int lost = 0; lost <= 1; lost++) {
        loop->loss = (ravel_loss){.begin = lost, .go_on = lost};
        for (int i = 0; i < loop->frames_room; i++) /* the first ones only fill the lookahead */
            ravel_loop_step(loop, pcm, out);
    }
    ravel_encoder_reset(loop->encoder);
    ravel_decoder_reset(loop->decoder);
    loop->loss = loss;
    loop->begun = false;
    loop->counts = (ravel_loop_counts){0};
}

const uint16_t *ravel_loop_codes(const ravel_loop *loop, int *n_frames)
{
    *n_frames = loop->n_coded;
    return loop->codes;
}

ravel_loop_counts ravel_loop_get_counts(const ravel_loop *loop)
{
    return loop->counts;
}
