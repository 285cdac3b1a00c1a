/* SPDX-License-Identifier: BSD-3-Clause */
/* Measures that compare spectra with spectra. */
#include <math.h>

#include "ravel/ravel.h"
#include "tools/measure/measure.h"
#include "tools/measure/spectrum.h"

enum { WINDOW = 1024, HOP = 256, N_BINS = WINDOW / 2 + 1, N_BANDS = 80 };

static const double range_db = 60;

typedef struct {
    ravel_spectrum *spectrum;
    double edge_bin[N_BANDS + 2]; /* where the triangle of a band begins, peaks and ends */
} analysis;

/* One window: power in bins and in bands. */
typedef struct {
    float bins[N_BINS];
    double bands[N_BANDS];
} frame;

typedef struct {
    double bin, band; /* power */
} levels;

/* O'Shaughnessy's mel scale. */
static double mel_to_hz(double mel)
{
    return 700 * (pow(10, mel / 2595) - 1);
}

static void set_edges(analysis *a)
{
    double highest = 2595 * log10(1 + RAVEL_MEASURE_RATE_HZ / 1400.0);
    for (int i = 0; i < N_BANDS + 2; i++)
        a->edge_bin[i] = mel_to_hz(highest * i / (N_BANDS + 1)) * WINDOW / RAVEL_MEASURE_RATE_HZ;
}

/* Power in a band of triangular weight; narrow bands take their part of the nearest bins. */
static double band_power(const float *power, double begin, double peak, double end)
{
    double sum = 0;
    for (int k = (int)begin; k <= (int)end + 1 && k < N_BINS; k++) {
        double rise = (k + 1 - begin) / (peak + 1 - begin);
        double fall = (end + 1 - k) / (end + 1 - peak);
        double weight = fmin(rise, fall);
        if (weight > 0)
            sum += weight * (double)power[k];
    }
    return sum;
}

static void analyse(const analysis *a, const float *x, frame *f)
{
    const double *edge = a->edge_bin;
    ravel_spectrum_power(a->spectrum, x, f->bins);
    for (int b = 0; b < N_BANDS; b++)
        f->bands[b] = band_power(f->bins, edge[b], edge[b + 1], edge[b + 2]);
}

/* 60 dB below the loudest of the reference; never 0, which has no logarithm. */
static levels find_floor(const analysis *a, const float *reference, int n_frames)
{
    levels greatest = {0};
    frame f;
    for (int i = 0; i < n_frames; i++) {
        analyse(a, reference + i * HOP, &f);
        for (int k = 0; k < N_BINS; k++)
            greatest.bin = fmax(greatest.bin, (double)f.bins[k]);
        for (int b = 0; b < N_BANDS; b++)
            greatest.band = fmax(greatest.band, f.bands[b]);
    }
    double factor = pow(10, -range_db / 10);
    return (levels){fmax(greatest.bin * factor, 1e-30), fmax(greatest.band * factor, 1e-30)};
}

static double difference_db(double x, double y, double floor)
{
    return 10 * log10(fmax(x, floor) / fmax(y, floor));
}

static double frame_lsd(const frame *x, const frame *y, double floor)
{
    double sum = 0;
    for (int k = 0; k < N_BINS; k++) {
        double difference = difference_db((double)x->bins[k], (double)y->bins[k], floor);
        sum += difference * difference;
    }
    return sqrt(sum / N_BINS);
}

static double frame_mel(const frame *x, const frame *y, double floor)
{
    double sum = 0;
    for (int b = 0; b < N_BANDS; b++)
        sum += fabs(difference_db(x->bands[b], y->bands[b], floor));
    return sum / N_BANDS;
}

int ravel_measure_spectra(const float *reference, const float *degraded, int n, double *lsd_db,
                          double *mel_db)
{
    if (n < WINDOW)
        return RAVEL_ERR_DATA;
    analysis a = {.spectrum = ravel_spectrum_new(WINDOW, WINDOW)};
    if (a.spectrum == NULL)
        return RAVEL_ERR_MEMORY;
    set_edges(&a);
    int n_frames = (n - WINDOW) / HOP + 1;
    levels floor = find_floor(&a, reference, n_frames);
    *lsd_db = *mel_db = 0;
    for (int i = 0; i < n_frames; i++) {
        frame x, y;
        analyse(&a, reference + i * HOP, &x);
        analyse(&a, degraded + i * HOP, &y);
        *lsd_db += frame_lsd(&x, &y, floor.bin) / n_frames;
        *mel_db += frame_mel(&x, &y, floor.band) / n_frames;
    }
    ravel_spectrum_free(a.spectrum);
    return RAVEL_OK;
}
