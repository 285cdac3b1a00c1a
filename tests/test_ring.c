/* SPDX-License-Identifier: BSD-3-Clause */
/* The rings between threads and devices, and what a device's callback does with them. */
#include <criterion/criterion.h>
#include <math.h>

#include "audio_io/live/clock.h"
#include "audio_io/live/port.h"
#include "audio_io/live/ring.h"

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

Test(clock, keeps_the_last_stamp)
{
    ravel_clock clock = {0};
    ravel_stamp stamp = {0};
    cr_assert_not(ravel_clock_read(&clock, &stamp));
    ravel_clock_write(&clock, (ravel_stamp){1, 2, 3});
    ravel_clock_write(&clock, (ravel_stamp){4, 5, 6});
    cr_assert(ravel_clock_read(&clock, &stamp));
    cr_assert(stamp.time_ns == 4 && stamp.samples == 5 && stamp.moved == 6);
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
