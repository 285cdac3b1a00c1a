/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call without a network: every 20 ms a packet is made, one in ten is lost, and the other side
 * decodes or conceals. Nothing in the loop allocates, locks or waits.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "ravel/ravel.h"

enum { N_CODEBOOKS = 6, MOST_HOP = 1024, MOST_PACKET = 256, N_FRAMES = 500 };

typedef struct {
    const ravel_model *model;
    int hop_samples, rate_hz;
    ravel_scratch *scratch; /* one a thread; the two ends of this loop share one */
    ravel_encoder *encoder;
    ravel_decoder *decoder;
} call;

/* In the place of a microphone: a tone that glides. */
static void record(const call *c, int frame, float *pcm)
{
    for (int i = 0; i < c->hop_samples; i++) {
        double t = (double)(frame * c->hop_samples + i) / c->rate_hz;
        pcm[i] = (float)(0.3 * sin(6.283185307 * (200.0 + 20.0 * sin(t)) * t));
    }
}

/* return    bytes; 0 as long as the encoder has not seen a whole frame */
static int send_frame(call *c, const float *pcm, uint8_t *packet)
{
    uint16_t codes[N_CODEBOOKS];
    int n = ravel_encoder_push(c->encoder, c->scratch, pcm, c->hop_samples, codes, 1);
    if (n <= 0)
        return n;
    return ravel_packet_write(c->model, codes, n, N_CODEBOOKS, packet, MOST_PACKET);
}

/* return    samples to play */
static int receive(call *c, const uint8_t *packet, int n_bytes, bool lost, float *pcm)
{
    uint16_t codes[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
    int n_codebooks;
    int n = lost ? -1 : ravel_packet_read(c->model, packet, n_bytes, codes, &n_codebooks);
    if (n < 0) /* a packet that cannot be read is a lost one */
        return ravel_decoder_conceal(c->decoder, c->scratch, 1, pcm, MOST_HOP);
    return ravel_decoder_push(c->decoder, c->scratch, codes, n, n_codebooks, pcm, MOST_HOP);
}

static int run(call *c)
{
    int64_t n_bytes = 0, n_played = 0, n_lost = 0;
    unsigned seed = 1;
    for (int frame = 0; frame < N_FRAMES; frame++) {
        float pcm[MOST_HOP], heard[MOST_HOP];
        uint8_t packet[MOST_PACKET];
        record(c, frame, pcm);
        int n = send_frame(c, pcm, packet);
        seed = seed * 1664525u + 1013904223u;
        bool lost = seed >> 24 < 26; /* of 256 */
        int n_heard = n > 0 ? receive(c, packet, n, lost, heard) : n;
        if (n_heard < 0) {
            (void)fprintf(stderr, "%s\n", ravel_strerror(n_heard));
            return 1;
        }
        n_bytes += n;
        n_lost += lost;
        n_played += n_heard;
    }
    (void)printf("%d frames of %d ms: %lld bytes sent, %lld frames lost, %lld samples played\n",
                 N_FRAMES, 1000 * c->hop_samples / c->rate_hz, (long long)n_bytes,
                 (long long)n_lost, (long long)n_played);
    return 0;
}

int main(void)
{
    const ravel_model *model = ravel_model_builtin();
    const ravel_model_info *info = model != NULL ? ravel_model_get_info(model) : NULL;
    if (info == NULL || info->hop_samples > MOST_HOP || info->channels != 1 ||
        info->n_codebooks < N_CODEBOOKS)
        return 1;
    call c = {.model = model,
              .hop_samples = info->hop_samples,
              .rate_hz = info->sample_rate_hz,
              .scratch = ravel_scratch_new(model, 1),
              .encoder = ravel_encoder_new(model, N_CODEBOOKS),
              .decoder = ravel_decoder_new(model)};
    int failed = c.scratch == NULL || c.encoder == NULL || c.decoder == NULL || run(&c);
    ravel_decoder_free(c.decoder);
    ravel_encoder_free(c.encoder);
    ravel_scratch_free(c.scratch);
    return failed;
}
