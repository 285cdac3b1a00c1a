/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Correlation of pieces of the reference with the degraded sound around them: spectra of the pieces
 * are multiplied and added up, and one inverse transform gives the sums at all delays.
 */
#include "tools/measure/align.h"

#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "ravel/ravel.h"

typedef struct {
    int n_fft, max_delay;
    float *time;
    fftwf_complex *x, *y, *sum;
    fftwf_plan forward_x, forward_y, inverse;
} correlator;

/* Pieces are as long as the delays searched, or longer. */
static int fft_size(int max_delay)
{
    int n = 1024;
    while (n < 4 * max_delay)
        n *= 2;
    return n;
}

static bool correlator_new(correlator *c, int max_delay)
{
    int n = fft_size(max_delay);
    size_t n_bins = (size_t)n / 2 + 1;
    *c = (correlator){.n_fft = n, .max_delay = max_delay};
    c->time = fftwf_alloc_real((size_t)n);
    c->x = fftwf_alloc_complex(n_bins);
    c->y = fftwf_alloc_complex(n_bins);
    c->sum = fftwf_alloc_complex(n_bins);
    if (c->time == NULL || c->x == NULL || c->y == NULL || c->sum == NULL)
        return false;
    c->forward_x = fftwf_plan_dft_r2c_1d(n, c->time, c->x, FFTW_ESTIMATE);
    c->forward_y = fftwf_plan_dft_r2c_1d(n, c->time, c->y, FFTW_ESTIMATE);
    c->inverse = fftwf_plan_dft_c2r_1d(n, c->sum, c->time, FFTW_ESTIMATE);
    memset(c->sum, 0, n_bins * sizeof *c->sum);
    return c->forward_x != NULL && c->forward_y != NULL && c->inverse != NULL;
}

static void correlator_free(correlator *c)
{
    const fftwf_plan plans[] = {c->forward_x, c->forward_y, c->inverse};
    for (int i = 0; i < 3; i++)
        if (plans[i] != NULL)
            fftwf_destroy_plan(plans[i]);
    fftwf_free(c->time);
    fftwf_free(c->x);
    fftwf_free(c->y);
    fftwf_free(c->sum);
}

/* Samples first ... first + n_wanted - 1 of x, zeros where there are none, and zeros to the end. */
static void load(const correlator *c, const float *x, int n, int first, int n_wanted)
{
    for (int i = 0; i < c->n_fft; i++) {
        int from = first + i;
        c->time[i] = i < n_wanted && from >= 0 && from < n ? x[from] : 0;
    }
}

static void add_products(correlator *c)
{
    for (int k = 0; k <= c->n_fft / 2; k++) {
        const float *x = c->x[k], *y = c->y[k];
        c->sum[k][0] += x[0] * y[0] + x[1] * y[1];
        c->sum[k][1] += x[0] * y[1] - x[1] * y[0];
    }
}

/* The place of the greatest sum; time[i] belongs to the delay i - max_delay. */
static int find_peak(const correlator *c)
{
    int best = c->max_delay;
    for (int distance = 1; distance <= c->max_delay; distance++) {
        if (c->time[c->max_delay - distance] > c->time[best])
            best = c->max_delay - distance;
        if (c->time[c->max_delay + distance] > c->time[best])
            best = c->max_delay + distance;
    }
    return best - c->max_delay;
}

/* Of the stretch that both have at this delay. */
static double coefficient(const float *x, int n_x, const float *y, int n_y, int delay)
{
    double xx = 0, yy = 0, xy = 0;
    for (int i = delay < 0 ? -delay : 0; i < n_x && i + delay < n_y; i++) {
        double a = (double)x[i], b = (double)y[i + delay];
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xx > 0 && yy > 0 ? fmax(xy / sqrt(xx * yy), 0) : 0;
}

int ravel_align(const float *reference, int n_reference, const float *degraded, int n_degraded,
                int max_delay, ravel_alignment *alignment)
{
    correlator c;
    bool ready = correlator_new(&c, max_delay);
    if (ready) {
        int piece = c.n_fft - 2 * max_delay;
        for (int begin = 0; begin < n_reference; begin += piece) {
            load(&c, reference, n_reference, begin, piece);
            fftwf_execute(c.forward_x);
            load(&c, degraded, n_degraded, begin - max_delay, c.n_fft);
            fftwf_execute(c.forward_y);
            add_products(&c);
        }
        fftwf_execute(c.inverse);
        alignment->delay_samples = find_peak(&c);
        alignment->correlation =
            coefficient(reference, n_reference, degraded, n_degraded, alignment->delay_samples);
    }
    correlator_free(&c);
    return ready ? RAVEL_OK : RAVEL_ERR_MEMORY;
}
