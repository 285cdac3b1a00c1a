/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * call_flood [PACKETS_A_SECOND [SECONDS]]: two transports talk, 50 packets a second each way, while
 * another process floods one of them with forged, replayed, cut, oversized and senseless packets.
 * Prints what became of both, and the processor time that it took.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audio_io/live/clock.h"
#include "tests/support/random.h"
#include "tests/support/transport_pair.h"

enum { PACKET_MS = 20, KINDS = 8, BATCH_US = 1000, PAYLOAD = 40 };

static ravel_test_end caller, callee;
static ravel_test_wire wire;
static struct tmr pace;
static int n_sent;

static void talk(void *arg)
{
    uint8_t payload[PAYLOAD] = {0};
    (void)arg;
    (void)ravel_transport_send(caller.transport, false, 480 * (uint32_t)n_sent, payload, PAYLOAD);
    (void)ravel_transport_send(callee.transport, false, 480 * (uint32_t)n_sent, payload, PAYLOAD);
    n_sent++;
    tmr_start(&pace, PACKET_MS, talk, NULL);
}

/* One of KINDS kinds of packet, made of a good one that was seen on its way. return    bytes */
static size_t make_packet(int kind, uint64_t *seed, uint8_t data[2048])
{
    size_t size = wire.last_size;
    memcpy(data, wire.last, size);
    switch (kind) {
    case 0: /* the next number, with a tag that is not right */
        data[3]++;
        break;
    case 1: /* half a turn away */
        data[2] ^= 0x80;
        break;
    case 2: /* another source each time */
        data[8] = (uint8_t)ravel_random_bits(seed);
        data[9] = (uint8_t)ravel_random_bits(seed);
        break;
    case 3: /* replayed */
        break;
    case 4:
        return (size_t)ravel_random_below(seed, 20);
    case 5:
        return (size_t)(1501 + ravel_random_below(seed, 400));
    case 6: /* of another type */
        data[1] ^= 1;
        break;
    default: /* a handshake, STUN, or nothing known */
        data[0] = (uint8_t)ravel_random_below(seed, 128);
        break;
    }
    return size;
}

static void sleep_until(int64_t us)
{
    struct timespec at = {us / 1000000, us % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* The other process; ends when it is killed. Every batch what the clock says is due. */
static void flood(const struct sa *victim, int rate_hz)
{
    uint64_t seed = 1;
    uint8_t data[2048] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    (void)setsid(); /* its processor time is not ours: the scheduler groups by session */
    int64_t begin_us = ravel_clock_now_us(), n = 0;
    for (int64_t now_us = begin_us;; sleep_until(now_us += BATCH_US)) {
        for (; n < (now_us - begin_us) * rate_hz / 1000000; n++) {
            size_t size = make_packet((int)(n % KINDS), &seed, data);
            (void)sendto(fd, data, size, 0, &victim->u.sa, victim->len);
        }
    }
}

static double processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void measure(const char *name, int rate_hz, int seconds)
{
    const bool never = false;
    int sent = n_sent, heard = callee.n_packets, back = caller.n_packets;
    ravel_transport_status before, after;
    pid_t child = -1;
    ravel_transport_get_status(callee.transport, &before);
    double begin_s = processor_seconds();
    fflush(stdout);
    if (rate_hz > 0 && (child = fork()) == 0)
        flood(&wire.callee, rate_hz);
    ravel_test_run(&never, 1000 * seconds);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    double used_s = processor_seconds() - begin_s;
    ravel_test_run(&never, 200);
    ravel_transport_get_status(callee.transport, &after);
    uint64_t dropped = 0;
    for (int i = 0; i < RAVEL_DROP_KINDS; i++)
        dropped += after.dropped[i] - before.dropped[i];
    printf("%-8s %8.0f dropped/s   call: %d of %d there, %d of %d back   processor %5.1f %%\n",
           name, (double)dropped / seconds, callee.n_packets - heard, n_sent - sent,
           caller.n_packets - back, n_sent - sent, 100 * used_s / seconds);
    for (int i = 0; i < RAVEL_DROP_KINDS && rate_hz > 0; i++)
        printf("    %-16s %9llu\n", ravel_drop_name((ravel_drop)i),
               (unsigned long long)(after.dropped[i] - before.dropped[i]));
}

int main(int argc, char **argv)
{
    int rate_hz = argc > 1 ? atoi(argv[1]) : 50000, seconds = argc > 2 ? atoi(argv[2]) : 5;
    const ravel_test_call wanted = {.edit = ravel_test_wire_edit, .context = &wire};
    const bool never = false;
    libre_init();
    if (rate_hz <= 0 || seconds <= 0 || !ravel_test_wire_open(&wire) ||
        !ravel_test_call_open(&caller, &callee, &wanted) ||
        !ravel_test_call_start(&caller, &callee)) {
        fprintf(stderr, "call_flood: %s%s\n", caller.text, callee.text);
        return 1;
    }
    tmr_init(&pace);
    talk(NULL);
    ravel_test_run(&never, 200);
    measure("quiet", 0, seconds);
    measure("flood", rate_hz, seconds);
    measure("after", 0, seconds);
    bool alive = !callee.failed && !callee.left;
    tmr_cancel(&pace);
    ravel_test_end_close(&caller);
    ravel_test_end_close(&callee);
    ravel_test_wire_close(&wire);
    libre_close();
    return alive ? 0 : 1;
}
