/* SPDX-License-Identifier: BSD-3-Clause */
/* Measures that compare samples with samples. */
#include <math.h>

#include "tools/measure/measure.h"

static const double si_sdr_limit_db = 100, least_snr_db = -10, greatest_snr_db = 35;
static const double loudness_range = 1e-4; /* 40 dB of energy */

static double dot(const float *x, const float *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* 10 log10(signal / noise), also where one of them, or both, are 0. */
static double ratio_db(double signal, double noise, double low, double high)
{
    if (noise <= 0)
        return signal > 0 ? high : low;
    if (signal <= 0)
        return low;
    return fmin(fmax(10 * log10(signal / noise), low), high);
}

/* The reference, scaled to what of it is in the degraded sound, against the rest. */
double ravel_measure_si_sdr(const float *reference, const float *degraded, int n)
{
    double energy = dot(reference, reference, n), noise = 0;
    double scale = energy > 0 ? dot(reference, degraded, n) / energy : 0;
    for (int i = 0; i < n; i++) {
        double error = scale * (double)reference[i] - (double)degraded[i];
        noise += error * error;
    }
    return ratio_db(scale * scale * energy, noise, -si_sdr_limit_db, si_sdr_limit_db);
}

static double squared_difference(const float *x, const float *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double difference = (double)x[i] - (double)y[i];
        sum += difference * difference;
    }
    return sum;
}

double ravel_measure_seg_snr(const float *reference, const float *degraded, int n, int rate_hz)
{
    int piece = rate_hz / 50, n_sound = 0;
    double loudest = 0, sum = 0;
    for (int begin = 0; begin + piece <= n; begin += piece)
        loudest = fmax(loudest, dot(reference + begin, reference + begin, piece));
    for (int begin = 0; begin + piece <= n; begin += piece) {
        double energy = dot(reference + begin, reference + begin, piece);
        if (energy <= loudness_range * loudest)
            continue;
        double noise = squared_difference(reference + begin, degraded + begin, piece);
        sum += ratio_db(energy, noise, least_snr_db, greatest_snr_db);
        n_sound++;
    }
    return n_sound > 0 ? sum / n_sound : least_snr_db;
}
