/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     call_loss SOUND...
 *
 * What bad networks do to a call, in simulated time: Ravel without and with redundancy, and Opus at
 * the same total rate; then what a call takes on the wire. Of each sound the first five seconds. The
 * figures of docs/rtp.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ravel/io.h"
#include "tests/support/spoiled_call.h"
#include "tools/measure/align.h"
#include "tools/measure/measure.h"

enum { RATE_HZ = RAVEL_MEASURE_RATE_HZ, MOST = 120 * RATE_HZ, FROM_EACH_S = 5 };
/* IP, UDP, RTP, and the tag of SRTP. */
enum { HEADER_BYTES = 20 + 8 + 12 + 10 };

static float speech[MOST], heard[MOST];
static int n_speech;

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "call_loss: %s: %s\n", what, why);
    exit(1);
}

/* The first channel, at RATE_HZ, behind what was loaded before. */
static void load(const char *path)
{
    enum { BLOCK = 4096 };
    static float block[BLOCK * 64];
    ravel_error error;
    ravel_audio_reader *reader = ravel_audio_reader_open(path, NULL, &error);
    if (reader == NULL)
        fail(path, error.text);
    const int rate_hz = ravel_audio_reader_rate(reader);
    const int channels = ravel_audio_reader_channels(reader);
    ravel_resampler *resampler = ravel_resampler_new(rate_hz, RATE_HZ, 1);
    const int last =
        n_speech + FROM_EACH_S * RATE_HZ < MOST ? n_speech + FROM_EACH_S * RATE_HZ : MOST;
    int n = 1;
    while (resampler != NULL && n > 0) {
        n = ravel_audio_reader_read(reader, block, BLOCK, &error);
        for (int i = 0; i < n; i++)
            block[i] = block[(ptrdiff_t)i * channels];
        if (n <= 0 || ravel_resampler_samples(resampler, n, 0) > last - n_speech)
            break;
        n_speech += ravel_resampler_push(resampler, block, n, speech + n_speech, last - n_speech);
    }
    if (n < 0 || resampler == NULL)
        fail(path, n < 0 ? error.text : "no memory");
    ravel_resampler_free(resampler);
    ravel_audio_reader_close(reader);
}

typedef struct {
    double estoi, mel_db, wire_bps, delay_ms;
} result;

static double wire_bps(const ravel_sender_status *sent)
{
    return (double)(sent->bytes + sent->packets * HEADER_BYTES) * 8.0 * RATE_HZ / n_speech;
}

/* Opus delays the waveform by some milliseconds, which a call does not notice; measures do. */
static int codec_delay(const ravel_voice *voice)
{
    ravel_alignment alignment = {0};
    if (voice->model == NULL)
        (void)ravel_align(speech, n_speech, heard, n_speech, RATE_HZ / 20, &alignment);
    return alignment.delay_samples;
}

static result measure(const ravel_voice *voice, ravel_test_network network)
{
    ravel_test_call call;
    double stoi, lsd_db;
    result r = {0};
    network.seed = 7;
    network.round_trip_ms = 40;
    if (ravel_test_call_run(voice, &network, speech, n_speech, heard, NULL, &call) != 0)
        exit(1);
    const int delay = codec_delay(voice), n = n_speech - delay;
    if (ravel_measure_stoi(speech, heard + delay, n, RATE_HZ, &stoi, &r.estoi) != 0 ||
        ravel_measure_spectra(speech, heard + delay, n, &lsd_db, &r.mel_db) != 0)
        fail("measuring", "too little sound, or no memory");
    r.wire_bps = wire_bps(&call.sent);
    r.delay_ms = call.received.delay_ms;
    return r;
}

static void print_result(const result *r)
{
    (void)printf(" | %.3f %5.1f %5.1f %4.0f", r->estoi, r->mel_db, r->wire_bps / 1000.0,
                 r->delay_ms);
}

static void print_networks(int bitrate_bps)
{
    static const struct {
        const char *name;
        ravel_test_network network;
    } rows[] = {{"no loss", {.loss = 0.0}},
                {"5 % loss", {.loss = 0.05}},
                {"10 % loss", {.loss = 0.1}},
                {"20 % loss", {.loss = 0.2}},
                {"30 % loss", {.loss = 0.3}},
                {"bursts of 100 ms", {.bursts_a_second = 0.5}},
                {"jitter 20 ms", {.jitter_ms = 20}},
                {"jitter 40 ms", {.jitter_ms = 40}},
                {"jitter 80 ms", {.jitter_ms = 80}},
                {"jitter 40 ms, 10 %", {.jitter_ms = 40, .loss = 0.1}}};
    ravel_voice off = ravel_voice_default(ravel_model_builtin());
    off.bitrate_bps = bitrate_bps;
    off.coded = true;
    off.redundancy = RAVEL_REDUNDANCY_OFF;
    ravel_voice on = off, opus = ravel_voice_default(NULL);
    on.redundancy = RAVEL_REDUNDANCY_AUTO;
    opus.bitrate_bps = bitrate_bps;
    opus.opus_rate_hz = RATE_HZ;
    (void)printf("%.1f kb/s           | Ravel                  | with redundancy        | Opus\n",
                 bitrate_bps / 1000.0);
    (void)printf("                   | ESTOI   mel  wire delay | ESTOI   mel  wire delay | ESTOI"
                 "   mel  wire delay\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const result results[3] = {measure(&off, rows[i].network), measure(&on, rows[i].network),
                                   measure(&opus, rows[i].network)};
        (void)printf("%-18s", rows[i].name);
        for (int k = 0; k < 3; k++)
            print_result(&results[k]);
        (void)printf("\n");
        (void)fflush(stdout);
    }
}

static void print_wire(void)
{
    static const int bitrates[] = {1500, 3000, 6000};
    (void)printf("\nkb/s on the wire   20 ms  40 ms  60 ms  80 ms\n");
    for (int b = 0; b < 3; b++) {
        (void)printf("%.1f kb/s           ", bitrates[b] / 1000.0);
        for (int n = 1; n <= RAVEL_PACKET_MAX_FRAMES; n++) {
            const ravel_test_network clean = {.seed = 1};
            ravel_voice voice = ravel_voice_default(ravel_model_builtin());
            ravel_test_call call;
            voice.bitrate_bps = bitrates[b];
            voice.coded = true;
            voice.min_frames = voice.max_frames = n;
            if (ravel_test_call_run(&voice, &clean, speech, n_speech, heard, NULL, &call) != 0)
                exit(1);
            (void)printf(" %5.1f ", wire_bps(&call.sent) / 1000.0);
        }
        (void)printf("\n");
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("usage: call_loss SOUND...\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        load(argv[i]);
    (void)printf("%d sounds, %.0f s\n\n", argc - 1, (double)n_speech / RATE_HZ);
    print_networks(6000);
    print_wire();
    return 0;
}
