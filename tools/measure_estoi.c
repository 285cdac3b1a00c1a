/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ESTOI. Frames of 256 samples at 10 kHz, half overlapping; frames of the reference that are 40 dB
 * below its loudest are left out of both signals; one-third octave bands; segments of 30 frames
 * (384 ms), whose bands and then frames are brought to zero mean and unit norm; the mean correlation
 * of frames is the measure.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ravel/ravel.h"
#include "tools/measure.h"
#include "tools/spectrum.h"

enum { FRAME = 256, HOP = 128, N_FFT = 512, N_BANDS = 15, SEGMENT = 30, LOWEST_HZ = 150 };

typedef struct {
    float window[FRAME];
    int first[N_BANDS], end[N_BANDS]; /* bins of each band */
} analysis;

typedef double segment[N_BANDS][SEGMENT];

/* The bin nearest to a frequency. */
static int nearest_bin(double hz)
{
    return (int)floor(hz * N_FFT / RAVEL_ESTOI_RATE_HZ + 0.5);
}

static analysis make_analysis(void)
{
    analysis a;
    ravel_hann(a.window, FRAME);
    for (int band = 0; band < N_BANDS; band++) {
        a.first[band] = nearest_bin(LOWEST_HZ * pow(2, (2 * band - 1) / 6.0));
        a.end[band] = nearest_bin(LOWEST_HZ * pow(2, (2 * band + 1) / 6.0));
    }
    return a;
}

static double frame_energy(const float *x, const float *window)
{
    double sum = 0;
    for (int i = 0; i < FRAME; i++) {
        double product = (double)x[i] * (double)window[i];
        sum += product * product;
    }
    return sum;
}

/* Frames that begin before n - FRAME. */
static int count_frames(int n)
{
    return n > FRAME ? (n - FRAME + HOP - 1) / HOP : 0;
}

/* Adds the frames of x that are kept, windowed, half overlapping. return: samples in out */
static int join_frames(const float *x, const float *window, const bool *keep, int n_frames,
                       float *out)
{
    int n = 0;
    for (int f = 0; f < n_frames; f++) {
        if (!keep[f])
            continue;
        for (int i = 0; i < FRAME; i++)
            out[n + i] += x[f * HOP + i] * window[i];
        n += HOP;
    }
    return n > 0 ? n + FRAME - HOP : 0;
}

/* Which frames are at most 40 dB below the loudest. */
static void find_sound(const float *x, const float *window, int n_frames, bool *keep)
{
    double loudest = 0;
    for (int f = 0; f < n_frames; f++)
        loudest = fmax(loudest, frame_energy(x + f * HOP, window));
    for (int f = 0; f < n_frames; f++)
        keep[f] = frame_energy(x + f * HOP, window) > 1e-4 * loudest;
}

/* bands: [frames of n][N_BANDS] magnitudes */
static void make_bands(const analysis *a, const float *x, int n_frames, double *bands)
{
    double power[N_FFT / 2 + 1];
    for (int f = 0; f < n_frames; f++) {
        ravel_power_spectrum(x + f * HOP, a->window, FRAME, N_FFT, power);
        for (int band = 0; band < N_BANDS; band++) {
            double sum = 0;
            for (int k = a->first[band]; k < a->end[band]; k++)
                sum += power[k];
            bands[f * N_BANDS + band] = sqrt(sum);
        }
    }
}

/* n values, `step` apart, to zero mean and unit norm; a constant becomes zeros. */
static void normalise(double *x, int n, int step)
{
    double mean = 0, norm = 0;
    for (int i = 0; i < n; i++)
        mean += x[i * step] / n;
    for (int i = 0; i < n; i++) {
        x[i * step] -= mean;
        norm += x[i * step] * x[i * step];
    }
    double gain = norm > 1e-30 ? 1 / sqrt(norm) : 0;
    for (int i = 0; i < n; i++)
        x[i * step] *= gain;
}

static void load_segment(const double *bands, segment s)
{
    for (int band = 0; band < N_BANDS; band++) {
        for (int f = 0; f < SEGMENT; f++)
            s[band][f] = bands[f * N_BANDS + band];
        normalise(s[band], SEGMENT, 1);
    }
    for (int f = 0; f < SEGMENT; f++)
        normalise(&s[0][f], N_BANDS, SEGMENT);
}

static double correlate(const double *bands_x, const double *bands_y)
{
    segment x, y;
    double sum = 0;
    load_segment(bands_x, x);
    load_segment(bands_y, y);
    for (int band = 0; band < N_BANDS; band++)
        for (int f = 0; f < SEGMENT; f++)
            sum += x[band][f] * y[band][f] / SEGMENT;
    return sum;
}

/* All that is allocated: two signals without silence, their bands, the frames kept. */
typedef struct {
    float *x, *y;
    double *bands_x, *bands_y;
    bool *keep;
} workspace;

static void workspace_free(workspace *w)
{
    free(w->x);
    free(w->y);
    free(w->bands_x);
    free(w->bands_y);
    free(w->keep);
}

static bool workspace_new(workspace *w, int n, int n_frames)
{
    size_t samples = (size_t)n + FRAME, bands = (size_t)(n_frames + 1) * N_BANDS;
    w->x = calloc(samples, sizeof *w->x);
    w->y = calloc(samples, sizeof *w->y);
    w->bands_x = calloc(bands, sizeof *w->bands_x);
    w->bands_y = calloc(bands, sizeof *w->bands_y);
    w->keep = calloc((size_t)n_frames + 1, sizeof *w->keep);
    return w->x && w->y && w->bands_x && w->bands_y && w->keep;
}

static int measure(workspace *w, const float *reference, const float *degraded, int n_frames,
                   double *estoi)
{
    analysis a = make_analysis();
    find_sound(reference, a.window, n_frames, w->keep);
    int n = join_frames(reference, a.window, w->keep, n_frames, w->x);
    join_frames(degraded, a.window, w->keep, n_frames, w->y);
    int n_sound = count_frames(n);
    if (n_sound < SEGMENT)
        return RAVEL_ERR_DATA;
    make_bands(&a, w->x, n_sound, w->bands_x);
    make_bands(&a, w->y, n_sound, w->bands_y);
    double sum = 0;
    int n_segments = n_sound - SEGMENT + 1;
    for (int s = 0; s < n_segments; s++)
        sum += correlate(w->bands_x + s * N_BANDS, w->bands_y + s * N_BANDS);
    *estoi = sum / n_segments;
    return RAVEL_OK;
}

int ravel_measure_estoi(const float *reference, const float *degraded, int n, double *estoi)
{
    workspace w;
    int n_frames = count_frames(n), status = RAVEL_ERR_MEMORY;
    if (workspace_new(&w, n, n_frames))
        status = measure(&w, reference, degraded, n_frames, estoi);
    workspace_free(&w);
    return status;
}
