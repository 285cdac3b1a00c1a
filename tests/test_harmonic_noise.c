/* SPDX-License-Identifier: BSD-3-Clause */
/* The source of pulses and noise against its definition in double, and its pitch and phase. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/pitch.h"
#include "tests/support/layer_check.h"

static const double TWO_PI = 6.283185307179586;

static ravel_layer *make(int n_fft, int sample_rate_hz)
{
    const ravel_harmonic_noise_spec spec = {n_fft, n_fft / 2, sample_rate_hz, 1.5f};
    return ravel_harmonic_noise_new(ravel_kernels_select(), &spec, NULL);
}

/* Rows of random filters; the pitch jumps, also to where there is none. */
static float *random_rows(const ravel_layer *layer, int n, ravel_test_random *random)
{
    float *in = ravel_test_values(random, n * layer->in_channels);
    for (int t = 0; t < n; t++) {
        float *octaves = &in[t * layer->in_channels];
        *octaves = t % 7 == 3 ? NAN : 2.0f + 2.6f * *octaves;
    }
    return in;
}

/* --- The definition ------------------------------------------------------------------------------- */

/* Samples of both sources of one stream, [n * hop]. */
static void reference_sources(const float *in, int n, int width, int hop, int rate_hz,
                              double *train, double *hiss)
{
    ravel_pitch_table table;
    uint32_t phase = 0;
    float before = 0.0f;
    ravel_pitch_table_fill(&table);
    for (int t = 0; t < n; t++) {
        const float pitch = ravel_pitch_hz(&table, in[t * width]);
        before = t == 0 ? pitch : before;
        const ravel_pulses p = ravel_pulses_between(before, pitch, hop, rate_hz, &phase);
        for (int i = 1; i <= hop; i++) {
            const float x = (float)i, turns = p.step * x + p.slope * (x * x) + p.start;
            double *y = &train[t * hop + i - 1];
            for (int k = 1; k <= (int)p.harmonics; k++) {
                *y += (double)p.gain * cos(TWO_PI * k * (double)turns);
            }
        }
        before = pitch;
    }
    for (int i = 0; i < n * hop; i++) {
        uint32_t x = (uint32_t)i;
        x = (x ^ x >> 16) * 0x7feb352du;
        x = (x ^ x >> 15) * 0x846ca68bu;
        hiss[i] = (double)(int32_t)(x ^ x >> 16) / 2147483648.0 * sqrt(3.0);
    }
}

/* Bin k of the frame that ends with segment t. */
static void frame_bin(const double *x, int t, int hop, int k, double *re, double *im)
{
    *re = *im = 0.0;
    for (int i = 0; i < 2 * hop; i++) {
        const int at = (t - 1) * hop + i;
        const double angle = TWO_PI * (double)(k * i % (2 * hop)) / (2 * hop);
        *re += at < 0 ? 0.0 : x[at] * cos(angle);
        *im -= at < 0 ? 0.0 : x[at] * sin(angle);
    }
}

static double *reference(const float *in, int n, int n_fft, int rate_hz)
{
    const int hop = n_fft / 2, bins = hop + 1, width = 1 + 3 * bins;
    double *train = ravel_test_zeros(n * hop), *hiss = ravel_test_zeros(n * hop);
    double *y = ravel_test_zeros(n * 2 * bins);
    reference_sources(in, n, width, hop, rate_hz, train, hiss);
    for (int t = 0; t < n; t++) {
        for (int k = 0; k < bins; k++) {
            const float *row = in + t * width + 1 + k;
            const double m = fmin(exp((double)row[0]), 1.5), p = (double)row[bins];
            double h = fmin(exp((double)row[2 * bins]), 1.5);
            double re, im, noise_re, noise_im;
            frame_bin(train, t, hop, k, &re, &im);
            frame_bin(hiss, t, hop, k, &noise_re, &noise_im);
            h *= sqrt(n_fft) / (sqrt(noise_re * noise_re + noise_im * noise_im) + 1e-3);
            y[t * 2 * bins + k] = m * (cos(p) * re - sin(p) * im) + h * noise_re;
            y[t * 2 * bins + bins + k] = m * (cos(p) * im + sin(p) * re) + h * noise_im;
        }
    }
    free(train);
    free(hiss);
    return y;
}

Test(harmonic_noise, equals_its_definition)
{
    const int shapes[][2] = {{480, 24000}, {64, 16000}, {4, 1000}, {66, 768000}};
    ravel_test_random random = {1};
    for (int i = 0; i < 4; i++) {
        enum { N = 12 };
        const int n_fft = shapes[i][0];
        ravel_layer *layer = make(n_fft, shapes[i][1]);
        float *in = random_rows(layer, N, &random);
        double *y = reference(in, N, n_fft, shapes[i][1]);
        ravel_test_rows rows = ravel_test_run(layer, in, N, NULL);
        ravel_test_near(&rows, y, N, n_fft + 2, "harmonic noise");
        free(rows.rows);
        free(in);
        free(y);
        ravel_layer_destroy(layer);
    }
}

Test(harmonic_noise, streams)
{
    ravel_test_random random = {2};
    ravel_layer *layer = make(48, 24000);
    ravel_test_streaming(layer, 40, &random);
    ravel_test_streaming(layer, 1, &random);
    cr_assert(layer->up == 1 && layer->down == 1 && layer->lookahead_in == 0);
    ravel_layer_destroy(layer);
}

/* Filters that are closed let nothing through: exactly nothing, and no denormals. */
Test(harmonic_noise, is_silent_where_its_filters_are)
{
    enum { N = 6 };
    ravel_test_random random = {3};
    ravel_layer *layer = make(32, 24000);
    float *in = random_rows(layer, N, &random);
    for (int i = 0; i < N * layer->in_channels; i++) {
        const int c = i % layer->in_channels;
        in[i] = (c >= 1 && c <= 17) || c > 34 ? -100.0f : in[i];
    }
    ravel_test_rows rows = ravel_test_run(layer, in, N, NULL);
    for (int i = 0; i < N * layer->out_channels; i++) {
        cr_assert(rows.rows[i] == 0.0f);
    }
    free(rows.rows);
    free(in);
    ravel_layer_destroy(layer);
}

static void refuse(ravel_harmonic_noise_spec spec, const char *about)
{
    ravel_error error = {0};
    cr_assert(ravel_harmonic_noise_new(ravel_kernels_select(), &spec, &error) == NULL);
    cr_assert(error.status == RAVEL_ERR_MODEL);
    cr_assert(strstr(error.text, about) != NULL, "%s: %s", about, error.text);
}

Test(harmonic_noise, refuses_what_is_out_of_range)
{
    refuse((ravel_harmonic_noise_spec){0, 0, 24000, 1}, "n_fft 0");
    refuse((ravel_harmonic_noise_spec){9, 4, 24000, 1}, "n_fft 9");
    refuse((ravel_harmonic_noise_spec){1 << 20, 1 << 19, 24000, 1}, "n_fft 1048576");
    refuse((ravel_harmonic_noise_spec){8, 0, 24000, 1}, "hop 0");
    refuse((ravel_harmonic_noise_spec){8, 3, 24000, 1}, "hop 3");
    refuse((ravel_harmonic_noise_spec){8, 8, 24000, 1}, "hop 8");
    refuse((ravel_harmonic_noise_spec){8, 4, 24000, 0}, "largest magnitude 0");
    refuse((ravel_harmonic_noise_spec){8, 4, 24000, NAN}, "largest magnitude");
    refuse((ravel_harmonic_noise_spec){8, 4, 999, 1}, "999 Hz");
    refuse((ravel_harmonic_noise_spec){8, 4, INT32_MAX, 1}, "2147483647 Hz");
}

/* --- Pitch and phase ------------------------------------------------------------------------------- */

Test(pitch, is_a_power_of_two_in_steps)
{
    ravel_pitch_table table;
    ravel_pitch_table_fill(&table);
    for (int i = 0; i <= RAVEL_PITCH_STEPS; i++) {
        const double exact = 50.0 * exp2(i / 256.0);
        cr_assert(fabs((double)table.hz[i] - exact) <= 0x1p-23 * exact, "%d", i);
        cr_assert(ravel_pitch_hz(&table, (float)i / 256.0f) == table.hz[i]);
        cr_assert(ravel_pitch_hz(&table, ((float)i + 0.49f) / 256.0f) == table.hz[i]);
    }
    const float low[] = {-1.0f, -0.0f, -INFINITY, NAN, -3e38f};
    const float high[] = {4.25f, 4.2501f, 1e30f, INFINITY};
    for (int i = 0; i < 5; i++) {
        cr_assert(ravel_pitch_hz(&table, low[i]) == 50.0f);
    }
    for (int i = 0; i < 4; i++) {
        cr_assert(ravel_pitch_hz(&table, high[i]) == table.hz[RAVEL_PITCH_STEPS]);
    }
}

/* An hour of 100 Hz: a float that adds up turns would have lost its pulses long before. */
Test(pitch, keeps_the_phase_for_hours)
{
    enum { HOP = 240, RATE_HZ = 24000, SEGMENTS = 360001 };
    uint32_t phase = 0;
    ravel_pulses last = {0};
    for (int t = 0; t < SEGMENTS; t++) {
        last = ravel_pulses_between(100.0f, 100.0f, HOP, RATE_HZ, &phase);
    }
    cr_assert(last.start == 0.0f && last.harmonics == 120.0f && last.slope == 0.0f);
}

/* Where a segment ends, the next begins, whatever the pitches are. */
Test(pitch, goes_on_without_a_jump)
{
    ravel_pitch_table table;
    ravel_test_random random = {4};
    uint32_t phase = 0;
    float before = 77.0f;
    double end = 0.0;
    ravel_pitch_table_fill(&table);
    for (int t = 0; t < 1000; t++) {
        const float pitch = table.hz[ravel_test_between(&random, 0, RAVEL_PITCH_STEPS)];
        const ravel_pulses p = ravel_pulses_between(before, pitch, 240, 24000, &phase);
        const double jump = (double)p.start - end;
        cr_assert(fabs(jump - nearbyint(jump)) < 3e-6, "%d: %g turns", t, jump);
        end = (double)p.start + 240.0 * (double)p.step + 57600.0 * (double)p.slope;
        before = pitch;
    }
}
