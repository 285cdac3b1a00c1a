/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/measure/spectrum.h"

#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct ravel_spectrum {
    int n_window, n_fft;
    float *window, *in;
    fftwf_complex *out;
    fftwf_plan plan;
};

static void fill_window(float *window, int n)
{
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < n; i++)
        window[i] = (float)(0.5 - 0.5 * cos(2 * pi * (i + 1) / (n + 1)));
}

/* FFTW_ESTIMATE: a plan by measured time would differ from run to run, and its rounding too. */
static bool prepare(ravel_spectrum *s, int n_window, int n_fft)
{
    s->n_window = n_window;
    s->n_fft = n_fft;
    s->window = fftwf_alloc_real((size_t)n_window);
    s->in = fftwf_alloc_real((size_t)n_fft);
    s->out = fftwf_alloc_complex((size_t)n_fft / 2 + 1);
    if (s->window == NULL || s->in == NULL || s->out == NULL)
        return false;
    s->plan = fftwf_plan_dft_r2c_1d(n_fft, s->in, s->out, FFTW_ESTIMATE);
    fill_window(s->window, n_window);
    for (int i = n_window; i < n_fft; i++)
        s->in[i] = 0;
    return s->plan != NULL;
}

ravel_spectrum *ravel_spectrum_new(int n_window, int n_fft)
{
    ravel_spectrum *s = calloc(1, sizeof *s);
    if (s != NULL && prepare(s, n_window, n_fft))
        return s;
    ravel_spectrum_free(s);
    return NULL;
}

void ravel_spectrum_free(ravel_spectrum *s)
{
    if (s == NULL)
        return;
    if (s->plan != NULL)
        fftwf_destroy_plan(s->plan);
    fftwf_free(s->window);
    fftwf_free(s->in);
    fftwf_free(s->out);
    free(s);
}

const float *ravel_spectrum_window(const ravel_spectrum *s)
{
    return s->window;
}

void ravel_spectrum_power(ravel_spectrum *s, const float *x, float *power)
{
    for (int i = 0; i < s->n_window; i++)
        s->in[i] = x[i] * s->window[i];
    fftwf_execute(s->plan);
    for (int k = 0; k <= s->n_fft / 2; k++)
        power[k] = s->out[k][0] * s->out[k][0] + s->out[k][1] * s->out[k][1];
}
