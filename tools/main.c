/* SPDX-License-Identifier: BSD-3-Clause */
/* The `ravel` command: finds the verb. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel VERB [OPTION]... [FILE]...\n"
    "\n"
    "  ravel encode IN OUT.rvl    sound to codes: a neural codec at 0.5 to 6 kb/s\n"
    "  ravel decode IN.rvl OUT    codes to sound\n"
    "  ravel tokens -d DIR IN...  sound to tokens for language models: files, folders, tars\n"
    "  ravel detokens IN OUT      tokens to sound\n"
    "  ravel info [FILE]          what is in a stream or a model\n"
    "  ravel import SOURCE        a published checkpoint to a model file\n"
#ifdef RAVEL_COMPARE
    "  ravel compare REF [FILE]   how near a sound, or Ravel and Opus, come to REF\n"
#endif
    "  ravel bench                how fast a model runs on this machine\n"
#ifdef RAVEL_LIVE
    "  ravel live                 the microphone through the codec to the loudspeaker\n"
    "  ravel call [USER@HOST]     talk to another one, over the network\n"
#endif
    "\n"
    "  -h, --help                 this; after a verb: its options\n"
    "  -V, --version              the version\n"
    "\n"
    "A file named - or left out is standard input or output.\n"
    "Exit status: 0 done, 1 input or data at fault, 2 usage, 3 model missing or not the\n"
    "stream's, 4 some files of several failed.\n"
    "RAVEL_MODEL names a model file in the place of the built-in model.\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {{"encode", ravel_tool_encode},   {"decode", ravel_tool_decode},
             {"info", ravel_tool_info},       {"import", ravel_tool_import},
             {"tokens", ravel_tool_tokens},   {"detokens", ravel_tool_detokens},
#ifdef RAVEL_COMPARE
             {"compare", ravel_tool_compare},
#endif
#ifdef RAVEL_LIVE
             {"live", ravel_tool_live},       {"call", ravel_tool_call},
#endif
             {"bench", ravel_tool_bench}};

/* A handler has no other way to speak; threads look at it. */
static atomic_int stop_signal;

/* Set by the verb; whatever signal still comes then. */
static bool stop_was_end;

static void stop(int number)
{
    stop_signal = number;
}

bool ravel_tool_stopped(void)
{
    return stop_signal != 0;
}

void ravel_tool_stop_was_end(void)
{
    stop_was_end = true;
}

/* Of a signal to a thread that waits in a system call, which it ends. */
static void wake(int number)
{
    (void)number;
}

/*
 * Without SA_RESTART, so that a read from a silent pipe ends too. SIGPIPE and SIGXFSZ are ignored: a
 * reader that went away or a limit on file sizes is a failed write, with a message.
 */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = stop}, ignore = {.sa_handler = SIG_IGN}, old;
    struct sigaction waking = {.sa_handler = wake};
    for (int i = 0; i < 3; i++) {
        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) /* nohup */
            sigaction(numbers[i], &action, NULL);
    }
    sigaction(SIGUSR1, &waking, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

/*
 * A caller may have closed a standard descriptor; then the next file opened would get its number
 * and be taken for it. The wrong direction makes reads and writes fail as on a closed one.
 */
static void fill_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(RAVEL_EXIT_INPUT);
}

/* Output that is buffered may fail as late as here. */
static int finish(int exit_code)
{
    if (stop_signal != 0 && !stop_was_end) { /* the parent is to see the signal */
        const int number = stop_signal;
        signal(number, SIG_DFL);
        raise(number);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == RAVEL_EXIT_DONE) {
        perror("ravel: standard output");
        return RAVEL_EXIT_INPUT;
    }
    return exit_code;
}

#define LIVE_NEEDS "PortAudio, speexdsp, libopus, libre, libsrtp and OpenSSL 3"

/* Verbs that were left out because libraries were missing, and which. */
static const struct {
    const char *verb, *needs;
} left_out[] = {
#ifndef RAVEL_COMPARE
    {"compare", "FFTW, libopus and libpng"},
#endif
#ifndef RAVEL_LIVE
    {"live", LIVE_NEEDS},
    {"call", LIVE_NEEDS},
#endif
    {NULL, NULL}};

static int refuse(const char *verb)
{
    for (int i = 0; left_out[i].verb != NULL; i++) {
        if (strcmp(verb, left_out[i].verb) == 0) {
            (void)fprintf(stderr, "ravel: built without 'ravel %s', which needs %s\n", verb,
                          left_out[i].needs);
            return RAVEL_EXIT_USAGE;
        }
    }
    if (verb[0] != '\0')
        (void)fprintf(stderr, "ravel: no verb '%s'\n\n", verb);
    (void)fputs(usage, stderr);
    return RAVEL_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    fill_descriptors();
    catch_signals();
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return finish(verbs[i].run(argc - 1, argv + 1));
    if (strcmp(verb, "-h") == 0 || strcmp(verb, "--help") == 0) {
        (void)fputs(usage, stdout);
        return finish(RAVEL_EXIT_DONE);
    }
    if (strcmp(verb, "-V") == 0 || strcmp(verb, "--version") == 0) {
        (void)printf("ravel %s\n", ravel_version());
        return finish(RAVEL_EXIT_DONE);
    }
    return refuse(verb);
}
