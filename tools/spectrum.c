/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/spectrum.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

void ravel_hann(float *window, int n)
{
    for (int i = 0; i < n; i++)
        window[i] = (float)(0.5 - 0.5 * cos(2 * pi * (i + 1) / (n + 1)));
}

/* Puts element i in the place whose index has the bits of i in reverse. */
static void reverse_bits(double *re, int n)
{
    for (int i = 1, j = 0; i < n; i++) {
        int bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double swap = re[i];
            re[i] = re[j];
            re[j] = swap;
        }
    }
}

/* Joins transforms of half the length (Cooley and Tukey 1965). */
static void join(double *re, double *im, int n, int half)
{
    for (int k = 0; k < half; k++) {
        double c = cos(pi * k / half), s = -sin(pi * k / half);
        for (int a = k; a < n; a += 2 * half) {
            int b = a + half;
            double x = c * re[b] - s * im[b], y = c * im[b] + s * re[b];
            re[b] = re[a] - x;
            im[b] = im[a] - y;
            re[a] += x;
            im[a] += y;
        }
    }
}

void ravel_power_spectrum(const float *x, const float *window, int n_window, int n_fft,
                          double *power)
{
    double re[RAVEL_SPECTRUM_MAX] = {0}, im[RAVEL_SPECTRUM_MAX] = {0};
    for (int i = 0; i < n_window; i++)
        re[i] = (double)x[i] * (double)window[i];
    reverse_bits(re, n_fft);
    for (int half = 1; half < n_fft; half *= 2)
        join(re, im, n_fft, half);
    for (int k = 0; k <= n_fft / 2; k++)
        power[k] = re[k] * re[k] + im[k] * im[k];
}
