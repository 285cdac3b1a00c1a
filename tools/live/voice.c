/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/live/voice.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "audio_io/live/realtime.h"
#include "nn/error.h"
#include "tools/progress.h"

struct ravel_live_voice {
    ravel_engine *engine;
    ravel_loop *loop;
    ravel_recorder *recorder; /* or NULL */
    float *pcm;               /* [hop] */
    float *out;               /* [capacity of the loop] */
    int hop_samples;
    pthread_t thread;
    atomic_bool stopped;
    /* Written by the codec's thread alone. */
    atomic_int realtime;
    _Atomic int64_t n_samples, n_frames, n_lost_frames, n_bytes;
    _Atomic double busy_s, longest_ms;
};

/* --- The codec's thread ----------------------------------------------------------------------- */

static void publish(ravel_live_voice *voice, double took_s)
{
    const ravel_loop_counts counts = ravel_loop_get_counts(voice->loop);
    voice->n_samples = counts.n_samples;
    voice->n_frames = counts.n_frames;
    voice->n_lost_frames = counts.n_lost_frames;
    voice->n_bytes = counts.n_bytes;
    voice->busy_s = voice->busy_s + took_s;
    if (1e3 * took_s > voice->longest_ms)
        voice->longest_ms = 1e3 * took_s;
}

static void record(ravel_live_voice *voice)
{
    int n_frames;
    const uint16_t *codes = ravel_loop_codes(voice->loop, &n_frames);
    if (voice->recorder != NULL)
        ravel_recorder_write(voice->recorder, codes, n_frames);
}

/* The frame in voice->pcm. */
static void step(ravel_live_voice *voice)
{
    const double begin_s = ravel_progress_clock();
    const int n = ravel_loop_step(voice->loop, voice->pcm, voice->out);
    ravel_engine_play(voice->engine, voice->out, n);
    record(voice);
    publish(voice, ravel_progress_clock() - begin_s);
}

static void *run(void *context)
{
    ravel_live_voice *voice = context;
    ravel_loop_warm_up(voice->loop, voice->pcm, voice->out);
    voice->realtime = ravel_realtime_begin(RAVEL_REALTIME_VOICE);
    while (ravel_engine_capture(voice->engine, voice->pcm, voice->hop_samples) > 0)
        ; /* what was heard meanwhile would only be late */
    while (!voice->stopped) {
        if (ravel_engine_capture(voice->engine, voice->pcm, voice->hop_samples) > 0)
            step(voice);
        else
            ravel_engine_wait(voice->engine);
    }
    return NULL;
}

/* --- The owner -------------------------------------------------------------------------------- */

static void release(ravel_live_voice *voice)
{
    free(voice->pcm);
    free(voice->out);
    free(voice);
}

static int start(ravel_live_voice *voice, ravel_error *error)
{
    voice->hop_samples = ravel_loop_hop(voice->loop);
    voice->pcm = calloc((size_t)voice->hop_samples, sizeof *voice->pcm);
    voice->out = calloc((size_t)ravel_loop_capacity(voice->loop), sizeof *voice->out);
    if (voice->pcm == NULL || voice->out == NULL)
        return ravel_error_memory(error);
    if (pthread_create(&voice->thread, NULL, run, voice) != 0)
        return ravel_error_set(error, RAVEL_ERR_MEMORY, "no thread for the codec");
    return 0;
}

ravel_live_voice *ravel_live_voice_start(ravel_engine *engine, ravel_loop *loop,
                                         ravel_recorder *recorder, ravel_error *error)
{
    ravel_live_voice *voice = calloc(1, sizeof *voice);
    if (voice == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    voice->engine = engine;
    voice->loop = loop;
    voice->recorder = recorder;
    voice->realtime = -1;
    if (start(voice, error) < 0) {
        release(voice);
        return NULL;
    }
    return voice;
}

/* Of the thread, on the processor. */
static double thread_cpu_s(pthread_t thread)
{
    clockid_t clock;
    struct timespec spent = {0};
    if (pthread_getcpuclockid(thread, &clock) == 0)
        clock_gettime(clock, &spent);
    return (double)spent.tv_sec + 1e-9 * (double)spent.tv_nsec;
}

ravel_live_figures ravel_live_voice_figures(const ravel_live_voice *voice)
{
    return (ravel_live_figures){.counts = {.n_samples = voice->n_samples,
                                           .n_frames = voice->n_frames,
                                           .n_lost_frames = voice->n_lost_frames,
                                           .n_bytes = voice->n_bytes},
                                .busy_s = voice->busy_s,
                                .cpu_s = thread_cpu_s(voice->thread),
                                .longest_ms = voice->longest_ms,
                                .realtime = voice->realtime};
}

ravel_live_figures ravel_live_voice_stop(ravel_live_voice *voice)
{
    ravel_live_figures figures = ravel_live_voice_figures(voice);
    voice->stopped = true;
    pthread_join(voice->thread, NULL);
    figures.counts = ravel_loop_get_counts(voice->loop);
    ravel_loop_finish(voice->loop);
    record(voice);
    release(voice);
    return figures;
}
