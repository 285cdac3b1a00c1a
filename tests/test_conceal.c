/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lost frames: time is kept, the sound goes on, fades to silence and back, never a click, never a
 * drone; where the next frame is known it goes over to that.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/conceal.h"
#include "codec/model.h"
#include "tests/support/random.h"
#include "tests/support/sound.h"
#include "tests/support/tiny_model.h"

enum { RATE = 16000, HOP = 32, FRAMES = 160, CODEBOOKS = 4 }; /* of the default-like model */
enum {
    HOLD = RATE * RAVEL_CONCEAL_HOLD_MS / 1000,
    DOWN = RATE * RAVEL_CONCEAL_FADE_MS / 1000,
    UP = DOWN / 8,
    LONG_LOSS = (HOLD + DOWN) / HOP + 20 /* frames: there is silence in it */
};
enum { ROOM = (FRAMES + LONG_LOSS) * HOP };

typedef struct {
    ravel_model *model;
    ravel_scratch *scratch;
    ravel_decoder *decoder;
    uint16_t codes[FRAMES * CODEBOOKS];
    bool bridges; /* where run() has lost frames, the one behind them is known */
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

/* Decodes frames from ... to, at most `step` in a push. return    samples */
static int play_good(stream *s, int from, int to, int step, float *pcm)
{
    int made = 0;
    for (int at = from, n; at < to; at += n) {
        n = to - at < step ? to - at : step;
        int room = ravel_decoder_samples(s->decoder, n, 0);
        cr_assert_eq(ravel_decoder_push(s->decoder, s->scratch, s->codes + at * CODEBOOKS, n,
                                        CODEBOOKS, pcm + made, room),
                     room);
        made += room;
    }
    return made;
}

/* Makes up n frames before frame `next`, at most `step` in a call. */
static int play_lost(stream *s, int n, int next, int step, float *pcm)
{
    int made = 0;
    for (int left = n, k; left > 0; left -= k) {
        k = s->bridges ? 1 : left < step ? left : step;
        int room = ravel_decoder_samples(s->decoder, k, 0);
        int got = s->bridges
                      ? ravel_decoder_bridge(s->decoder, s->scratch, s->codes + next * CODEBOOKS,
                                             CODEBOOKS, left, pcm + made, room)
                      : ravel_decoder_conceal(s->decoder, s->scratch, k, pcm + made, room);
        cr_assert_eq(got, room);
        made += got;
    }
    return made;
}

/* Good frames up to `at`, n_lost lost ones, the rest, the end. */
static int play(stream *s, int at, int n_lost, int step, float *pcm)
{
    ravel_decoder_reset(s->decoder);
    int n = play_good(s, 0, at, step, pcm);
    n += play_lost(s, n_lost, at, step, pcm + n);
    n += play_good(s, at, FRAMES, step, pcm + n);
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
    static float whole[ROOM], lossy[ROOM];
    stream s = begin();
    int n = play(&s, FRAMES, 0, 7, whole);
    cr_assert_eq(play(&s, 30, LONG_LOSS, 7, lossy), n + LONG_LOSS * HOP);
    int lost = 30 * HOP - HOP / 2, back = lost + LONG_LOSS * HOP; /* half a frame is held back */
    cr_assert_arr_eq(whole, lossy, (size_t)lost * sizeof *whole);
    cr_assert_gt(energy(lossy + lost, HOLD), 0.2 * energy(whole, lost));
    cr_assert_lt(energy(lossy + lost + HOLD + DOWN / 2, DOWN / 2),
                 0.3 * energy(lossy + lost + HOLD - DOWN / 2, DOWN / 2));
    for (int i = lost + HOLD + DOWN; i < back; i++)
        cr_assert_eq(lossy[i], 0.0f, "sample %d after the fade", i - lost);
    cr_assert_gt(energy(lossy + back + UP, 20 * HOP), 0.5 * energy(whole + lost + UP, 20 * HOP));
    end(&s);
}

Test(conceal, any_cut_gives_the_same_samples)
{
    static float one[ROOM], other[ROOM];
    stream s = begin();
    for (int length = 1; length < 40; length += 6) {
        int n = play(&s, 20, length, FRAMES, one);
        for (int step = 1; step < 12; step += 5) {
            cr_assert_eq(play(&s, 20, length, step, other), n);
            cr_assert_eq(memcmp(one, other, (size_t)n * sizeof *one), 0);
        }
    }
    end(&s);
}

Test(conceal, is_silent_before_the_first_good_frame)
{
    static float pcm[ROOM];
    stream s = begin();
    int n = play_lost(&s, 50, 0, 3, pcm);
    for (int i = 0; i < n; i++)
        cr_assert_eq(pcm[i], 0.0f);
    n = play_good(&s, 0, FRAMES, 3, pcm);
    cr_assert_gt(energy(pcm, n), 0.0);
    end(&s);
}

/* The samples held back belong to the frame that was lost last. */
Test(conceal, the_end_after_a_loss_is_faded_too)
{
    static float pcm[ROOM];
    stream s = begin();
    int n = play_good(&s, 0, 20, 20, pcm);
    n += play_lost(&s, LONG_LOSS, 20, LONG_LOSS, pcm + n);
    int rest = ravel_decoder_finish(s.decoder, s.scratch, pcm, HOP);
    cr_assert_eq(n + rest, (20 + LONG_LOSS) * HOP);
    for (int i = 0; i < rest; i++)
        cr_assert_eq(pcm[i], 0.0f);
    end(&s);
}

Test(conceal, a_copy_in_the_middle_of_a_loss_goes_on_alike)
{
    static float one[ROOM], other[ROOM];
    stream s = begin();
    play_good(&s, 0, 20, 20, one);
    play_lost(&s, 9, 20, 9, one);
    size_t size = ravel_decoder_size(s.model);
    ravel_decoder *original = s.decoder;
    ravel_decoder *copy = malloc(size);
    memcpy(copy, original, size);
    int n = play_lost(&s, 7, 20, 7, one);
    n += play_good(&s, 20, FRAMES, 20, one + n);
    s.decoder = copy;
    int m = play_lost(&s, 7, 20, 7, other);
    m += play_good(&s, 20, FRAMES, 20, other + m);
    cr_assert_eq(n, m);
    cr_assert_eq(memcmp(one, other, (size_t)n * sizeof *one), 0);
    ravel_decoder_free(original);
    end(&s);
}

/* --- The next frame is known ------------------------------------------------------------------ */

/* A frame in the midst of equal ones, lost, is replaced by itself. */
Test(bridge, goes_over_to_the_next_frame)
{
    static float whole[ROOM], lossy[ROOM];
    stream s = begin();
    for (int i = CODEBOOKS; i < FRAMES * CODEBOOKS; i++)
        s.codes[i] = s.codes[i - CODEBOOKS];
    int n = play(&s, FRAMES, 0, 7, whole);
    s.bridges = true;
    cr_assert_eq(play(&s, 30, 20, 1, lossy), n + 20 * HOP);
    for (int i = 0; i < n - HOP; i++) /* the end is its own */
        cr_assert_float_eq(lossy[i], whole[i], 1e-4f);
    end(&s);
}

/* However long the loss: there is a way to the end of it. */
Test(bridge, does_not_fade)
{
    static float whole[ROOM], lossy[ROOM];
    stream s = begin();
    int n = play(&s, FRAMES, 0, 7, whole), lost = 30 * HOP;
    s.bridges = true;
    play(&s, 30, LONG_LOSS, 1, lossy);
    for (int i = lost; i + HOP * 4 < lost + LONG_LOSS * HOP; i += HOP * 4)
        cr_assert_gt(energy(lossy + i, HOP * 4), 0.05 * energy(whole, n));
    end(&s);
}

Test(bridge, refuses_what_cannot_be)
{
    float pcm[2 * HOP];
    stream s = begin();
    uint16_t bad[CODEBOOKS] = {0, 0, 0, UINT16_MAX};
    play_good(&s, 0, 1, 1, pcm);
    cr_assert_eq(ravel_decoder_bridge(s.decoder, s.scratch, s.codes, CODEBOOKS, 0, pcm, HOP),
                 RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_decoder_bridge(s.decoder, s.scratch, NULL, CODEBOOKS, 1, pcm, HOP),
                 RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_decoder_bridge(s.decoder, s.scratch, s.codes, 0, 1, pcm, HOP),
                 RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_decoder_bridge(s.decoder, s.scratch, s.codes, CODEBOOKS, 1, pcm, HOP - 1),
                 RAVEL_ERR_SPACE);
    cr_assert_eq(ravel_decoder_bridge(s.decoder, s.scratch, bad, CODEBOOKS, 1, pcm, HOP),
                 RAVEL_ERR_DATA);
    cr_assert_eq(ravel_decoder_samples(s.decoder, 1, 0), HOP, "something was consumed");
    end(&s);
}

/* --- Every model, every machine --------------------------------------------------------------- */

enum { SOME = 24 }; /* frames */

/* Frames of random codes, some lost, some of these before a known one. return    samples in *pcm */
static int play_losses(const ravel_model *model, float **pcm)
{
    const int n_codebooks = ravel_model_get_info(model)->n_codebooks;
    const int channels = ravel_model_get_info(model)->channels;
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    ravel_decoder *decoder = ravel_decoder_new(model);
    const int room = ravel_decoder_samples(decoder, SOME, 1);
    uint16_t codes[RAVEL_MAX_CODEBOOKS * 64];
    uint64_t seed = 6;
    int n = 0;
    cr_assert_leq(ravel_model_codes_per_frame(model, n_codebooks), RAVEL_MAX_CODEBOOKS * 64);
    *pcm = malloc((size_t)room * (size_t)channels * sizeof **pcm);
    for (int i = 0; i < ravel_model_codes_per_frame(model, n_codebooks); i++)
        codes[i] = (uint16_t)ravel_random_below(&seed, 4);
    for (int f = 0; f < SOME; f++) {
        float *out = *pcm + (ptrdiff_t)n * channels;
        codes[f % n_codebooks] ^= 1;
        int got = f % 7 == 3 ? ravel_decoder_conceal(decoder, scratch, 1, out, room - n)
                  : f % 7 == 4
                      ? ravel_decoder_bridge(decoder, scratch, codes, n_codebooks, 2, out, room - n)
                      : ravel_decoder_push(decoder, scratch, codes, 1, n_codebooks, out, room - n);
        cr_assert_geq(got, 0);
        n += got;
    }
    n += ravel_decoder_finish(decoder, scratch, *pcm + (ptrdiff_t)n * channels, room - n);
    cr_assert_eq(n, room);
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
    return n * channels;
}

Test(conceal, every_model_and_instruction_set)
{
    static const char *const names[] = {"c", "avx2", "avx512", "neon"};
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        size_t size;
        void *file = ravel_test_model((ravel_tiny_kind)kind, &size);
        float *first = NULL;
        for (size_t v = 0; v < sizeof names / sizeof *names; v++) {
            const ravel_kernels *kernels = ravel_kernels_named(names[v]);
            if (!kernels)
                continue;
            ravel_model *model = ravel_model_open_with(kernels, file, size, NULL);
            float *pcm;
            int n = play_losses(model, &pcm);
            for (int i = 0; i < n; i++)
                cr_assert(isfinite(pcm[i]), "%s", ravel_tiny_name((ravel_tiny_kind)kind));
            first = first ? first
                          : memcpy(malloc((size_t)n * sizeof *pcm), pcm, (size_t)n * sizeof *pcm);
            cr_assert_eq(memcmp(first, pcm, (size_t)n * sizeof *first), 0, "%s with %s",
                         ravel_tiny_name((ravel_tiny_kind)kind), names[v]);
            free(pcm);
            ravel_model_free(model);
        }
        free(first);
        free(file);
    }
}

/* --- Seams ------------------------------------------------------------------------------------ */

/* The largest second difference of n + 2 samples: a click has a great one. */
static float bend(const float *pcm, int n)
{
    float most = 0.0f;
    for (int i = 0; i < n; i++)
        most = fmaxf(most, fabsf(pcm[i] - 2.0f * pcm[i + 1] + pcm[i + 2]));
    return most;
}

/* Speech-like sound through the built-in model, bursts lost: nothing bends more than the sound. */
Test(conceal, no_seam_clicks)
{
    enum { CLIP = 160, BURST = 12, EVERY = 40, LATE = 240, WIDE = 960 };
    static float in[CLIP * 480], whole[CLIP * 480], lossy[CLIP * 480];
    static uint16_t codes[CLIP * 6];
    const ravel_model *model = ravel_model_builtin();
    const int hop = ravel_model_get_info(model)->hop_samples;
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    ravel_encoder *encoder = ravel_encoder_new(model, 6);
    ravel_decoder *decoder = ravel_decoder_new(model);
    ravel_test_speech(in, CLIP * hop, ravel_model_get_info(model)->sample_rate_hz, 3);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, in, CLIP * hop, codes, CLIP), CLIP);
    int n = ravel_decoder_push(decoder, scratch, codes, CLIP, 6, whole, CLIP * hop), at = 0;
    ravel_decoder_reset(decoder);
    for (int f = 0; f < CLIP; f++) {
        at += f % EVERY >= EVERY - BURST
                  ? ravel_decoder_conceal(decoder, scratch, 1, lossy + at, n - at)
                  : ravel_decoder_push(decoder, scratch, codes + f * 6, 1, 6, lossy + at, n - at);
    }
    cr_assert_eq(at, n);
    for (int f = EVERY - BURST; f + BURST < CLIP; f += EVERY) {
        int from = f * hop - LATE, to = from + (BURST + 2) * hop;
        float usual = bend(whole + from - WIDE, to - from + 2 * WIDE);
        cr_assert_leq(bend(lossy + from - 8, to - from + 8), usual, "from %d", from);
    }
    ravel_decoder_free(decoder);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
}

/* --- Latents ---------------------------------------------------------------------------------- */

/* Of all frames while they are few, as exact as floats are; then older ones are forgotten. */
Test(trend, knows_the_mean)
{
    static float x[1000];
    float latents[2];
    ravel_trend trend = ravel_trend_new(1, 320, RATE, latents); /* 50 frames a second */
    for (int i = 0; i < 1000; i++)
        x[i] = i < 50 ? (float)i : 7.0f;
    ravel_trend_add(&trend, latents, x, 50);
    cr_assert_eq(latents[0], 49.0f);
    cr_assert_float_eq(latents[1], 24.5f, 1e-3f);
    ravel_trend_add(&trend, latents, x + 50, 950);
    cr_assert_float_eq(latents[1], 7.0f, 0.2f);
}

/* Nearer and nearer to the mean, by the same share each frame, at a pace that does not know frames. */
Test(trend, goes_to_the_mean)
{
    float latents[4], x[20];
    const float good[4] = {1.0f, -1.0f, 3.0f, 0.0f};
    ravel_trend trend = ravel_trend_new(2, 320, RATE, latents);
    ravel_trend_add(&trend, latents, good, 2); /* the mean is 2, -0.5 */
    ravel_trend_go_on(&trend, latents, x, 10);
    for (int i = 1; i < 10; i++) {
        cr_assert_float_eq((x[2 * i] - 2.0f) / (x[2 * i - 2] - 2.0f), trend.keep, 1e-4f);
        cr_assert_float_eq((x[2 * i + 1] + 0.5f) / (x[2 * i - 1] + 0.5f), trend.keep, 1e-4f);
    }
    ravel_trend slow = ravel_trend_new(1, 1280, RATE, latents);
    cr_assert_float_eq(slow.keep, powf(trend.keep, 4.0f), 0.1f);
}

Test(trend, goes_straight_to_what_is_known)
{
    float latents[2], x;
    const float good = 1.0f, next = 5.0f;
    ravel_trend trend = ravel_trend_new(1, 320, RATE, latents);
    ravel_trend_add(&trend, latents, &good, 1);
    for (int distance = 3; distance >= 1; distance--) {
        ravel_trend_approach(&trend, latents, &next, distance, &x);
        cr_assert_float_eq(x, 5.0f - (float)distance, 1e-5f);
    }
}

/* --- Level ------------------------------------------------------------------------------------ */

/* On a constant the weights themselves are seen: no step is larger than a smooth ramp's. */
Test(fade, has_no_edge)
{
    enum { LOST = HOLD + DOWN + 100, ALL = 2 * LOST };
    static float pcm[ALL];
    ravel_fade fade = ravel_fade_new(RATE);
    for (int i = 0; i < ALL; i++)
        pcm[i] = 1.0f;
    ravel_fade_apply(&fade, 1, pcm, LOST, 1);
    ravel_fade_apply(&fade, 0, pcm + LOST, ALL - LOST, 1);
    float last = 1.0f;
    for (int i = 0; i < ALL; i++) {
        float most = 1.501f / (float)(i < LOST ? DOWN : UP); /* the steepest of x^2 (3 - 2x) */
        cr_assert_leq(fabsf(pcm[i] - last), most, "step at %d", i);
        last = pcm[i];
    }
    cr_assert_eq(pcm[HOLD - 1], 1.0f);
    cr_assert_lt(pcm[HOLD + 10], 1.0f);
    cr_assert_eq(pcm[HOLD + DOWN], 0.0f);
    cr_assert_eq(pcm[LOST - 1], 0.0f);
    cr_assert_eq(pcm[LOST + UP], 1.0f);
}

/* A loss during the way back turns round where it is. */
Test(fade, turns_round_without_a_jump)
{
    static float pcm[HOLD + DOWN];
    ravel_fade fade = ravel_fade_new(RATE);
    uint64_t seed = 2;
    float last = 1.0f, least = 1.0f;
    for (int turn = 0; turn < 200; turn++) {
        bool lost = turn % 3 != 0;
        int n = 1 + ravel_random_below(&seed, lost ? 2 * HOLD : HOLD / 4);
        for (int i = 0; i < n; i++)
            pcm[i] = 1.0f;
        ravel_fade_apply(&fade, lost, pcm, n, 1);
        for (int i = 0; i < n; i++) {
            cr_assert_leq(fabsf(pcm[i] - last), 1.501f / (float)UP);
            last = pcm[i];
            least = fminf(least, last);
        }
    }
    cr_assert_lt(least, 0.1f);
}
