/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/lane.h"

#include <stdlib.h>
#include <string.h>

#include "audio_io/file/reader.h"
#include "nn/error.h"

int ravel_token_lane_init(ravel_token_lane *lane, const ravel_model *model, int n_codebooks)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    *lane = (ravel_token_lane){.model = model,
                               .item = {.fd = -1},
                               .columns = ravel_model_codes_per_frame(model, n_codebooks),
                               .spool = ravel_spool_new()};
    lane->pcm = calloc((size_t)RAVEL_LANE_SAMPLES * (size_t)info->channels, sizeof *lane->pcm);
    lane->encoder = ravel_encoder_new(model, n_codebooks);
    return lane->pcm != NULL && lane->encoder != NULL ? 0 : RAVEL_ERR_MEMORY;
}

void ravel_token_lane_reset(ravel_token_lane *lane)
{
    ravel_item_clear(&lane->item);
    ravel_source_close(lane->source);
    ravel_spool_reset(&lane->spool);
    ravel_encoder_reset(lane->encoder);
    lane->state = RAVEL_LANE_IDLE;
    lane->source = NULL;
    lane->n_rest = lane->n_pcm = 0;
    lane->at_end = false;
    lane->n_samples = 0;
    lane->error = (ravel_error){0};
}

void ravel_token_lane_free(ravel_token_lane *lane)
{
    ravel_item_clear(&lane->item);
    ravel_source_close(lane->source);
    ravel_spool_free(&lane->spool);
    ravel_encoder_free(lane->encoder);
    free(lane->pcm);
    free(lane->codes);
}

/* --- In --------------------------------------------------------------------------------------- */

int ravel_token_lane_open(ravel_token_lane *lane)
{
    const ravel_model_info *info = ravel_model_get_info(lane->model);
    ravel_item *item = &lane->item;
    if (item->fd >= 0) {
        ravel_audio_reader *reader =
            ravel_audio_reader_open_descriptor(item->fd, item->path, &lane->error);
        item->fd = -1;
        if (reader != NULL)
            lane->source = ravel_source_of_reader(reader, info->sample_rate_hz, info->channels,
                                                  false, &lane->error);
    } else
        lane->source = ravel_source_open(item->path, NULL, info->sample_rate_hz, info->channels,
                                         false, &lane->error);
    if (lane->source == NULL)
        return (int)lane->error.status;
    if (item->offset_s > 0.0 || item->duration_s > 0.0)
        return ravel_source_cut(lane->source, item->offset_s, item->duration_s, &lane->error);
    return 0;
}

/* As much of the rest as fits. */
static void take_rest(ravel_token_lane *lane, int channels)
{
    const int room = RAVEL_LANE_SAMPLES - lane->n_pcm;
    const int n = lane->n_rest < room ? lane->n_rest : room;
    memcpy(lane->pcm + (size_t)lane->n_pcm * (size_t)channels, lane->rest,
           (size_t)n * (size_t)channels * sizeof *lane->pcm);
    lane->rest += (size_t)n * (size_t)channels;
    lane->n_rest -= n;
    lane->n_pcm += n;
}

int ravel_token_lane_fill(ravel_token_lane *lane)
{
    const ravel_model_info *info = ravel_model_get_info(lane->model);
    const int channels = ravel_source_channels(lane->source);
    lane->n_pcm = 0;
    while (lane->n_pcm < RAVEL_LANE_SAMPLES && !lane->at_end) {
        if (lane->n_rest == 0)
            lane->n_rest = ravel_source_read(lane->source, &lane->rest, &lane->error);
        if (lane->n_rest < 0)
            return lane->n_rest;
        lane->at_end = lane->n_rest == 0;
        if (lane->n_rest > 0)
            take_rest(lane, channels);
    }
    lane->n_samples += lane->n_pcm;
    if (lane->n_samples == 0)
        return ravel_error_set(&lane->error, RAVEL_ERR_DATA, "'%s' holds no samples",
                               lane->item.path);
    if (lane->at_end && info->drops_last_frame && lane->n_samples < info->hop_samples)
        return ravel_error_set(&lane->error, RAVEL_ERR_DATA,
                               "'%s' is too short for '%s': %d of the %d samples of a frame",
                               lane->item.path, info->name, (int)lane->n_samples,
                               info->hop_samples);
    return 0;
}

/* --- Out -------------------------------------------------------------------------------------- */

static int make_room(ravel_token_lane *lane, int n_frames)
{
    if (n_frames <= lane->codes_room)
        return n_frames < 0 ? n_frames : 0;
    uint16_t *larger =
        realloc(lane->codes, (size_t)n_frames * (size_t)lane->columns * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(&lane->error);
    lane->codes = larger;
    lane->codes_room = n_frames;
    return 0;
}

/* A lane without room takes part with nothing to do. */
static void prepare(ravel_token_lane *lane, ravel_encoder_job *job)
{
    const int n_frames = ravel_encoder_frames(lane->encoder, lane->n_pcm, lane->at_end);
    const bool ready = make_room(lane, n_frames > 0 ? n_frames : 1) == 0;
    *job = (ravel_encoder_job){.encoder = lane->encoder,
                               .pcm = lane->pcm,
                               .n_samples = ready ? lane->n_pcm : 0,
                               .finish = ready && lane->at_end,
                               .codes = lane->codes,
                               .capacity = lane->codes_room};
}

void ravel_token_lanes_encode(ravel_token_lane *const *lanes, int n, ravel_scratch *scratch,
                              ravel_encoder_job *jobs)
{
    for (int i = 0; i < n; i++)
        prepare(lanes[i], &jobs[i]);
    const int status = ravel_encoder_push_many(jobs, n, scratch);
    for (int i = 0; i < n; i++) {
        ravel_token_lane *lane = lanes[i];
        const int n_frames = status < 0 ? status : jobs[i].n_frames;
        if (n_frames < 0 && lane->error.status == 0)
            ravel_error_set(&lane->error, (ravel_status)n_frames, "encoding failed: %s",
                            ravel_strerror(n_frames));
        if (lane->error.status == 0)
            (void)ravel_spool_add(&lane->spool, lane->codes, (int64_t)n_frames * lane->columns,
                                  &lane->error);
    }
}
