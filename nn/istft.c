/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inverse short-time Fourier transform: a spectrum, polar or complex, to samples. With w the window
 * and c[k] 1 for the first and last bin, 2 for the others, a frame is
 *
 *     even[n] = w[n] / N * sum over k = 0 ... N / 2     of c[k] re[k] cos(2 pi k n / N)
 *     odd[n]  = w[n] / N * sum over k = 1 ... N / 2 - 1 of 2 im[k] sin(2 pi k n / N)
 *     x[n] = even[n] - odd[n], x[N - n] = even[n] + odd[n]
 *
 * (the imaginary parts of the first and last bin do not count), and frames are added up `hop`
 * samples apart, each sample starting from its oldest frame.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "nn/fourier.h"
#include "nn/layer_impl.h"

/* Where the squared windows add up to less, torch.istft gives up and we do not divide. */
#define LEAST_ENVELOPE 1e-11f

typedef struct {
    ravel_layer base;
    ravel_istft_spec spec;
    int tail;                    /* samples of a frame behind its hop */
    int flush;                   /* of these, how many come out at the end */
    ravel_matrix cosines, sines; /* [bins][bins], [bins - 2][bins] */
    float *squares;              /* [N] squared window, NULL without `normalize` */
} istft;

/* Followed by the tail of the sum [tail] and, with `normalize`, of the squared windows [tail]. */
typedef struct {
    int32_t lead;  /* samples still to swallow */
    int32_t began; /* there has been a frame */
    int32_t unused[2];
} istft_state;

static void istft_reset(const ravel_layer *layer, void *state)
{
    memset(state, 0, layer->state_size);
    ((istft_state *)state)->lead = ((const istft *)layer)->spec.trim_left;
}

/* Adds the tail to the frame, which then begins with finished samples, and keeps its new tail. */
static void overlap(const istft *self, float *frame, float *tail)
{
    self->base.kernels->add(tail, frame, frame, self->tail);
    memcpy(tail, frame + self->spec.hop, (size_t)self->tail * sizeof *tail);
}

static void divide(float *x, const float *envelope, int n)
{
    for (int i = 0; i < n; i++) {
        x[i] = envelope[i] > LEAST_ENVELOPE ? x[i] / envelope[i] : x[i];
    }
}

/* Gives n finished samples to the lane, but for those to swallow. */
static void emit(ravel_lane *lane, const float *samples, int n)
{
    istft_state *state = lane->state;
    const int skip = n < state->lead ? n : state->lead;
    state->lead -= skip;
    memcpy(lane->out + lane->n_out, samples + skip, (size_t)(n - skip) * sizeof *samples);
    lane->n_out += n - skip;
}

/* frame, envelope [N]: room for the work on one frame */
static void add_frame(const istft *self, ravel_lane *lane, const float *even, const float *odd,
                      float *frame, float *envelope)
{
    const int n_fft = self->spec.n_fft, half = n_fft / 2;
    float *tail = (float *)((istft_state *)lane->state + 1);
    frame[0] = even[0] - odd[0];
    frame[half] = even[half] - odd[half];
    for (int n = 1; n < half; n++) {
        frame[n] = even[n] - odd[n];
        frame[n_fft - n] = even[n] + odd[n];
    }
    overlap(self, frame, tail);
    if (self->spec.normalize) {
        memcpy(envelope, self->squares, (size_t)n_fft * sizeof *envelope);
        overlap(self, envelope, tail + self->tail);
        divide(frame, envelope, self->spec.hop);
    }
    emit(lane, frame, self->spec.hop);
}

/* The samples behind the last hop; they replace the tail, which is not needed any more. */
static void flush(const istft *self, ravel_lane *lane)
{
    float *tail = (float *)((istft_state *)lane->state + 1);
    if (self->spec.normalize) {
        divide(tail, tail + self->tail, self->flush);
    }
    emit(lane, tail, self->flush);
}

/* Real and imaginary parts of polar rows, which then point to them, [2][bins] each. */
static void from_polar(const istft *self, const float **rows, int n_rows, ravel_arena *scratch)
{
    const int bins = self->spec.n_fft / 2 + 1;
    float *spectra = ravel_arena_take(scratch, (size_t)n_rows * 2 * (size_t)bins * sizeof(float));
    for (int i = 0; i < n_rows; i++) {
        float *re = spectra + (ptrdiff_t)i * 2 * bins;
        self->base.kernels->polar(rows[i], rows[i] + bins, self->spec.max_magnitude, re, re + bins,
                                  bins);
        rows[i] = re;
    }
}

/* even, odd [rows of all lanes][bins] */
static void transform(const istft *self, const ravel_lane *lanes, int n_lanes, int n_rows,
                      float *even, float *odd, ravel_arena *scratch)
{
    const ravel_kernels *kernels = self->base.kernels;
    const int bins = self->spec.n_fft / 2 + 1;
    const size_t mark = scratch->used;
    const float **rows = ravel_lanes_rows(lanes, n_lanes, 2 * bins, scratch);
    if (self->spec.spectrum == RAVEL_SPECTRUM_POLAR) {
        from_polar(self, rows, n_rows, scratch);
    }
    ravel_rows x = {.row = rows, .n_rows = n_rows, .taps = 1, .width = bins};
    kernels->matmul(&self->cosines, &x, even, bins, 0);
    for (int i = 0; i < n_rows; i++) {
        rows[i] += bins + 1; /* the imaginary parts but the first and the last */
    }
    x.width = bins - 2;
    kernels->matmul(&self->sines, &x, odd, bins, 0);
    scratch->used = mark;
}

static void istft_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                       ravel_arena *scratch)
{
    const istft *self = (const istft *)layer;
    const size_t mark = scratch->used;
    const int n_rows = ravel_lanes_count_in(lanes, n_lanes), bins = self->spec.n_fft / 2 + 1;
    const size_t bytes = (size_t)n_rows * (size_t)bins * sizeof(float);
    const size_t frame_bytes = (size_t)self->spec.n_fft * sizeof(float);
    float *even = ravel_arena_take(scratch, bytes), *odd = ravel_arena_take(scratch, bytes);
    float *frame = ravel_arena_take(scratch, frame_bytes);
    float *envelope = ravel_arena_take(scratch, frame_bytes);
    if (n_rows > 0) {
        transform(self, lanes, n_lanes, n_rows, even, odd, scratch);
    }
    for (int l = 0; l < n_lanes; l++) {
        istft_state *state = lanes[l].state;
        lanes[l].n_out = 0;
        for (int t = 0; t < lanes[l].n_in; t++, even += bins, odd += bins) {
            add_frame(self, &lanes[l], even, odd, frame, envelope);
        }
        state->began |= lanes[l].n_in > 0;
        if (lanes[l].finish && state->began) {
            flush(self, &lanes[l]);
        }
    }
    scratch->used = mark;
}

static size_t istft_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const istft *self = (const istft *)layer;
    const size_t n_rows = ravel_size_mul((size_t)n_lanes, (size_t)max_in);
    const size_t spectra = ravel_rows_bytes(n_lanes, max_in, self->spec.n_fft / 2 + 1);
    const size_t frame = ravel_rows_bytes(1, 1, self->spec.n_fft);
    const size_t pointers = ravel_arena_bytes(ravel_size_mul(n_rows, sizeof(float *)));
    return ravel_size_add(ravel_size_add(ravel_size_mul(4, spectra), 2 * frame), pointers);
}

static void istft_destroy(ravel_layer *layer)
{
    istft *self = (istft *)layer;
    ravel_matrix_free(&self->cosines);
    ravel_matrix_free(&self->sines);
    free(self->squares);
    free(self);
}

static const ravel_layer_ops istft_ops = {istft_reset, istft_push, istft_scratch_size,
                                          istft_destroy};

static double windowed_cosine(int n_fft, int k, int n)
{
    const double weight = k == 0 || k == n_fft / 2 ? 1.0 : 2.0;
    return weight * ravel_hann(n_fft, n) * ravel_fourier_cosine(n_fft, k, n) / n_fft;
}

/* Row i stands for bin i + 1. */
static double windowed_sine(int n_fft, int i, int n)
{
    return 2.0 * ravel_hann(n_fft, n) * ravel_fourier_sine(n_fft, i + 1, n) / n_fft;
}

static bool make_squares(istft *self, ravel_error *error)
{
    if (!self->spec.normalize) {
        return true;
    }
    self->squares = malloc((size_t)self->spec.n_fft * sizeof *self->squares);
    if (self->squares == NULL) {
        ravel_error_memory(error);
        return false;
    }
    for (int n = 0; n < self->spec.n_fft; n++) {
        const double w = ravel_hann(self->spec.n_fft, n);
        self->squares[n] = (float)(w * w);
    }
    return true;
}

static bool check(const ravel_istft_spec *spec, ravel_error *error)
{
    if (!ravel_fourier_check(spec->n_fft, spec->hop, error)) {
        return false;
    }
    if (spec->trim_left < 0 || spec->trim_left >= spec->n_fft || spec->trim_right < 0 ||
        spec->trim_right > spec->n_fft - spec->hop) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "trim %d, %d of an inverse transform of %d with hop %d: the first must be "
                        "below n_fft, the second at most n_fft - hop",
                        spec->trim_left, spec->trim_right, spec->n_fft, spec->hop);
        return false;
    }
    if (!(spec->max_magnitude > 0 && spec->max_magnitude <= FLT_MAX)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "the largest magnitude %g is not above 0",
                        (double)spec->max_magnitude);
        return false;
    }
    return true;
}

static void describe(istft *self)
{
    ravel_layer *base = &self->base;
    const ravel_istft_spec *spec = &self->spec;
    const int bins = spec->n_fft / 2 + 1;
    self->tail = spec->n_fft - spec->hop;
    self->flush = self->tail - spec->trim_right;
    base->in_channels = 2 * bins;
    base->out_channels = 1;
    base->up = spec->hop;
    base->extra_out = self->flush;
    base->lookahead_out = spec->trim_left;
    base->hold_rows = (spec->trim_left + spec->hop - 1) / spec->hop;
    base->state_size = ravel_state_bytes(
        sizeof(istft_state) + (spec->normalize ? 2 : 1) * (size_t)self->tail * sizeof(float));
    base->weight_bytes = ravel_matrix_bytes(&self->cosines) + ravel_matrix_bytes(&self->sines);
    base->macs = (double)spec->n_fft * bins;
}

ravel_layer *ravel_istft_new(const ravel_kernels *kernels, const ravel_istft_spec *spec,
                             ravel_error *error)
{
    if (!check(spec, error)) {
        return NULL;
    }
    istft *self = ravel_layer_alloc(sizeof *self, &istft_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    const int n_fft = spec->n_fft, bins = n_fft / 2 + 1;
    self->spec = *spec;
    if (!ravel_fourier_pack(&self->cosines, n_fft, bins, bins, windowed_cosine, error) ||
        !ravel_fourier_pack(&self->sines, n_fft, bins - 2, bins, windowed_sine, error) ||
        !make_squares(self, error)) {
        istft_destroy(&self->base);
        return NULL;
    }
    describe(self);
    return &self->base;
}
