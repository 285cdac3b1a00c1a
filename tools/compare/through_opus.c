/* SPDX-License-Identifier: BSD-3-Clause */
#include <opus.h>

#include "nn/error.h"
#include "tools/compare/codecs.h"
#include "tools/measure/measure.h"
#include "tools/tool.h"

enum { FRAME = RAVEL_MEASURE_RATE_HZ / 50, MAX_PACKET = 1275 };

typedef struct {
    OpusEncoder *encoder;
    OpusDecoder *decoder;
    int lookahead; /* samples that the decoded sound is late */
} codec;

static void codec_free(codec *c)
{
    if (c->encoder != NULL)
        opus_encoder_destroy(c->encoder);
    if (c->decoder != NULL)
        opus_decoder_destroy(c->decoder);
}

/* return    an Opus status */
static int codec_new(codec *c, int bitrate_bps)
{
    int status;
    *c = (codec){0};
    c->encoder = opus_encoder_create(RAVEL_MEASURE_RATE_HZ, 1, OPUS_APPLICATION_VOIP, &status);
    if (status == OPUS_OK)
        c->decoder = opus_decoder_create(RAVEL_MEASURE_RATE_HZ, 1, &status);
    if (status == OPUS_OK)
        status = opus_encoder_ctl(c->encoder, OPUS_SET_BITRATE(bitrate_bps));
    if (status == OPUS_OK)
        status = opus_encoder_ctl(c->encoder, OPUS_GET_LOOKAHEAD(&c->lookahead));
    return status;
}

/* Frame by frame, until the last sample has come back. return    bytes sent, or an Opus status */
static int64_t transmit(const codec *c, const ravel_sound *in, ravel_sound *out)
{
    int64_t n_bytes = 0;
    for (int begin = 0; begin < in->n + c->lookahead && !ravel_tool_stopped(); begin += FRAME) {
        float pcm[FRAME];
        unsigned char packet[MAX_PACKET];
        for (int i = 0; i < FRAME; i++)
            pcm[i] = begin + i < in->n ? in->pcm[begin + i] : 0;
        int n = opus_encode_float(c->encoder, pcm, FRAME, packet, MAX_PACKET);
        int status = n < 0 ? n : opus_decode_float(c->decoder, packet, n, pcm, FRAME, 0);
        if (status < 0)
            return status;
        n_bytes += n;
        for (int i = 0; i < FRAME; i++) {
            int place = begin + i - c->lookahead;
            if (place >= 0 && place < out->n)
                out->pcm[place] = pcm[i];
        }
    }
    return n_bytes;
}

int ravel_through_opus(int bitrate_bps, const ravel_sound *in, ravel_sound *out, double *kbps,
                       ravel_error *error)
{
    codec c;
    int status = ravel_sound_new(out, in->n, error);
    if (status < 0)
        return status;
    int opus_status = codec_new(&c, bitrate_bps);
    int64_t n_bytes = opus_status == OPUS_OK ? transmit(&c, in, out) : opus_status;
    codec_free(&c);
    if (n_bytes < 0) {
        ravel_sound_free(out);
        return ravel_error_set(error, RAVEL_ERR_DATA, "libopus: %s", opus_strerror((int)n_bytes));
    }
    *kbps = 8e-3 * (double)n_bytes * RAVEL_MEASURE_RATE_HZ / in->n;
    return 0;
}
