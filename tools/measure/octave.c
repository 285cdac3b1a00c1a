/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/measure/octave.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "ravel/ravel.h"

static const double rejection_db = 60;

/* Taps at -half ... half in steps of the common rate, `up` times the input's. */
typedef struct {
    int up, down, half;
    double *taps;
} filter;

static int common_divisor(int a, int b)
{
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int ravel_octave_samples(int n, int from_hz, int to_hz)
{
    int64_t product = (int64_t)n * to_hz;
    return (int)((product + from_hz - 1) / from_hz);
}

/* The modified Bessel function of order 0, by its power series. */
static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; term > 1e-17 * sum; k++) {
        term *= x * x / (4.0 * k * k);
        sum += term;
    }
    return sum;
}

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;
    return x == 0 ? 1 : sin(pi * x) / (pi * x);
}

/* Kaiser's rules for length and shape of the window (IEEE ISCAS 1974). The taps' sum is `up`. */
static int design(filter *f, int from_hz, int to_hz)
{
    int divisor = common_divisor(from_hz, to_hz);
    f->up = to_hz / divisor;
    f->down = from_hz / divisor;
    if (f->up < 1 || f->down < 1)
        return RAVEL_ERR_ARGUMENT;
    double stopband = 0.5 / (f->up > f->down ? f->up : f->down), roll_off = stopband / 10;
    double beta = 0.1102 * (rejection_db - 8.7), sum = 0;
    f->half = (int)ceil((rejection_db - 8) / (28.714 * roll_off));
    f->taps = malloc((2 * (size_t)f->half + 1) * sizeof *f->taps);
    if (f->taps == NULL)
        return RAVEL_ERR_MEMORY;
    for (int t = -f->half; t <= f->half; t++) {
        double place = (double)t / f->half;
        double window = bessel_i0(beta * sqrt(1 - place * place)) / bessel_i0(beta);
        sum += f->taps[t + f->half] = window * sinc(2 * stopband * t);
    }
    for (int i = 0; i <= 2 * f->half; i++)
        f->taps[i] *= f->up / sum;
    return RAVEL_OK;
}

/* The output at `place` of the common rate: of the inputs within `half` of it, zeros outside. */
static double output(const filter *f, const float *in, int n, int64_t place)
{
    int64_t low = place - f->half, high = (place + f->half) / f->up;
    int64_t i = low > 0 ? (low + f->up - 1) / f->up : 0;
    double sum = 0;
    for (; i <= high && i < n; i++)
        sum += (double)in[i] * f->taps[i * f->up - low];
    return sum;
}

int ravel_octave_resample(const float *in, int n, int from_hz, int to_hz, float *out)
{
    filter f;
    int status = design(&f, from_hz, to_hz);
    if (status != RAVEL_OK)
        return status;
    int n_out = ravel_octave_samples(n, from_hz, to_hz);
    for (int o = 0; o < n_out; o++)
        out[o] = (float)output(&f, in, n, (int64_t)o * f.down);
    free(f.taps);
    return RAVEL_OK;
}
