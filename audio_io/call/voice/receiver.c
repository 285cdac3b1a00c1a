/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/receiver.h"

#include <stdlib.h>

#include "audio_io/call/voice/arrivals.h"
#include "audio_io/call/voice/pacer.h"
#include "nn/error.h"

struct ravel_receiver {
    ravel_voice_format format;
    ravel_listener *listener;
    ravel_jitter *jitter;
    ravel_arrivals arrivals;
    ravel_delay delay;
    ravel_pacer pacer;
    ravel_counters counters;
};

void ravel_receiver_free(ravel_receiver *receiver)
{
    if (!receiver)
        return;
    if (receiver->listener)
        receiver->listener->ops->free(receiver->listener);
    ravel_jitter_free(receiver->jitter);
    ravel_pacer_free(&receiver->pacer);
    free(receiver);
}

ravel_receiver *ravel_receiver_new(const ravel_voice *voice, ravel_error *error)
{
    ravel_voice_format format;
    if (ravel_voice_get_format(voice, &format, error))
        return NULL;
    ravel_receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver) {
        ravel_error_memory(error);
        return NULL;
    }
    receiver->format = format;
    receiver->arrivals = ravel_arrivals_new(format.clock_hz);
    receiver->delay = ravel_delay_new();
    receiver->listener =
        (voice->model ? ravel_model_listener_new : ravel_opus_listener_new)(voice, error);
    if (!receiver->listener) {
        ravel_receiver_free(receiver);
        return NULL;
    }
    receiver->jitter = ravel_jitter_new();
    if (!receiver->jitter || ravel_pacer_init(&receiver->pacer, &format, receiver->listener,
                                              receiver->jitter, &receiver->counters)) {
        ravel_receiver_free(receiver);
        ravel_error_memory(error);
        return NULL;
    }
    return receiver;
}

/*
 * Puts a unit where it belongs. What comes too late to be played still teaches how long to wait, if
 * it would have been of use.
 * return    whether it came too late
 */
static bool put_unit(ravel_receiver *receiver, const ravel_unit *unit, int64_t sequence,
                     int64_t timestamp, int64_t arrival_us)
{
    const ravel_waiting waiting = {
        .begin = timestamp + unit->offset_ticks, .sequence = sequence, .unit = *unit};
    const int64_t transit = arrival_us - ravel_ticks_us(waiting.begin, receiver->format.clock_hz);
    const bool over = ravel_pacer_over(&receiver->pacer, waiting.begin);
    const bool news = over ? ravel_pacer_missed(&receiver->pacer, waiting.begin)
                           : ravel_jitter_put(receiver->jitter, &waiting) == RAVEL_JITTER_NEW;
    if (news)
        ravel_delay_add(&receiver->delay, transit);
    return over && !unit->redundant;
}

static void restart(ravel_receiver *receiver)
{
    receiver->delay = ravel_delay_new();
    ravel_pacer_restart(&receiver->pacer);
}

void ravel_receiver_put(ravel_receiver *receiver, const ravel_voice_packet *packet)
{
    ravel_counters *counters = &receiver->counters;
    int64_t sequence, timestamp;
    ravel_count(&counters->packets, 1);
    const ravel_arrival arrival =
        ravel_arrivals_add(&receiver->arrivals, &receiver->delay, packet, &sequence, &timestamp);
    ravel_counter_set(&counters->lost, ravel_arrivals_lost(&receiver->arrivals));
    if (arrival == RAVEL_ARRIVAL_DUPLICATE || arrival == RAVEL_ARRIVAL_STRANGE) {
        const bool duplicate = arrival == RAVEL_ARRIVAL_DUPLICATE;
        ravel_count(duplicate ? &counters->duplicates : &counters->bad, 1);
        return;
    }
    if (arrival == RAVEL_ARRIVAL_RESTARTED)
        restart(receiver);
    ravel_unit units[RAVEL_MAX_UNITS];
    ravel_listener *listener = receiver->listener;
    const int n = listener->ops->open(listener, packet->bytes, packet->n_bytes, units);
    bool late = false;
    for (int i = 0; i < n; i++)
        late |= put_unit(receiver, &units[i], sequence, timestamp, packet->time_us);
    ravel_count(&counters->late, late);
    ravel_count(&counters->bad, n < 0);
}

void ravel_receiver_get(ravel_receiver *receiver, float *pcm, int n, int64_t now_us)
{
    ravel_pacer_take(&receiver->pacer, &receiver->delay, pcm, n, now_us);
}

void ravel_receiver_get_status(const ravel_receiver *receiver, ravel_receiver_status *status)
{
    const ravel_counters *counters = &receiver->counters;
    *status = (ravel_receiver_status){
        .packets = ravel_counter_get(&counters->packets),
        .bad = ravel_counter_get(&counters->bad),
        .duplicates = ravel_counter_get(&counters->duplicates),
        .lost = ravel_counter_get(&counters->lost),
        .late = ravel_counter_get(&counters->late),
        .frames = ravel_counter_get(&counters->frames),
        .recovered = ravel_counter_get(&counters->recovered),
        .concealed = ravel_counter_get(&counters->concealed),
        .silent = ravel_counter_get(&counters->silent),
        .dropped = ravel_counter_get(&counters->dropped),
        .position = ravel_counter_get(&counters->position),
        .delay_ms = (double)ravel_counter_get(&counters->delay_us) / 1000.0,
        .target_ms = (double)ravel_counter_get(&counters->target_us) / 1000.0};
}
