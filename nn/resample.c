/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/resample.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/fpenv.h"

enum {
    MIN_RATE_HZ = 1000,
    MAX_RATE_HZ = 768000,
    ROOM = 4096 /* inputs held beside those that a sum needs */
};

struct ravel_resampler {
    const ravel_kernels *kernels;
    ravel_resample_filter filter;
    ravel_resample_panels *panels; /* one of the two; none where the rates are equal */
    ravel_resample_table *table;
    int channels;
    int64_t n_in, n_out; /* samples taken and given so far */
    int64_t first_held;  /* number of the input at held[0]; negative: zeros before the start */
    int n_held, capacity;
    bool ended;
    float held[]; /* [channels][capacity] */
};

static bool copies(const ravel_resampler *r)
{
    return r->filter.up == r->filter.down;
}

/* --- Counting ------------------------------------------------------------------------------- */

/* Outputs that the first n inputs can make before the end is known. */
static int64_t ready(const ravel_resampler *r, int64_t n)
{
    if (copies(r)) {
        return n;
    }
    const int64_t usable = n - r->filter.taps / 2;
    const int64_t count = usable > 0 ? ravel_resample_count(&r->filter, usable) : 0;
    return r->panels ? ravel_resample_panels_whole(r->panels, count) : count;
}

int ravel_resampler_samples(const ravel_resampler *r, int n_in, int finish)
{
    if (n_in < 0 || r->ended) {
        return n_in ? RAVEL_ERR_ARGUMENT : 0;
    }
    const int64_t n = r->n_in + n_in;
    const int64_t samples = (finish ? ravel_resample_count(&r->filter, n) : ready(r, n)) - r->n_out;
    return samples > INT_MAX ? RAVEL_ERR_ARGUMENT : (int)samples;
}

/* --- Construction --------------------------------------------------------------------------- */

static bool rate_valid(int hz)
{
    return hz >= MIN_RATE_HZ && hz <= MAX_RATE_HZ;
}

static ravel_resampler *allocate(const ravel_resample_filter *filter,
                                 const ravel_resample_panels *panels, int channels)
{
    const int window = panels ? ravel_resample_panels_window(panels) : filter->taps;
    const int capacity = window + ROOM;
    const size_t floats = (size_t)capacity * (size_t)channels;
    ravel_resampler *r = calloc(1, sizeof *r + floats * sizeof(float));
    if (r) {
        r->filter = *filter;
        r->channels = channels;
        r->capacity = capacity;
    }
    return r;
}

static ravel_resampler *build(const ravel_kernels *kernels, int from_hz, int to_hz, int channels)
{
    const ravel_resample_filter filter = ravel_resample_design(from_hz, to_hz);
    ravel_resample_panels *panels = NULL;
    ravel_resample_table *table = NULL;
    if (from_hz != to_hz) {
        if (ravel_resample_panels_new(&filter, &panels)) {
            return NULL;
        }
        if (!panels && !(table = ravel_resample_table_new(&filter))) {
            return NULL;
        }
    }
    ravel_resampler *r = allocate(&filter, panels, channels);
    if (!r) {
        ravel_resample_panels_free(panels);
        ravel_resample_table_free(table);
        return NULL;
    }
    r->kernels = kernels;
    r->panels = panels;
    r->table = table;
    ravel_resampler_reset(r);
    return r;
}

ravel_resampler *ravel_resampler_new_with(const ravel_kernels *kernels, int from_hz, int to_hz,
                                          int channels)
{
    if (!kernels || !rate_valid(from_hz) || !rate_valid(to_hz) || channels < 1 ||
        channels > RAVEL_RESAMPLE_MAX_CHANNELS) {
        return NULL;
    }
    const uint64_t saved = ravel_fpenv_enter();
    ravel_resampler *r = build(kernels, from_hz, to_hz, channels);
    ravel_fpenv_leave(saved);
    return r;
}

ravel_resampler *ravel_resampler_new(int from_hz, int to_hz, int channels)
{
    return ravel_resampler_new_with(ravel_kernels_select(), from_hz, to_hz, channels);
}

void ravel_resampler_free(ravel_resampler *r)
{
    if (r) {
        ravel_resample_panels_free(r->panels);
        ravel_resample_table_free(r->table);
        free(r);
    }
}

void ravel_resampler_reset(ravel_resampler *r)
{
    const int before = r->filter.taps / 2 - 1;
    r->n_in = r->n_out = 0;
    r->ended = false;
    r->first_held = -before;
    r->n_held = before;
    memset(r->held, 0, (size_t)r->channels * (size_t)r->capacity * sizeof(float));
}

/* --- Running -------------------------------------------------------------------------------- */

/* Forgets the inputs that no further output needs. */
static void drop_used(ravel_resampler *r)
{
    const int64_t start = ravel_resample_position(&r->filter, r->n_out) - r->filter.taps / 2 + 1;
    const int drop = (int)(start - r->first_held);
    r->n_held -= drop;
    r->first_held = start;
    for (int c = 0; c < r->channels; c++) {
        float *held = r->held + (ptrdiff_t)c * r->capacity;
        memmove(held, held + drop, (size_t)r->n_held * sizeof(float));
    }
}

/* Holds n more inputs, channel by channel. NaN and infinity would spread over a window: 0. */
static void hold(ravel_resampler *r, const float *in, int n)
{
    for (int c = 0; c < r->channels; c++) {
        float *held = r->held + (ptrdiff_t)c * r->capacity + r->n_held;
        for (ptrdiff_t i = 0; i < n; i++) {
            const float x = in ? in[i * r->channels + c] : 0.0f;
            held[i] = isfinite(x) ? x : 0.0f;
        }
    }
    r->n_held += n;
}

/* Makes outputs until there are n_out of them. */
static void make(ravel_resampler *r, int64_t n_out, float *out)
{
    const ravel_resample_input in = {
        .samples = r->held, .stride = r->capacity, .channels = r->channels, .first = r->first_held};
    const int64_t n = n_out - r->n_out;
    if (r->panels) {
        ravel_resample_panels_run(r->panels, r->kernels, &in, r->n_out, n, out);
    } else {
        ravel_resample_table_run(r->table, r->kernels, &in, r->n_out, n, out);
    }
    r->n_out = n_out;
}

/* Takes n inputs (NULL: zeros) and gives what is ready, but no output beyond the first `limit`. */
static void advance(ravel_resampler *r, const float *in, int64_t n, float *out, int64_t limit)
{
    const int64_t begin = r->n_out;
    while (n > 0) {
        if (r->n_held + n > r->capacity) {
            drop_used(r);
        }
        const int room = r->capacity - r->n_held;
        const int now = n < room ? (int)n : room;
        hold(r, in, now);
        in = in ? in + (ptrdiff_t)now * r->channels : NULL;
        n -= now;
        r->n_in += now;
        const int64_t can = ready(r, r->n_in);
        float *to = out ? out + (r->n_out - begin) * r->channels : NULL;
        make(r, can < limit ? can : limit, to);
    }
}

int ravel_resampler_push(ravel_resampler *r, const float *in, int n_in, float *out, int capacity)
{
    const int samples = ravel_resampler_samples(r, n_in, 0);
    if (samples < 0 || r->ended) {
        return RAVEL_ERR_ARGUMENT;
    }
    if (samples > capacity) {
        return RAVEL_ERR_SPACE;
    }
    if (n_in == 0) {
        return 0;
    }
    if (copies(r)) {
        memcpy(out, in, (size_t)n_in * (size_t)r->channels * sizeof(float));
        r->n_in += n_in;
        r->n_out += n_in;
        return samples;
    }
    const uint64_t saved = ravel_fpenv_enter();
    advance(r, in, n_in, out, INT64_MAX);
    ravel_fpenv_leave(saved);
    return samples;
}

int ravel_resampler_finish(ravel_resampler *r, float *out, int capacity)
{
    const int samples = ravel_resampler_samples(r, 0, 1);
    if (samples < 0 || r->ended) {
        return RAVEL_ERR_ARGUMENT;
    }
    if (samples > capacity) {
        return RAVEL_ERR_SPACE;
    }
    const uint64_t saved = ravel_fpenv_enter();
    const int64_t begin = r->n_out, limit = begin + samples;
    while (r->n_out < limit) {
        advance(r, NULL, ROOM, out + (r->n_out - begin) * r->channels, limit);
    }
    ravel_fpenv_leave(saved);
    r->ended = true;
    return samples;
}
