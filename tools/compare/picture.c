/* SPDX-License-Identifier: BSD-3-Clause */
/* A comparison as a picture. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/compare/comparison.h"
#include "tools/picture/canvas.h"

/* Pixels. Names stand left of the spectrograms, the frequencies between them. */
enum {
    WIDTH = 1200,
    MARGIN = 12,
    LEFT = WIDTH - MARGIN - RAVEL_SPECTROGRAM_WIDTH,
    NAME_LETTERS = (LEFT - MARGIN - 3 * RAVEL_CANVAS_LETTER - 6) / RAVEL_CANVAS_LETTER,
    NAME_END = 9,
    HEAD = 44,
    PANEL = RAVEL_SPECTROGRAM_HEIGHT,
    GAP = 8,
    FOOT = 40,
    TICK = 5,
    HIGHEST_KHZ = RAVEL_MEASURE_RATE_HZ / 2000,
    BAR_WIDTH = 4 * RAVEL_CANVAS_LEVELS,
    BAR_HEIGHT = 14
};

static const float range_db = 70;

static void write_right(ravel_canvas *canvas, int right, int y, const char *text)
{
    ravel_canvas_text(canvas, right - (int)strlen(text) * RAVEL_CANVAS_LETTER, y, RAVEL_CANVAS_INK,
                      text);
}

/* --- Above and below -------------------------------------------------------------------------- */

static void draw_head(ravel_canvas *canvas)
{
    char text[16];
    int right = WIDTH - MARGIN - 4 * RAVEL_CANVAS_LETTER - 6, left = right - BAR_WIDTH;
    for (int i = 0; i < RAVEL_CANVAS_LEVELS; i++)
        ravel_canvas_box(canvas, left + 4 * i, MARGIN, 4, BAR_HEIGHT, i);
    (void)snprintf(text, sizeof text, "-%.0f", (double)range_db);
    write_right(canvas, left - 6, MARGIN, text);
    write_right(canvas, WIDTH - MARGIN, MARGIN, "0 dB");
    write_right(canvas, LEFT - TICK - 4, MARGIN, "kHz");
}

/* The least of 1, 2, 5 times a power of ten that leaves at least 80 pixels between marks. */
static double time_step(double seconds)
{
    double least = seconds * 80 / RAVEL_SPECTROGRAM_WIDTH, power = pow(10, floor(log10(least)));
    const double steps[] = {1, 2, 5};
    for (int i = 0; i < 3; i++)
        if (steps[i] * power >= least)
            return steps[i] * power;
    return 10 * power;
}

static void draw_times(ravel_canvas *canvas, int y, double seconds)
{
    double step = time_step(seconds);
    for (int i = 0; i * step <= seconds; i++) {
        char text[24];
        int x = LEFT + (int)(i * step / seconds * (RAVEL_SPECTROGRAM_WIDTH - 1));
        int n = snprintf(text, sizeof text, "%g", i * step);
        ravel_canvas_box(canvas, x, y, 2, TICK, RAVEL_CANVAS_GREY);
        int left = x - n * RAVEL_CANVAS_LETTER / 2;
        if (left + n * RAVEL_CANVAS_LETTER < WIDTH - MARGIN - 2 * RAVEL_CANVAS_LETTER)
            ravel_canvas_text(canvas, left, y + TICK + 4, RAVEL_CANVAS_INK, text);
    }
    write_right(canvas, WIDTH - MARGIN, y + TICK + 4, "s");
}

/* --- One spectrogram -------------------------------------------------------------------------- */

static void draw_frequencies(ravel_canvas *canvas, int y)
{
    for (int khz = 0; khz < HIGHEST_KHZ; khz += 4) {
        char text[16];
        int row = y + PANEL - 1 - khz * (PANEL - 1) / HIGHEST_KHZ;
        (void)snprintf(text, sizeof text, "%d", khz);
        ravel_canvas_box(canvas, LEFT - TICK, row - 1, TICK, 2, RAVEL_CANVAS_GREY);
        write_right(canvas, LEFT - TICK - 4, khz == 0 ? row - 13 : row - 7, text);
    }
}

static void draw_levels(ravel_canvas *canvas, int y, const ravel_spectrogram *s, float peak)
{
    for (int row = 0; row < PANEL; row++)
        for (int column = 0; column < RAVEL_SPECTROGRAM_WIDTH; column++) {
            float level = 1 + (s->level[row][column] - peak) / range_db;
            float kept = fminf(fmaxf(level, 0), 1);
            ravel_canvas_dot(canvas, LEFT + column, y + row,
                             (int)lroundf(kept * (RAVEL_CANVAS_LEVELS - 1)));
        }
}

/* Cut to the room there is, in the middle: bitrates and suffixes stand at the end. */
static void write_name(ravel_canvas *canvas, int y, const char *name)
{
    char text[NAME_LETTERS + 1];
    size_t n = strlen(name);
    if (n <= NAME_LETTERS)
        (void)snprintf(text, sizeof text, "%s", name);
    else
        (void)snprintf(text, sizeof text, "%.*s..%s", NAME_LETTERS - NAME_END - 2, name,
                       name + n - NAME_END);
    ravel_canvas_text(canvas, MARGIN, y, RAVEL_CANVAS_INK, text);
}

/* The last part of a path. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void draw_panel(ravel_canvas *canvas, int y, const char *name,
                       const ravel_spectrogram *spectrogram, float peak)
{
    write_name(canvas, y + 8, name);
    draw_frequencies(canvas, y);
    draw_levels(canvas, y, spectrogram, peak);
}

static void draw_row(ravel_canvas *canvas, int y, const ravel_comparison_row *row, float peak)
{
    char text[NAME_LETTERS + 1];
    int line = y + 8;
    draw_panel(canvas, y, row->kbps > 0 ? row->name : file_name(row->name), row->spectrogram, peak);
    (void)snprintf(text, sizeof text, "ESTOI %.2f", row->measures.estoi);
    ravel_canvas_text(canvas, MARGIN, line += RAVEL_CANVAS_LINE, RAVEL_CANVAS_GREY, text);
    (void)snprintf(text, sizeof text, "mel %.1f dB", row->measures.mel_db);
    ravel_canvas_text(canvas, MARGIN, line + RAVEL_CANVAS_LINE, RAVEL_CANVAS_GREY, text);
}

int ravel_comparison_draw(const ravel_comparison *c, const char *path, ravel_error *error)
{
    ravel_canvas canvas;
    int y = HEAD, height = HEAD + (c->n_rows + 1) * (PANEL + GAP) - GAP + FOOT;
    if (ravel_canvas_new(&canvas, WIDTH, height, error) < 0)
        return RAVEL_ERR_MEMORY;
    float peak = ravel_spectrogram_peak(c->spectrogram);
    draw_head(&canvas);
    draw_panel(&canvas, y, file_name(c->reference), c->spectrogram, peak);
    ravel_canvas_text(&canvas, MARGIN, y + 8 + RAVEL_CANVAS_LINE, RAVEL_CANVAS_GREY, "original");
    for (int i = 0; i < c->n_rows; i++)
        draw_row(&canvas, y += PANEL + GAP, c->rows + i, peak);
    draw_times(&canvas, y + PANEL, (double)c->sound.n / RAVEL_MEASURE_RATE_HZ);
    int status = ravel_canvas_write(&canvas, path, error);
    ravel_canvas_free(&canvas);
    return status;
}
