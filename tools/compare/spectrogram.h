/* SPDX-License-Identifier: BSD-3-Clause */
/* Power over time and frequency, as small as a picture of it. */
#ifndef RAVEL_TOOLS_COMPARE_SPECTROGRAM_H
#define RAVEL_TOOLS_COMPARE_SPECTROGRAM_H

#include "tools/compare/sound.h"

enum { RAVEL_SPECTROGRAM_WIDTH = 936, RAVEL_SPECTROGRAM_HEIGHT = 112 };

typedef struct {
    /* dB, from the highest frequency down to 0 Hz */
    float level[RAVEL_SPECTROGRAM_HEIGHT][RAVEL_SPECTROGRAM_WIDTH];
} ravel_spectrogram;

/* Of the whole sound, at RAVEL_MEASURE_RATE_HZ. return    NULL without memory */
ravel_spectrogram *ravel_spectrogram_new(const ravel_sound *sound);
void ravel_spectrogram_free(ravel_spectrogram *spectrogram);

/* The greatest of its levels. */
float ravel_spectrogram_peak(const ravel_spectrogram *spectrogram);

#endif
