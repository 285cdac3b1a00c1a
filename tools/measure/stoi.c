/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * STOI and ESTOI. Frames of 256 samples at 10 kHz, half overlapping; frames of the reference that are
 * 40 dB below its loudest are left out of both signals; one-third octave bands; segments of 30 frames
 * (384 ms). STOI is the mean correlation of bands over a segment, the degraded one brought to the
 * reference's level and clipped 15 dB above it. For ESTOI a segment's bands and then its frames are
 * brought to zero mean and unit norm, and it is the mean correlation of frames.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ravel/ravel.h"
#include "tools/measure/measure.h"
#include "tools/measure/octave.h"
#include "tools/measure/spectrum.h"

enum {
    RATE_HZ = 10000,
    FRAME = 256,
    HOP = 128,
    N_FFT = 512,
    N_BANDS = 15,
    SEGMENT = 30,
    LOWEST_HZ = 150 /* centre of the lowest band */
};

static const double clip_db = 15, silence = 1e-4; /* 40 dB of energy */

typedef double segment[N_BANDS][SEGMENT];

/* One of the two signals. */
typedef struct {
    float *pcm;    /* at 10 kHz */
    float *sound;  /* without silence; zeros at first, because frames are added up there */
    double *bands; /* [frames of sound][N_BANDS] magnitudes */
} signal;

typedef struct {
    signal x, y;
    bool *keep; /* frames */
    ravel_spectrum *spectrum;
} workspace;

/* Frames that begin before n - FRAME. */
static int count_frames(int n)
{
    return n > FRAME ? (n - FRAME + HOP - 1) / HOP : 0;
}

/* --- Silence ---------------------------------------------------------------------------------- */

static double frame_energy(const float *x, const float *window)
{
    double sum = 0;
    for (int i = 0; i < FRAME; i++) {
        double product = (double)x[i] * (double)window[i];
        sum += product * product;
    }
    return sum;
}

static void find_sound(const float *x, const float *window, int n_frames, bool *keep)
{
    double loudest = 0;
    for (int f = 0; f < n_frames; f++)
        loudest = fmax(loudest, frame_energy(x + f * HOP, window));
    for (int f = 0; f < n_frames; f++)
        keep[f] = frame_energy(x + f * HOP, window) > silence * loudest;
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

/* --- Bands ------------------------------------------------------------------------------------ */

/* The bin nearest to the edge that is `sixths` of an octave above the lowest band's centre. */
static int edge_bin(int sixths)
{
    return (int)floor(LOWEST_HZ * pow(2, sixths / 6.0) * N_FFT / RATE_HZ + 0.5);
}

static void make_bands(ravel_spectrum *spectrum, const float *x, int n_frames, double *bands)
{
    float power[N_FFT / 2 + 1];
    for (int f = 0; f < n_frames; f++) {
        ravel_spectrum_power(spectrum, x + f * HOP, power);
        for (int band = 0; band < N_BANDS; band++) {
            double sum = 0;
            for (int k = edge_bin(2 * band - 1); k < edge_bin(2 * band + 1); k++)
                sum += (double)power[k];
            bands[f * N_BANDS + band] = sqrt(sum);
        }
    }
}

static void load_segment(const double *bands, segment s)
{
    for (int band = 0; band < N_BANDS; band++)
        for (int f = 0; f < SEGMENT; f++)
            s[band][f] = bands[f * N_BANDS + band];
}

/* --- The two measures of a segment ------------------------------------------------------------ */

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

static double product(const segment x, const segment y)
{
    double sum = 0;
    for (int band = 0; band < N_BANDS; band++)
        for (int f = 0; f < SEGMENT; f++)
            sum += x[band][f] * y[band][f];
    return sum;
}

static double energy(const double *x)
{
    double sum = 0;
    for (int f = 0; f < SEGMENT; f++)
        sum += x[f] * x[f];
    return sum;
}

/* Brings a band of the degraded sound to the reference's level, at most 15 dB above it at a time. */
static void clip(const double *x, double *y)
{
    double energy_y = energy(y), highest = 1 + pow(10, clip_db / 20);
    double gain = energy_y > 0 ? sqrt(energy(x) / energy_y) : 0;
    for (int f = 0; f < SEGMENT; f++)
        y[f] = fmin(gain * y[f], highest * x[f]);
}

static double segment_stoi(segment x, segment y)
{
    for (int band = 0; band < N_BANDS; band++) {
        clip(x[band], y[band]);
        normalise(x[band], SEGMENT, 1);
        normalise(y[band], SEGMENT, 1);
    }
    return product(x, y) / N_BANDS;
}

static double segment_estoi(segment x, segment y)
{
    for (int band = 0; band < N_BANDS; band++) {
        normalise(x[band], SEGMENT, 1);
        normalise(y[band], SEGMENT, 1);
    }
    for (int f = 0; f < SEGMENT; f++) {
        normalise(&x[0][f], N_BANDS, SEGMENT);
        normalise(&y[0][f], N_BANDS, SEGMENT);
    }
    return product(x, y) / SEGMENT;
}

/* --- The whole -------------------------------------------------------------------------------- */

static void average(const double *bands_x, const double *bands_y, int n_frames, double *stoi,
                    double *estoi)
{
    int n_segments = n_frames - SEGMENT + 1;
    *stoi = *estoi = 0;
    for (int s = 0; s < n_segments; s++) {
        segment x, y;
        load_segment(bands_x + s * N_BANDS, x);
        load_segment(bands_y + s * N_BANDS, y);
        *stoi += segment_stoi(x, y) / n_segments;
        load_segment(bands_x + s * N_BANDS, x);
        load_segment(bands_y + s * N_BANDS, y);
        *estoi += segment_estoi(x, y) / n_segments;
    }
}

static bool signal_new(signal *s, int n)
{
    size_t n_frames = (size_t)count_frames(n) + 1;
    s->pcm = malloc(((size_t)n + 1) * sizeof *s->pcm);
    s->sound = calloc((size_t)n + FRAME, sizeof *s->sound);
    s->bands = malloc(n_frames * N_BANDS * sizeof *s->bands);
    return s->pcm != NULL && s->sound != NULL && s->bands != NULL;
}

static void signal_free(signal *s)
{
    free(s->pcm);
    free(s->sound);
    free(s->bands);
}

static bool workspace_new(workspace *w, int n)
{
    w->keep = calloc((size_t)count_frames(n) + 1, sizeof *w->keep);
    w->spectrum = ravel_spectrum_new(FRAME, N_FFT);
    return signal_new(&w->x, n) && signal_new(&w->y, n) && w->keep != NULL && w->spectrum != NULL;
}

static void workspace_free(workspace *w)
{
    signal_free(&w->x);
    signal_free(&w->y);
    free(w->keep);
    ravel_spectrum_free(w->spectrum);
}

/* n: samples of both at 10 kHz */
static int measure(workspace *w, int n, double *stoi, double *estoi)
{
    const float *window = ravel_spectrum_window(w->spectrum);
    int n_frames = count_frames(n);
    find_sound(w->x.pcm, window, n_frames, w->keep);
    int n_sound = join_frames(w->x.pcm, window, w->keep, n_frames, w->x.sound);
    join_frames(w->y.pcm, window, w->keep, n_frames, w->y.sound);
    int n_bands = count_frames(n_sound);
    if (n_bands < SEGMENT)
        return RAVEL_ERR_DATA;
    make_bands(w->spectrum, w->x.sound, n_bands, w->x.bands);
    make_bands(w->spectrum, w->y.sound, n_bands, w->y.bands);
    average(w->x.bands, w->y.bands, n_bands, stoi, estoi);
    return RAVEL_OK;
}

int ravel_measure_stoi(const float *reference, const float *degraded, int n, int rate_hz,
                       double *stoi, double *estoi)
{
    workspace w = {0};
    int n_resampled = ravel_octave_samples(n, rate_hz, RATE_HZ), status = RAVEL_ERR_MEMORY;
    if (workspace_new(&w, n_resampled)) {
        status = ravel_octave_resample(reference, n, rate_hz, RATE_HZ, w.x.pcm);
        if (status == RAVEL_OK)
            status = ravel_octave_resample(degraded, n, rate_hz, RATE_HZ, w.y.pcm);
        if (status == RAVEL_OK)
            status = measure(&w, n_resampled, stoi, estoi);
    }
    workspace_free(&w);
    return status;
}
