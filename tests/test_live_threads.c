/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What threads share in the real-time part: rings, stamps, and an engine as a whole, which runs by the
 * machine's clock here. Without Criterion, so that it can be built with the thread sanitizer.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "audio_io/live/clock.h"
#include "audio_io/live/engine.h"
#include "audio_io/live/ring.h"
#include "tests/support/random.h"

static int check(bool right, const char *what)
{
    if (!right)
        (void)fprintf(stderr, "test_live_threads: %s\n", what);
    return right ? 0 : 1;
}

/* --- The ring --------------------------------------------------------------------------------- */

enum { N_PASSED = 500000, ROOM = 1024 };

static void *write_numbers(void *context)
{
    ravel_ring *ring = context;
    float pcm[97];
    uint64_t seed = 1;
    for (int next = 0; next < N_PASSED;) {
        int n = 1 + ravel_random_below(&seed, 97);
        n = n < N_PASSED - next ? n : N_PASSED - next;
        for (int i = 0; i < n; i++)
            pcm[i] = (float)(next + i);
        n = ravel_ring_write(ring, pcm, n);
        next += n;
        if (n == 0)
            sched_yield(); /* to the reader, who may have no other processor */
    }
    return NULL;
}

/* Numbers, which floats hold exactly up to 2^24, come out as they went in. */
static int check_ring(void)
{
    ravel_ring ring;
    pthread_t writer;
    float pcm[61];
    uint64_t seed = 2;
    bool right = true;
    if (!ravel_ring_init(&ring, ROOM) || pthread_create(&writer, NULL, write_numbers, &ring) != 0)
        return check(false, "no memory");
    for (int next = 0; next < N_PASSED;) {
        int fill = ravel_ring_fill(&ring);
        int n = ravel_ring_read(&ring, pcm, 1 + ravel_random_below(&seed, 61));
        right = right && fill >= 0 && fill <= ROOM;
        if (n == 0)
            sched_yield();
        for (int i = 0; i < n; i++, next++)
            right = right && pcm[i] >= (float)next && pcm[i] <= (float)next;
    }
    pthread_join(writer, NULL);
    right = right && ravel_ring_fill(&ring) == 0;
    ravel_ring_free(&ring);
    return check(right, "a ring loses or mixes up samples");
}

/* --- The clock -------------------------------------------------------------------------------- */

enum { N_STAMPS = 200000 };

static void *write_stamps(void *context)
{
    for (int64_t i = 1; i <= N_STAMPS; i++)
        ravel_clock_write(context, (ravel_stamp){i, 3 * i, 7 * i});
    return NULL;
}

static int check_clock(void)
{
    ravel_clock clock = {0};
    ravel_stamp stamp = {0};
    pthread_t writer;
    bool right = true;
    if (pthread_create(&writer, NULL, write_stamps, &clock) != 0)
        return check(false, "no memory");
    for (int64_t last = 0; last < N_STAMPS; last = stamp.time_ns) {
        if (!ravel_clock_read(&clock, &stamp)) {
            sched_yield();
            continue;
        }
        right = right && stamp.time_ns >= last && stamp.samples == 3 * stamp.time_ns &&
                stamp.moved == 7 * stamp.time_ns;
    }
    pthread_join(writer, NULL);
    return check(right, "a stamp is read in parts");
}

/* --- The engine ------------------------------------------------------------------------------- */

enum { FRAME = 480, N_FRAMES = 30 };

static void *play(void *context)
{
    const float pcm[FRAME] = {0.5f};
    for (int n_played = 0; n_played < N_FRAMES;) {
        while (ravel_engine_wanted(context) > 0) {
            ravel_engine_play(context, pcm, FRAME);
            n_played++;
        }
        ravel_engine_wait(context);
    }
    return NULL;
}

static void *capture(void *context)
{
    float pcm[FRAME];
    for (int n_captured = 0; n_captured < N_FRAMES;) {
        int n = ravel_engine_capture(context, pcm, FRAME);
        n_captured += n == FRAME;
        if (n == 0)
            ravel_engine_wait(context);
    }
    return NULL;
}

static int check_engine(void)
{
    const ravel_engine_config config = {.input = "none",
                                        .output = "none",
                                        .sample_rate_hz = 24000,
                                        .block_ms = 5,
                                        .echo_cancel = true};
    ravel_error error = {0};
    ravel_engine_status status;
    pthread_t threads[2];
    ravel_engine *engine = ravel_engine_open(&config, &error);
    if (engine == NULL)
        return check(false, error.text);
    const int64_t begin_ns = ravel_clock_now_ns();
    if (pthread_create(&threads[0], NULL, capture, engine) != 0 ||
        pthread_create(&threads[1], NULL, play, engine) != 0)
        return check(false, "no threads");
    for (int i = 0; i < 100; i++) {
        ravel_engine_get_status(engine, &status);
        ravel_engine_wait(engine);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    const double seconds = (double)(ravel_clock_now_ns() - begin_ns) * 1e-9;
    ravel_engine_get_status(engine, &status);
    ravel_engine_close(engine);
    return check(seconds > (N_FRAMES - 5) * 0.02, "time goes faster than the clock") |
           check(strcmp(status.in.name, "none") == 0 && strcmp(status.out.name, "none") == 0,
                 "no device is something else") |
           check(status.out.peak_dbfs > -60.0 && status.in.peak_dbfs < -119.0,
                 "the levels are not those of what was played and of silence");
}

int main(void)
{
    return check_ring() | check_clock() | check_engine();
}
