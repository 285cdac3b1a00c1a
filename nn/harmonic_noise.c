/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sound source of a decoder and its filters, after the harmonic-plus-noise neural source-filter
 * vocoder (Wang, Takaki, Yamagishi, arXiv 1904.12088), here in the spectra of frames that overlap by
 * half.
 *
 * Rows in are the pitch, the filter of the pulses (log-magnitude, phase) and that of the noise
 * (log-magnitude); rows out the spectrum of a frame, real and imaginary parts. A row makes a segment
 * of `hop` samples of each source: pulses whose frequency goes in a line from the pitch of the row
 * before to its own, and noise. The frame is the segment before and this one, N samples; as it
 * begins hop = N / 2 samples earlier, its spectrum is
 *
 *     S_before[k] + (-1)^k S_this[k],   S[k] = sum over n < hop of x[n] e^(-2 pi i k n / N)
 *
 * so every segment is transformed once. The magnitudes of the noise are made even: the filter alone
 * says how loud a band of a frame is, chance gives the phases.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/fourier.h"
#include "nn/layer_impl.h"
#include "nn/pitch.h"

enum { PULSES, NOISE, SOURCES };

typedef struct {
    ravel_layer base;
    ravel_harmonic_noise_spec spec;
    ravel_pitch_table pitch;
    int bins;
    float noise_level;     /* magnitude of white noise of unit variance, in the mean square */
    ravel_matrix spectrum; /* [hop][2 bins] */
} harmonic_noise;

/* Followed by the spectra of the last segments, [SOURCES][2 bins]. */
typedef struct {
    uint32_t phase;    /* of the pulses where the next segment begins, 2^32 is a turn */
    uint32_t n_made;   /* samples so far; wraps around */
    float pitch_hz;    /* at the end of the last segment */
    int32_t has_begun; /* there has been one */
} source_state;

static void harmonic_noise_reset(const ravel_layer *layer, void *state)
{
    memset(state, 0, layer->state_size);
}

/* The next segment of both sources, [SOURCES][hop]. */
static void make_segment(const harmonic_noise *self, source_state *state, float octaves,
                         float *segment)
{
    const ravel_kernels *kernels = self->base.kernels;
    const int hop = self->spec.hop;
    const float pitch_hz = ravel_pitch_hz(&self->pitch, octaves);
    const float before_hz = state->has_begun ? state->pitch_hz : pitch_hz;
    const ravel_pulses train =
        ravel_pulses_between(before_hz, pitch_hz, hop, self->spec.sample_rate_hz, &state->phase);
    kernels->pulses(&train, segment + PULSES * (ptrdiff_t)hop, hop);
    kernels->noise(state->n_made, segment + NOISE * (ptrdiff_t)hop, hop);
    state->n_made += (uint32_t)hop;
    state->pitch_hz = pitch_hz;
    state->has_begun = 1;
}

/* The spectra of the sources' segments, [rows of all lanes][SOURCES][2 bins]. */
static void make_spectra(const harmonic_noise *self, const ravel_lane *lanes, int n_lanes,
                         int n_rows, float *spectra, ravel_arena *scratch)
{
    const size_t mark = scratch->used, count = SOURCES * (size_t)n_rows;
    const ptrdiff_t hop = self->spec.hop;
    float *segments = ravel_arena_take(scratch, count * (size_t)hop * sizeof *segments);
    const float **rows = ravel_arena_take(scratch, count * sizeof *rows);
    float *segment = segments;
    for (int l = 0; l < n_lanes; l++) {
        const float *in = lanes[l].in;
        for (int t = 0; t < lanes[l].n_in; t++, in += self->base.in_channels) {
            make_segment(self, lanes[l].state, in[0], segment);
            segment += SOURCES * hop;
        }
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = segments + (ptrdiff_t)i * hop;
    }
    const ravel_rows x = {.row = rows, .n_rows = (int)count, .taps = 1, .width = (int)hop};
    self->base.kernels->matmul(&self->spectrum, &x, spectra, self->spectrum.n_out, 0);
    scratch->used = mark;
}

/* last [bins], part of the segment before, becomes part of the frame, and `now` is kept in its place. */
static void complete_frame(const float *now, float *last, float *frame, int bins)
{
    for (int k = 0; k < bins; k++) {
        frame[k] = k % 2 == 0 ? last[k] + now[k] : last[k] - now[k];
    }
    memcpy(last, now, (size_t)bins * sizeof *last);
}

/* frame [SOURCES][2 bins]: room for the work on one frame */
static void filter_lane(const harmonic_noise *self, ravel_lane *lane, const float *spectra,
                        float *frame)
{
    const int bins = self->bins, parts = 2 * SOURCES;
    float *last = (float *)((source_state *)lane->state + 1);
    for (int t = 0; t < lane->n_in; t++) {
        for (int i = 0; i < parts; i++) {
            const ptrdiff_t at = (ptrdiff_t)i * bins;
            complete_frame(spectra + at, last + at, frame + at, bins);
        }
        self->base.kernels->filter_sources(
            lane->in + (ptrdiff_t)t * self->base.in_channels + 1, frame,
            frame + NOISE * 2 * (ptrdiff_t)bins, self->spec.max_magnitude, self->noise_level,
            lane->out + (ptrdiff_t)t * self->base.out_channels, bins);
        spectra += (ptrdiff_t)parts * bins;
    }
    lane->n_out = lane->n_in;
}

static void harmonic_noise_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                                ravel_arena *scratch)
{
    const harmonic_noise *self = (const harmonic_noise *)layer;
    const size_t mark = scratch->used;
    const int n_rows = ravel_lanes_count_in(lanes, n_lanes);
    const size_t width = SOURCES * 2 * (size_t)self->bins;
    float *spectra = ravel_arena_take(scratch, (size_t)n_rows * width * sizeof *spectra);
    float *frame = ravel_arena_take(scratch, width * sizeof *frame);
    if (n_rows > 0) {
        make_spectra(self, lanes, n_lanes, n_rows, spectra, scratch);
    }
    for (int l = 0; l < n_lanes; l++) {
        filter_lane(self, &lanes[l], spectra, frame);
        spectra += (ptrdiff_t)width * lanes[l].n_in;
    }
    scratch->used = mark;
}

static size_t harmonic_noise_scratch_size(const ravel_layer *layer, int max_in, int n_lanes)
{
    const harmonic_noise *self = (const harmonic_noise *)layer;
    const size_t n_rows = ravel_size_mul((size_t)n_lanes, (size_t)max_in);
    const int width = SOURCES * 2 * self->bins;
    size_t size = ravel_rows_bytes(n_lanes, max_in, width);
    size = ravel_size_add(size, ravel_rows_bytes(1, 1, width));
    size = ravel_size_add(size, ravel_rows_bytes(n_lanes, max_in, SOURCES * self->spec.hop));
    return ravel_size_add(size,
                          ravel_arena_bytes(ravel_size_mul(SOURCES * sizeof(float *), n_rows)));
}

static void harmonic_noise_destroy(ravel_layer *layer)
{
    harmonic_noise *self = (harmonic_noise *)layer;
    ravel_matrix_free(&self->spectrum);
    free(self);
}

static const ravel_layer_ops harmonic_noise_ops = {
    harmonic_noise_reset, harmonic_noise_push, harmonic_noise_scratch_size, harmonic_noise_destroy};

/* Sample n to real part, then imaginary part, of bin j or j - bins. */
static double segment_spectrum(int n_fft, int n, int j)
{
    const int bins = n_fft / 2 + 1;
    return j < bins ? ravel_fourier_cosine(n_fft, j, n) : -ravel_fourier_sine(n_fft, j - bins, n);
}

static bool check(const ravel_harmonic_noise_spec *spec, ravel_error *error)
{
    if (!ravel_fourier_check(spec->n_fft, spec->hop, error)) {
        return false;
    }
    if (spec->hop != spec->n_fft / 2) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "hop %d of a source is not half of n_fft %d",
                        spec->hop, spec->n_fft);
        return false;
    }
    if (!(spec->max_magnitude > 0 && spec->max_magnitude <= FLT_MAX)) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "the largest magnitude %g is not above 0",
                        (double)spec->max_magnitude);
        return false;
    }
    return ravel_pitch_check(spec->hop, spec->sample_rate_hz, error);
}

ravel_layer *ravel_harmonic_noise_new(const ravel_kernels *kernels,
                                      const ravel_harmonic_noise_spec *spec, ravel_error *error)
{
    if (!check(spec, error)) {
        return NULL;
    }
    harmonic_noise *self = ravel_layer_alloc(sizeof *self, &harmonic_noise_ops, kernels, error);
    if (self == NULL) {
        return NULL;
    }
    const int bins = spec->n_fft / 2 + 1;
    self->spec = *spec;
    self->bins = bins;
    self->noise_level = sqrtf((float)spec->n_fft);
    ravel_pitch_table_fill(&self->pitch);
    if (!ravel_fourier_pack(&self->spectrum, spec->n_fft, spec->hop, 2 * bins, segment_spectrum,
                            error)) {
        harmonic_noise_destroy(&self->base);
        return NULL;
    }
    self->base.in_channels = 1 + 3 * bins;
    self->base.out_channels = 2 * bins;
    self->base.state_size =
        ravel_state_bytes(sizeof(source_state) + SOURCES * 2 * (size_t)bins * sizeof(float));
    self->base.weight_bytes = ravel_matrix_bytes(&self->spectrum);
    self->base.macs = SOURCES * (double)spec->hop * (2.0 * bins);
    return &self->base;
}
