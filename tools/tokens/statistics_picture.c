/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A strip for each codebook: its codewords from the most to the least frequent, as bright as they
 * are frequent, in decades; beside it the perplexity. An even strip is a codebook that is well used.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/picture/canvas.h"
#include "tools/tokens/statistics.h"

enum {
    MARGIN = 12,
    LEFT = MARGIN + 3 * RAVEL_CANVAS_LETTER + 8,
    STRIP = 1024, /* pixels of a strip's width and height */
    STRIP_HEIGHT = 28,
    GAP = 6,
    RIGHT = LEFT + STRIP + 10,
    WIDTH = RIGHT + 12 * RAVEL_CANVAS_LETTER + MARGIN,
    HEAD = 44
};

static const double decades = 4.0;

static int by_count(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/* Full brightness is a sixteenth of all codes. */
static int level_of(uint64_t count, int64_t n)
{
    if (count == 0)
        return 0;
    const double level = 1.0 + log10(16.0 * (double)count / (double)n) / decades;
    return 1 + (int)(fmin(fmax(level, 0.0), 1.0) * (RAVEL_CANVAS_LEVELS - 2));
}

static int draw_strip(ravel_canvas *canvas, int y, const ravel_codebook_counts *counts)
{
    const size_t size = (size_t)counts->size;
    uint64_t *sorted = malloc(size * sizeof *sorted);
    if (sorted == NULL)
        return RAVEL_ERR_MEMORY;
    memcpy(sorted, counts->codes, size * sizeof *sorted);
    qsort(sorted, size, sizeof *sorted, by_count);
    for (int x = 0; x < STRIP; x++)
        ravel_canvas_box(canvas, LEFT + x, y, 1, STRIP_HEIGHT,
                         level_of(sorted[(size_t)x * size / STRIP], counts->n));
    free(sorted);
    return 0;
}

static void draw_head(ravel_canvas *canvas, const ravel_statistics *s)
{
    char text[160];
    (void)snprintf(text, sizeof text, "%.40s  %.2f h  codewords by frequency", s->meta.model_name,
                   ravel_statistics_hours(s));
    ravel_canvas_text(canvas, LEFT, MARGIN, RAVEL_CANVAS_INK, text);
    ravel_canvas_text(canvas, RIGHT, MARGIN, RAVEL_CANVAS_INK, "perplexity");
}

int ravel_statistics_draw(const ravel_statistics *s, const char *path, ravel_error *error)
{
    ravel_canvas canvas;
    const int n = s->meta.layout.n_codebooks;
    int status = ravel_canvas_new(&canvas, WIDTH, HEAD + n * (STRIP_HEIGHT + GAP) + MARGIN, error);
    if (status < 0)
        return status;
    draw_head(&canvas, s);
    for (int b = 0; status == 0 && b < n; b++) {
        const int y = HEAD + b * (STRIP_HEIGHT + GAP), text_y = y + 7;
        char text[24];
        (void)snprintf(text, sizeof text, "%2d", b + 1);
        ravel_canvas_text(&canvas, MARGIN, text_y, RAVEL_CANVAS_INK, text);
        (void)snprintf(text, sizeof text, "%.1f", exp2(ravel_statistics_entropy(&s->codebooks[b])));
        ravel_canvas_text(&canvas, RIGHT, text_y, RAVEL_CANVAS_INK, text);
        status = draw_strip(&canvas, y, &s->codebooks[b]);
    }
    status = status < 0 ? ravel_error_memory(error) : ravel_canvas_write(&canvas, path, error);
    ravel_canvas_free(&canvas);
    return status;
}
