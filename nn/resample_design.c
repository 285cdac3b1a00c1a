/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The resampler's low-pass: a sinc under a Kaiser window (Kaiser and Schafer, "On the use of the
 * I0-sinh window for spectrum analysis", 1980). Its transition lies between 0.9 and 1 of the lower
 * of the two Nyquist frequencies. Everything is made of additions, multiplications, divisions and
 * square roots of doubles, so the coefficients are the same on every machine.
 */
#include <math.h>

#include "nn/resample.h"

static const double pass_edge = 0.9;     /* of the lower Nyquist frequency */
static const double attenuation = 96.0;  /* dB, some more than is promised */
static const double half_crossings = 62; /* taps on one side where nothing is decimated */
static const double pi = 3.14159265358979323846;

static int greatest_common_divisor(int a, int b)
{
    while (b) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/*
 * The length follows Kaiser's formula: a transition of 0.1 pi with 96 dB takes
 * (96 - 7.95) / (2.285 * 0.1 pi) = 123 taps at the lower of the rates.
 */
ravel_resample_filter ravel_resample_design(int from_hz, int to_hz)
{
    const int divisor = greatest_common_divisor(from_hz, to_hz);
    const double narrow = to_hz < from_hz ? (double)to_hz / from_hz : 1.0;
    return (ravel_resample_filter){
        .up = to_hz / divisor,
        .down = from_hz / divisor,
        .taps = 2 * (int)ceil(half_crossings / narrow),
        .cutoff = narrow * (1.0 + pass_edge) / 2.0,
    };
}

/* sin(pi x) / (pi x), within some 1e-16 */
static double sinc(double x)
{
    const double turns = x - 2.0 * floor(x / 2.0 + 0.5); /* -1 ... 1, exact */
    const double side = turns < 0.0 ? -turns : turns;
    const double angle = pi * (side > 0.5 ? 1.0 - side : side); /* 0 ... pi / 2 */
    double term = angle, sine = 0.0;
    for (int k = 2; k <= 28; k += 2) {
        sine += term;
        term *= -angle * angle / (k * (k + 1));
    }
    if (x == 0.0) {
        return 1.0;
    }
    return (turns < 0.0 ? -sine : sine) / (pi * x);
}

/* Modified Bessel function of order 0, by its power series; x in 0 ... 20. */
static double bessel_i0(double x)
{
    double term = 1.0, sum = 1.0;
    for (int k = 1; k <= 60; k++) {
        const double factor = x / (2.0 * k);
        term *= factor * factor;
        sum += term;
    }
    return sum;
}

/* Kaiser window at -1 ... 1, not scaled; 0 outside */
static double kaiser(double place)
{
    const double beta = 0.1102 * (attenuation - 8.7);
    const double inside = 1.0 - place * place;
    return inside < 0.0 ? 0.0 : bessel_i0(beta * sqrt(inside));
}

void ravel_resample_phase(const ravel_resample_filter *filter, double f, double *work,
                          float *coefficients)
{
    const int half = filter->taps / 2;
    double sum = 0.0;
    for (int k = 0; k < filter->taps; k++) {
        const double distance = k - half + 1 - f;
        work[k] = sinc(filter->cutoff * distance) * kaiser(distance / half);
        sum += work[k];
    }
    for (int k = 0; k < filter->taps; k++) {
        coefficients[k] = (float)(work[k] / sum);
    }
}

int64_t ravel_resample_position(const ravel_resample_filter *filter, int64_t o)
{
    return o / filter->up * filter->down + o % filter->up * filter->down / filter->up;
}

int64_t ravel_resample_count(const ravel_resample_filter *filter, int64_t n)
{
    const int64_t rest = n % filter->down * filter->up;
    return n / filter->down * filter->up + (rest + filter->down - 1) / filter->down;
}
