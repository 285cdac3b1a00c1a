/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps that are watched: replaced library functions, and a seccomp filter. */
#define _GNU_SOURCE
#include "tests/support/watched.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

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

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    calls.allocations++;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
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

/*
 * From now on the kernel kills at every system call but the child's last. Seccomp's strict mode would
 * do, but it takes the processor's clock away, and a callback reads that: by no system call but where
 * the kernel does not trust the processor's clock.
 */
static int forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In the child: exit code 0, 1 where something was counted, 2 where a step failed. */
static void child(int (*steps)(void *), void *context)
{
    (void)forbid_system_calls();
    counts before = calls;
    int result = steps(context) != 0 ? 2 : 0;
    if (total(&calls) != total(&before))
        result = 1;
    syscall(SYS_exit, result);
}

/* return    as waitpid */
static int run_child(int (*steps)(void *), void *context)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        child(steps, context);
    waitpid(pid, &status, 0);
    return status;
}

static int call_system(void *context)
{
    (void)context;
    return syscall(SYS_getppid) < 0;
}

int ravel_test_watched(const char *name, int (*steps)(void *), void *context)
{
    static const char *const verdicts[] = {"no allocation, lock or system call",
                                           "an allocation, lock or write", "a step failed"};
    real_lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    if (!counters_work()) {
        (void)fprintf(stderr, "%s: the replaced functions are not reached\n", name);
        return 1;
    }
    if (!WIFSIGNALED(run_child(call_system, NULL)))
        (void)fprintf(stderr, "%s: no seccomp here, system calls are not watched\n", name);
    int status = run_child(steps, context);
    if (WIFSIGNALED(status)) {
        (void)fprintf(stderr, "%s: %s\n", name,
                      WTERMSIG(status) == SIGSYS ? "a system call" : "a crash");
        return 1;
    }
    int verdict = WEXITSTATUS(status);
    (void)printf("%s: %s\n", name, verdict < 3 ? verdicts[verdict] : "?");
    return verdict;
}
