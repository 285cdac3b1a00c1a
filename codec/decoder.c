/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The decoder: codes -> quantiser -> latents -> layers -> samples, in rounds as the encoder. A lost
 * frame takes the same way from the latents on, with one that is made up (codec/conceal.h).
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "codec/conceal.h"
#include "codec/model.h"
#include "nn/fpenv.h"

struct ravel_decoder {
    const ravel_model *model;
    int64_t n_frames;  /* of the stream so far, lost ones included */
    int64_t n_samples; /* made so far */
    ravel_trend trend;
    ravel_fade fade;
    int any_good; /* a good frame was given */
    int fades;    /* the last frame was lost and led nowhere; so were the samples held back then */
    int finished;
};

/* Behind the struct, 16-byte aligned as mem is: the latents of the trend, then the layers' state. */
enum { HEAD = (sizeof(ravel_decoder) + 15) / 16 * 16 };

static size_t latent_bytes(const ravel_model *model)
{
    return (size_t)model->info.latent_dim * sizeof(float);
}

static size_t trend_bytes(const ravel_model *model)
{
    return (2 * latent_bytes(model) + 15) / 16 * 16;
}

static float *trend_latents(ravel_decoder *decoder)
{
    return (float *)(void *)((char *)decoder + HEAD);
}

static void *layers_state(ravel_decoder *decoder)
{
    return (char *)decoder + HEAD + trend_bytes(decoder->model);
}

size_t ravel_decoder_size(const ravel_model *model)
{
    if (!model)
        return 0;
    return HEAD + trend_bytes(model) + model->decoder->state_size;
}

ravel_decoder *ravel_decoder_init(const ravel_model *model, void *mem)
{
    ravel_decoder *decoder = mem;
    if (!model || !mem)
        return NULL;
    decoder->model = model;
    ravel_decoder_reset(decoder);
    return decoder;
}

ravel_decoder *ravel_decoder_new(const ravel_model *model)
{
    return ravel_decoder_init(model, model ? malloc(ravel_decoder_size(model)) : NULL);
}

void ravel_decoder_free(ravel_decoder *decoder)
{
    free(decoder);
}

void ravel_decoder_reset(ravel_decoder *decoder)
{
    const ravel_model *model = decoder->model;
    const ravel_model_info *info = &model->info;
    *decoder = (ravel_decoder){.model = model, .fade = ravel_fade_new(info->sample_rate_hz)};
    decoder->trend = ravel_trend_new(info->latent_dim, info->hop_samples, info->sample_rate_hz,
                                     trend_latents(decoder));
    ravel_layer_reset(model->decoder, layers_state(decoder));
}

int ravel_decoder_samples(const ravel_decoder *decoder, int n_frames, int finish)
{
    const ravel_model *model = decoder->model;
    if (n_frames < 0)
        return RAVEL_ERR_ARGUMENT;
    if (decoder->finished)
        return 0;
    int64_t frames = decoder->n_frames + n_frames;
    int64_t n = frames * model->info.hop_samples;
    n += finish ? model->info.end_samples : -model->info.decoder_lookahead_samples;
    n -= decoder->n_samples;
    if (n > INT_MAX)
        return RAVEL_ERR_ARGUMENT;
    return n > 0 && frames > 0 ? (int)n : 0;
}

int ravel_model_samples_room(const ravel_model *model, int n_frames)
{
    const ravel_model_info *info = &model->info;
    const int64_t ahead = info->decoder_lookahead_samples;
    const int64_t frames = (int64_t)n_frames + model->decoder->hold_rows + 1;
    const int64_t samples = frames * info->hop_samples + (ahead < 0 ? -ahead : 0) +
                            (info->end_samples > 0 ? info->end_samples : 0);
    return samples < INT_MAX ? (int)samples : INT_MAX;
}

/* What is known of the frames of a job. */
typedef enum {
    FRAMES_HERE, /* their codes */
    FRAMES_LOST, /* nothing */
    FRAME_AHEAD  /* it is one, and the codes are of the next good one */
} frames_kind;

/* A job under way. */
typedef struct {
    ravel_decoder_job *job;
    frames_kind kind;
    int distance; /* from the frame to the one that is known, FRAME_AHEAD only */
    int taken;    /* frames of the job that have been pushed */
    int done;
} decode_progress;

/* What a round takes from the arena. */
typedef struct {
    decode_progress *progress; /* [n_jobs] */
    int *active;               /* [n_lanes], which job each lane is of */
    ravel_lane *lanes;
    float *latents; /* [n_jobs][round frames][latent_dim] */
    float *pcm;     /* [n_jobs][most samples of a lane][channels] */
    int round_frames, most_samples, n_lanes;
} decode_round;

size_t ravel_decoder_round_size(const ravel_model *model, int n_streams, int n_frames)
{
    size_t lanes = (size_t)n_streams, frames = (size_t)n_frames;
    size_t most = (size_t)ravel_layer_max_out(model->decoder, n_frames);
    size_t channels = (size_t)model->info.channels;
    if (lanes * frames > INT_MAX ||
        lanes > SIZE_MAX / 2 / (most * channels * sizeof(float) + frames * latent_bytes(model))) {
        return SIZE_MAX;
    }
    size_t layers = ravel_layer_scratch_size(model->decoder, n_frames, n_streams);
    size_t look_up = model->quantizer->ops->scratch_size(model->quantizer, n_frames);
    size_t rest = ravel_arena_bytes(lanes * sizeof(decode_progress)) +
                  ravel_arena_bytes(lanes * sizeof(int)) +
                  ravel_arena_bytes(lanes * sizeof(ravel_lane)) +
                  ravel_arena_bytes(lanes * frames * latent_bytes(model)) +
                  ravel_arena_bytes(lanes * most * channels * sizeof(float));
    size_t inner = layers > look_up ? layers : look_up;
    return inner > SIZE_MAX - rest ? SIZE_MAX : inner + rest;
}

/* Sets aside the memory of the rounds; what is left of the arena is the layers'. */
static decode_round plan_rounds(const ravel_model *model, int n_jobs, int n_streams,
                                ravel_arena *arena)
{
    int n_frames = ravel_model_round_frames(model, n_streams);
    size_t lanes = (size_t)n_jobs, most = (size_t)ravel_layer_max_out(model->decoder, n_frames);
    decode_round round = {.round_frames = n_frames, .most_samples = (int)most};
    round.progress = ravel_arena_take(arena, lanes * sizeof *round.progress);
    round.active = ravel_arena_take(arena, lanes * sizeof *round.active);
    round.lanes = ravel_arena_take(arena, lanes * sizeof *round.lanes);
    round.latents = ravel_arena_take(arena, lanes * (size_t)n_frames * latent_bytes(model));
    round.pcm =
        ravel_arena_take(arena, lanes * most * (size_t)model->info.channels * sizeof *round.pcm);
    return round;
}

static int check_job(const ravel_decoder_job *job, frames_kind kind)
{
    const ravel_decoder *decoder = job->decoder;
    const ravel_model *model = decoder->model;
    if (decoder->finished || job->n_frames < 0)
        return RAVEL_ERR_ARGUMENT;
    int n_samples = ravel_decoder_samples(decoder, job->n_frames, job->finish);
    if (n_samples < 0)
        return n_samples;
    if (job->capacity < n_samples)
        return RAVEL_ERR_SPACE;
    if (n_samples > 0 && !job->pcm)
        return RAVEL_ERR_ARGUMENT;
    if (kind == FRAMES_LOST || job->n_frames == 0)
        return RAVEL_OK;
    if (!job->codes || job->n_codebooks < 1 || job->n_codebooks > model->info.n_codebooks) {
        return RAVEL_ERR_ARGUMENT;
    }
    int good =
        ravel_layout_codes_valid(&model->layout, job->n_codebooks, job->codes, job->n_frames);
    return good ? RAVEL_OK : RAVEL_ERR_DATA;
}

static void begin_job(decode_progress *progress, ravel_decoder_job *job, frames_kind kind,
                      int distance)
{
    int status = check_job(job, kind);
    *progress = (decode_progress){.job = job, .kind = kind, .distance = distance, .done = 1};
    job->n_samples = status;
    if (status)
        return;
    ravel_decoder *decoder = job->decoder;
    decoder->n_frames += job->n_frames;
    decoder->finished = job->finish != 0;
    if (job->n_frames > 0) {
        decoder->fades = kind == FRAMES_LOST;
        decoder->any_good = decoder->any_good || kind == FRAMES_HERE;
        /* Before the first good frame there is nothing to go on with. */
        if (!decoder->any_good)
            decoder->fade.position = decoder->fade.length;
    }
    progress->done = job->n_frames == 0 && (!job->finish || decoder->n_frames == 0);
}

/* The latents [n][latent_dim] of the next n frames of a job, n >= 1. */
static void next_latents(const decode_progress *progress, float *latents, int n,
                         ravel_arena *scratch)
{
    const ravel_decoder_job *job = progress->job;
    ravel_decoder *decoder = job->decoder;
    const ravel_quantizer *quantizer = decoder->model->quantizer;
    float *known = trend_latents(decoder);
    if (progress->kind == FRAMES_LOST) {
        ravel_trend_go_on(&decoder->trend, known, latents, n);
        return;
    }
    const int stride = ravel_layout_codes(&decoder->model->layout, job->n_codebooks);
    quantizer->ops->decode(quantizer, job->codes + (ptrdiff_t)progress->taken * stride, stride, n,
                           job->n_codebooks, latents, scratch);
    if (progress->kind == FRAMES_HERE)
        ravel_trend_add(&decoder->trend, known, latents, n);
    else
        ravel_trend_approach(&decoder->trend, known, latents, progress->distance, latents);
}

/* The next latents of a job, at most room. */
static ravel_lane next_lane(decode_progress *progress, float *latents, int room,
                            ravel_arena scratch)
{
    const ravel_decoder_job *job = progress->job;
    int left = job->n_frames - progress->taken;
    int n = left < room ? left : room;
    if (n > 0)
        next_latents(progress, latents, n, &scratch);
    progress->taken += n;
    progress->done = progress->taken == job->n_frames;
    return (ravel_lane){.state = layers_state(job->decoder),
                        .in = latents,
                        .n_in = n,
                        .finish = job->finish && progress->done};
}

/* Gives every job that is not done a lane. */
static void gather(const ravel_model *model, decode_round *round, int n_jobs, ravel_arena scratch)
{
    size_t latent_step = (size_t)round->round_frames * (size_t)model->info.latent_dim;
    size_t pcm_step = (size_t)round->most_samples * (size_t)model->info.channels;
    round->n_lanes = 0;
    for (int i = 0; i < n_jobs; i++) {
        decode_progress *progress = &round->progress[i];
        size_t l = (size_t)round->n_lanes;
        if (progress->done)
            continue;
        round->active[l] = i;
        round->lanes[l] =
            next_lane(progress, round->latents + l * latent_step, round->round_frames, scratch);
        round->lanes[l].out = round->pcm + l * pcm_step;
        round->n_lanes++;
    }
}

static void deliver(const decode_round *round)
{
    for (int l = 0; l < round->n_lanes; l++) {
        const ravel_lane *lane = &round->lanes[l];
        ravel_decoder_job *job = round->progress[round->active[l]].job;
        ravel_decoder *decoder = job->decoder;
        int channels = decoder->model->info.channels;
        if (lane->n_out == 0)
            continue;
        float *pcm = job->pcm + (size_t)job->n_samples * (size_t)channels;
        memcpy(pcm, lane->out, (size_t)lane->n_out * (size_t)channels * sizeof *pcm);
        ravel_fade_apply(&decoder->fade, decoder->fades, pcm, lane->n_out, channels);
        job->n_samples += lane->n_out;
        decoder->n_samples += lane->n_out;
    }
}

static int check_batch(const ravel_decoder_job *jobs, int n_jobs, const ravel_scratch *scratch)
{
    if (!jobs || !scratch || n_jobs < 1 || n_jobs > scratch->n_streams)
        return 0;
    for (int i = 0; i < n_jobs; i++) {
        if (!jobs[i].decoder || jobs[i].decoder->model != scratch->model)
            return 0;
    }
    return 1;
}

/* kind, distance: of all jobs */
static int push_jobs(ravel_decoder_job *jobs, int n_jobs, frames_kind kind, int distance,
                     ravel_scratch *scratch)
{
    if (!check_batch(jobs, n_jobs, scratch))
        return RAVEL_ERR_ARGUMENT;
    uint64_t control = ravel_fpenv_enter();
    const ravel_model *model = scratch->model;
    ravel_arena arena = ravel_scratch_arena(scratch);
    decode_round round = plan_rounds(model, n_jobs, scratch->n_streams, &arena);
    for (int i = 0; i < n_jobs; i++)
        begin_job(&round.progress[i], &jobs[i], kind, distance);
    for (gather(model, &round, n_jobs, arena); round.n_lanes > 0;
         gather(model, &round, n_jobs, arena)) {
        ravel_arena inner = arena;
        ravel_layer_push(model->decoder, round.lanes, round.n_lanes, &inner);
        deliver(&round);
    }
    ravel_fpenv_leave(control);
    return RAVEL_OK;
}

int ravel_decoder_push_many(ravel_decoder_job *jobs, int n_jobs, ravel_scratch *scratch)
{
    return push_jobs(jobs, n_jobs, FRAMES_HERE, 0, scratch);
}

static int push_one(ravel_decoder_job job, frames_kind kind, int distance, ravel_scratch *scratch)
{
    int status = push_jobs(&job, 1, kind, distance, scratch);
    return status ? status : job.n_samples;
}

int ravel_decoder_push(ravel_decoder *decoder, ravel_scratch *scratch, const uint16_t *codes,
                       int n_frames, int n_codebooks, float *pcm, int capacity)
{
    return push_one((ravel_decoder_job){.decoder = decoder,
                                        .codes = codes,
                                        .n_frames = n_frames,
                                        .n_codebooks = n_codebooks,
                                        .pcm = pcm,
                                        .capacity = capacity},
                    FRAMES_HERE, 0, scratch);
}

int ravel_decoder_conceal(ravel_decoder *decoder, ravel_scratch *scratch, int n_frames, float *pcm,
                          int capacity)
{
    return push_one(
        (ravel_decoder_job){
            .decoder = decoder, .n_frames = n_frames, .pcm = pcm, .capacity = capacity},
        FRAMES_LOST, 0, scratch);
}

int ravel_decoder_bridge(ravel_decoder *decoder, ravel_scratch *scratch, const uint16_t *codes,
                         int n_codebooks, int distance, float *pcm, int capacity)
{
    if (distance < 1)
        return RAVEL_ERR_ARGUMENT;
    return push_one((ravel_decoder_job){.decoder = decoder,
                                        .codes = codes,
                                        .n_frames = 1,
                                        .n_codebooks = n_codebooks,
                                        .pcm = pcm,
                                        .capacity = capacity},
                    FRAME_AHEAD, distance, scratch);
}

int ravel_decoder_finish(ravel_decoder *decoder, ravel_scratch *scratch, float *pcm, int capacity)
{
    return push_one(
        (ravel_decoder_job){.decoder = decoder, .finish = 1, .pcm = pcm, .capacity = capacity},
        FRAMES_HERE, 0, scratch);
}
