/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The encoder: samples -> layers -> latents -> quantiser -> codes.
 *
 * A push goes in rounds. In each, every stream that still has samples advances by at most a few
 * frames (ravel_model_round_frames), all of them together; so memory is bounded however much is
 * pushed, and a batch reads the weights once. The layers remember what is left over.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "nn/fpenv.h"

struct ravel_encoder {
    const ravel_model *model;
    int64_t n_samples; /* of the stream so far, without the zeros at its end */
    int64_t n_frames;  /* made so far */
    int64_t n_bad;
    int n_codebooks;
    int finished;
};

/* The layers' state lies behind the struct, 16-byte aligned as mem is. */
enum { HEAD = (sizeof(ravel_encoder) + 15) / 16 * 16 };

static void *layers_state(ravel_encoder *encoder)
{
    return (char *)encoder + HEAD;
}

size_t ravel_encoder_size(const ravel_model *model)
{
    return model && model->encoder ? HEAD + model->encoder->state_size : 0;
}

ravel_encoder *ravel_encoder_init(const ravel_model *model, int n_codebooks, void *mem)
{
    ravel_encoder *encoder = mem;
    if (!model || !model->encoder || !mem || n_codebooks < 1 ||
        n_codebooks > model->info.n_codebooks)
        return NULL;
    encoder->model = model;
    encoder->n_codebooks = n_codebooks;
    ravel_encoder_reset(encoder);
    return encoder;
}

ravel_encoder *ravel_encoder_new(const ravel_model *model, int n_codebooks)
{
    size_t size = ravel_encoder_size(model);
    void *mem = size ? malloc(size) : NULL;
    ravel_encoder *encoder = ravel_encoder_init(model, n_codebooks, mem);
    if (!encoder)
        free(mem);
    return encoder;
}

void ravel_encoder_free(ravel_encoder *encoder)
{
    free(encoder);
}

void ravel_encoder_reset(ravel_encoder *encoder)
{
    encoder->n_samples = encoder->n_frames = encoder->n_bad = 0;
    encoder->finished = 0;
    ravel_layer_reset(encoder->model->encoder, layers_state(encoder));
}

int ravel_encoder_set_codebooks(ravel_encoder *encoder, int n_codebooks)
{
    if (n_codebooks < 1 || n_codebooks > encoder->model->info.n_codebooks) {
        return RAVEL_ERR_ARGUMENT;
    }
    encoder->n_codebooks = n_codebooks;
    return RAVEL_OK;
}

int64_t ravel_encoder_bad_samples(const ravel_encoder *encoder)
{
    return encoder->n_bad;
}

int ravel_encoder_frames(const ravel_encoder *encoder, int n_samples, int finish)
{
    const ravel_model_info *info = &encoder->model->info;
    if (n_samples < 0)
        return RAVEL_ERR_ARGUMENT;
    if (encoder->finished)
        return 0;
    int64_t total = encoder->n_samples + n_samples, n_frames;
    if (finish) {
        int64_t incomplete = info->drops_last_frame ? 0 : info->hop_samples - 1;
        n_frames = total ? (total + info->tail_samples + incomplete) / info->hop_samples : 0;
    } else {
        total -= info->encoder_lookahead_samples;
        n_frames = total > 0 ? total / info->hop_samples : 0;
    }
    n_frames -= encoder->n_frames;
    if (n_frames > INT_MAX)
        return RAVEL_ERR_ARGUMENT;
    return n_frames > 0 ? (int)n_frames : 0;
}

int ravel_model_frames_room(const ravel_model *model, int n_samples)
{
    const ravel_model_info *info = &model->info;
    const int64_t ahead = info->encoder_lookahead_samples;
    const int64_t held = (int64_t)model->encoder->hold_rows + (ahead < 0 ? -ahead : 0);
    const int64_t n = held + n_samples + info->tail_samples + info->hop_samples - 1;
    const int64_t frames = n / info->hop_samples + 1;
    return frames < INT_MAX ? (int)frames : INT_MAX;
}

/* A job under way. */
typedef struct {
    ravel_encoder_job *job;
    int taken;       /* samples of the job that have been pushed */
    int64_t n_zeros; /* samples of silence that are still to follow them */
    int done;
} encode_progress;

/* What a round takes from the arena. */
typedef struct {
    encode_progress *progress; /* [n_jobs] */
    int *active;               /* [n_lanes], which job each lane is of */
    ravel_lane *lanes;
    float *pcm;      /* [n_jobs][round samples][channels] */
    float *latents;  /* [n_jobs * most frames of a lane][latent_dim] */
    uint16_t *codes; /* as many frames, [codes of a frame] */
    int round_samples, most_frames, n_lanes;
} encode_round;

/* Most frames of a lane. */
static int most_frames(const ravel_model *model, int n_frames)
{
    return ravel_layer_max_out(model->encoder, n_frames * model->info.hop_samples);
}

/* Bytes of the codes of a frame, by all codebooks. */
static size_t code_bytes(const ravel_model *model)
{
    return (size_t)ravel_layout_codes(&model->layout, model->info.n_codebooks) * sizeof(uint16_t);
}

size_t ravel_encoder_round_size(const ravel_model *model, int n_streams, int n_frames)
{
    if (!model->encoder)
        return 0;
    size_t lanes = (size_t)n_streams, most = (size_t)most_frames(model, n_frames);
    size_t samples = (size_t)n_frames * (size_t)model->info.hop_samples;
    size_t channels = (size_t)model->info.channels, dim = (size_t)model->info.latent_dim;
    size_t row = dim * sizeof(float) + code_bytes(model);
    if (lanes * most > (size_t)(INT_MAX / model->quantizer->width) ||
        lanes > SIZE_MAX / 2 / (most * row + samples * channels * sizeof(float))) {
        return SIZE_MAX;
    }
    size_t layers = ravel_layer_scratch_size(model->encoder, (int)samples, n_streams);
    size_t search = model->quantizer->ops->scratch_size(model->quantizer, (int)(lanes * most));
    size_t rest = ravel_arena_bytes(lanes * sizeof(encode_progress)) +
                  ravel_arena_bytes(lanes * sizeof(int)) +
                  ravel_arena_bytes(lanes * sizeof(ravel_lane)) +
                  ravel_arena_bytes(lanes * samples * channels * sizeof(float)) +
                  ravel_arena_bytes(lanes * most * dim * sizeof(float)) +
                  ravel_arena_bytes(lanes * most * code_bytes(model));
    size_t inner = layers > search ? layers : search;
    return inner > SIZE_MAX - rest ? SIZE_MAX : inner + rest;
}

/* Sets aside the memory of the rounds; what is left of the arena is the layers'. */
static encode_round plan_rounds(const ravel_model *model, int n_jobs, int n_streams,
                                ravel_arena *arena)
{
    int n_frames = ravel_model_round_frames(model, n_streams);
    size_t lanes = (size_t)n_jobs, most = (size_t)most_frames(model, n_frames);
    size_t samples = (size_t)n_frames * (size_t)model->info.hop_samples;
    encode_round round = {.round_samples = (int)samples, .most_frames = (int)most};
    round.progress = ravel_arena_take(arena, lanes * sizeof *round.progress);
    round.active = ravel_arena_take(arena, lanes * sizeof *round.active);
    round.lanes = ravel_arena_take(arena, lanes * sizeof *round.lanes);
    round.pcm =
        ravel_arena_take(arena, lanes * samples * (size_t)model->info.channels * sizeof *round.pcm);
    round.latents = ravel_arena_take(arena, lanes * most * (size_t)model->info.latent_dim *
                                                sizeof *round.latents);
    round.codes = ravel_arena_take(arena, lanes * most * code_bytes(model));
    return round;
}

static int check_job(const ravel_encoder_job *job)
{
    const ravel_encoder *encoder = job->encoder;
    if (encoder->finished || job->n_samples < 0 || (job->n_samples > 0 && !job->pcm)) {
        return RAVEL_ERR_ARGUMENT;
    }
    int n_frames = ravel_encoder_frames(encoder, job->n_samples, job->finish);
    if (n_frames < 0)
        return n_frames;
    if (job->capacity < n_frames)
        return RAVEL_ERR_SPACE;
    return n_frames > 0 && !job->codes ? RAVEL_ERR_ARGUMENT : RAVEL_OK;
}

/* Zeros that follow the last sample: the tail, and what makes the last frame whole. */
static int64_t closing_zeros(const ravel_model *model, int64_t n_samples)
{
    int64_t hop = model->info.hop_samples, tail = model->info.tail_samples;
    if (!model->pads_last_frame)
        return tail;
    return tail + (hop - (n_samples + tail) % hop) % hop;
}

static void begin_job(encode_progress *progress, ravel_encoder_job *job)
{
    int status = check_job(job);
    *progress = (encode_progress){.job = job, .done = 1};
    job->n_frames = status;
    if (status)
        return;
    ravel_encoder *encoder = job->encoder;
    encoder->n_samples += job->n_samples;
    if (job->finish && encoder->n_samples > 0) {
        progress->n_zeros = closing_zeros(encoder->model, encoder->n_samples);
    }
    encoder->finished = job->finish != 0;
    /* A stream without a sample has no end to be flushed. */
    progress->done = job->n_samples == 0 && (!job->finish || encoder->n_samples == 0);
}

/* Copies samples with 0 in the place of those that are no number or infinite. */
static void copy_finite(const float *in, float *out, size_t n, int64_t *n_bad)
{
    for (size_t i = 0; i < n; i++) {
        int good = isfinite(in[i]) != 0;
        out[i] = good ? in[i] : 0.0f;
        *n_bad += !good;
    }
}

/* The next samples of a job, at most room. */
static ravel_lane next_lane(encode_progress *progress, float *pcm, int room)
{
    const ravel_encoder_job *job = progress->job;
    size_t channels = (size_t)job->encoder->model->info.channels;
    int left = job->n_samples - progress->taken;
    int n = left < room ? left : room;
    if (n > 0)
        copy_finite(job->pcm + (size_t)progress->taken * channels, pcm, (size_t)n * channels,
                    &job->encoder->n_bad);
    progress->taken += n;
    int zeros = progress->n_zeros < room - n ? (int)progress->n_zeros : room - n;
    memset(pcm + (size_t)n * channels, 0, (size_t)zeros * channels * sizeof *pcm);
    progress->n_zeros -= zeros;
    progress->done = progress->taken == job->n_samples && progress->n_zeros == 0;
    return (ravel_lane){.state = layers_state(job->encoder),
                        .in = pcm,
                        .n_in = n + zeros,
                        .finish = job->finish && progress->done};
}

/* Gives every job that is not done a lane. */
static void gather(const ravel_model *model, encode_round *round, int n_jobs)
{
    size_t pcm_step = (size_t)round->round_samples * (size_t)model->info.channels;
    size_t latent_step = (size_t)round->most_frames * (size_t)model->info.latent_dim;
    round->n_lanes = 0;
    for (int i = 0; i < n_jobs; i++) {
        encode_progress *progress = &round->progress[i];
        size_t l = (size_t)round->n_lanes;
        if (progress->done)
            continue;
        round->active[l] = i;
        round->lanes[l] = next_lane(progress, round->pcm + l * pcm_step, round->round_samples);
        round->lanes[l].out = round->latents + l * latent_step;
        round->n_lanes++;
    }
}

/* Closes the gaps between the lanes' latents, so that they are searched at once. Their number. */
static int join_latents(const encode_round *round, int dim)
{
    size_t n = 0;
    for (int l = 0; l < round->n_lanes; l++) {
        const ravel_lane *lane = &round->lanes[l];
        size_t rows = (size_t)lane->n_out;
        memmove(round->latents + n * (size_t)dim, lane->out,
                rows * (size_t)dim * sizeof *round->latents);
        n += rows;
    }
    return (int)n;
}

/* Hands out the codes [stride] of the frames; each stream wants those of its first n_codebooks. */
static void deliver(const ravel_layout *layout, const encode_round *round, int stride)
{
    const uint16_t *codes = round->codes;
    for (int l = 0; l < round->n_lanes; l++) {
        ravel_encoder_job *job = round->progress[round->active[l]].job;
        ravel_encoder *encoder = job->encoder;
        size_t wanted = (size_t)ravel_layout_codes(layout, encoder->n_codebooks);
        for (int t = 0; t < round->lanes[l].n_out; t++, codes += stride) {
            memcpy(job->codes + (size_t)job->n_frames++ * wanted, codes, wanted * sizeof *codes);
        }
        encoder->n_frames += round->lanes[l].n_out;
    }
}

static void quantize(const ravel_model *model, const encode_round *round, ravel_arena *arena)
{
    int most = 0, n = join_latents(round, model->info.latent_dim);
    for (int l = 0; l < round->n_lanes; l++) {
        int wanted = round->progress[round->active[l]].job->encoder->n_codebooks;
        if (wanted > most)
            most = wanted;
    }
    if (n == 0)
        return;
    int stride = ravel_layout_codes(&model->layout, most);
    model->quantizer->ops->encode(model->quantizer, round->latents, n, most, round->codes, stride,
                                  NULL, arena);
    deliver(&model->layout, round, stride);
}

static int check_batch(const ravel_encoder_job *jobs, int n_jobs, const ravel_scratch *scratch)
{
    if (!jobs || !scratch || n_jobs < 1 || n_jobs > scratch->n_streams)
        return 0;
    for (int i = 0; i < n_jobs; i++) {
        if (!jobs[i].encoder || jobs[i].encoder->model != scratch->model)
            return 0;
    }
    return 1;
}

int ravel_encoder_push_many(ravel_encoder_job *jobs, int n_jobs, ravel_scratch *scratch)
{
    if (!check_batch(jobs, n_jobs, scratch))
        return RAVEL_ERR_ARGUMENT;
    uint64_t control = ravel_fpenv_enter();
    const ravel_model *model = scratch->model;
    ravel_arena arena = ravel_scratch_arena(scratch);
    encode_round round = plan_rounds(model, n_jobs, scratch->n_streams, &arena);
    for (int i = 0; i < n_jobs; i++)
        begin_job(&round.progress[i], &jobs[i]);
    for (gather(model, &round, n_jobs); round.n_lanes > 0; gather(model, &round, n_jobs)) {
        ravel_arena inner = arena;
        ravel_layer_push(model->encoder, round.lanes, round.n_lanes, &inner);
        inner = arena;
        quantize(model, &round, &inner);
    }
    ravel_fpenv_leave(control);
    return RAVEL_OK;
}

static int push_one(ravel_encoder_job job, ravel_scratch *scratch)
{
    int status = ravel_encoder_push_many(&job, 1, scratch);
    return status ? status : job.n_frames;
}

int ravel_encoder_push(ravel_encoder *encoder, ravel_scratch *scratch, const float *pcm,
                       int n_samples, uint16_t *codes, int capacity)
{
    return push_one((ravel_encoder_job){.encoder = encoder,
                                        .pcm = pcm,
                                        .n_samples = n_samples,
                                        .codes = codes,
                                        .capacity = capacity},
                    scratch);
}

int ravel_encoder_finish(ravel_encoder *encoder, ravel_scratch *scratch, uint16_t *codes,
                         int capacity)
{
    return push_one(
        (ravel_encoder_job){.encoder = encoder, .finish = 1, .codes = codes, .capacity = capacity},
        scratch);
}
