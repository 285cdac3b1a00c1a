/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings between threads and devices, and what a device's callback does with them. */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>

#include "audio_io/live/clock.h"
#include "audio_io/live/port.h"
#include "audio_io/live/ring.h"
#include "tests/support/random.h"

/* --- The ring --------------------------------------------------------------------------------- */

Test(ring, takes_what_fits_and_gives_what_is_there)
{
    ravel_ring ring;
    float in[100], out[100];
    cr_assert(ravel_ring_init(&ring, 50));
    cr_assert_eq(ravel_ring_size(&ring), 64);
    for (int i = 0; i < 100; i++)
        in[i] = (float)i;
    cr_assert_eq(ravel_ring_read(&ring, out, 10), 0);
    cr_assert_eq(ravel_ring_write(&ring, in, 40), 40);
    cr_assert_eq(ravel_ring_write(&ring, in + 40, 60), 24);
    cr_assert_eq(ravel_ring_fill(&ring), 64);
    cr_assert_eq(ravel_ring_write(&ring, in, 1), 0);
    cr_assert_eq(ravel_ring_read(&ring, NULL, 30), 30);
    cr_assert_eq(ravel_ring_write_silence(&ring, 10), 10);
    cr_assert_eq(ravel_ring_read(&ring, out, 100), 44);
    for (int i = 0; i < 44; i++)
        cr_assert_eq(out[i], i < 34 ? (float)(30 + i) : 0.0f);
    cr_assert_eq(ravel_ring_fill(&ring), 0);
    ravel_ring_free(&ring);
}

enum { N_PASSED = 500000 };

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
        next += ravel_ring_write(ring, pcm, n);
    }
    return NULL;
}

/* Floats count to 2^24. With the thread sanitizer this also shows that the order is right. */
Test(ring, passes_everything_in_order_between_threads)
{
    ravel_ring ring;
    pthread_t writer;
    float pcm[61];
    uint64_t seed = 2;
    cr_assert(ravel_ring_init(&ring, 256));
    cr_assert_eq(pthread_create(&writer, NULL, write_numbers, &ring), 0);
    for (int next = 0; next < N_PASSED;) {
        int fill = ravel_ring_fill(&ring);
        int n = ravel_ring_read(&ring, pcm, 1 + ravel_random_below(&seed, 61));
        cr_assert(fill >= 0 && fill <= 256);
        for (int i = 0; i < n; i++, next++)
            cr_assert_eq(pcm[i], (float)next);
    }
    pthread_join(writer, NULL);
    cr_assert_eq(ravel_ring_fill(&ring), 0);
    ravel_ring_free(&ring);
}

/* --- The clock -------------------------------------------------------------------------------- */

enum { N_STAMPS = 200000 };

static void *write_stamps(void *context)
{
    for (int64_t i = 1; i <= N_STAMPS; i++)
        ravel_clock_write(context, (ravel_stamp){i, 3 * i, 7 * i});
    return NULL;
}

Test(clock, is_read_whole)
{
    ravel_clock clock = {0};
    ravel_stamp stamp = {0};
    pthread_t writer;
    cr_assert_not(ravel_clock_read(&clock, &stamp));
    cr_assert_eq(pthread_create(&writer, NULL, write_stamps, &clock), 0);
    for (int64_t last = 0; last < N_STAMPS; last = stamp.time_ns) {
        if (!ravel_clock_read(&clock, &stamp))
            continue;
        cr_assert_geq(stamp.time_ns, last);
        cr_assert_eq(stamp.samples, 3 * stamp.time_ns);
        cr_assert_eq(stamp.moved, 7 * stamp.time_ns);
    }
    pthread_join(writer, NULL);
}

/* --- The callback's body ---------------------------------------------------------------------- */

Test(port, mixes_what_comes_in_and_spreads_what_goes_out)
{
    ravel_port in, out;
    float pcm[600], mono[300], stereo[600];
    cr_assert(ravel_port_init(&in, 48000, 100));
    cr_assert(ravel_port_init(&out, 48000, 100));
    for (int t = 0; t < 300; t++) {
        pcm[2 * t] = (float)t;
        pcm[2 * t + 1] = (float)(3 * t);
    }
    ravel_port_take(&in, pcm, 2, 300, 1);
    cr_assert_eq(ravel_ring_read(&in.ring, mono, 300), 300);
    cr_assert_eq(ravel_ring_write(&out.ring, mono, 300), 300);
    ravel_port_give(&out, stereo, 2, 300, 1);
    for (int t = 0; t < 300; t++) {
        cr_assert_eq(mono[t], (float)(2 * t));
        cr_assert_eq(stereo[2 * t], mono[t]);
        cr_assert_eq(stereo[2 * t + 1], mono[t]);
    }
    ravel_port_free(&in);
    ravel_port_free(&out);
}

Test(port, counts_what_the_ring_lacks)
{
    ravel_port port;
    float pcm[256] = {0}, out[256];
    cr_assert(ravel_port_init(&port, 48000, 20)); /* 1024 samples */
    ravel_port_give(&port, out, 1, 256, 1);
    cr_assert_eq(port.xruns, 0, "nobody was there to be missed");
    port.begun = true;
    port.starved = false;
    pcm[0] = 1.0f;
    ravel_ring_write(&port.ring, pcm, 100);
    for (int i = 0; i < 3; i++)
        ravel_port_give(&port, out, 1, 256, 2);
    cr_assert_eq(port.xruns, 1, "one gap of three blocks is one");
    cr_assert_eq(port.missing_samples, 3 * 256 - 100);
    ravel_stamp stamp;
    cr_assert(ravel_clock_read(&port.clock, &stamp));
    cr_assert_eq(stamp.samples, 4 * 256);
    cr_assert_eq(stamp.moved, 100);
    ravel_port_free(&port);
}

Test(port, counts_what_the_ring_cannot_take)
{
    ravel_port port;
    float pcm[256] = {0};
    cr_assert(ravel_port_init(&port, 48000, 20)); /* 1024 samples */
    port.begun = true;
    for (int i = 0; i < 6; i++)
        ravel_port_take(&port, pcm, 1, 256, 1);
    cr_assert_eq(port.xruns, 1);
    cr_assert_eq(port.missing_samples, 2 * 256);
    ravel_ring_read(&port.ring, NULL, 1024);
    ravel_port_take(&port, pcm, 1, 256, 1);
    cr_assert_eq(port.xruns, 1);
    ravel_port_free(&port);
}

/* An old stream whose callback still runs while a new one does. */
Test(port, lets_one_callback_in_at_a_time)
{
    ravel_port port;
    float out[64];
    cr_assert(ravel_port_init(&port, 48000, 20));
    cr_assert_not(atomic_flag_test_and_set(&port.busy));
    for (int t = 0; t < 64; t++)
        out[t] = NAN;
    ravel_port_take(&port, out, 1, 64, 1);
    ravel_port_give(&port, out, 1, 64, 1);
    for (int t = 0; t < 64; t++)
        cr_assert_eq(out[t], 0.0f);
    cr_assert_eq(port.samples, 0);
    atomic_flag_clear(&port.busy);
    ravel_port_give(&port, out, 1, 64, 1);
    cr_assert_eq(port.samples, 64);
    ravel_port_free(&port);
}
