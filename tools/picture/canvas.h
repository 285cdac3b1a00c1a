/* SPDX-License-Identifier: BSD-3-Clause */
/* A picture of few colours, drawn in memory and written as PNG. */
#ifndef RAVEL_TOOLS_PICTURE_CANVAS_H
#define RAVEL_TOOLS_PICTURE_CANVAS_H

#include <stdint.h>

#include "ravel/ravel.h"

/* Colours: first those of levels, from dark (least) to bright (greatest). */
enum {
    RAVEL_CANVAS_LEVELS = 64,
    RAVEL_CANVAS_PAPER = RAVEL_CANVAS_LEVELS,
    RAVEL_CANVAS_INK,
    RAVEL_CANVAS_GREY,
    RAVEL_CANVAS_COLOURS
};

/* Pixels that a letter and its space take. */
enum { RAVEL_CANVAS_LETTER = 12, RAVEL_CANVAS_LINE = 20 };

typedef struct {
    int width, height;
    uint8_t *pixels; /* [height][width] colours; freed by ravel_canvas_free */
} ravel_canvas;

/* All paper. return    0, or RAVEL_ERR_MEMORY with *error filled */
int ravel_canvas_new(ravel_canvas *canvas, int width, int height, ravel_error *error);
void ravel_canvas_free(ravel_canvas *canvas);

/* What lies outside is cut off, in each of these. */
void ravel_canvas_dot(ravel_canvas *canvas, int x, int y, int colour);
void ravel_canvas_box(ravel_canvas *canvas, int x, int y, int width, int height, int colour);
/* x, y: the upper left corner of the first letter, of ASCII; others are shown as boxes. */
void ravel_canvas_text(ravel_canvas *canvas, int x, int y, int colour, const char *text);

/* The file appears whole or not at all. return    0, or a negative status with *error filled */
int ravel_canvas_write(const ravel_canvas *canvas, const char *path, ravel_error *error);

#endif
