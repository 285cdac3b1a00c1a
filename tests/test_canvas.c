/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/picture/canvas.h"
#include "tools/picture/font.h"

enum { WIDTH = 101, HEIGHT = 30 };

static int count(const ravel_canvas *canvas, int colour)
{
    int n = 0;
    for (int i = 0; i < canvas->width * canvas->height; i++)
        n += canvas->pixels[i] == colour;
    return n;
}

Test(canvas, cuts_off_what_lies_outside)
{
    ravel_canvas canvas;
    ravel_error error;
    cr_assert_eq(ravel_canvas_new(&canvas, WIDTH, HEIGHT, &error), 0);
    cr_assert_eq(count(&canvas, RAVEL_CANVAS_PAPER), WIDTH * HEIGHT);
    ravel_canvas_box(&canvas, -5, HEIGHT - 2, 10, 10, RAVEL_CANVAS_INK);
    cr_assert_eq(count(&canvas, RAVEL_CANVAS_INK), 10);
    ravel_canvas_text(&canvas, WIDTH - 3, -4, RAVEL_CANVAS_GREY, "HHHH");
    cr_assert(count(&canvas, RAVEL_CANVAS_GREY) > 0);
    ravel_canvas_free(&canvas);
}

/* Every letter of ASCII has a shape of its own, and what is none has that of DEL. */
Test(canvas, letters_differ)
{
    for (int a = ' '; a <= 127; a++) {
        for (int b = a + 1; b <= 127; b++) {
            int n_different = 0;
            for (int row = 0; row < RAVEL_FONT_HEIGHT; row++)
                for (int column = 0; column < RAVEL_FONT_WIDTH; column++)
                    n_different += ravel_font_dot((char)a, column, row) !=
                                   ravel_font_dot((char)b, column, row);
            cr_assert(n_different > 0, "%c is like %c", a, b);
        }
    }
    for (int row = 0; row < RAVEL_FONT_HEIGHT; row++)
        for (int column = -1; column <= RAVEL_FONT_WIDTH; column++)
            cr_assert_eq(ravel_font_dot('\xe4', column, row), ravel_font_dot(127, column, row));
}

/* [HEIGHT][WIDTH][3], read by libpng. */
static png_byte *read_back(const char *path)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    cr_assert(png_image_begin_read_from_file(&image, path), "%s", image.message);
    cr_assert_eq(image.width, WIDTH);
    cr_assert_eq(image.height, HEIGHT);
    image.format = PNG_FORMAT_RGB;
    png_byte *rgb = malloc(PNG_IMAGE_SIZE(image));
    cr_assert(png_image_finish_read(&image, NULL, rgb, 0, NULL), "%s", image.message);
    return rgb;
}

/* Each level is brighter than the one before, paper is white. */
Test(canvas, comes_back_from_a_file)
{
    ravel_canvas canvas;
    ravel_error error;
    char path[] = "canvas.XXXXXX";
    int fd = mkstemp(path);
    close(fd);
    cr_assert_eq(ravel_canvas_new(&canvas, WIDTH, HEIGHT, &error), 0);
    for (int level = 0; level < RAVEL_CANVAS_LEVELS; level++)
        ravel_canvas_dot(&canvas, level, 3, level);
    cr_assert_eq(ravel_canvas_write(&canvas, path, &error), 0, "%s", error.text);
    png_byte *rgb = read_back(path);
    double before = -1;
    for (int level = 0; level < RAVEL_CANVAS_LEVELS; level++) {
        const png_byte *dot = rgb + ((size_t)3 * WIDTH + (size_t)level) * 3;
        double brightness =
            0.2126 * pow(dot[0], 2.2) + 0.7152 * pow(dot[1], 2.2) + 0.0722 * pow(dot[2], 2.2);
        cr_assert(brightness > before, "level %d", level);
        before = brightness;
    }
    cr_assert_eq(rgb[0] + rgb[1] + rgb[2], 3 * 255);
    free(rgb);
    unlink(path);
    cr_assert_lt(ravel_canvas_write(&canvas, "no/such/folder.png", &error), 0);
    cr_assert_eq(error.status, RAVEL_ERR_IO);
    ravel_canvas_free(&canvas);
}
