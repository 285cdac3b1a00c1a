/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/sound.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio_io/live/level.h"
#include "audio_io/live/realtime.h"
#include "nn/error.h"

/* Over a second of packets: a network thread that is late by more has lost the call anyway. */
enum { RING_PACKETS = 64 };

struct ravel_sound {
    ravel_voice_format format;
    ravel_line_config config;
    void (*ready)(void *context);
    void *context;
    ravel_sender *sender;
    ravel_receiver *receiver;
    ravel_packet_ring *to_network, *from_network;
    ravel_voice_packet out, in; /* the capture thread's, the playout thread's */
    float *captured, *played;   /* frame_samples each */
    pthread_t capture_thread, playout_thread;
    ravel_line *line; /* of the playout thread; set before the capture thread is there */
    ravel_error failed;
    atomic_int state; /* ravel_sound_state; failed is set before it */
    atomic_bool stop, muted, realtime;
    ravel_level in_level, out_level;
    atomic_int capture_load, playout_load; /* millionths, smoothed */
    atomic_llong dropped;
};

static int64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The share of `sound_us` that was spent since `begin_us`. */
static void add_load(const ravel_sound *sound, atomic_int *load, int64_t begin_us, int n_samples)
{
    double sound_us = 1e6 * n_samples / sound->format.rate_hz;
    double share = 1e6 * (double)(clock_us() - begin_us) / sound_us;
    int old = atomic_load_explicit(load, memory_order_relaxed);
    atomic_store_explicit(load, old + (int)((share - old) / 32.0), memory_order_relaxed);
}

/* --- The capture thread ----------------------------------------------------------------------- */

static void send_frame(ravel_sound *sound)
{
    const int n = sound->format.frame_samples;
    const int64_t begin_us = clock_us();
    if (atomic_load_explicit(&sound->muted, memory_order_relaxed))
        memset(sound->captured, 0, (size_t)n * sizeof *sound->captured);
    ravel_level_add(&sound->in_level, sound->captured, n, sound->format.rate_hz);
    if (ravel_sender_push(sound->sender, sound->captured, &sound->out) == 1) {
        sound->out.time_us = begin_us;
        if (!ravel_packet_ring_put(sound->to_network, &sound->out))
            atomic_fetch_add(&sound->dropped, 1);
        sound->ready(sound->context);
    }
    add_load(sound, &sound->capture_load, begin_us, n);
}

static void *capture(void *argument)
{
    ravel_sound *sound = argument;
    (void)ravel_realtime_begin(RAVEL_REALTIME_VOICE);
    while (!atomic_load_explicit(&sound->stop, memory_order_relaxed)) {
        if (ravel_line_capture(sound->line, sound->captured, sound->format.frame_samples) > 0)
            send_frame(sound);
        else
            ravel_line_wait(sound->line);
    }
    return NULL;
}

/* --- The playout thread ----------------------------------------------------------------------- */

static void play_frame(ravel_sound *sound)
{
    const int n = sound->format.frame_samples;
    const int64_t begin_us = clock_us();
    ravel_receiver_get(sound->receiver, sound->played, n, begin_us);
    add_load(sound, &sound->playout_load, begin_us, n);
    ravel_level_add(&sound->out_level, sound->played, n, sound->format.rate_hz);
    ravel_line_play(sound->line, sound->played, n);
}

static void play(ravel_sound *sound)
{
    while (!atomic_load_explicit(&sound->stop, memory_order_relaxed)) {
        while (ravel_packet_ring_take(sound->from_network, &sound->in))
            ravel_receiver_put(sound->receiver, &sound->in);
        if (ravel_line_wanted(sound->line) > 0)
            play_frame(sound);
        else
            ravel_line_wait(sound->line);
    }
}

static void *playout(void *argument)
{
    ravel_sound *sound = argument;
    sound->line = ravel_line_open(&sound->config, sound->format.rate_hz, &sound->failed);
    if (sound->line == NULL) {
        atomic_store(&sound->state, RAVEL_SOUND_FAILED);
        return NULL;
    }
    if (pthread_create(&sound->capture_thread, NULL, capture, sound) != 0) {
        (void)ravel_error_set(&sound->failed, RAVEL_ERR_MEMORY, "no thread can be started");
        atomic_store(&sound->state, RAVEL_SOUND_FAILED);
        return NULL;
    }
    atomic_store(&sound->realtime, ravel_realtime_begin(RAVEL_REALTIME_VOICE) == 0);
    atomic_store(&sound->state, RAVEL_SOUND_ON);
    play(sound);
    (void)pthread_join(sound->capture_thread, NULL);
    return NULL;
}

/* --- Begin and end ---------------------------------------------------------------------------- */

static void release(ravel_sound *sound)
{
    ravel_sender_free(sound->sender);
    ravel_receiver_free(sound->receiver);
    ravel_packet_ring_free(sound->to_network);
    ravel_packet_ring_free(sound->from_network);
    free(sound->captured);
    free(sound->played);
    free(sound);
}

static int allocate(ravel_sound *sound, const ravel_voice *voice, ravel_error *error)
{
    int status = ravel_voice_get_format(voice, &sound->format, error);
    if (status < 0)
        return status;
    sound->sender = ravel_sender_new(voice, error);
    sound->receiver = sound->sender != NULL ? ravel_receiver_new(voice, error) : NULL;
    if (sound->receiver == NULL)
        return (int)error->status;
    sound->to_network = ravel_packet_ring_new(RING_PACKETS);
    sound->from_network = ravel_packet_ring_new(RING_PACKETS);
    sound->captured = calloc((size_t)sound->format.frame_samples, sizeof *sound->captured);
    sound->played = calloc((size_t)sound->format.frame_samples, sizeof *sound->played);
    if (sound->to_network == NULL || sound->from_network == NULL || sound->captured == NULL ||
        sound->played == NULL)
        return ravel_error_memory(error);
    return 0;
}

ravel_sound *ravel_sound_open(const ravel_voice *voice, const ravel_line_config *line,
                              void (*ready)(void *context), void *context, ravel_error *error)
{
    ravel_sound *sound = calloc(1, sizeof *sound);
    if (sound == NULL) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    sound->config = *line;
    sound->ready = ready;
    sound->context = context;
    int status = allocate(sound, voice, error);
    if (status == 0 && pthread_create(&sound->playout_thread, NULL, playout, sound) != 0)
        status = ravel_error_set(error, RAVEL_ERR_MEMORY, "no thread can be started");
    if (status < 0) {
        release(sound);
        return NULL;
    }
    return sound;
}

int ravel_sound_close(ravel_sound *sound, ravel_error *error)
{
    if (sound == NULL)
        return 0;
    atomic_store(&sound->stop, true);
    (void)pthread_join(sound->playout_thread, NULL);
    int status = ravel_line_close(sound->line, error);
    if (sound->failed.status != RAVEL_OK) {
        status = (int)sound->failed.status;
        *error = sound->failed;
    }
    release(sound);
    return status;
}

/* --- The network's thread --------------------------------------------------------------------- */

bool ravel_sound_take(ravel_sound *sound, ravel_voice_packet *packet)
{
    return ravel_packet_ring_take(sound->to_network, packet);
}

void ravel_sound_put(ravel_sound *sound, const ravel_voice_packet *packet)
{
    if (!ravel_packet_ring_put(sound->from_network, packet))
        atomic_fetch_add(&sound->dropped, 1);
}

void ravel_sound_report(ravel_sound *sound, const ravel_network_report *report)
{
    ravel_sender_report(sound->sender, report);
}

void ravel_sound_mute(ravel_sound *sound, bool muted)
{
    atomic_store(&sound->muted, muted);
}

void ravel_sound_get_status(const ravel_sound *sound, ravel_sound_status *status)
{
    memset(status, 0, sizeof *status);
    status->state = (ravel_sound_state)atomic_load(&sound->state);
    status->muted = atomic_load(&sound->muted);
    status->realtime = atomic_load(&sound->realtime);
    status->in_dbfs = ravel_level_dbfs(&sound->in_level);
    status->out_dbfs = ravel_level_dbfs(&sound->out_level);
    status->load = 1e-6 * (atomic_load(&sound->capture_load) + atomic_load(&sound->playout_load));
    status->dropped = atomic_load(&sound->dropped);
    ravel_sender_get_status(sound->sender, &status->sender);
    ravel_receiver_get_status(sound->receiver, &status->receiver);
    if (status->state == RAVEL_SOUND_ON)
        status->devices = ravel_line_get_status(sound->line, &status->engine);
}
