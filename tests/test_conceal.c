/* SPDX-License-Identifier: BSD-3-Clause */
/* Lost frames: time is kept, the sound fades to silence and back, never a click, never a drone. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/conceal.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { RATE = 16000, HOP = 32, FRAMES = 160, CODEBOOKS = 4 }; /* of the default-like model */

typedef struct {
    ravel_model *model;
    ravel_scratch *scratch;
    ravel_decoder *decoder;
    uint16_t codes[FRAMES * CODEBOOKS];
} stream;

static stream begin(void)
{
    stream s = {.model = ravel_test_model_open(RAVEL_TINY_DEFAULT)};
    uint64_t seed = 4;
    s.scratch = ravel_scratch_new(s.model, 1);
    s.decoder = ravel_decoder_new(s.model);
    for (int i = 0; i < FRAMES * CODEBOOKS; i++)
        s.codes[i] = (uint16_t)ravel_random_below(&seed, 32);
    return s;
}

static void end(stream *s)
{
    ravel_decoder_free(s->decoder);
    ravel_scratch_free(s->scratch);
    ravel_model_free(s->model);
}

/* Decodes frames from ... to, as good or as lost ones, at most `step` in a push. */
static int run(stream *s, int from, int to, int lost, int step, float *pcm)
{
    int made = 0;
    for (int at = from, n; at < to; at += n) {
        n = to - at < step ? to - at : step;
        int room = ravel_decoder_samples(s->decoder, n, 0);
        const uint16_t *codes = s->codes + at * CODEBOOKS;
        int got = lost ? ravel_decoder_conceal(s->decoder, s->scratch, n, pcm + made, room)
                       : ravel_decoder_push(s->decoder, s->scratch, codes, n, CODEBOOKS, pcm + made,
                                            room);
        cr_assert_eq(got, room);
        made += got;
    }
    return made;
}

/* Good, lost, good again, end. */
static int play(stream *s, int lost_from, int lost_to, int step, float *pcm)
{
    ravel_decoder_reset(s->decoder);
    int n = run(s, 0, lost_from, 0, step, pcm);
    n += run(s, lost_from, lost_to, 1, step, pcm + n);
    n += run(s, lost_to, FRAMES, 0, step, pcm + n);
    return n + ravel_decoder_finish(s->decoder, s->scratch, pcm + n, HOP);
}

static double energy(const float *pcm, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)pcm[i] * (double)pcm[i];
    return sum / n;
}

Test(conceal, keeps_time_and_fades)
{
    static float whole[FRAMES * HOP + HOP], lossy[FRAMES * HOP + HOP];
    stream s = begin();
    int n = play(&s, FRAMES, FRAMES, 7, whole);
    cr_assert_eq(play(&s, 30, 130, 7, lossy), n);
    int lost = 30 * HOP - HOP / 2, back = 130 * HOP - HOP / 2; /* half a frame is held back */
    int fade = RATE * RAVEL_CONCEAL_FADE_MS / 1000;
    cr_assert_arr_eq(whole, lossy, (size_t)lost * sizeof *whole);
    cr_assert_gt(energy(lossy + lost, fade / 2), 0.0);
    for (int i = lost + fade; i < back; i++)
        cr_assert_eq(lossy[i], 0.0f, "sample %d after the fade", i - lost);
    cr_assert_lt(energy(lossy + lost + fade / 2, fade / 2), energy(lossy + lost, fade / 2));
    int full = back + RATE / 100;
    cr_assert_gt(energy(lossy + full, 20 * HOP), 0.5 * energy(whole + full, 20 * HOP));
    end(&s);
}

Test(conceal, any_cut_gives_the_same_samples)
{
    static float one[FRAMES * HOP + HOP], other[FRAMES * HOP + HOP];
    stream s = begin();
    for (int length = 1; length < 40; length += 6) {
        int n = play(&s, 20, 20 + length, FRAMES, one);
        for (int step = 1; step < 12; step += 5) {
            cr_assert_eq(play(&s, 20, 20 + length, step, other), n);
            cr_assert_eq(memcmp(one, other, (size_t)n * sizeof *one), 0);
        }
    }
    end(&s);
}

Test(conceal, is_silent_before_the_first_good_frame)
{
    static float pcm[FRAMES * HOP + HOP];
    stream s = begin();
    int n = run(&s, 0, 50, 1, 3, pcm);
    for (int i = 0; i < n; i++)
        cr_assert_eq(pcm[i], 0.0f);
    n = run(&s, 50, FRAMES, 0, 3, pcm);
    cr_assert_gt(energy(pcm, n), 0.0);
    end(&s);
}

/* The samples held back belong to the frame that was lost last. */
Test(conceal, the_end_after_a_loss_is_faded_too)
{
    static float pcm[FRAMES * HOP + HOP];
    stream s = begin();
    int n = run(&s, 0, 20, 0, 20, pcm);
    n += run(&s, 20, 100, 1, 80, pcm + n);
    int rest = ravel_decoder_finish(s.decoder, s.scratch, pcm, HOP);
    cr_assert_eq(n + rest, 100 * HOP);
    for (int i = 0; i < rest; i++)
        cr_assert_eq(pcm[i], 0.0f);
    end(&s);
}

/* On a constant the weights themselves are seen: no step is larger than a smooth ramp's. */
Test(fade, has_no_edge)
{
    float pcm[4000];
    ravel_fade fade = ravel_fade_new(RATE);
    int down = RATE * RAVEL_CONCEAL_FADE_MS / 1000, up = RATE / 100;
    for (int i = 0; i < 4000; i++)
        pcm[i] = 1.0f;
    ravel_fade_apply(&fade, 1, pcm, 2000, 1);
    ravel_fade_apply(&fade, 0, pcm + 2000, 2000, 1);
    float last = 1.0f;
    for (int i = 0; i < 4000; i++) {
        float most = 1.501f / (float)(i < 2000 ? down : up); /* the steepest of x^2 (3 - 2x) */
        cr_assert_leq(fabsf(pcm[i] - last), most, "step at %d", i);
        last = pcm[i];
    }
    cr_assert_eq(pcm[down], 0.0f);
    cr_assert_eq(pcm[1999], 0.0f);
    cr_assert_eq(pcm[2000 + up], 1.0f);
}

/* A loss during the way back turns round where it is. */
Test(fade, turns_round_without_a_jump)
{
    float pcm[200];
    ravel_fade fade = ravel_fade_new(RATE);
    uint64_t seed = 2;
    float last = 1.0f;
    for (int turn = 0; turn < 200; turn++) {
        int n = 1 + ravel_random_below(&seed, 200);
        for (int i = 0; i < n; i++)
            pcm[i] = 1.0f;
        ravel_fade_apply(&fade, turn % 3 != 0, pcm, n, 1);
        for (int i = 0; i < n; i++) {
            cr_assert_leq(fabsf(pcm[i] - last), 1.501f * 100.0f / RATE);
            last = pcm[i];
        }
    }
}
