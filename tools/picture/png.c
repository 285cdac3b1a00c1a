/* SPDX-License-Identifier: BSD-3-Clause */
/* A canvas as a PNG file with a palette. */
#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdlib.h>

#include "audio_io/file/whole_file.h"
#include "nn/error.h"
#include "tools/picture/canvas.h"

/* CIELAB of the white point D65 to linear light: L in 0 ... 100, a to red, b to yellow. */
static void lab_to_linear(double l, double a, double b, double rgb[3])
{
    const double white[3] = {0.95047, 1, 1.08883};
    const double f[3] = {(l + 16) / 116 + a / 500, (l + 16) / 116, (l + 16) / 116 - b / 200};
    double xyz[3];
    for (int i = 0; i < 3; i++)
        xyz[i] = white[i] * (f[i] > 6.0 / 29 ? f[i] * f[i] * f[i]
                                             : 3 * (6.0 / 29) * (6.0 / 29) * (f[i] - 4.0 / 29));
    rgb[0] = 3.2406 * xyz[0] - 1.5372 * xyz[1] - 0.4986 * xyz[2]; /* IEC 61966-2-1 */
    rgb[1] = -0.9689 * xyz[0] + 1.8758 * xyz[1] + 0.0415 * xyz[2];
    rgb[2] = 0.0557 * xyz[0] - 0.2040 * xyz[1] + 1.0570 * xyz[2];
}

static png_byte to_srgb(double linear)
{
    double kept = fmin(fmax(linear, 0), 1);
    double value = kept <= 0.0031308 ? 12.92 * kept : 1.055 * pow(kept, 1 / 2.4) - 0.055;
    return (png_byte)lround(255 * value);
}

static bool displayable(const double rgb[3])
{
    for (int i = 0; i < 3; i++)
        if (rgb[i] < 0 || rgb[i] > 1)
            return false;
    return true;
}

/* Where the screen has no such colour it gets paler, not darker. */
static void set_colour(png_byte *entry, double lightness, double chroma, double hue)
{
    double rgb[3];
    do {
        lab_to_linear(lightness, chroma * cos(hue), chroma * sin(hue), rgb);
        chroma *= 0.98;
    } while (!displayable(rgb) && chroma > 0.01);
    for (int i = 0; i < 3; i++)
        entry[i] = to_srgb(rgb[i]);
}

/*
 * Equal steps of level are equal steps of lightness, so that the eye sees as much as there is, also
 * in print without colour; the hue turns from blue over red to yellow on the way.
 */
static void make_palette(png_byte palette[RAVEL_CANVAS_COLOURS][3])
{
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < RAVEL_CANVAS_LEVELS; i++) {
        double t = (double)i / (RAVEL_CANVAS_LEVELS - 1);
        double hue = (285 + 170 * t) * pi / 180, chroma = 12 + 68 * sin(pi * pow(t, 0.8));
        set_colour(palette[i], 4 + 92 * t, chroma, hue);
    }
    set_colour(palette[RAVEL_CANVAS_PAPER], 100, 0, 0);
    set_colour(palette[RAVEL_CANVAS_INK], 15, 0, 0);
    set_colour(palette[RAVEL_CANVAS_GREY], 45, 0, 0);
}

int ravel_canvas_write(const ravel_canvas *canvas, const char *path, ravel_error *error)
{
    png_byte palette[RAVEL_CANVAS_COLOURS][3];
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)canvas->width,
                       .height = (png_uint_32)canvas->height,
                       .format = PNG_FORMAT_RGB_COLORMAP,
                       .colormap_entries = RAVEL_CANVAS_COLOURS};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    make_palette(palette);
    void *data = malloc(size);
    if (data == NULL)
        return ravel_error_memory(error);
    int status = 0;
    if (png_image_write_to_memory(&image, data, &size, 0, canvas->pixels, 0, palette) == 0)
        status = ravel_error_set(error, RAVEL_ERR_DATA, "libpng: %s", image.message);
    else
        status = ravel_whole_file_write(path, data, size, error);
    free(data);
    return status;
}
