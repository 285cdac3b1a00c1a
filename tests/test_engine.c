/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's halves in simulated time: the loudspeaker's margin, the echo, the levels. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/support/simulated_devices.h"
#include "tests/support/sound.h"

enum { CODEC_HZ = 24000, DEVICE_HZ = 48000, FRAME = 480, BLOCK = 240 };

static const ravel_simulated_device one_device[2] = {
    {.rate_hz = DEVICE_HZ, .block = BLOCK, .late_s = 0.0},
    {.rate_hz = DEVICE_HZ, .block = BLOCK, .late_s = 0.0},
};

static void hear_nothing(ravel_simulated_devices *s, int64_t at, float *pcm, int n)
{
    (void)s, (void)at;
    memset(pcm, 0, sizeof *pcm * (size_t)n);
}

static void say_nothing(ravel_simulated_devices *s, int64_t at, const float *pcm, int n)
{
    (void)s, (void)at, (void)pcm, (void)n;
}

static void begin(ravel_simulated_devices *s, bool echo)
{
    cr_assert(ravel_simulated_begin(s, one_device, CODEC_HZ, echo));
    s->hear = hear_nothing;
    s->say = say_nothing;
}

/* --- The loudspeaker's margin ----------------------------------------------------------------- */

static double delay_ms(const ravel_simulated_devices *s)
{
    return (double)s->playout.mean_delay * 1e3 / DEVICE_HZ;
}

/* Frames every 20 ms; the one after `stall_at` seconds and all during `stall_s` come at its end. */
static void run_frames(ravel_simulated_devices *s, double seconds, double stall_at, double stall_s)
{
    const float pcm[FRAME] = {0};
    const int64_t begin_ns = s->now_ns;
    for (int i = 0; i * 0.02 < seconds; i++) {
        double at = (i + 1) * 0.02;
        if (at > stall_at && at < stall_at + stall_s)
            at = stall_at + stall_s;
        ravel_simulated_run(s, begin_ns + (int64_t)(at * 1e9));
        ravel_playout_push(&s->playout, pcm, FRAME, s->now_ns);
    }
}

Test(playout, holds_a_margin_of_some_milliseconds)
{
    ravel_simulated_devices s;
    begin(&s, false);
    ravel_simulated_run(&s, s.now_ns + 103000000);
    run_frames(&s, 5.0, 1e9, 0.0);
    cr_assert_eq(s.port[1].xruns, 0);
    cr_assert(delay_ms(&s) >= 2.0 && delay_ms(&s) <= 9.0, "%.2f ms", delay_ms(&s));
    ravel_simulated_end(&s);
}

Test(playout, makes_good_for_a_stall)
{
    ravel_simulated_devices s;
    begin(&s, false);
    ravel_simulated_run(&s, s.now_ns + 103000000);
    run_frames(&s, 2.0, 1.0, 0.1);
    double after_ms = delay_ms(&s);
    run_frames(&s, 60.0, 1e9, 0.0);
    printf("a stall of 100 ms: %lld underrun; the ring's delay %.1f ms after it, %.1f ms a minute "
           "later\n",
           (long long)s.port[1].xruns, after_ms, delay_ms(&s));
    cr_assert_eq(s.port[1].xruns, 1);
    cr_assert_gt(after_ms, 50.0, "what came all at once is played, not dropped");
    cr_assert_lt(delay_ms(&s), 25.0, "and then the delay goes down again");
    cr_assert_lt(s.port[1].missing_samples, DEVICE_HZ / 5);
    run_frames(&s, 60.0, 1e9, 0.0);
    double then_ms = delay_ms(&s);
    run_frames(&s, 240.0, 1e9, 0.0);
    cr_assert_lt(fabs(delay_ms(&s) - then_ms), 1.0, "and stays: %.2f, %.2f ms", then_ms,
                 delay_ms(&s));
    ravel_simulated_end(&s);
}

/* Who asks what is wanted is never asked for more than a frame ahead, and never late. */
Test(playout, asks_in_time)
{
    ravel_simulated_devices s;
    const float pcm[FRAME] = {0};
    int n_frames = 0;
    begin(&s, false);
    for (int ms = 0; ms < 10000; ms++) {
        ravel_simulated_run(&s, s.now_ns + 1000000);
        for (int i = 0; ravel_playout_wanted(&s.playout, s.now_ns) > 0; i++, n_frames++) {
            cr_assert_lt(i, 3);
            ravel_playout_push(&s.playout, pcm, FRAME, s.now_ns);
        }
        cr_assert_lt(ravel_ring_fill(&s.port[1].ring), DEVICE_HZ * 32 / 1000);
    }
    cr_assert_eq(s.port[1].xruns, 0);
    cr_assert(abs(n_frames - 500) < 3, "%d frames in ten seconds", n_frames);
    ravel_simulated_end(&s);
}

Test(playout, drops_and_counts_what_is_far_too_much)
{
    ravel_simulated_devices s;
    const float pcm[FRAME] = {0};
    begin(&s, false);
    for (int i = 0; i < 50; i++)
        ravel_playout_push(&s.playout, pcm, FRAME, s.now_ns);
    cr_assert_gt(s.port[1].xruns, 0);
    cr_assert_lt(ravel_ring_fill(&s.port[1].ring), DEVICE_HZ / 4);
    ravel_simulated_end(&s);
}

/* --- The echo --------------------------------------------------------------------------------- */

enum { SECONDS = 20, ROOM = DEVICE_HZ / 10, N_TAPS = 100 };

/* Loudspeaker to microphone: a direct way and a decaying tail, -6 dB in all. */
typedef struct {
    float *said; /* all that the loudspeaker played */
    float room[ROOM];
    double latency_s[2];
    int taps[N_TAPS];
} echo_room;

static void make_room(echo_room *room)
{
    uint64_t seed = 5;
    double power = 0.0;
    for (int i = 0; i < N_TAPS; i++) {
        int at = i == 0 ? 96 : 96 + ravel_random_below(&seed, ROOM - 96); /* 2 ms: 70 cm */
        room->taps[i] = at;
        room->room[at] =
            (i == 0 ? 1.0f : 0.5f * ravel_random_float(&seed)) * (float)exp(-6.9 * at / ROOM);
    }
    for (int t = 0; t < ROOM; t++)
        power += (double)room->room[t] * (double)room->room[t];
    for (int t = 0; t < ROOM; t++)
        room->room[t] *= (float)(0.5 / sqrt(power));
}

static void say_into_room(ravel_simulated_devices *s, int64_t at, const float *pcm, int n)
{
    echo_room *room = s->context;
    memcpy(room->said + at, pcm, sizeof *pcm * (size_t)n);
}

/*
 * A block of the microphone, by its own clock: what was played as long ago as both devices and the
 * room take. Between samples it is a straight line, which is near enough for speech.
 */
static void hear_room(ravel_simulated_devices *s, int64_t at, float *pcm, int n)
{
    const echo_room *room = s->context;
    const double delay = (room->latency_s[0] + room->latency_s[1]) * DEVICE_HZ;
    for (int t = 0; t < n; t++) {
        double sum = 0.0, played = (double)(at + t) / (1.0 + s->device[0].ppm * 1e-6) - delay;
        const int64_t whole = (int64_t)floor(played);
        const double part = played - (double)whole;
        for (int i = 0; i < N_TAPS; i++) {
            int64_t from = whole - room->taps[i];
            if (from >= 0)
                sum +=
                    (double)room->room[room->taps[i]] *
                    ((1.0 - part) * (double)room->said[from] + part * (double)room->said[from + 1]);
        }
        pcm[t] = (float)sum;
    }
}

typedef struct {
    double in_ppm;
    double in_s, out_s;           /* delays of the devices... */
    double told_in_s, told_out_s; /* ...and what they say of them */
} echo_case;

/*
 * Speech is played for SECONDS. return    by how much the echo is less than without a canceller, in
 * decibels, in the last quarter
 */
static double echo_reduction(const echo_case *c)
{
    static echo_room room;
    static float speech[CODEC_HZ * SECONDS], heard[2][CODEC_HZ * SECONDS];
    double power[2] = {0.0, 0.0};
    ravel_simulated_device devices[2] = {one_device[0], one_device[1]};
    ravel_test_speech(speech, CODEC_HZ * SECONDS, CODEC_HZ, 3);
    devices[0].ppm = c->in_ppm;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        ravel_simulated_devices s;
        int n_played = 0, n_heard = 0;
        memset(&room, 0, sizeof room);
        make_room(&room);
        room.said = calloc((size_t)DEVICE_HZ * (SECONDS + 1), sizeof *room.said);
        room.latency_s[0] = c->in_s;
        room.latency_s[1] = c->out_s;
        cr_assert(ravel_simulated_begin(&s, devices, CODEC_HZ, cancelled));
        s.port[0].latency_ns = (int64_t)(c->told_in_s * 1e9);
        s.port[1].latency_ns = (int64_t)(c->told_out_s * 1e9);
        s.hear = hear_room;
        s.say = say_into_room;
        s.context = &room;
        while (n_played < CODEC_HZ * (SECONDS - 1)) {
            ravel_simulated_run(&s, s.now_ns + 1000000);
            for (; ravel_playout_wanted(&s.playout, s.now_ns) > 0; n_played += FRAME)
                ravel_playout_push(&s.playout, speech + n_played, FRAME, s.now_ns);
            while (ravel_capture_pull(&s.capture, heard[cancelled] + n_heard, FRAME, s.now_ns) > 0)
                n_heard += FRAME;
        }
        for (int t = n_heard * 3 / 4; t < n_heard; t++)
            power[cancelled] += (double)heard[cancelled][t] * (double)heard[cancelled][t];
        ravel_simulated_end(&s);
        free(room.said);
    }
    return 10.0 * log10(power[0] / power[1]);
}

Test(echo, is_taken_away)
{
    static const echo_case cases[] = {
        {0.0, 0.005, 0.010, 0.005, 0.010},   {0.0, 0.005, 0.010, 0.0, 0.0},
        {0.0, 0.005, 0.010, 0.010, 0.013},   {0.0, 0.030, 0.060, 0.030, 0.060},
        {200.0, 0.005, 0.010, 0.005, 0.010},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const echo_case *c = &cases[i];
        double db = echo_reduction(c);
        printf("devices of %.0f and %.0f ms that say %.0f and %.0f, %.0f ppm apart: %.1f dB less "
               "echo\n",
               c->in_s * 1e3, c->out_s * 1e3, c->told_in_s * 1e3, c->told_out_s * 1e3, c->in_ppm,
               db);
        cr_assert_gt(db, 15.0);
    }
}

/* Somebody speaks in the room: first while the loudspeaker does, then alone. */
typedef struct {
    echo_room room;
    const float *near; /* at the device's rate */
} occupied_room;

static void hear_somebody(ravel_simulated_devices *s, int64_t at, float *pcm, int n)
{
    const occupied_room *occupied = s->context;
    hear_room(s, at, pcm, n);
    for (int t = 0; t < n; t++)
        pcm[t] += at + t >= DEVICE_HZ * SECONDS / 2 ? 0.3f * occupied->near[at + t] : 0.0f;
}

/* Decibels by which the near speech is louder or softer than it was. */
static double near_change_db(const float *heard, const float *near, int from, int to)
{
    double in = 0.0, out = 0.0;
    for (int t = from; t < to; t++) {
        in += 0.09 * (double)near[2 * t] * (double)near[2 * t];
        out += (double)heard[t] * (double)heard[t];
    }
    return 10.0 * log10(out / in);
}

Test(echo, leaves_who_speaks_here)
{
    static occupied_room occupied;
    static float far[CODEC_HZ * SECONDS], near[DEVICE_HZ * SECONDS], heard[CODEC_HZ * SECONDS];
    ravel_simulated_devices s;
    int n_played = 0, n_heard = 0;
    ravel_test_speech(far, CODEC_HZ * SECONDS * 3 / 4, CODEC_HZ, 3);
    ravel_test_speech(near, DEVICE_HZ * SECONDS, DEVICE_HZ, 8);
    make_room(&occupied.room);
    occupied.room.said = calloc((size_t)DEVICE_HZ * (SECONDS + 1), sizeof *far);
    occupied.room.latency_s[0] = 0.005;
    occupied.room.latency_s[1] = 0.010;
    occupied.near = near;
    begin(&s, true);
    s.port[0].latency_ns = 5000000;
    s.port[1].latency_ns = 10000000;
    s.hear = hear_somebody;
    s.say = say_into_room;
    s.context = &occupied;
    while (n_played < CODEC_HZ * (SECONDS - 1)) {
        ravel_simulated_run(&s, s.now_ns + 1000000);
        for (; ravel_playout_wanted(&s.playout, s.now_ns) > 0; n_played += FRAME)
            ravel_playout_push(&s.playout, far + n_played, FRAME, s.now_ns);
        while (ravel_capture_pull(&s.capture, heard + n_heard, FRAME, s.now_ns) > 0)
            n_heard += FRAME;
    }
    double both_db = near_change_db(heard, near, CODEC_HZ * 11, CODEC_HZ * 15);
    double alone_db = near_change_db(heard, near, CODEC_HZ * 16, CODEC_HZ * 19);
    printf("who speaks here is changed by %.1f dB while the other one speaks, %.1f dB alone\n",
           both_db, alone_db);
    cr_assert(both_db > -6.0 && both_db < 2.0);
    cr_assert(alone_db > -2.0 && alone_db < 1.0);
    ravel_simulated_end(&s);
    free(occupied.room.said);
}

/* --- Levels ----------------------------------------------------------------------------------- */

Test(level, tells_the_power_and_the_peak)
{
    ravel_level level = {0};
    float pcm[FRAME];
    cr_assert_lt(ravel_level_dbfs(&level), -119.0);
    for (int i = 0; i < 200; i++) {
        for (int t = 0; t < FRAME; t++)
            pcm[t] = 0.1f * sinf(0.1f * (float)(i * FRAME + t));
        ravel_level_add(&level, pcm, FRAME, CODEC_HZ);
    }
    cr_assert_lt(fabs(ravel_level_dbfs(&level) + 23.01), 0.1);
    cr_assert_lt(fabs(ravel_level_peak_dbfs(&level) + 20.0), 0.1);
    pcm[7] = NAN;
    pcm[8] = INFINITY;
    ravel_level_add(&level, pcm, FRAME, CODEC_HZ);
    for (int t = 0; t < FRAME; t++)
        pcm[t] = 0.01f;
    for (int i = 0; i < 200; i++)
        ravel_level_add(&level, pcm, FRAME, CODEC_HZ);
    cr_assert_lt(fabs(ravel_level_dbfs(&level) + 40.0), 0.1, "and goes on after what is no number");
    cr_assert_lt(fabs(ravel_level_peak_dbfs(&level) + 40.0), 0.1);
}
