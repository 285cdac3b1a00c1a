/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/voice.h"

#include "nn/error.h"

enum {
    OPUS_CLOCK_HZ = 48000, /* RFC 7587 4.1, whatever the sampling rate */
    OPUS_FRAMES_A_SECOND = 50,
    LEAST_BITRATE = 500,
    MOST_BITRATE = 510000, /* RFC 6716 */
    MOST_FRAME_MS = 120
};

ravel_voice ravel_voice_default(const ravel_model *model)
{
    return (ravel_voice){.model = model,
                         .opus_rate_hz = model ? 0 : 48000,
                         .bitrate_bps = model ? 6000 : 24000,
                         .min_frames = 1,
                         .max_frames = RAVEL_PACKET_MAX_FRAMES};
}

static int check_common(const ravel_voice *voice, ravel_error *error)
{
    if (voice->bitrate_bps < LEAST_BITRATE || voice->bitrate_bps > MOST_BITRATE)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "a bitrate of %d b/s is not within %d ... %d", voice->bitrate_bps,
                               LEAST_BITRATE, MOST_BITRATE);
    if (voice->min_frames < 1 || voice->max_frames < voice->min_frames ||
        voice->max_frames > RAVEL_PACKET_MAX_FRAMES)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "%d to %d frames a packet are not within 1 ... %d",
                               voice->min_frames, voice->max_frames, RAVEL_PACKET_MAX_FRAMES);
    return RAVEL_OK;
}

static int model_format(const ravel_voice *voice, ravel_voice_format *format, ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(voice->model);
    if (info->channels != 1)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "a call has one channel, the model %s has %d", info->name,
                               info->channels);
    if (ravel_packet_size(voice->model, 1, 1) < 0)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "the model %s has codebooks of several rates, which do not go into "
                               "packets",
                               info->name);
    const int64_t frame_ms = (int64_t)info->hop_samples * 1000 / info->sample_rate_hz;
    if (frame_ms > MOST_FRAME_MS || info->delay_samples > info->sample_rate_hz)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "the model %s is too slow for a call: frames of %d ms, and a delay "
                               "of %d ms",
                               info->name, (int)frame_ms,
                               (int)((int64_t)info->delay_samples * 1000 / info->sample_rate_hz));
    if (voice->max_codebooks < 0 || voice->max_codebooks > info->n_codebooks)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%d codebooks of the %d of the model %s",
                               voice->max_codebooks, info->n_codebooks, info->name);
    *format = (ravel_voice_format){.rate_hz = info->sample_rate_hz,
                                   .clock_hz = info->sample_rate_hz,
                                   .frame_samples = info->hop_samples,
                                   .frame_ticks = info->hop_samples};
    return RAVEL_OK;
}

static int opus_format(const ravel_voice *voice, ravel_voice_format *format, ravel_error *error)
{
    const int rate = voice->opus_rate_hz;
    if (rate != 8000 && rate != 12000 && rate != 16000 && rate != 24000 && rate != OPUS_CLOCK_HZ)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "Opus has no sampling rate of %d Hz, only 8, 12, 16, 24 and 48 kHz",
                               rate);
    *format = (ravel_voice_format){.rate_hz = rate,
                                   .clock_hz = OPUS_CLOCK_HZ,
                                   .frame_samples = rate / OPUS_FRAMES_A_SECOND,
                                   .frame_ticks = OPUS_CLOCK_HZ / OPUS_FRAMES_A_SECOND};
    return RAVEL_OK;
}

int ravel_voice_get_format(const ravel_voice *voice, ravel_voice_format *format, ravel_error *error)
{
    const int status = check_common(voice, error);
    if (status)
        return status;
    return (voice->model ? model_format : opus_format)(voice, format, error);
}
