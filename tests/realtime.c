/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The step functions allocate nothing, take no lock and make no system call.
 *
 * malloc and its family, pthread_mutex_lock and write are replaced by functions that count, and the
 * steps run in a child process under seccomp's strict mode, where the kernel kills at every system
 * call but read, write and exit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "ravel/ravel.h"
#include "tests/support/sound.h"

enum { N_STEPS = 10000, CLIP_STEPS = 200, MAX_HOP = 4096, MAX_CODES = 1024 };

typedef struct {
    long allocations, frees, locks, writes;
} counts;

static counts calls;

/* glibc's own, under their other names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): glibc's begin with __ */
void *malloc(size_t size)
{
    calls.allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    calls.allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    calls.allocations++;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    calls.allocations++;
    return __libc_memalign(alignment, size);
}

void free(void *memory)
{
    calls.frees++;
    __libc_free(memory);
}

static int (*real_lock)(pthread_mutex_t *);

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    calls.locks++;
    return real_lock ? real_lock(mutex) : 0;
}

ssize_t write(int file, const void *data, size_t size)
{
    calls.writes++;
    return syscall(SYS_write, file, data, size);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static long total(const counts *c)
{
    return c->allocations + c->frees + c->locks + c->writes;
}

/* Whether each replacement is the one that libraries reach: else the counts would mean nothing. */
static int counters_work(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    counts before = calls;
    void *(*volatile allocate)(size_t) = malloc;
    free(allocate(1));
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    fflush(stdout);
    printf("counting\n");
    fflush(stdout);
    int written = write(STDOUT_FILENO, "", 0) == 0;
    return written && calls.allocations > before.allocations && calls.frees > before.frees &&
           calls.locks > before.locks && calls.writes > before.writes;
}

typedef struct {
    const ravel_model *model;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    ravel_resampler *resampler;
    const float *clip; /* CLIP_STEPS of 20 ms at 48 kHz */
    int n_clip;
    int n_codebooks;
} call;

static call open_call(void)
{
    call c = {.model = ravel_model_builtin(), .n_clip = 960, .n_codebooks = 6};
    float *clip = malloc(sizeof *clip * CLIP_STEPS * (size_t)c.n_clip);
    ravel_test_speech(clip, CLIP_STEPS * c.n_clip, 48000, 7);
    c.clip = clip;
    c.scratch = ravel_scratch_new(c.model, 1);
    c.encoder = ravel_encoder_new(c.model, c.n_codebooks);
    c.decoder = ravel_decoder_new(c.model);
    c.resampler = ravel_resampler_new(48000, ravel_model_get_info(c.model)->sample_rate_hz, 1);
    return c;
}

static void close_call(call *c)
{
    ravel_resampler_free(c->resampler);
    ravel_decoder_free(c->decoder);
    ravel_encoder_free(c->encoder);
    ravel_scratch_free(c->scratch);
    free((void *)c->clip);
}

/* Now and then what happens in a call: another rate, a new start. */
static void disturb(call *c, int i)
{
    if (i % 97 == 0) {
        c->n_codebooks = 1 + i % 12;
        ravel_encoder_set_codebooks(c->encoder, c->n_codebooks);
    }
    if (i % 1999 == 1998) {
        ravel_encoder_reset(c->encoder);
        ravel_decoder_reset(c->decoder);
        ravel_resampler_reset(c->resampler);
    }
}

/* 20 ms through resampler, encoder, packet and decoder; some packets get lost. */
static int step(call *c, int i)
{
    float pcm[MAX_HOP], out[MAX_HOP];
    uint16_t codes[MAX_CODES], received[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
    uint8_t packet[512];
    int n_codebooks = c->n_codebooks;
    const float *in = c->clip + (i % CLIP_STEPS) * c->n_clip;
    int n = ravel_resampler_push(c->resampler, in, c->n_clip, pcm, MAX_HOP);
    int n_frames = ravel_encoder_push(c->encoder, c->scratch, pcm, n, codes, 4);
    if (n_frames <= 0) {
        return n_frames;
    }
    int size = ravel_packet_write(c->model, codes, n_frames, n_codebooks, packet, sizeof packet);
    n_frames = ravel_packet_read(c->model, packet, size, received, &n_codebooks);
    if (i % 17 < 2) {
        return ravel_decoder_conceal(c->decoder, c->scratch, n_frames, out, MAX_HOP);
    }
    return ravel_decoder_push(c->decoder, c->scratch, received, n_frames, n_codebooks, out,
                              MAX_HOP);
}

static int run_steps(call *c)
{
    for (int i = 0; i < N_STEPS; i++) {
        disturb(c, i);
        if (step(c, i) < 0) {
            return 2;
        }
    }
    return 0;
}

/* In the child: exit code 0, 1 where something was counted, 2 where a step failed. */
static void child(call *c)
{
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        static const char note[] = "no seccomp here: system calls are not watched\n";
        (void)!write(STDERR_FILENO, note, sizeof note - 1);
    }
    counts before = calls;
    int result = run_steps(c);
    if (total(&calls) != total(&before)) {
        result = 1;
    }
    syscall(SYS_exit, result);
}

int main(void)
{
    real_lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    if (!counters_work()) {
        fputs("realtime: the replaced functions are not reached\n", stderr);
        return 1;
    }
    call c = open_call();
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        child(&c);
    }
    waitpid(pid, &status, 0);
    close_call(&c);
    if (WIFSIGNALED(status)) {
        fputs("realtime: a step made a system call\n", stderr);
        return 1;
    }
    static const char *const verdicts[] = {"no allocation, lock or system call in",
                                           "an allocation, lock or write in", "a step failed in"};
    int verdict = WEXITSTATUS(status);
    printf("%s %d steps\n", verdict < 3 ? verdicts[verdict] : "?", N_STEPS);
    return verdict;
}
