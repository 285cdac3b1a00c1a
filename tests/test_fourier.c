/* SPDX-License-Identifier: BSD-3-Clause */
/* The short-time Fourier transform and its inverse against their definitions in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/turn.h"
#include "tests/support/layer_check.h"

static const double TWO_PI = 6.283185307179586;

static const ravel_spectrum POLAR = RAVEL_SPECTRUM_POLAR, COMPLEX = RAVEL_SPECTRUM_COMPLEX;

static double hann(int n_fft, int n)
{
    return 0.5 - 0.5 * cos(TWO_PI * n / n_fft);
}

Test(turn, is_exact_at_quarters_and_near_elsewhere)
{
    for (int i = 0; i <= 4096; i++) {
        const ravel_angle a = ravel_turn(i / 4096.0);
        const long double angle = 6.283185307179586476925287L * (long double)i / 4096.0L;
        cr_assert(fabsl((long double)a.cosine - cosl(angle)) < 3e-16L);
        cr_assert(fabsl((long double)a.sine - sinl(angle)) < 3e-16L);
    }
    cr_assert(ravel_turn(0.25).cosine == 0.0 && ravel_turn(0.25).sine == 1.0);
    cr_assert(ravel_turn(0.5).cosine == -1.0 && ravel_turn(0.5).sine == 0.0);
    cr_assert(ravel_turn(0.75).cosine == 0.0 && ravel_turn(0.75).sine == -1.0);
    cr_assert(ravel_turn(1.0).cosine == 1.0 && ravel_turn(1.0).sine == 0.0);
}

/* Frames of x padded by zeros on the left, [frames][n_fft + 2]. */
static int reference_stft(const float *x, int n, int n_fft, int hop, int pad, double **y)
{
    const int bins = n_fft / 2 + 1;
    const int frames = n + pad < n_fft || n == 0 ? 0 : (n + pad - n_fft) / hop + 1;
    *y = ravel_test_zeros(frames * 2 * bins);
    for (int f = 0; f < frames; f++) {
        for (int k = 0; k < bins; k++) {
            for (int i = 0; i < n_fft; i++) {
                const int at = f * hop + i - pad;
                const double v = at < 0 ? 0.0 : (double)x[at] * hann(n_fft, i);
                const double angle = TWO_PI * (double)(k * i % n_fft) / n_fft;
                (*y)[f * 2 * bins + k] += v * cos(angle);
                (*y)[f * 2 * bins + bins + k] -= v * sin(angle);
            }
        }
    }
    return frames;
}

Test(stft, equals_its_definition)
{
    const struct {
        int n_fft, hop, pad;
    } shapes[] = {{480, 240, 240}, {4, 1, 3}, {6, 6, 0}, {30, 7, 29}, {64, 48, 0}};
    ravel_test_random random = {1};
    for (int i = 0; i < 5; i++) {
        const int n_fft = shapes[i].n_fft, n = 4 * n_fft + 3;
        ravel_layer *layer = ravel_stft_new(ravel_kernels_select(), n_fft, shapes[i].hop,
                                            shapes[i].pad, 0, RAVEL_PAD_ZERO, NULL);
        float *x = ravel_test_values(&random, n);
        double *y = NULL;
        const int frames = reference_stft(x, n, n_fft, shapes[i].hop, shapes[i].pad, &y);
        ravel_test_rows rows = ravel_test_run(layer, x, n, NULL);
        ravel_test_near(&rows, y, frames, n_fft + 2, "stft");
        for (int f = 0; f < frames; f++) {
            cr_assert(rows.rows[f * (n_fft + 2) + n_fft / 2 + 1] == 0.0f);
            cr_assert(rows.rows[(f + 1) * (n_fft + 2) - 1] == 0.0f);
        }
        cr_assert(layer->lookahead_in == n_fft - shapes[i].hop - shapes[i].pad);
        ravel_test_streaming(layer, 3 * n_fft, &random);
        ravel_test_streaming(layer, 2, &random);
        free(rows.rows);
        free(x);
        free(y);
        ravel_layer_destroy(layer);
    }
}

/* Real and imaginary part of bin k of a row. */
static void bin_of(const ravel_istft_spec *spec, const float *row, int k, double *re, double *im)
{
    const double a = (double)row[k], b = (double)row[spec->n_fft / 2 + 1 + k];
    const double magnitude = fmin(exp(a), (double)spec->max_magnitude);
    *re = spec->spectrum == RAVEL_SPECTRUM_COMPLEX ? a : magnitude * cos(b);
    *im = spec->spectrum == RAVEL_SPECTRUM_COMPLEX ? b : magnitude * sin(b);
}

/* Spectra to samples, as the definition has it; [n] or fewer. */
static int reference_istft(const float *in, int n, const ravel_istft_spec *spec, double **y)
{
    const int n_fft = spec->n_fft, bins = n_fft / 2 + 1;
    const int full = n > 0 ? (n - 1) * spec->hop + n_fft : 0;
    double *sum = ravel_test_zeros(full);
    double *envelope = ravel_test_zeros(full);
    for (int f = 0; f < n; f++) {
        const float *row = in + (ptrdiff_t)f * 2 * bins;
        for (int i = 0; i < n_fft; i++) {
            double value = 0;
            for (int k = 0; k < bins; k++) {
                double re, im;
                bin_of(spec, row, k, &re, &im);
                const double angle = TWO_PI * (double)(k * i % n_fft) / n_fft;
                const bool edge = k == 0 || k == bins - 1;
                value += edge ? re * cos(angle) : 2 * (re * cos(angle) - im * sin(angle));
            }
            sum[f * spec->hop + i] += value / n_fft * hann(n_fft, i);
            envelope[f * spec->hop + i] += hann(n_fft, i) * hann(n_fft, i);
        }
    }
    const int n_out = full - spec->trim_left - spec->trim_right;
    *y = ravel_test_zeros(full);
    for (int i = 0; i < n_out; i++) {
        const double e = envelope[i + spec->trim_left];
        (*y)[i] = sum[i + spec->trim_left] / (spec->normalize && e > 1e-11 ? e : 1.0);
    }
    free(sum);
    free(envelope);
    return n_out > 0 ? n_out : 0;
}

Test(istft, equals_its_definition)
{
    const ravel_istft_spec specs[] = {
        {480, 240, 240, 0, 100.0f, false, POLAR}, {64, 16, 24, 24, 1.5f, true, POLAR},
        {64, 16, 32, 32, 2.0f, true, POLAR},      {6, 6, 0, 0, 1.0f, false, POLAR},
        {30, 7, 29, 3, 1.0f, true, POLAR},        {8, 3, 2, 5, 1.0f, false, POLAR},
        {480, 240, 240, 0, 1.0f, false, COMPLEX}, {30, 7, 29, 3, 0.1f, true, COMPLEX},
    };
    ravel_test_random random = {2};
    for (int i = 0; i < 8; i++) {
        const int width = specs[i].n_fft + 2;
        ravel_layer *layer = ravel_istft_new(ravel_kernels_select(), &specs[i], NULL);
        cr_assert(layer->lookahead_out == specs[i].trim_left && layer->up == specs[i].hop);
        for (int n = 0; n < 9; n++) {
            float *x = ravel_test_values(&random, n * width);
            double *y = NULL;
            const int n_out = reference_istft(x, n, &specs[i], &y);
            ravel_test_rows rows = ravel_test_run(layer, x, n, NULL);
            ravel_test_near(&rows, y, n_out, 1, "istft");
            free(rows.rows);
            free(x);
            free(y);
        }
        ravel_test_streaming(layer, 20, &random);
        ravel_layer_destroy(layer);
    }
}

/* The spectrum of a signal, written as log-magnitude and phase, gives the signal back. */
Test(istft, undoes_the_stft)
{
    enum { N_FFT = 64, HOP = 16, BINS = N_FFT / 2 + 1, N = 640 };
    const ravel_istft_spec spec = {N_FFT, HOP, N_FFT - HOP, N_FFT - HOP, 1000.0f, true, POLAR};
    ravel_test_random random = {3};
    ravel_layer *forward = ravel_stft_new(ravel_kernels_select(), N_FFT, HOP, N_FFT - HOP,
                                          N_FFT - HOP, RAVEL_PAD_ZERO, NULL);
    ravel_layer *inverse = ravel_istft_new(ravel_kernels_select(), &spec, NULL);
    float *x = ravel_test_values(&random, N);
    double *wanted = ravel_test_zeros(N);
    for (int i = 0; i < N; i++) {
        wanted[i] = (double)x[i];
    }
    ravel_test_rows spectrum = ravel_test_run(forward, x, N, &random);
    for (int i = 0; i < spectrum.n * 2 * BINS; i++) {
        if (i % (2 * BINS) < BINS) {
            const float re = spectrum.rows[i], im = spectrum.rows[i + BINS];
            spectrum.rows[i] = logf(hypotf(re, im));
            spectrum.rows[i + BINS] = atan2f(im, re);
        }
    }
    ravel_test_rows back = ravel_test_run(inverse, spectrum.rows, spectrum.n, &random);
    ravel_test_near(&back, wanted, N, 1, "back");
    free(back.rows);
    free(spectrum.rows);
    free(wanted);
    free(x);
    ravel_layer_destroy(forward);
    ravel_layer_destroy(inverse);
}

static void refuse_istft(ravel_istft_spec spec, const char *about)
{
    ravel_error error = {0};
    cr_assert(ravel_istft_new(ravel_kernels_select(), &spec, &error) == NULL);
    cr_assert(strstr(error.text, about) != NULL, "%s: %s", about, error.text);
}

Test(istft, refuses_what_is_out_of_range)
{
    refuse_istft((ravel_istft_spec){0, 1, 0, 0, 1, false, POLAR}, "n_fft 0");
    refuse_istft((ravel_istft_spec){9, 1, 0, 0, 1, false, POLAR}, "n_fft 9");
    refuse_istft((ravel_istft_spec){1 << 20, 1, 0, 0, 1, false, POLAR}, "n_fft 1048576");
    refuse_istft((ravel_istft_spec){8, 0, 0, 0, 1, false, POLAR}, "hop 0");
    refuse_istft((ravel_istft_spec){8, 9, 0, 0, 1, false, POLAR}, "hop 9");
    refuse_istft((ravel_istft_spec){8, 4, 8, 0, 1, false, POLAR}, "trim 8");
    refuse_istft((ravel_istft_spec){8, 4, 0, 5, 1, false, POLAR}, "trim 0, 5");
    refuse_istft((ravel_istft_spec){8, 4, 0, 0, 0, false, POLAR}, "largest magnitude 0");
    refuse_istft((ravel_istft_spec){8, 4, 0, 0, NAN, false, POLAR}, "largest magnitude");
}

Test(stft, refuses_what_is_out_of_range)
{
    const int specs[][3] = {{7, 1, 0}, {8, 9, 0}, {8, 4, -1}, {1 << 30, 1, 0}, {8, -4, 0}};
    for (int i = 0; i < 5; i++) {
        ravel_error error = {0};
        cr_assert(ravel_stft_new(ravel_kernels_select(), specs[i][0], specs[i][1], specs[i][2], 0,
                                 RAVEL_PAD_ZERO, &error) == NULL);
        cr_assert(error.status == RAVEL_ERR_MODEL && error.text[0] != '\0');
    }
}
