/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ravel compare` found, and the three ways to show it. */
#ifndef RAVEL_TOOLS_COMPARE_COMPARISON_H
#define RAVEL_TOOLS_COMPARE_COMPARISON_H

#include <stdbool.h>

#include "tools/compare/spectrogram.h"
#include "tools/measure/measure.h"

/* A degraded sound beside the reference. */
typedef struct {
    char *name;        /* of the codec, or the file */
    double kbps;       /* sent; 0 where it is a file */
    int delay_samples; /* at RAVEL_MEASURE_RATE_HZ, found and taken off */
    ravel_measures measures;
    ravel_spectrogram *spectrogram; /* NULL unless wanted */
} ravel_comparison_row;

typedef struct {
    const char *reference;
    ravel_sound sound; /* at RAVEL_MEASURE_RATE_HZ */
    ravel_spectrogram *spectrogram;
    int n_rows;
    ravel_comparison_row *rows;
} ravel_comparison;

/* On standard output: a table for people, or a JSON object. */
void ravel_comparison_print(const ravel_comparison *comparison);
/* return    0 or RAVEL_ERR_MEMORY */
int ravel_comparison_print_json(const ravel_comparison *comparison);

/*
 * A PNG picture of 1200 pixels' width: spectrograms one above the other, the reference's first. All
 * have one scale of colours, 70 dB down from the reference's greatest; frequencies above 500 Hz are
 * raised by 6 dB an octave.
 * return    0, or a negative status with *error filled
 */
int ravel_comparison_draw(const ravel_comparison *comparison, const char *path, ravel_error *error);

#endif
