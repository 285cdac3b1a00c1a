/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "ravel/ravel.h"
#include "tools/measure.h"
#include "tools/spectrum.h"

enum { WINDOW = 1024, HOP = 256, N_BINS = WINDOW / 2 + 1, N_BANDS = 80 };

static const double range_db = 60;

typedef struct {
    float window[WINDOW];
    double edge_bin[N_BANDS + 2]; /* where the triangle of a band begins, peaks and ends */
} analysis;

/* O'Shaughnessy's mel scale. */
static double mel_to_hz(double mel)
{
    return 700 * (pow(10, mel / 2595) - 1);
}

static analysis make_analysis(void)
{
    analysis a;
    double highest = 2595 * log10(1 + RAVEL_MEL_RATE_HZ / 1400.0);
    ravel_hann(a.window, WINDOW);
    for (int i = 0; i < N_BANDS + 2; i++)
        a.edge_bin[i] = mel_to_hz(highest * i / (N_BANDS + 1)) * WINDOW / RAVEL_MEL_RATE_HZ;
    return a;
}

/* Power in a band of triangular weight; narrow bands take their part of the nearest bins. */
static double band_power(const double *power, double begin, double peak, double end)
{
    double sum = 0;
    for (int k = (int)begin; k <= (int)end + 1 && k < N_BINS; k++) {
        double rise = (k + 1 - begin) / (peak + 1 - begin);
        double fall = (end + 1 - k) / (end + 1 - peak);
        double weight = fmin(rise, fall);
        if (weight > 0)
            sum += weight * power[k];
    }
    return sum;
}

/* bands: [n_frames][N_BANDS] power. return: the greatest */
static double make_bands(const analysis *a, const float *x, int n_frames, double *bands)
{
    double power[N_BINS], greatest = 0;
    for (int f = 0; f < n_frames; f++) {
        ravel_power_spectrum(x + f * HOP, a->window, WINDOW, WINDOW, power);
        for (int b = 0; b < N_BANDS; b++) {
            double p = band_power(power, a->edge_bin[b], a->edge_bin[b + 1], a->edge_bin[b + 2]);
            bands[f * N_BANDS + b] = p;
            greatest = fmax(greatest, p);
        }
    }
    return greatest;
}

int ravel_measure_mel(const float *reference, const float *degraded, int n, double *mel_db)
{
    if (n < WINDOW)
        return RAVEL_ERR_DATA;
    analysis a = make_analysis();
    int n_frames = (n - WINDOW) / HOP + 1;
    size_t n_values = (size_t)n_frames * N_BANDS;
    double *x = malloc(n_values * sizeof *x), *y = malloc(n_values * sizeof *y);
    if (x && y) {
        double floor =
            fmax(make_bands(&a, reference, n_frames, x) * pow(10, -range_db / 10), 1e-30);
        make_bands(&a, degraded, n_frames, y);
        double sum = 0;
        for (size_t i = 0; i < n_values; i++)
            sum += fabs(10 * log10(fmax(x[i], floor) / fmax(y[i], floor)));
        *mel_db = sum / (double)n_values;
    }
    int status = x && y ? RAVEL_OK : RAVEL_ERR_MEMORY;
    free(x);
    free(y);
    return status;
}
