/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates that are changed and clocks that are followed, without a click. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "audio_io/live/rate.h"
#include "tests/support/simulated_devices.h"

static const double two_pi = 6.283185307179586;

static double decibels(double power)
{
    return 10.0 * log10(power + 1e-30);
}

/* --- A sine, looked at block by block --------------------------------------------------------- */

enum { WINDOW = 480 };

/*
 * A sine of any frequency obeys x[t] = k x[t - 1] - x[t - 2]; what is left of that with each window's
 * best k is not the sine. Where the ratio moves slowly nothing is left, a click leaves much.
 */
typedef struct {
    float window[WINDOW + 2]; /* begins with the last two samples of the window before */
    int n, n_windows, n_skipped;
    double power, rest, worst_rest; /* sums; the worst of a window, in the sine's power */
} sine_meter;

static void close_window(sine_meter *m)
{
    double across = 0.0, power = 0.0, rest = 0.0;
    for (int t = 2; t < WINDOW + 2; t++) {
        across += (double)m->window[t - 1] * ((double)m->window[t] + (double)m->window[t - 2]);
        power += (double)m->window[t - 1] * (double)m->window[t - 1];
    }
    const double k = across / (power + 1e-30);
    for (int t = 2; t < WINDOW + 2; t++) {
        double r = (double)m->window[t] + (double)m->window[t - 2] - k * (double)m->window[t - 1];
        rest += r * r;
    }
    m->window[0] = m->window[WINDOW];
    m->window[1] = m->window[WINDOW + 1];
    m->n = 2;
    if (m->n_windows++ < m->n_skipped)
        return;
    m->power += power;
    m->rest += rest;
    m->worst_rest = fmax(m->worst_rest, rest / (power + 1e-30));
}

static void add_to_meter(sine_meter *m, const float *pcm, int n)
{
    for (int t = 0; t < n; t++) {
        m->window[m->n++] = pcm[t];
        if (m->n == WINDOW + 2)
            close_window(m);
    }
}

/* --- The resampler ---------------------------------------------------------------------------- */

/* A sine through the resampler while its ratio moves, up and down by 300 in a million. */
static sine_meter through_rate(int from_hz, int to_hz, double hz, bool steered)
{
    sine_meter m = {.n_skipped = 4};
    ravel_rate *rate = ravel_rate_new(from_hz, to_hz);
    const int block = from_hz / 10;
    float *in = malloc(sizeof *in * (size_t)block), out[9600 + 512];
    for (int i = 0; i < 100; i++) {
        if (steered)
            ravel_rate_steer(rate, 3e-4 * sin(i * 0.2));
        for (int t = 0; t < block; t++)
            in[t] = 0.5f * (float)sin(two_pi * hz / from_hz * (double)(i * block + t));
        int taken = block, given = ravel_rate_push(rate, in, &taken, out, 9600 + 512);
        cr_assert_eq(taken, block);
        add_to_meter(&m, out, given);
    }
    free(in);
    ravel_rate_free(rate);
    return m;
}

Test(rate, keeps_a_sine_clean_while_the_ratio_moves)
{
    static const int rates[][2] = {{48000, 24000}, {24000, 48000}, {44100, 24000},
                                   {24000, 44100}, {24000, 24000}, {16000, 48000}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        const int from = rates[i][0], to = rates[i][1];
        sine_meter still = through_rate(from, to, 1000.0, false);
        sine_meter moved = through_rate(from, to, 1000.0, true);
        double still_db = decibels(still.rest / still.power);
        double moved_db = decibels(moved.worst_rest);
        printf("%d to %d Hz: %.1f dB of a sine is not the sine, %.1f dB in the worst %d ms of a "
               "moving "
               "ratio\n",
               from, to, still_db, moved_db, WINDOW * 1000 / to);
        cr_assert_lt(still_db, -95.0);
        cr_assert_lt(moved_db, -95.0);
    }
}

static int delay_of(int from_hz, int to_hz)
{
    float in[4800] = {0}, out[4800 * 6 + 64];
    ravel_rate *rate = ravel_rate_new(from_hz, to_hz);
    int taken = 4800, best = 0;
    in[1000] = 1.0f;
    int n = ravel_rate_push(rate, in, &taken, out, 4800 * 6 + 64);
    for (int t = 1; t < n; t++)
        if (out[t] > out[best])
            best = t;
    double late = (double)best * from_hz / to_hz - 1000.0;
    cr_assert_lt(fabs(late - ravel_rate_delay(rate)), (double)from_hz / to_hz + 1.0,
                 "%d to %d Hz: an impulse is %.1f samples late, it says %d", from_hz, to_hz, late,
                 ravel_rate_delay(rate));
    int delay_us = (int)(ravel_rate_delay(rate) * 1000000LL / from_hz);
    ravel_rate_free(rate);
    return delay_us;
}

Test(rate, holds_back_what_it_says_and_under_two_milliseconds)
{
    cr_assert_lt(delay_of(48000, 24000), 2000);
    cr_assert_lt(delay_of(24000, 48000), 2000);
    cr_assert_lt(delay_of(44100, 24000), 2000);
    cr_assert_lt(delay_of(24000, 44100), 2000);
}

Test(rate, meets_the_ratio_in_the_mean)
{
    static float in[4800], out[2600];
    ravel_rate *rate = ravel_rate_new(48000, 24000);
    int64_t n_in = 0, n_out = 0;
    for (int i = 0; i < 600; i++) { /* a minute */
        int taken = 4800;
        ravel_rate_steer(rate, 123e-6);
        n_out += ravel_rate_push(rate, in, &taken, out, 2600);
        n_in += taken;
    }
    ravel_rate_free(rate);
    double ppm = ((double)n_out * 2.0 / (double)n_in - 1.0) * 1e6;
    cr_assert_lt(fabs(ppm - 123.0), 1.0, "%.2f in a million more, not 123", ppm);
}

/* --- Clocks ----------------------------------------------------------------------------------- */

typedef struct {
    sine_meter meter;
    double hz;
} sine_call;

/* By turning a pointer, which is set right at the begin of every block. */
static void hear_sine(ravel_simulated_devices *s, int64_t at, float *pcm, int n)
{
    const sine_call *c = s->context;
    const double cycles = c->hz / s->device[0].rate_hz;
    const double angle = fmod((double)at * cycles, 1.0) * two_pi;
    const double turn_re = cos(two_pi * cycles), turn_im = sin(two_pi * cycles);
    double re = 0.5 * cos(angle), im = 0.5 * sin(angle);
    for (int t = 0; t < n; t++) {
        pcm[t] = (float)im;
        double next = re * turn_re - im * turn_im;
        im = re * turn_im + im * turn_re;
        re = next;
    }
}

static void say_sine(ravel_simulated_devices *s, int64_t at, const float *pcm, int n)
{
    sine_call *c = s->context;
    (void)at;
    add_to_meter(&c->meter, pcm, n);
}

/* Microphone to loudspeaker, frames of 20 ms. */
static void run_loop(ravel_simulated_devices *s, int codec_hz, double seconds)
{
    float pcm[960];
    int64_t end_ns = s->now_ns + (int64_t)(seconds * 1e9);
    while (s->now_ns < end_ns) {
        ravel_simulated_run(s, s->now_ns + 1000000);
        while (ravel_capture_pull(&s->capture, pcm, codec_hz / 50, s->now_ns) > 0)
            ravel_playout_push(&s->playout, pcm, codec_hz / 50, s->now_ns);
    }
}

static void check_clocks(int device_hz, int codec_hz, double ppm, double seconds)
{
    ravel_simulated_devices s;
    const ravel_simulated_device devices[2] = {
        {.rate_hz = device_hz, .block = device_hz / 200, .ppm = ppm, .late_s = 0.0005},
        {.rate_hz = device_hz, .block = device_hz / 200, .late_s = 0.0005},
    };
    cr_assert(ravel_simulated_begin(&s, devices, codec_hz, false));
    sine_call c = {.hz = 440.0};
    c.meter.n_skipped = 20;
    s.hear = hear_sine;
    s.say = say_sine;
    s.context = &c;
    run_loop(&s, codec_hz, seconds);
    const double found_ppm = (double)s.capture.drift_ppm;
    const double worst_db = decibels(c.meter.worst_rest);
    printf("%d Hz, codec %d Hz, %+.0f ppm for %.0f s: found %+.1f ppm; ring %.1f ms; over- and "
           "underruns %lld and %lld; %.1f dB is not the sine, %.1f dB in the worst %d ms\n",
           device_hz, codec_hz, ppm, seconds, found_ppm,
           (double)s.playout.mean_delay * 1e3 / device_hz, (long long)s.port[0].xruns,
           (long long)s.port[1].xruns, decibels(c.meter.rest / c.meter.power), worst_db,
           WINDOW * 1000 / device_hz);
    cr_assert_eq(s.port[0].xruns, 0);
    cr_assert_eq(s.port[1].xruns, 0);
    cr_assert_lt(fabs(found_ppm - ppm), 20.0);
    cr_assert_lt(worst_db, -90.0);
    ravel_simulated_end(&s);
}

Test(drift, follows_clocks_for_ten_minutes)
{
    check_clocks(8000, 8000, 200.0, 600.0);
    check_clocks(8000, 8000, -200.0, 600.0);
}

Test(drift, follows_clocks_that_are_worse)
{
    check_clocks(8000, 8000, 1000.0, 600.0);
    check_clocks(8000, 8000, -1000.0, 600.0);
}

Test(drift, follows_clocks_at_other_rates)
{
    check_clocks(48000, 24000, 200.0, 30.0);
    check_clocks(44100, 24000, -1000.0, 30.0);
}

/* Of one device with one clock the ratio is never touched. */
Test(drift, leaves_one_clock_alone)
{
    check_clocks(48000, 24000, 0.0, 10.0);
}
