/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     bench_scaling [SECONDS]
 *
 * Two threads that share one model, against two processes that share nothing: frames encoded and
 * decoded together in SECONDS (1) of wall time, in turns. One core cannot do more than it can, but
 * what the threads lose beyond the processes would be the library's fault: a lock, a line of the
 * cache that both write. Exit code 1 where the threads reach less than 95 % of the processes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ravel/ravel.h"
#include "tests/support/sound.h"

enum { N_JOBS = 2, TURNS = 9, PIECE_FRAMES = 32 };

/* Lies in memory that the processes share. */
typedef struct {
    pthread_barrier_t start;
    double seconds;
    long n_frames[N_JOBS];
} contest;

typedef struct {
    contest *of;
    const ravel_model *model;
    int index;
} job;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *run_job(void *context)
{
    const job *self = context;
    const ravel_model_info *info = ravel_model_get_info(self->model);
    const int n_samples = PIECE_FRAMES * info->hop_samples;
    ravel_scratch *scratch = ravel_scratch_new(self->model, 1);
    ravel_encoder *encoder = ravel_encoder_new(self->model, info->n_codebooks);
    ravel_decoder *decoder = ravel_decoder_new(self->model);
    float *pcm = malloc((size_t)n_samples * sizeof *pcm);
    float *out = malloc((size_t)n_samples * sizeof *out);
    uint16_t *codes = malloc((size_t)(PIECE_FRAMES * info->n_codebooks) * sizeof *codes);
    if (!scratch || !encoder || !decoder || !pcm || !out || !codes)
        abort();
    ravel_test_speech(pcm, n_samples, info->sample_rate_hz, 1);
    long n_frames = 0;
    pthread_barrier_wait(&self->of->start);
    for (const double end = now_s() + self->of->seconds; now_s() < end;) {
        const int n = ravel_encoder_push(encoder, scratch, pcm, n_samples, codes, PIECE_FRAMES);
        ravel_decoder_push(decoder, scratch, codes, n, info->n_codebooks, out, n_samples);
        n_frames += n;
    }
    self->of->n_frames[self->index] = n_frames;
    free(pcm);
    free(out);
    free(codes);
    ravel_encoder_free(encoder);
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
    return NULL;
}

static void run_threads(contest *of)
{
    pthread_t threads[N_JOBS];
    job jobs[N_JOBS];
    for (int i = 0; i < N_JOBS; i++) {
        jobs[i] = (job){of, ravel_model_builtin(), i};
        if (pthread_create(&threads[i], NULL, run_job, &jobs[i]) != 0)
            abort();
    }
    for (int i = 0; i < N_JOBS; i++)
        pthread_join(threads[i], NULL);
}

/* Each opens a model of its own: the parent has not opened the built-in one yet. */
static void run_processes(contest *of)
{
    for (int i = 0; i < N_JOBS; i++) {
        const pid_t child = fork();
        if (child < 0)
            abort();
        if (child == 0) {
            job self = {of, ravel_model_builtin(), i};
            run_job(&self);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
}

/* In a child, so that the parent never opens the model. return    frames a second of all jobs */
static double frames_per_s(contest *of, void (*run)(contest *of))
{
    const pid_t child = fork();
    if (child == 0) {
        run(of);
        _exit(0);
    }
    while (wait(NULL) > 0) {
    }
    return (double)(of->n_frames[0] + of->n_frames[1]) / of->seconds;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    contest *of = mmap(NULL, sizeof *of, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (of == MAP_FAILED)
        return 2;
    pthread_barrierattr_t attributes;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&of->start, &attributes, N_JOBS);
    of->seconds = argc > 1 ? strtod(argv[1], NULL) : 1.0;
    double ratio[TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
        const double threads = frames_per_s(of, run_threads);
        const double processes = frames_per_s(of, run_processes);
        ratio[turn] = threads / processes;
        printf("threads %8.0f frames/s   processes %8.0f   ratio %.3f\n", threads, processes,
               ratio[turn]);
    }
    qsort(ratio, TURNS, sizeof *ratio, by_size);
    const double median = ratio[TURNS / 2];
    printf("two threads of one model reach %.1f %% of two processes (median), bar 95 %%%s\n",
           1e2 * median, median < 0.95 ? "   MISSED" : "");
    return median < 0.95;
}
