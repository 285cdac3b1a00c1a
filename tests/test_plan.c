/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>

#include "audio_io/call/voice/activity.h"
#include "audio_io/call/voice/plan.h"
#include "tests/support/random.h"

/* --- Frames a packet ------------------------------------------------------------------------ */

static int frames(int bitrate_bps, int one_way_us)
{
    static const ravel_voice_format format = {24000, 24000, 480, 480};
    const ravel_voice voice = {.bitrate_bps = bitrate_bps, .min_frames = 1, .max_frames = 4};
    return ravel_plan_frames(&voice, &format, one_way_us);
}

Test(plan, headers_do_not_cost_more_than_twice_the_voice)
{
    cr_assert_eq(frames(1500, 0), 4);
    cr_assert_eq(frames(3000, 0), 4);
    cr_assert_eq(frames(6000, 0), 2);
    cr_assert_eq(frames(24000, 0), 1);
}

Test(plan, a_long_way_leaves_no_time_for_long_packets)
{
    int before = 4;
    for (int way_us = 0; way_us <= 300000; way_us += 1000) {
        const int n = frames(1500, way_us);
        cr_assert(n == before || n == before - 1);
        before = n;
    }
    cr_assert_eq(before, 1);
}

Test(plan, the_limits_are_kept)
{
    static const ravel_voice_format format = {24000, 24000, 480, 480};
    for (int n = 1; n <= 4; n++) {
        const ravel_voice voice = {.bitrate_bps = 6000, .min_frames = n, .max_frames = n};
        cr_assert_eq(ravel_plan_frames(&voice, &format, 0), n);
        cr_assert_eq(ravel_plan_frames(&voice, &format, 1000000), n);
    }
}

/* --- Redundancy ----------------------------------------------------------------------------- */

static ravel_plan plan(int frame_bits, int n_frames, double loss)
{
    return ravel_plan_copies(&(ravel_plan_limits){.frame_bits = frame_bits,
                                                  .bits_per_code = 10,
                                                  .n_codebooks = 12,
                                                  .n_frames = n_frames,
                                                  .frame_ms = 20,
                                                  .loss = loss});
}

Test(plan, the_rate_is_held)
{
    for (int frame_bits = 10; frame_bits <= 400; frame_bits += 7) {
        for (int n_frames = 1; n_frames <= 4; n_frames++) {
            for (int percent = 0; percent <= 50; percent++) {
                const ravel_plan p = plan(frame_bits, n_frames, percent / 100.0);
                const int codes = p.n_codebooks + p.n_copies * p.redundant_codebooks;
                cr_assert_leq(10 * codes, frame_bits);
                cr_assert(p.n_codebooks >= 1 && p.n_codebooks <= 12);
                cr_assert_leq(p.redundant_codebooks, p.n_codebooks);
                cr_assert_leq(p.n_copies * n_frames, RAVEL_PLAN_MAX_REDUNDANT_FRAMES);
                cr_assert_eq(p.n_copies == 0, p.redundant_codebooks == 0);
            }
        }
    }
}

Test(plan, more_losses_are_met_by_more_redundancy)
{
    cr_assert_eq(plan(120, 2, 0.0).n_copies, 0);
    cr_assert_eq(plan(120, 2, 0.0).n_codebooks, 12);
    int before = 0;
    for (int percent = 0; percent <= 50; percent += 5) {
        const ravel_plan p = plan(120, 2, percent / 100.0);
        const int redundant = p.n_copies * p.redundant_codebooks;
        cr_assert_geq(redundant, before, "%d %%", percent);
        before = redundant;
    }
    cr_assert_geq(before, 4);
}

/* --- Activity ------------------------------------------------------------------------------- */

enum { FRAME = 480 };

/* return    frames of n that count as speech */
static int listen(ravel_activity *activity, float level, int n, uint64_t *seed)
{
    int n_active = 0;
    for (int i = 0; i < n; i++) {
        float pcm[FRAME];
        for (int k = 0; k < FRAME; k++)
            pcm[k] = level * ravel_random_float(seed);
        n_active += ravel_activity_step(activity, pcm, FRAME);
    }
    return n_active;
}

Test(activity, speech_stands_above_noise)
{
    ravel_activity activity = ravel_activity_new();
    uint64_t seed = 1;
    listen(&activity, 0.003f, 200, &seed);
    cr_assert_eq(listen(&activity, 0.003f, 300, &seed), 0);
    cr_assert_eq(listen(&activity, 0.1f, 50, &seed), 50, "from the first frame on");
    cr_assert_eq(listen(&activity, 0.003f, 300, &seed), RAVEL_ACTIVITY_HANGOVER_FRAMES);
}

Test(activity, noise_that_stays_becomes_the_floor)
{
    ravel_activity activity = ravel_activity_new();
    uint64_t seed = 2;
    listen(&activity, 0.001f, 200, &seed);
    listen(&activity, 0.02f, 1000, &seed);
    cr_assert_eq(listen(&activity, 0.02f, 300, &seed), 0);
}

Test(activity, silence_is_none)
{
    ravel_activity activity = ravel_activity_new();
    uint64_t seed = 3;
    listen(&activity, 0.0f, 100, &seed);
    cr_assert_eq(listen(&activity, 0.0f, 300, &seed), 0);
    cr_assert_eq(ravel_level_db((const float[]){0.0f}, 1), -100.0f);
    cr_assert_float_eq(ravel_level_db((const float[]){0.1f, -0.1f}, 2), -20.0f, 1e-4f);
}
