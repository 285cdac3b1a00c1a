/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening by Opus, to anything that RFC 7587 allows: 2.5 to 120 ms a packet, one channel or two. */
#include <opus.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/call/voice/coder.h"
#include "nn/error.h"

enum { CLOCK_HZ = 48000, FRAMES_A_SECOND = 50, RANK_REDUNDANT = 1, RANK_WHOLE = 2 };

typedef struct {
    ravel_listener listener;
    OpusDecoder *decoder;
    int rate_hz;
} opus_listener;

static void free_listener(ravel_listener *listener)
{
    opus_listener *l = (opus_listener *)listener;
    if (l->decoder)
        opus_decoder_destroy(l->decoder);
    free(l);
}

/*
 * Whether the first frame of a packet carries what the frame before it was in few bits: a flag of the
 * SILK layer, which is the first thing in the frame, after a flag for the activity in each 20 ms
 * (RFC 6716 4.2.3, 4.2.4). Each is one bit of even chances, so they are bits of the first byte.
 */
static bool carries_previous(const uint8_t *payload, int n_bytes)
{
    const uint8_t *frames[48];
    opus_int16 sizes[48];
    if ((payload[0] & 0x80) != 0) /* CELT only */
        return false;
    const int n = opus_packet_parse(payload, n_bytes, NULL, frames, sizes, NULL);
    if (n < 1 || sizes[0] < 1)
        return false;
    const int samples = opus_packet_get_samples_per_frame(payload, CLOCK_HZ);
    const int flags =
        samples > CLOCK_HZ / FRAMES_A_SECOND ? samples * FRAMES_A_SECOND / CLOCK_HZ : 1;
    const bool middle = frames[0][0] >> (7 - flags) & 1;
    const bool stereo = opus_packet_get_nb_channels(payload) == 2;
    const bool side = stereo && (frames[0][0] >> (6 - 2 * flags) & 1);
    return middle || side;
}

static int open_payload(ravel_listener *listener, const uint8_t *payload, int n_bytes,
                        ravel_unit *units)
{
    (void)listener;
    if (n_bytes < 1 || n_bytes > RAVEL_UNIT_BYTES)
        return RAVEL_ERR_DATA;
    const int ticks = opus_packet_get_nb_samples(payload, n_bytes, CLOCK_HZ);
    const int first_ticks = opus_packet_get_samples_per_frame(payload, CLOCK_HZ);
    if (ticks <= 0 || ticks > CLOCK_HZ / 1000 * RAVEL_MAX_UNIT_MS)
        return RAVEL_ERR_DATA;
    units[0] =
        (ravel_unit){.ticks = ticks, .rank = RANK_WHOLE, .bytes = payload, .n_bytes = n_bytes};
    if (!carries_previous(payload, n_bytes))
        return 1;
    units[1] = (ravel_unit){.offset_ticks = -first_ticks,
                            .ticks = first_ticks,
                            .rank = RANK_REDUNDANT,
                            .redundant = true,
                            .bytes = payload,
                            .n_bytes = n_bytes};
    return 2;
}

static int decode(ravel_listener *listener, const ravel_unit *unit, float *pcm, int capacity)
{
    opus_listener *l = (opus_listener *)listener;
    const int samples = (int)((int64_t)unit->ticks * l->rate_hz / CLOCK_HZ);
    if (samples > capacity)
        return RAVEL_ERR_SPACE;
    const int n =
        opus_decode_float(l->decoder, unit->bytes, unit->n_bytes, pcm, samples, unit->redundant);
    return n < 0 ? RAVEL_ERR_DATA : n;
}

/* Opus has no use for the next packet but for what that repeats, which is a unit of its own. */
static int conceal(ravel_listener *listener, const ravel_unit *next, int distance, float *pcm,
                   int capacity)
{
    opus_listener *l = (opus_listener *)listener;
    (void)next;
    (void)distance;
    const int samples = l->rate_hz / FRAMES_A_SECOND;
    if (samples > capacity)
        return RAVEL_ERR_SPACE;
    const int n = opus_decode_float(l->decoder, NULL, 0, pcm, samples, 0);
    return n < 0 ? RAVEL_ERR_DATA : n;
}

static const ravel_listener_ops opus_ops = {
    .free = free_listener, .open = open_payload, .decode = decode, .conceal = conceal};

ravel_listener *ravel_opus_listener_new(const ravel_voice *voice, ravel_error *error)
{
    opus_listener *l = calloc(1, sizeof *l);
    if (!l) {
        ravel_error_memory(error);
        return NULL;
    }
    int status = OPUS_OK;
    l->listener.ops = &opus_ops;
    l->rate_hz = voice->opus_rate_hz;
    l->decoder = opus_decoder_create(voice->opus_rate_hz, 1, &status);
    if (!l->decoder) {
        ravel_error_set(error, RAVEL_ERR_MEMORY, "Opus: %s", opus_strerror(status));
        free_listener(&l->listener);
        return NULL;
    }
    return &l->listener;
}
