/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/picture/canvas.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/picture/font.h"

int ravel_canvas_new(ravel_canvas *canvas, int width, int height, ravel_error *error)
{
    size_t size = (size_t)width * (size_t)height;
    *canvas = (ravel_canvas){.width = width, .height = height, .pixels = malloc(size)};
    if (canvas->pixels == NULL)
        return ravel_error_memory(error);
    memset(canvas->pixels, RAVEL_CANVAS_PAPER, size);
    return 0;
}

void ravel_canvas_free(ravel_canvas *canvas)
{
    free(canvas->pixels);
    *canvas = (ravel_canvas){0};
}

void ravel_canvas_dot(ravel_canvas *canvas, int x, int y, int colour)
{
    if (x >= 0 && x < canvas->width && y >= 0 && y < canvas->height)
        canvas->pixels[(size_t)y * (size_t)canvas->width + (size_t)x] = (uint8_t)colour;
}

void ravel_canvas_box(ravel_canvas *canvas, int x, int y, int width, int height, int colour)
{
    for (int row = y; row < y + height; row++)
        for (int column = x; column < x + width; column++)
            ravel_canvas_dot(canvas, column, row, colour);
}

/*
 * One dot of a letter as two by two pixels: a corner takes the colour of the two neighbours that
 * meet there where they are equal and the opposite ones are not, so that slants lose their steps.
 */
static void draw_dot(ravel_canvas *canvas, int x, int y, int colour, char letter, int column,
                     int row)
{
    const bool here = ravel_font_dot(letter, column, row);
    for (int corner = 0; corner < 4; corner++) {
        int right = corner & 1, down = corner >> 1, dx = 2 * right - 1, dy = 2 * down - 1;
        bool beside = ravel_font_dot(letter, column + dx, row);
        bool above = ravel_font_dot(letter, column, row + dy);
        bool smooth = beside == above && beside != ravel_font_dot(letter, column - dx, row) &&
                      above != ravel_font_dot(letter, column, row - dy);
        if (smooth ? beside : here)
            ravel_canvas_dot(canvas, x + 2 * column + right, y + 2 * row + down, colour);
    }
}

void ravel_canvas_text(ravel_canvas *canvas, int x, int y, int colour, const char *text)
{
    for (; *text != '\0'; text++, x += RAVEL_CANVAS_LETTER)
        for (int row = 0; row < RAVEL_FONT_HEIGHT; row++)
            for (int column = 0; column < RAVEL_FONT_WIDTH; column++)
                draw_dot(canvas, x, y, colour, *text, column, row);
}
