/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/resample.h"
#include "tests/support/random.h"

static const double pi = 3.14159265358979323846;

typedef struct {
    int from, to;
} ratio;

/* Both ways of making outputs: the first ones by panels, those after 48000 -> 44100 by the table. */
static const ratio ratios[] = {
    {48000, 24000}, {44100, 24000}, {16000, 24000}, {24000, 48000}, {8000, 24000},
    {24000, 44100}, {48000, 44100}, {44101, 24000}, {24000, 23999},
};
enum { N_RATIOS = sizeof ratios / sizeof ratios[0] };

static float *noise(int n, uint64_t seed)
{
    float *x = malloc((size_t)n * sizeof *x + 1);
    for (int i = 0; i < n; i++) {
        x[i] = ravel_random_float(&seed);
    }
    return x;
}

static int64_t expected_length(ratio r, int64_t n)
{
    return (n * r.to + r.from - 1) / r.from;
}

/* All of in in one push. Sets *n_out. */
static float *resample(const ravel_kernels *kernels, ratio q, int channels, const float *in, int n,
                       int *n_out)
{
    ravel_resampler *r = ravel_resampler_new_with(kernels, q.from, q.to, channels);
    cr_assert_not_null(r);
    const int all = ravel_resampler_samples(r, n, 1);
    float *out = malloc((size_t)all * (size_t)channels * sizeof *out + 1);
    const int first = ravel_resampler_push(r, in, n, out, all);
    cr_assert_geq(first, 0);
    const int last = ravel_resampler_finish(r, out + (size_t)first * (size_t)channels, all - first);
    cr_assert_eq(first + last, all);
    ravel_resampler_free(r);
    *n_out = all;
    return out;
}

Test(resample, length_is_the_input_s_times_the_ratio_rounded_up)
{
    for (int i = 0; i < N_RATIOS; i++) {
        for (int n = 0; n < 700; n += n < 5 ? 1 : 97) {
            int n_out;
            float *in = noise(n, 1);
            float *out = resample(ravel_kernels_select(), ratios[i], 1, in, n, &n_out);
            cr_assert_eq(n_out, expected_length(ratios[i], n), "%d -> %d, %d", ratios[i].from,
                         ratios[i].to, n);
            free(in);
            free(out);
        }
    }
}

/* Pushes pieces of random size, some of them empty; every return value was announced exactly. */
static void push_pieces(ravel_resampler *r, int channels, const float *in, int n, float *out,
                        uint64_t seed)
{
    const int most = ravel_random_below(&seed, 2) ? 50 : 9000;
    int done = 0, made = 0;
    while (done < n) {
        int piece = ravel_random_below(&seed, most);
        piece = piece < n - done ? piece : n - done;
        const int announced = ravel_resampler_samples(r, piece, 0);
        const int got = ravel_resampler_push(r, in + (ptrdiff_t)done * channels, piece,
                                             out + (ptrdiff_t)made * channels, announced);
        cr_assert_eq(got, announced);
        done += piece;
        made += got;
    }
    const int announced = ravel_resampler_samples(r, 0, 1);
    cr_assert_eq(ravel_resampler_finish(r, out + (ptrdiff_t)made * channels, announced), announced);
}

Test(resample, pieces_do_not_matter)
{
    enum { N = 20011, CHANNELS = 3 };
    float *in = noise(N * CHANNELS, 2);
    for (int i = 0; i < N_RATIOS; i++) {
        int n_out;
        float *whole = resample(ravel_kernels_select(), ratios[i], CHANNELS, in, N, &n_out);
        const size_t bytes = (size_t)n_out * CHANNELS * sizeof *whole;
        float *pieces = malloc(bytes);
        ravel_resampler *r = ravel_resampler_new(ratios[i].from, ratios[i].to, CHANNELS);
        for (uint64_t seed = 0; seed < 4; seed++) {
            ravel_resampler_reset(r);
            push_pieces(r, CHANNELS, in, N, pieces, seed);
            cr_assert_arr_eq(whole, pieces, bytes, "%d -> %d", ratios[i].from, ratios[i].to);
        }
        ravel_resampler_free(r);
        free(pieces);
        free(whole);
    }
    free(in);
}

Test(resample, each_channel_is_as_if_alone)
{
    enum { N = 5000, CHANNELS = 7 };
    float *in = noise(N * CHANNELS, 3), one[N];
    for (int i = 0; i < N_RATIOS; i++) {
        int n_all, n_one;
        float *all = resample(ravel_kernels_select(), ratios[i], CHANNELS, in, N, &n_all);
        for (int c = 0; c < CHANNELS; c++) {
            for (int k = 0; k < N; k++) {
                one[k] = in[k * CHANNELS + c];
            }
            float *alone = resample(ravel_kernels_select(), ratios[i], 1, one, N, &n_one);
            cr_assert_eq(n_all, n_one);
            for (int k = 0; k < n_one; k++) {
                cr_assert_eq(alone[k], all[k * CHANNELS + c]);
            }
            free(alone);
        }
        free(all);
    }
    free(in);
}

Test(resample, instruction_sets_agree_to_the_bit)
{
    enum { N = 5003, CHANNELS = 2 };
    static const char *const names[] = {"avx2", "avx512", "neon"};
    float *in = noise(N * CHANNELS, 4);
    for (int i = 0; i < N_RATIOS; i++) {
        int n, n_plain;
        float *plain = resample(ravel_kernels_named("c"), ratios[i], CHANNELS, in, N, &n_plain);
        for (int k = 0; k < 3; k++) {
            const ravel_kernels *kernels = ravel_kernels_named(names[k]);
            if (kernels) {
                float *out = resample(kernels, ratios[i], CHANNELS, in, N, &n);
                cr_assert_eq(n, n_plain);
                cr_assert_arr_eq(out, plain, (size_t)n * CHANNELS * sizeof *out, "%d -> %d, %s",
                                 ratios[i].from, ratios[i].to, names[k]);
                free(out);
            }
        }
        free(plain);
    }
    free(in);
}

/*
 * Against the formula, in double: sum of h(distance) x, with the coefficients that the design
 * gives for the very phase.
 */
Test(resample, outputs_are_the_sums_they_should_be)
{
    enum { N = 3000 };
    float *in = noise(N, 5);
    for (int i = 0; i < N_RATIOS; i++) {
        int n_out;
        const ravel_resample_filter f = ravel_resample_design(ratios[i].from, ratios[i].to);
        float *out = resample(ravel_kernels_select(), ratios[i], 1, in, N, &n_out);
        double *work = malloc((size_t)f.taps * sizeof *work);
        float *h = malloc((size_t)f.taps * sizeof *h);
        for (int64_t o = 0; o < n_out; o += o < 40 ? 1 : 211) {
            const int64_t place = o * f.down;
            double sum = 0.0;
            ravel_resample_phase(&f, (double)(place % f.up) / f.up, work, h);
            for (int k = 0; k < f.taps; k++) {
                const int64_t j = place / f.up - f.taps / 2 + 1 + k;
                sum += j >= 0 && j < N ? (double)h[k] * (double)in[j] : 0.0;
            }
            cr_assert_float_eq((double)out[o], sum, 2e-5, "%d -> %d, %lld", ratios[i].from,
                               ratios[i].to, (long long)o);
        }
        free(work);
        free(h);
        free(out);
    }
    free(in);
}

/* --- Frequency response --------------------------------------------------------------------- */

typedef struct {
    double gain_db,
        rest_db; /* of the sine itself, and of all else; over the middle of the output */
} response;

/*
 * The cosine goes in at amplitude 1. Its part in the output is what a cosine and a sine of the same
 * frequency explain; the phase is taken as that of time i / to, so a wrong delay is in the rest.
 */
static response measure(ratio q, double hz)
{
    const int n = q.from / 8, edge = q.to / 50;
    int n_out;
    float *in = malloc((size_t)n * sizeof *in);
    for (int i = 0; i < n; i++) {
        in[i] = (float)cos(2.0 * pi * hz * i / q.from);
    }
    float *out = resample(ravel_kernels_select(), q, 1, in, n, &n_out);
    double match = 0.0, power = 0.0, rest = 0.0;
    for (int i = edge; i < n_out - edge; i++) {
        const double wave = cos(2.0 * pi * hz * i / q.to);
        match += wave * (double)out[i];
        power += wave * wave;
    }
    const bool passes = 2.0 * hz < q.to;
    const double gain = passes ? match / power : 0.0;
    for (int i = edge; i < n_out - edge; i++) {
        const double error = (double)out[i] - gain * cos(2.0 * pi * hz * i / q.to);
        rest += error * error;
    }
    free(in);
    free(out);
    return (response){20.0 * log10(gain + 1e-12), 10.0 * log10(rest / power + 1e-20)};
}

/* 0 ... 0.9 of the lower Nyquist frequency passes, without images, aliases or delay. */
Test(resample, passband_is_flat_and_clean)
{
    for (int i = 0; i < N_RATIOS; i++) {
        const double nyquist =
            (ratios[i].from < ratios[i].to ? ratios[i].from : ratios[i].to) / 2.0;
        double worst_gain = 0.0, worst_rest = -300.0;
        for (int step = 0; step <= 9; step++) {
            const response r = measure(ratios[i], (0.009 + 0.099 * step) * nyquist);
            worst_gain = fmax(worst_gain, fabs(r.gain_db));
            worst_rest = fmax(worst_rest, r.rest_db);
        }
        cr_log_info("%d -> %d: passband %.4f dB, rest %.1f dB", ratios[i].from, ratios[i].to,
                    worst_gain, worst_rest);
        cr_expect_leq(worst_gain, 0.1, "%d -> %d", ratios[i].from, ratios[i].to);
        cr_expect_leq(worst_rest, -90.0, "%d -> %d", ratios[i].from, ratios[i].to);
    }
}

/* What lies above the output's Nyquist frequency does not come back as an alias. */
Test(resample, stopband_is_rejected)
{
    for (int i = 0; i < N_RATIOS; i++) {
        double worst = -300.0;
        for (int step = 0;; step++) {
            const double hz = (1.0003 + 0.043 * step) * ratios[i].to / 2.0;
            if (hz >= ratios[i].from / 2.0) {
                break;
            }
            worst = fmax(worst, measure(ratios[i], hz).rest_db);
        }
        cr_log_info("%d -> %d: stopband %.1f dB", ratios[i].from, ratios[i].to, worst);
        cr_expect_leq(worst, -90.0, "%d -> %d", ratios[i].from, ratios[i].to);
    }
}

/* An impulse at a time that both rates have comes out symmetrically around that time. */
Test(resample, impulse_stays_in_its_place)
{
    enum { N = 4000 };
    static float in[N];
    for (int i = 0; i < N_RATIOS - 2; i++) {
        const ravel_resample_filter f = ravel_resample_design(ratios[i].from, ratios[i].to);
        const int place = 1500 / f.down * f.down, out_place = place / f.down * f.up;
        int n_out;
        in[place] = 1.0f;
        float *out = resample(ravel_kernels_select(), ratios[i], 1, in, N, &n_out);
        in[place] = 0.0f;
        for (int k = 1; k < 200; k++) {
            const double left = (double)out[out_place - k], right = (double)out[out_place + k];
            cr_assert_float_eq(left, right, 1e-6);
            cr_assert_lt(right, (double)out[out_place]);
        }
        free(out);
    }
}

/* --- Ends of the range ---------------------------------------------------------------------- */

Test(resample, extreme_ratios_work)
{
    static const ratio extreme[] = {{768000, 1000}, {1000, 768000},   {768000, 1001},
                                    {1001, 768000}, {767999, 767998}, {1000, 1001}};
    for (size_t i = 0; i < sizeof extreme / sizeof extreme[0]; i++) {
        const int n = extreme[i].from / 20;
        int n_out;
        float *in = malloc((size_t)n * sizeof *in);
        for (int k = 0; k < n; k++) {
            in[k] = 0.5f;
        }
        float *out = resample(ravel_kernels_select(), extreme[i], 1, in, n, &n_out);
        cr_assert_eq(n_out, expected_length(extreme[i], n));
        for (int k = 0; k < n_out; k++) {
            cr_assert(isfinite(out[k]) && fabsf(out[k]) < 0.7f);
        }
        free(in);
        free(out);
    }
}

Test(resample, constant_stays_constant)
{
    enum { N = 4000 };
    static float in[N];
    for (int k = 0; k < N; k++) {
        in[k] = 0.25f;
    }
    for (int i = 0; i < N_RATIOS; i++) {
        int n_out;
        float *out = resample(ravel_kernels_select(), ratios[i], 1, in, N, &n_out);
        const int edge = 300 * ratios[i].to / ratios[i].from;
        for (int k = edge; k < n_out - edge; k++) {
            cr_assert_float_eq((double)out[k], 0.25, 1e-6);
        }
        free(out);
    }
}

Test(resample, equal_rates_copy)
{
    enum { N = 999, CHANNELS = 2 };
    float *in = noise(N * CHANNELS, 6);
    int n_out;
    in[17] = NAN;
    float *out = resample(ravel_kernels_select(), (ratio){44100, 44100}, CHANNELS, in, N, &n_out);
    cr_assert_eq(n_out, N);
    cr_assert_arr_eq(in, out, N * CHANNELS * sizeof *in);
    free(in);
    free(out);
}

Test(resample, bad_samples_count_as_zero)
{
    enum { N = 2000 };
    int n_out;
    float *in = noise(N, 7);
    in[100] = in[1000] = in[1999] = 0.0f;
    float *clean = resample(ravel_kernels_select(), ratios[1], 1, in, N, &n_out);
    in[100] = NAN;
    in[1000] = INFINITY;
    in[1999] = -INFINITY;
    float *dirty = resample(ravel_kernels_select(), ratios[1], 1, in, N, &n_out);
    cr_assert_arr_eq(clean, dirty, (size_t)n_out * sizeof *clean);
    free(in);
    free(clean);
    free(dirty);
}

Test(resample, bad_arguments_are_refused)
{
    float in[400] = {0}, out[400];
    cr_assert_null(ravel_resampler_new(999, 24000, 1));
    cr_assert_null(ravel_resampler_new(48000, 768001, 1));
    cr_assert_null(ravel_resampler_new(48000, 24000, 0));
    cr_assert_null(ravel_resampler_new(48000, 24000, 65));

    ravel_resampler *r = ravel_resampler_new(48000, 24000, 1);
    cr_assert_eq(ravel_resampler_push(r, in, -1, out, 400), RAVEL_ERR_ARGUMENT);
    const int ready = ravel_resampler_samples(r, 400, 0);
    cr_assert_gt(ready, 0);
    cr_assert_eq(ravel_resampler_push(r, in, 400, out, ready - 1), RAVEL_ERR_SPACE);
    cr_assert_eq(ravel_resampler_push(r, in, 400, out, ready), ready, "refusals consume nothing");
    cr_assert_eq(ravel_resampler_finish(r, out, 200 - ready - 1), RAVEL_ERR_SPACE);
    cr_assert_eq(ravel_resampler_finish(r, out, 200 - ready), 200 - ready);
    cr_assert_eq(ravel_resampler_push(r, in, 1, out, 400), RAVEL_ERR_ARGUMENT, "it has ended");
    cr_assert_eq(ravel_resampler_finish(r, out, 400), RAVEL_ERR_ARGUMENT);
    ravel_resampler_free(r);
    ravel_resampler_free(NULL);
}
