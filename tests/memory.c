/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     memory RAVEL
 *
 * Memory does not grow with the length of the audio: RAVEL, the command, encodes a long sound from a
 * pipe, and its resident memory is read after ten seconds of audio and at the end. Three minutes;
 * with RAVEL_LONG=1 in the environment one hour. Also the sizes of state and scratch.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/model.h"
#include "ravel/ravel.h"
#include "tests/support/sound.h"

enum { RATE_HZ = 48000, CLIP_S = 10, SHORT_S = 180, LONG_S = 3600, KB = 1024 };

static int failures;

static void bound(const char *what, long value, long limit)
{
    printf("%-44s %8ld of at most %8ld bytes\n", what, value, limit);
    failures += value > limit;
}

static void check_sizes(void)
{
    const ravel_model *model = ravel_model_builtin();
    bound("state of an encoder", (long)ravel_encoder_size(model), 256 * KB);
    bound("state of a decoder", (long)ravel_decoder_size(model), 256 * KB);
    bound("scratch of a thread", (long)ravel_scratch_size(model, 1), 1024 * KB);
    const ravel_code_models models = ravel_model_code_models(model);
    ravel_block_coder *coder =
        ravel_block_coder_new(&models, ravel_block_coder_good_lanes(&models));
    bound("blocks that are decoded side by side",
          coder != NULL ? (long)ravel_block_coder_bytes(coder) : LONG_MAX, 4096 * KB);
    ravel_block_coder_free(coder);
}

/* `ravel encode` of raw audio from *input; its stream goes nowhere. */
static pid_t start(const char *ravel, int *input)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        /* Else the kernel may at any time put 2 MB in the place of a few touched pages. */
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(ravel, ravel, "encode", "--raw", "--raw-rate", "48000", "--raw-channels", "1",
              "--raw-bits", "16", "--progress", "none", "-", "/dev/null", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    *input = ends[1];
    return pid;
}

/* CLIP_S seconds, 16 bits. */
static int16_t *make_clip(void)
{
    enum { N = RATE_HZ * CLIP_S };
    float *speech = malloc(N * sizeof *speech);
    int16_t *clip = malloc(N * sizeof *clip);
    if (speech == NULL || clip == NULL) {
        exit(1);
    }
    ravel_test_speech(speech, N, RATE_HZ, 11);
    for (int i = 0; i < N; i++) {
        clip[i] = (int16_t)(speech[i] * 32768);
    }
    free(speech);
    return clip;
}

static void write_all(int file, const void *data, size_t size)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t n = write(file, bytes, size);
        if (n <= 0) {
            perror("memory: write");
            exit(1);
        }
        bytes += n;
        size -= (size_t)n;
    }
}

/* Until the other side has taken all, or is gone; then it works on the last piece or waits for more. */
static void wait_until_read(int file)
{
    enum { PAUSE_MS = 20 };
    struct pollfd end = {.fd = file};
    int unread = 1;
    while (ioctl(file, FIONREAD, &unread) == 0 && unread > 0 && poll(&end, 1, PAUSE_MS) == 0)
        ;
    poll(&end, 1, PAUSE_MS);
}

/* Bytes, from the second number of /proc/PID/statm. */
static long resident(pid_t pid)
{
    char path[64];
    long pages = -1;
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) {
        fprintf(stderr, "memory: no %s\n", path);
        exit(1);
    }
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void check_growth(const char *ravel, int seconds)
{
    int input = -1, status = 1;
    int16_t *clip = make_clip();
    size_t size = sizeof *clip * RATE_HZ * CLIP_S;
    pid_t pid = start(ravel, &input);
    write_all(input, clip, size);
    wait_until_read(input);
    long before = resident(pid);
    for (int done = CLIP_S; done < seconds; done += CLIP_S) {
        write_all(input, clip, size);
    }
    wait_until_read(input);
    long after = resident(pid);
    close(input);
    waitpid(pid, &status, 0);
    free(clip);
    printf("%d s of audio: resident %ld bytes after %d s, %ld at the end\n", seconds, before,
           CLIP_S, after);
    bound("growth of resident memory", after - before, 1024 * KB);
    failures += status != 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: memory RAVEL\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    check_sizes();
    check_growth(argv[1], getenv("RAVEL_LONG") ? LONG_S : SHORT_S);
    return failures != 0;
}
