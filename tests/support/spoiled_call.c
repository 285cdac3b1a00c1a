/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/spoiled_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/sound.h"

enum { IN_FLIGHT = 64, STEPS_A_FRAME = 4, BURST_US = 100000, REPORT_US = 2000000 };

typedef struct {
    const ravel_test_network *network;
    uint32_t random;
    int64_t burst_end_us, burst_checked_us;
    uint16_t sequence;
    int64_t n_sent, n_lost, reported_sent, reported_lost;
    ravel_voice_packet flight[IN_FLIGHT]; /* time_us: of arrival */
    int n_flight;
} path;

static double chance(path *p)
{
    return (double)ravel_test_random(&p->random) / 4294967296.0;
}

/* Bursts begin by chance in each millisecond, whatever is sent. */
static bool in_burst(path *p, int64_t now_us)
{
    for (; p->burst_checked_us < now_us; p->burst_checked_us += 1000) {
        if (chance(p) < p->network->bursts_a_second / 1000.0)
            p->burst_end_us = p->burst_checked_us + BURST_US;
    }
    return now_us < p->burst_end_us;
}

static void fly(path *p, const ravel_voice_packet *packet, int64_t now_us)
{
    if (p->n_flight == IN_FLIGHT)
        abort();
    ravel_voice_packet *copy = &p->flight[p->n_flight++];
    *copy = *packet;
    copy->time_us = now_us + (int64_t)(chance(p) * p->network->jitter_ms * 1000.0);
}

static void send_packet(path *p, ravel_voice_packet *packet, int64_t now_us)
{
    packet->sequence = p->sequence++;
    p->n_sent++;
    const bool burst = in_burst(p, now_us);
    if (chance(p) < p->network->loss || burst) {
        p->n_lost++;
        return;
    }
    fly(p, packet, now_us);
    if (chance(p) < p->network->duplicates)
        fly(p, packet, now_us);
}

/* In the order of their arrival. */
static void deliver(path *p, ravel_receiver *receiver, int64_t now_us)
{
    for (;;) {
        int first = -1;
        for (int i = 0; i < p->n_flight; i++) {
            if (p->flight[i].time_us <= now_us &&
                (first < 0 || p->flight[i].time_us < p->flight[first].time_us))
                first = i;
        }
        if (first < 0)
            return;
        ravel_receiver_put(receiver, &p->flight[first]);
        p->flight[first] = p->flight[--p->n_flight];
    }
}

static void report(path *p, ravel_sender *sender, double loss)
{
    const ravel_network_report told = {.loss = (float)loss,
                                       .round_trip_us = p->network->round_trip_ms * 1000,
                                       .peer_jitter_us = p->network->jitter_ms * 250};
    ravel_sender_report(sender, &told);
}

static void report_loss(path *p, ravel_sender *sender)
{
    const int64_t n = p->n_sent - p->reported_sent;
    if (n > 0)
        report(p, sender, (double)(p->n_lost - p->reported_lost) / (double)n);
    p->reported_sent = p->n_sent;
    p->reported_lost = p->n_lost;
}

/* Puts what was heard back to its place: the sample that `position`, the end of what is decoded,
 * tells; what is made up follows on. */
typedef struct {
    int64_t position, dropped;
    int64_t cursor; /* sample of the source */
    int64_t merged; /* so many samples before it are heard at once with it */
} listener_place;

static void find_place(listener_place *place, const ravel_receiver_status *status,
                       const ravel_voice_format *format, int unit_ticks, int lookahead)
{
    if (status->position == place->position)
        return;
    const bool merged = status->dropped != place->dropped;
    const int64_t begin = status->position - unit_ticks;
    place->cursor = begin * format->rate_hz / format->clock_hz - lookahead;
    place->merged = merged ? (int64_t)unit_ticks * format->rate_hz / format->clock_hz : 0;
    place->position = status->position;
    place->dropped = status->dropped;
}

static void put_back(listener_place *place, const float *pcm, int n, float *heard, int n_heard)
{
    for (int i = 0; i < n; i++, place->cursor++) {
        const int64_t earlier = place->cursor - place->merged;
        if (place->cursor >= 0 && place->cursor < n_heard)
            heard[place->cursor] = pcm[i];
        if (earlier >= 0 && earlier < n_heard)
            heard[earlier] = pcm[i];
    }
}

static void run(path *p, ravel_sender *sender, ravel_receiver *receiver, const ravel_voice *voice,
                const ravel_voice_format *format, const float *pcm, int n, float *heard,
                float *played, ravel_test_call *call)
{
    const int step = format->frame_samples / STEPS_A_FRAME;
    const int lookahead =
        voice->model ? ravel_model_get_info(voice->model)->decoder_lookahead_samples : 0;
    listener_place place = {0};
    ravel_voice_packet packet = {0};
    float *out = calloc((size_t)step, sizeof *out);
    int64_t next_report_us = REPORT_US;
    if (!out)
        abort();
    for (int i = 0; i + step <= n; i += step) {
        const int64_t now_us = (int64_t)i * 1000000 / format->rate_hz;
        const int64_t there_us = now_us + (int64_t)((double)now_us * p->network->clock_ppm / 1e6);
        if (i % format->frame_samples == 0 && i > 0 &&
            ravel_sender_push(sender, pcm + i - format->frame_samples, &packet) > 0)
            send_packet(p, &packet, there_us);
        if (now_us >= next_report_us) {
            report_loss(p, sender);
            next_report_us += REPORT_US;
        }
        deliver(p, receiver, there_us);
        ravel_receiver_get(receiver, out, step, there_us);
        ravel_receiver_get_status(receiver, &call->received);
        ravel_sender_get_status(sender, &call->sent);
        const int unit = format->frame_ticks * (voice->model ? 1 : call->sent.frames_per_packet);
        find_place(&place, &call->received, format, unit, lookahead);
        put_back(&place, out, step, heard, n);
        if (played)
            memcpy(played + i, out, (size_t)step * sizeof *out);
        if (call->received.delay_ms > call->longest_delay_ms)
            call->longest_delay_ms = call->received.delay_ms;
    }
    free(out);
}

int ravel_test_call_run(const ravel_voice *voice, const ravel_test_network *network,
                        const float *pcm, int n, float *heard, float *played, ravel_test_call *call)
{
    ravel_error error = {0};
    ravel_voice_format format;
    ravel_sender *sender = ravel_sender_new(voice, &error);
    ravel_receiver *receiver = ravel_receiver_new(voice, &error);
    path *p = calloc(1, sizeof *p);
    const int failed = !sender || !receiver || !p || ravel_voice_get_format(voice, &format, &error);
    if (!failed) {
        *p = (path){.network = network, .random = network->seed};
        *call = (ravel_test_call){0};
        memset(heard, 0, (size_t)n * sizeof *heard);
        if (played)
            memset(played, 0, (size_t)n * sizeof *played);
        report(p, sender, network->loss + 0.1 * network->bursts_a_second);
        run(p, sender, receiver, voice, &format, pcm, n, heard, played, call);
        call->n_lost = p->n_lost;
    } else {
        (void)fprintf(stderr, "%s\n", error.text);
    }
    free(p);
    ravel_receiver_free(receiver);
    ravel_sender_free(sender);
    return failed;
}
