/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Short-time Fourier transform of one channel: real parts of bins 0 ... N / 2, then imaginary
 * parts, of frames under a periodic Hann window.
 *
 *     re[k] = sum over n = 1 ... N / 2     of even[n] w[n] cos(2 pi k n / N)
 *     im[k] = sum over n = 1 ... N / 2 - 1 of odd[n] w[n] (-sin(2 pi k n / N))
 *
 * with even[n] = x[n] + x[N - n], even[N / 2] = x[N / 2], odd[n] = x[n] - x[N - n]; w[0] is 0.
 */
#include <stdlib.h>

#include "nn/fourier.h"
#include "nn/layer_impl.h"
#include "nn/window.h"

typedef struct {
    ravel_layer base;
    ravel_window window;
    ravel_matrix cosines, sines; /* [N / 2][bins], [N / 2 - 1][bins] */
} stft;

static void stft_reset(const ravel_layer *layer, void *state)
{
    ravel_window_reset(&((const stft *)layer)->window, state);
}

/* x [N]; even, odd [N / 2], elements n - 1 */
static void fold(const float *x, int n_fft, float *even, float *odd)
{
    const int half = n_fft / 2;
    for (int n = 1; n < half; n++) {
        even[n - 1] = x[n] + x[n_fft - n];
        odd[n - 1] = x[n] - x[n_fft - n];
    }
    even[half - 1] = x[half];
}

/* even, odd [windows of all lanes][N / 2] */
static void fold_all(const stft *self, const ravel_window_view *views, int n_lanes, float *even,
                     float *odd)
{
    const int half = self->window.span / 2;
    for (int l = 0; l < n_lanes; l++) {
        for (int w = 0; w < views[l].n_windows; w++, even += half, odd += half) {
            fold(views[l].rows + (ptrdiff_t)w * self->window.stride, self->window.span, even, odd);
        }
    }
}

static void transform(const stft *self, const ravel_window_view *views, int n_lanes, int n_frames,
                      float *y, ravel_arena *scratch)
{
    const int half = self->window.span / 2;
    const size_t count = (size_t)n_frames * (size_t)half;
    float *even = ravel_arena_take(scratch, count * sizeof *even);
    float *odd = ravel_arena_take(scratch, count * sizeof *odd);
    const float **rows = ravel_arena_take(scratch, (size_t)n_frames * sizeof *rows);
    fold_all(self, views, n_lanes, even, odd);
    for (int i = 0; i < n_frames; i++) {
        rows[i] = even + (ptrdiff_t)i * half;
    }
    ravel_rows x = {.row = rows, .n_rows = n_frames, .taps = 1, .width = half};
    self->base.kernels->matmul(&self->cosines, &x, y, self->base.out_channels, 0);
    for (int i = 0; i < n_frames; i++) {
        rows[i] = odd + (ptrdiff_t)i * half;
    }
    x.width = half - 1;
    self->base.kernels->matmul(&self->sines, &x, y + half + 1, self->base.out_channels, 0);
}

static void stft_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    const stft *self = (const stft *)layer;
    const size_t mark = scratch->used;
    ravel_window_view *views = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *views);
    for (int l = 0; l < n_lanes; l++) {
        views[l] = ravel_window_push(&self->window, lanes[l].state, lanes[l].in, lanes[l].n_in,
                                     lanes[l].finish, scratch);
        lanes[l].n_out = views[l].n_windows;
    }
    const int n_frames = ravel_lanes_count_out(lanes, n_lanes);
    if (n_frames > 0) {
        float *y = ravel_lanes_target(lanes, n_lanes, layer->out_channels, scratch);
        transform(self, views, n_lanes, n_frames, y, scratch);
        ravel_lanes_deliver(lanes, n_lanes, layer->out_channels, y);
    }
    scratch->used = mark;
}

static size_t stft_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const stft *self = (const stft *)layer;
    const int max_out = ravel_layer_max_out(layer, max_in);
    const size_t lanes = (size_t)n_lanes;
    const size_t pointers = ravel_size_mul(ravel_size_mul(lanes, (size_t)max_out), sizeof(float *));
    size_t size = ravel_arena_bytes(lanes * sizeof(ravel_window_view));
    size = ravel_size_add(size,
                          ravel_size_mul(lanes, ravel_window_scratch_size(&self->window, max_in)));
    size = ravel_size_add(size, ravel_lanes_target_bytes(n_lanes, max_out, layer->out_channels));
    size = ravel_size_add(
        size, ravel_size_mul(2, ravel_rows_bytes(n_lanes, max_out, self->window.span / 2)));
    return ravel_size_add(size, ravel_arena_bytes(pointers));
}

static void stft_destroy(ravel_layer *layer)
{
    stft *self = (stft *)layer;
    ravel_matrix_free(&self->cosines);
    ravel_matrix_free(&self->sines);
    free(self);
}

static const ravel_layer_ops stft_ops = {stft_reset, stft_push, stft_scratch_size, stft_destroy};

/* Row i stands for sample n = i + 1 and N - n. */
static double windowed_cosine(int n_fft, int i, int k)
{
    return ravel_hann(n_fft, i + 1) * ravel_fourier_cosine(n_fft, k, i + 1);
}

static double windowed_sine(int n_fft, int i, int k)
{
    return -ravel_hann(n_fft, i + 1) * ravel_fourier_sine(n_fft, k, i + 1);
}

ravel_layer *ravel_stft_new(const ravel_kernels *kernels, int n_fft, int hop, int pad_left,
                            int pad_right, ravel_pad_mode mode, ravel_error *error)
{
    const ravel_window window = {.channels = 1,
                                 .span = n_fft,
                                 .stride = hop,
                                 .pad_left = pad_left,
                                 .pad_right = pad_right,
                                 .mode = mode};
    if (!ravel_fourier_check(n_fft, hop, error) || !ravel_window_check(&window, error)) {
        return NULL;
    }
    stft *self = ravel_layer_alloc(sizeof *self, &stft_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    const int half = n_fft / 2, bins = half + 1;
    self->window = window;
    if (!ravel_fourier_pack(&self->cosines, n_fft, half, bins, windowed_cosine, error) ||
        !ravel_fourier_pack(&self->sines, n_fft, half - 1, bins, windowed_sine, error)) {
        stft_destroy(&self->base);
        return NULL;
    }
    ravel_window_describe(&window, &self->base);
    self->base.out_channels = 2 * bins;
    self->base.weight_bytes = ravel_matrix_bytes(&self->cosines) + ravel_matrix_bytes(&self->sines);
    self->base.macs = (double)(n_fft - 1) * bins / hop;
    return &self->base;
}
