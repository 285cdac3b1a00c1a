/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/compare/spectrogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/measure/measure.h"
#include "tools/measure/spectrum.h"

enum {
    WINDOW = 512, /* 21 ms: shows pitch pulses of low voices, and formants */
    N_FFT = 1024,
    N_BINS = N_FFT / 2 + 1,
    WIDTH = RAVEL_SPECTROGRAM_WIDTH,
    HEIGHT = RAVEL_SPECTROGRAM_HEIGHT
};

/* Mean power of windows whose centres lie within first ... end - 1, half a window apart. */
static void mean_power(ravel_spectrum *spectrum, const ravel_sound *sound, int first, int end,
                       float *mean)
{
    float x[WINDOW], power[N_BINS];
    int n_windows = 1 + (end - first) / (WINDOW / 2);
    memset(mean, 0, N_BINS * sizeof *mean);
    for (int w = 0; w < n_windows; w++) {
        int begin = first + (int)((int64_t)(end - first) * (2 * w + 1) / (2 * n_windows));
        for (int i = 0; i < WINDOW; i++) {
            int place = begin - WINDOW / 2 + i;
            x[i] = place >= 0 && place < sound->n ? sound->pcm[place] : 0;
        }
        ravel_spectrum_power(spectrum, x, power);
        for (int k = 0; k < N_BINS; k++)
            mean[k] += power[k] / (float)n_windows;
    }
}

/*
 * A row is the mean of its bins. Frequencies above 500 Hz are raised by 6 dB an octave, as is usual
 * for speech, whose spectrum falls as much. 1e-12 keeps silence from minus infinity.
 */
static void fill_column(ravel_spectrogram *s, int column, const float *power)
{
    const float bins_of_500_hz = 500.0F * N_FFT / RAVEL_MEASURE_RATE_HZ;
    for (int row = 0; row < HEIGHT; row++) {
        int first = (HEIGHT - 1 - row) * (N_BINS - 1) / HEIGHT;
        int end = (HEIGHT - row) * (N_BINS - 1) / HEIGHT;
        float sum = 0;
        for (int k = first; k < end; k++)
            sum += power[k] / (float)(end - first);
        float octaves = log2f(fmaxf((float)(first + end) / 2 / bins_of_500_hz, 1));
        s->level[row][column] = 10 * log10f(sum + 1e-12F) + 6 * octaves;
    }
}

ravel_spectrogram *ravel_spectrogram_new(const ravel_sound *sound)
{
    ravel_spectrogram *s = malloc(sizeof *s);
    ravel_spectrum *spectrum = ravel_spectrum_new(WINDOW, N_FFT);
    if (s == NULL || spectrum == NULL) {
        free(s);
        ravel_spectrum_free(spectrum);
        return NULL;
    }
    for (int column = 0; column < WIDTH; column++) {
        float power[N_BINS];
        int first = (int)((int64_t)sound->n * column / WIDTH);
        int end = (int)((int64_t)sound->n * (column + 1) / WIDTH);
        mean_power(spectrum, sound, first, end, power);
        fill_column(s, column, power);
    }
    ravel_spectrum_free(spectrum);
    return s;
}

void ravel_spectrogram_free(ravel_spectrogram *spectrogram)
{
    free(spectrogram);
}

float ravel_spectrogram_peak(const ravel_spectrogram *s)
{
    float peak = s->level[0][0];
    for (int row = 0; row < HEIGHT; row++)
        for (int column = 0; column < WIDTH; column++)
            peak = fmaxf(peak, s->level[row][column]);
    return peak;
}
