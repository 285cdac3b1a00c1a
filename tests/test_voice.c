/* SPDX-License-Identifier: BSD-3-Clause */
/* Sender and receiver, over a simulated network. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/support/sound.h"
#include "tests/support/spoiled_call.h"
#include "tests/support/tiny_model.h"

static const ravel_test_network clean = {.seed = 1, .round_trip_ms = 20};

typedef struct {
    ravel_model *model;
    ravel_voice voice;
    int n;
    float *pcm, *heard, *played;
    ravel_test_call call;
} setting;

static setting begin(ravel_model *model, double seconds)
{
    setting s = {.model = model, .voice = ravel_voice_default(model)};
    ravel_voice_format format;
    cr_assert_eq(ravel_voice_get_format(&s.voice, &format, NULL), RAVEL_OK);
    s.n = (int)(seconds * format.rate_hz);
    s.pcm = calloc((size_t)s.n, sizeof(float));
    s.heard = calloc((size_t)s.n, sizeof(float));
    s.played = calloc((size_t)s.n, sizeof(float));
    ravel_test_speech(s.pcm, s.n, format.rate_hz, 1);
    return s;
}

/* A bitrate that redundancy fits into: the tiny models' frames are small and many. */
static setting begin_tiny(double seconds)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    setting s = begin(model, seconds);
    const ravel_model_info *info = ravel_model_get_info(model);
    s.voice.bitrate_bps = (int)ravel_model_bitrate(model, info->n_codebooks) * 3;
    return s;
}

static void run(setting *s, const ravel_test_network *network)
{
    cr_assert_eq(
        ravel_test_call_run(&s->voice, network, s->pcm, s->n, s->heard, s->played, &s->call), 0);
}

static void end(setting *s)
{
    free(s->pcm);
    free(s->heard);
    free(s->played);
    ravel_model_free(s->model);
}

/* What encoder and decoder make of it without a network. */
static float *decoded(const setting *s)
{
    const ravel_model_info *info = ravel_model_get_info(s->model);
    ravel_scratch *scratch = ravel_scratch_new(s->model, 1);
    ravel_encoder *encoder = ravel_encoder_new(s->model, info->n_codebooks);
    ravel_decoder *decoder = ravel_decoder_new(s->model);
    const int frames = s->n / info->hop_samples;
    uint16_t *codes = calloc((size_t)(frames * info->n_codebooks), sizeof *codes);
    float *pcm = calloc((size_t)s->n + (size_t)info->hop_samples, sizeof *pcm);
    const int n =
        ravel_encoder_push(encoder, scratch, s->pcm, frames * info->hop_samples, codes, frames);
    cr_assert_gt(ravel_decoder_push(decoder, scratch, codes, n, info->n_codebooks, pcm,
                                    s->n + info->hop_samples),
                 0);
    free(codes);
    ravel_decoder_free(decoder);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    return pcm;
}

/* --- Good networks -------------------------------------------------------------------------- */

Test(voice, what_arrives_is_what_the_codec_makes)
{
    for (int n_frames = 1; n_frames <= 4; n_frames++) {
        setting s = begin_tiny(2.0);
        s.voice.min_frames = s.voice.max_frames = n_frames;
        s.voice.coded = n_frames % 2 == 0;
        run(&s, &clean);
        const ravel_receiver_status *received = &s.call.received;
        cr_assert_eq(s.call.sent.frames_per_packet, n_frames);
        cr_assert_eq(received->concealed + received->recovered + received->dropped, 0);
        cr_assert_eq(received->lost + received->late + received->bad + received->duplicates, 0);
        const ravel_model_info *info = ravel_model_get_info(s.model);
        float *expected = decoded(&s);
        const int n =
            (int)received->position - info->decoder_lookahead_samples - 6 * info->hop_samples;
        cr_assert_gt(n, s.n / 2);
        cr_assert_arr_eq(s.heard, expected, (size_t)n * sizeof *expected);
        free(expected);
        end(&s);
    }
}

/* Reflecting the begin of the stream, both sides wait first, and then have seven frames at once. */
Test(voice, frames_that_come_together_are_no_delay)
{
    setting s = begin(ravel_test_model_open(RAVEL_TINY_SEANET_REFLECT), 1.0);
    const ravel_model_info *info = ravel_model_get_info(s.model);
    s.voice.bitrate_bps = (int)ravel_model_bitrate(s.model, info->n_codebooks) * 3;
    s.voice.min_frames = s.voice.max_frames = 1;
    run(&s, &clean);
    const ravel_receiver_status *received = &s.call.received;
    const int n_frames = s.n / info->hop_samples;
    cr_assert_eq(received->concealed + received->recovered + received->dropped, 0);
    cr_assert_geq(received->frames, n_frames - 20);
    end(&s);
}

/* However many bits are allowed: a longer one would be sent to nobody. */
Test(voice, every_payload_fits_into_a_packet)
{
    setting s = begin(NULL, 1.0);
    ravel_voice_format format;
    ravel_voice_packet packet;
    int n_packets = 0;
    s.voice.bitrate_bps = 510000;
    s.voice.min_frames = s.voice.max_frames = 4;
    cr_assert_eq(ravel_voice_get_format(&s.voice, &format, NULL), RAVEL_OK);
    ravel_sender *sender = ravel_sender_new(&s.voice, NULL);
    for (int i = 0; i + format.frame_samples <= s.n; i += format.frame_samples) {
        if (ravel_sender_push(sender, s.pcm + i, &packet) != 1)
            continue;
        n_packets++;
        cr_assert_leq(packet.n_bytes, RAVEL_SENDER_MAX_BYTES);
    }
    cr_assert_eq(n_packets, s.n / format.frame_samples / 4);
    ravel_sender_free(sender);
    end(&s);
}

Test(voice, a_whole_packet_is_the_only_delay_where_there_is_no_jitter)
{
    for (int n_frames = 1; n_frames <= 4; n_frames++) {
        setting s = begin(NULL, 2.0);
        s.voice.min_frames = s.voice.max_frames = n_frames;
        run(&s, &clean);
        cr_assert_eq(s.call.received.concealed, 0);
        cr_assert_leq(s.call.longest_delay_ms, 20.0);
        end(&s);
    }
}

Test(voice, duplicates_and_disorder_change_nothing)
{
    setting s = begin_tiny(3.0);
    run(&s, &clean);
    float *expected = malloc((size_t)s.n * sizeof *expected);
    memcpy(expected, s.heard, (size_t)s.n * sizeof *expected);
    const ravel_test_network disorder = {.duplicates = 0.3, .jitter_ms = 45, .seed = 2};
    run(&s, &disorder);
    const ravel_receiver_status *received = &s.call.received;
    cr_assert_gt(received->duplicates, received->packets / 10);
    cr_assert_leq(received->late, 3, "while the delay is learned");
    int n_equal = 0;
    for (int i = 0; i < s.n; i++)
        n_equal += s.heard[i] == expected[i];
    cr_assert_gt(n_equal, s.n / 2);
    free(expected);
    end(&s);
}

/* --- Bad networks --------------------------------------------------------------------------- */

Test(voice, redundancy_recovers_what_is_lost)
{
    setting s = begin_tiny(8.0);
    s.voice.min_frames = s.voice.max_frames = 1;
    const ravel_test_network lossy = {.loss = 0.15, .seed = 3};
    s.voice.redundancy = RAVEL_REDUNDANCY_OFF;
    run(&s, &lossy);
    const int64_t without = s.call.received.concealed;
    cr_assert_eq(s.call.received.recovered, 0);
    cr_assert_geq(without, s.call.n_lost - 8);
    cr_assert_leq(without, s.call.n_lost + 8);

    s.voice.redundancy = RAVEL_REDUNDANCY_AUTO;
    run(&s, &lossy);
    cr_assert_gt(s.call.sent.redundant_frames, 0);
    cr_assert_lt(s.call.received.concealed, without / 2);
    cr_assert_gt(s.call.received.recovered, without / 2);
    end(&s);
}

Test(voice, redundancy_costs_no_bits)
{
    setting s = begin_tiny(4.0);
    run(&s, &clean);
    const int64_t bytes = s.call.sent.bytes;
    s.voice.redundancy = RAVEL_REDUNDANCY_ON;
    s.voice.bitrate_bps = (int)ravel_model_bitrate(s.model, s.call.sent.codebooks);
    run(&s, &clean);
    cr_assert_leq(s.call.sent.bytes, bytes + bytes / 20);
    end(&s);
}

Test(voice, opus_recovers_by_its_own_redundancy)
{
    setting s = begin(NULL, 6.0);
    const ravel_test_network lossy = {.loss = 0.1, .seed = 4};
    s.voice.opus_rate_hz = 16000;
    s.n = s.n / 3;
    s.voice.bitrate_bps = 32000;
    ravel_test_speech(s.pcm, s.n, 16000, 1);
    run(&s, &lossy);
    cr_assert_gt(s.call.received.recovered, s.call.n_lost / 3);
    s.voice.redundancy = RAVEL_REDUNDANCY_OFF;
    run(&s, &lossy);
    cr_assert_eq(s.call.received.recovered, 0);
    end(&s);
}

Test(voice, the_delay_follows_the_jitter)
{
    for (int jitter_ms = 20; jitter_ms <= 80; jitter_ms += 30) {
        setting s = begin_tiny(10.0);
        const ravel_test_network jittery = {.jitter_ms = jitter_ms, .seed = 5};
        run(&s, &jittery);
        const ravel_receiver_status *received = &s.call.received;
        cr_assert_geq(received->delay_ms, 0.8 * jitter_ms);
        cr_assert_leq(received->delay_ms, jitter_ms + 80);
        cr_assert_leq(received->concealed, received->frames / 20);
        end(&s);
    }
}

Test(voice, clocks_that_differ_do_not_add_up)
{
    for (int sign = -1; sign <= 1; sign += 2) {
        setting s = begin_tiny(30.0);
        const ravel_test_network drifting = {.clock_ppm = sign * 2000.0, .seed = 6};
        run(&s, &drifting);
        cr_assert_leq(s.call.longest_delay_ms, 80.0, "60 ms in 30 s");
        cr_assert_leq(s.call.received.concealed, 8);
        end(&s);
    }
}

/* --- Silence -------------------------------------------------------------------------------- */

/* In a room that is never still, speech pauses every other second. */
static void add_pauses(setting *s, int rate_hz)
{
    uint64_t seed = 1;
    for (int i = 0; i < s->n; i++) {
        const float speech = i / rate_hz % 2 == 0 ? s->pcm[i] : 0.0f;
        s->pcm[i] = speech + 0.002f * ravel_random_float(&seed);
    }
}

static float level(const float *pcm, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)pcm[i] * (double)pcm[i];
    return (float)sqrt(sum / n);
}

Test(voice, little_is_sent_while_nobody_speaks)
{
    for (int opus = 0; opus < 2; opus++) {
        setting s = opus ? begin(NULL, 11.0) : begin_tiny(11.0);
        ravel_voice_format format;
        ravel_voice_get_format(&s.voice, &format, NULL);
        s.voice.min_frames = s.voice.max_frames = 1;
        add_pauses(&s, format.rate_hz);
        run(&s, &clean);
        const int64_t packets = s.call.sent.packets;
        s.voice.dtx = true;
        run(&s, &clean);
        cr_assert_lt(s.call.sent.packets, packets * 9 / 10);
        cr_assert_gt(s.call.sent.silent_frames, 50);
        cr_assert_eq(s.call.received.lost, 0);
        cr_assert_leq(s.call.received.concealed, 3);
        cr_assert_gt(s.call.received.silent, 50);
        end(&s);
    }
}

Test(voice, noise_goes_on_in_silence)
{
    ravel_model *model = (ravel_model *)(uintptr_t)ravel_model_builtin();
    setting s = begin(model, 8.0);
    add_pauses(&s, 24000);
    s.voice.dtx = true;
    run(&s, &clean);
    cr_assert_gt(s.call.received.silent, 50);
    const float *pause = s.played + 7 * 24000 + 12000;
    cr_assert_gt(level(pause, 9600), 0.0002f);
    cr_assert_lt(level(pause, 9600), 0.01f);
    end(&s);
}

/* --- What comes from strangers -------------------------------------------------------------- */

Test(voice, payloads_of_chance_do_no_harm)
{
    for (int opus = 0; opus < 2; opus++) {
        ravel_model *model = opus ? NULL : ravel_test_model_open(RAVEL_TINY_PRIOR);
        const ravel_voice voice = ravel_voice_default(model);
        ravel_receiver *receiver = ravel_receiver_new(&voice, NULL);
        ravel_receiver_status status;
        uint64_t seed = 1;
        float pcm[1000];
        for (int i = 0; i < 3000; i++) {
            ravel_voice_packet packet = {.sequence = (uint16_t)i,
                                         .timestamp = (uint32_t)ravel_random_bits(&seed),
                                         .time_us = 20000 * (int64_t)i};
            if (i % 3)
                packet.timestamp = (uint32_t)(i * 960 + ravel_random_below(&seed, 3) * 7);
            packet.n_bytes = ravel_random_below(&seed, i % 5 ? 40 : RAVEL_VOICE_PACKET_BYTES + 1);
            for (int k = 0; k < packet.n_bytes; k++)
                packet.bytes[k] = (uint8_t)ravel_random_bits(&seed);
            ravel_receiver_put(receiver, &packet);
            ravel_receiver_get(receiver, pcm, 960, packet.time_us);
            for (int k = 0; k < 960; k++)
                cr_assert(isfinite(pcm[k]));
        }
        ravel_receiver_get_status(receiver, &status);
        cr_assert_eq(status.packets, 3000);
        cr_assert_gt(status.bad, 500);
        ravel_receiver_free(receiver);
        ravel_model_free(model);
    }
}

Test(voice, a_stream_that_begins_anew_is_followed)
{
    const ravel_voice voice = ravel_voice_default(NULL);
    ravel_sender *sender = ravel_sender_new(&voice, NULL);
    ravel_receiver *receiver = ravel_receiver_new(&voice, NULL);
    ravel_receiver_status status;
    static float pcm[960];
    for (int i = 0; i < 200; i++) {
        ravel_voice_packet packet;
        ravel_test_speech(pcm, 960, 48000, (uint32_t)i + 1);
        cr_assert_eq(ravel_sender_push(sender, pcm, &packet), 1);
        packet.sequence = (uint16_t)(i < 100 ? i : 40000 + i);
        packet.timestamp += i < 100 ? 0 : 3000000000u;
        packet.time_us = 20000 * (int64_t)i;
        ravel_receiver_put(receiver, &packet);
        ravel_receiver_get(receiver, pcm, 960, packet.time_us);
    }
    ravel_receiver_get_status(receiver, &status);
    cr_assert_eq(status.bad, 2, "until the third stranger is believed");
    cr_assert_leq(status.concealed, 4);
    cr_assert_geq(status.frames, 195);
    ravel_receiver_free(receiver);
    ravel_sender_free(sender);
}

Test(voice, what_cannot_be_a_call_is_refused)
{
    static const struct {
        int opus_rate_hz, bitrate_bps, min_frames, max_frames;
    } bad[] = {{44100, 24000, 1, 4}, {48000, 0, 1, 4},     {48000, 24000, 0, 4},
               {48000, 24000, 3, 2}, {48000, 24000, 1, 5}, {48000, 600000, 1, 4}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ravel_error error = {0};
        ravel_voice voice = ravel_voice_default(NULL);
        voice.opus_rate_hz = bad[i].opus_rate_hz;
        voice.bitrate_bps = bad[i].bitrate_bps;
        voice.min_frames = bad[i].min_frames;
        voice.max_frames = bad[i].max_frames;
        cr_assert_null(ravel_sender_new(&voice, &error), "%zu", i);
        cr_assert_eq(error.status, RAVEL_ERR_ARGUMENT);
        cr_assert_neq(error.text[0], '\0');
        cr_assert_null(ravel_receiver_new(&voice, &error), "%zu", i);
    }
}

Test(voice, a_stereo_model_is_refused)
{
    ravel_error error = {0};
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_SEGMENTS);
    const ravel_voice voice = ravel_voice_default(model);
    cr_assert_null(ravel_sender_new(&voice, &error));
    cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    cr_assert_not_null(strstr(error.text, "one channel"), "%s", error.text);
    cr_assert_null(ravel_receiver_new(&voice, &error));
    ravel_model_free(model);
}
