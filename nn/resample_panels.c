/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Outputs of all phases by matrix products. Up to RAVEL_PANEL outputs that follow one another make
 * a panel: the columns of a matrix whose rows are the inputs from the first output's first to the
 * last output's last; where an output does not use an input its coefficient is 0, which adds
 * nothing. After a period of `period_out` outputs and `period_in` inputs the panels come again, so
 * many periods and all channels are rows of one product.
 */
#include <stdlib.h>

#include "nn/resample.h"

enum {
    MAX_ROWS = RAVEL_RESAMPLE_MAX_CHANNELS,
    MAX_REPEAT = 32,            /* phases are repeated at most so often to fill panels */
    MAX_PANELS_REPEATED = 8,    /* but only while there are few panels */
    MAX_BYTES = 4 * 1024 * 1024 /* of all matrices */
};

typedef struct {
    int first, width; /* its outputs, counted from the start of the period */
    int position;     /* of the first one: inputs from the start of the period */
    ravel_matrix matrix;
} panel;

struct ravel_resample_panels {
    int taps;
    int period_out, period_in;
    int window; /* most inputs of a panel */
    int n_panels;
    panel panel[];
};

/* --- Construction --------------------------------------------------------------------------- */

static int panels_of(int period_out)
{
    return (period_out + RAVEL_PANEL - 1) / RAVEL_PANEL;
}

/* How often the phases are repeated in a period, so that panels have few empty columns. */
static int choose_repeat(int up)
{
    int best = 1;
    for (int repeat = 2; repeat <= MAX_REPEAT; repeat++) {
        const int64_t now = (int64_t)panels_of(up * repeat) * best;
        const int64_t before = (int64_t)panels_of(up * best) * repeat;
        if (panels_of(up * repeat) <= MAX_PANELS_REPEATED && now < before) {
            best = repeat;
        }
    }
    return best;
}

static int panel_inputs(const ravel_resample_filter *filter, const panel *p)
{
    return filter->taps - p->position +
           (int)ravel_resample_position(filter, p->first + p->width - 1);
}

/* Divides the period into panels as equal as can be. */
static void place_panels(const ravel_resample_filter *filter, ravel_resample_panels *self)
{
    for (int j = 0; j < self->n_panels; j++) {
        panel *p = &self->panel[j];
        const int64_t end = (int64_t)(j + 1) * self->period_out / self->n_panels;
        p->first = (int)((int64_t)j * self->period_out / self->n_panels);
        p->width = (int)end - p->first;
        p->position = (int)ravel_resample_position(filter, p->first);
        const int inputs = panel_inputs(filter, p);
        self->window = inputs > self->window ? inputs : self->window;
    }
}

typedef struct {
    const ravel_resample_filter *filter;
    const panel *panel;
} source;

/* Element of the table of phases [up][taps] that input k of a panel has in its output n. */
static ptrdiff_t source_index(const void *context, int k, int n)
{
    const source *s = context;
    const ravel_resample_filter *filter = s->filter;
    const int64_t o = s->panel->first + n;
    const int64_t tap = k + s->panel->position - ravel_resample_position(filter, o);
    const int64_t phase = o % filter->up * filter->down % filter->up;
    return tap < 0 || tap >= filter->taps ? -1 : (ptrdiff_t)(phase * filter->taps + tap);
}

static int pack_panels(const ravel_resample_filter *filter, ravel_resample_panels *self,
                       const ravel_tensor *phases)
{
    for (int j = 0; j < self->n_panels; j++) {
        panel *p = &self->panel[j];
        const source context = {.filter = filter, .panel = p};
        if (ravel_matrix_pack(&p->matrix, panel_inputs(filter, p), p->width, phases, source_index,
                              &context, NULL, NULL, NULL)) {
            return RAVEL_ERR_MEMORY;
        }
    }
    return RAVEL_OK;
}

/* The table lives only as long as the matrices are made from it. */
static int fill_panels(const ravel_resample_filter *filter, ravel_resample_panels *self)
{
    int status = RAVEL_ERR_MEMORY;
    float *table = calloc((size_t)filter->up * (size_t)filter->taps, sizeof *table);
    double *work = calloc((size_t)filter->taps, sizeof *work);
    if (table && work) {
        for (int phase = 0; phase < filter->up; phase++) {
            ravel_resample_phase(filter, (double)phase / filter->up, work,
                                 table + (ptrdiff_t)phase * filter->taps);
        }
        const ravel_tensor phases = {
            .data = table, .dtype = RAVEL_F32, .rank = 2, .shape = {filter->up, filter->taps}};
        status = pack_panels(filter, self, &phases);
    }
    free(table);
    free(work);
    return status;
}

static bool too_large(const ravel_resample_panels *self)
{
    const size_t column_bytes = (size_t)self->window * sizeof(float);
    return column_bytes > MAX_BYTES / RAVEL_PANEL / (size_t)self->n_panels;
}

int ravel_resample_panels_new(const ravel_resample_filter *filter, ravel_resample_panels **panels)
{
    const int repeat = choose_repeat(filter->up);
    const int n_panels = panels_of(filter->up * repeat);
    ravel_resample_panels *self = calloc(1, sizeof *self + (size_t)n_panels * sizeof(panel));
    *panels = NULL;
    if (!self) {
        return RAVEL_ERR_MEMORY;
    }
    self->taps = filter->taps;
    self->period_out = filter->up * repeat;
    self->period_in = filter->down * repeat;
    self->n_panels = n_panels;
    place_panels(filter, self);
    if (too_large(self)) {
        ravel_resample_panels_free(self);
        return RAVEL_OK;
    }
    if (fill_panels(filter, self)) {
        ravel_resample_panels_free(self);
        return RAVEL_ERR_MEMORY;
    }
    *panels = self;
    return RAVEL_OK;
}

void ravel_resample_panels_free(ravel_resample_panels *panels)
{
    if (!panels) {
        return;
    }
    for (int j = 0; j < panels->n_panels; j++) {
        ravel_matrix_free(&panels->panel[j].matrix);
    }
    free(panels);
}

int ravel_resample_panels_window(const ravel_resample_panels *panels)
{
    return panels->window;
}

/* --- Running -------------------------------------------------------------------------------- */

/* The last panel that begins at output o of a period or before. */
static int panel_at(const ravel_resample_panels *self, int o)
{
    int low = 0, high = self->n_panels;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (self->panel[middle].first <= o) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t ravel_resample_panels_whole(const ravel_resample_panels *panels, int64_t n)
{
    const int64_t periods = n / panels->period_out;
    const int rest = (int)(n % panels->period_out);
    return periods * panels->period_out + panels->panel[panel_at(panels, rest)].first;
}

/* Interleaves the product y [n_periods * channels][RAVEL_PANEL], of each row the first `width`. */
static void scatter(const ravel_resample_panels *self, const float *y, int n_periods, int channels,
                    int width, float *out)
{
    for (int m = 0; m < n_periods; m++) {
        for (int c = 0; c < channels; c++) {
            const float *row = y + (ptrdiff_t)(m * channels + c) * RAVEL_PANEL;
            float *to = out + (ptrdiff_t)m * self->period_out * channels + c;
            for (int i = 0; i < width; i++) {
                to[(ptrdiff_t)i * channels] = row[i];
            }
        }
    }
}

/*
 * Panel j in n_periods periods from `period` on; n_periods * channels at most MAX_ROWS. `out` is
 * the place of its first output; `width` of its outputs are written.
 */
static void run_panel(const ravel_resample_panels *self, const ravel_kernels *kernels,
                      const ravel_resample_input *in, int j, int64_t period, int n_periods,
                      int width, float *out)
{
    const float *row[MAX_ROWS];
    float y[MAX_ROWS * RAVEL_PANEL];
    const panel *p = &self->panel[j];
    const int64_t start = period * self->period_in + p->position - self->taps / 2 + 1 - in->first;
    for (int m = 0; m < n_periods; m++) {
        for (int c = 0; c < in->channels; c++) {
            row[m * in->channels + c] =
                in->samples + c * in->stride + start + (ptrdiff_t)m * self->period_in;
        }
    }
    const ravel_rows rows = {
        .row = row, .n_rows = n_periods * in->channels, .taps = 1, .width = p->matrix.n_in};
    kernels->matmul(&p->matrix, &rows, y, RAVEL_PANEL, 0);
    scatter(self, y, n_periods, in->channels, width, out);
}

/* Makes what one round can: whole periods where there are some, else one panel or a part of it. */
static int64_t run_some(const ravel_resample_panels *self, const ravel_kernels *kernels,
                        const ravel_resample_input *in, int64_t o, int64_t n, float *out)
{
    const int64_t period = o / self->period_out;
    const int begin = (int)(o % self->period_out);
    if (begin > 0 || n < self->period_out) {
        const int j = panel_at(self, begin), width = self->panel[j].width;
        const int now = n < width ? (int)n : width;
        run_panel(self, kernels, in, j, period, 1, now, out);
        return now;
    }
    const int most = MAX_ROWS / in->channels;
    const int periods = n / self->period_out < most ? (int)(n / self->period_out) : most;
    for (int j = 0; j < self->n_panels; j++) {
        const panel *p = &self->panel[j];
        run_panel(self, kernels, in, j, period, periods, p->width,
                  out + (ptrdiff_t)p->first * in->channels);
    }
    return (int64_t)periods * self->period_out;
}

void ravel_resample_panels_run(const ravel_resample_panels *panels, const ravel_kernels *kernels,
                               const ravel_resample_input *in, int64_t o, int64_t n, float *out)
{
    while (n > 0) {
        const int64_t now = run_some(panels, kernels, in, o, n, out);
        o += now;
        n -= now;
        out += now * in->channels;
    }
}
