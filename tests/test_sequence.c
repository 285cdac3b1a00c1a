/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers put together: sequences, residuals, and networks of the shapes that codecs have. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/layer_check.h"

/* Layers under construction; the tensors live until the end of the test. */
typedef struct {
    const ravel_kernels *kernels;
    ravel_test_random random;
    ravel_tensor tensors[400];
    int n_tensors;
    ravel_layer *layers[40];
    int n;
} builder;

static ravel_tensor *tensor(builder *b, int d0, int d1, int d2)
{
    ravel_tensor *made = &b->tensors[b->n_tensors++];
    *made = ravel_test_tensor(&b->random, "t", d0, d1, d2);
    float *values = (float *)made->data;
    const float gain = d1 > 0 ? 1.0f / (float)(d1 * (d2 > 0 ? d2 : 1)) : 1.0f;
    for (size_t i = 0; i < ravel_tensor_count(made); i++) {
        values[i] *= gain;
    }
    return made;
}

static void free_tensors(builder *b)
{
    for (int i = 0; i < b->n_tensors; i++) {
        free((void *)b->tensors[i].data);
    }
}

static void add(builder *b, ravel_layer *layer)
{
    cr_assert(layer != NULL);
    b->layers[b->n++] = layer;
}

static void add_conv(builder *b, int in, int out, int kernel, ravel_conv_spec spec)
{
    spec.groups = spec.groups > 0 ? spec.groups : 1;
    spec.stride = spec.stride > 0 ? spec.stride : 1;
    spec.dilation = spec.dilation > 0 ? spec.dilation : 1;
    spec.weight = tensor(b, out, in / spec.groups, kernel);
    spec.bias = tensor(b, out, 0, 0);
    add(b, ravel_conv_new(b->kernels, &spec, NULL));
}

static void add_transposed(builder *b, int in, int out, int kernel, ravel_conv_spec spec)
{
    spec.groups = spec.dilation = 1;
    spec.weight = tensor(b, in, out, kernel);
    spec.bias = tensor(b, out, 0, 0);
    add(b, ravel_conv_transpose_new(b->kernels, &spec, NULL));
}

static void add_activation(builder *b, ravel_activation kind, int channels)
{
    add(b, ravel_activation_new(b->kernels, kind, 1.0f, channels, NULL));
}

static void add_norm(builder *b, int channels)
{
    add(b, ravel_layer_norm_new(b->kernels, tensor(b, channels, 0, 0), tensor(b, channels, 0, 0),
                                1e-5f, NULL));
}

/* The layers from number `first` on become one sequence. */
static ravel_layer *take_sequence(builder *b, int first)
{
    ravel_error error = {0};
    ravel_layer *layer = ravel_sequence_new(b->layers + first, b->n - first, &error);
    cr_assert(layer != NULL, "%s", error.text);
    b->n = first;
    return layer;
}

/* The layers from number `first` on become the branch of a residual. */
static void add_residual(builder *b, int first, ravel_layer *shortcut)
{
    ravel_layer *branch = take_sequence(b, first);
    add(b, ravel_residual_new(branch, shortcut, NULL));
}

static void add_convnext(builder *b, int channels, int hidden)
{
    const int first = b->n;
    add_conv(b, channels, channels, 7, (ravel_conv_spec){.groups = channels, .pad_left = 6});
    add_norm(b, channels);
    add_conv(b, channels, hidden, 1, (ravel_conv_spec){0});
    add_activation(b, RAVEL_GELU, hidden);
    add_conv(b, hidden, channels, 1, (ravel_conv_spec){0});
    add_residual(b, first, NULL);
}

/* A spectrum, compressed, and a linear map of it as it is and rectified. */
static void add_spectrum(builder *b, int n_fft, int hop, int width)
{
    add(b, ravel_stft_new(b->kernels, n_fft, hop, n_fft - hop, 0, RAVEL_PAD_ZERO, NULL));
    add(b, ravel_compress_new(b->kernels, n_fft + 2, 1e-6f, NULL));
    add_conv(b, n_fft + 2, width, 1, (ravel_conv_spec){0});
    ravel_layer *plain = take_sequence(b, b->n - 1);
    const int first = b->n;
    add(b, ravel_activation_new(b->kernels, RAVEL_LEAKY_RELU, 0.0f, n_fft + 2, NULL));
    add_conv(b, n_fft + 2, width, 1, (ravel_conv_spec){0});
    add_residual(b, first, plain);
}

/* Spectra at half a frame's distance: of everything, and finer ones of a band a quarter as wide. */
static void add_front(builder *b, int n_fft, int low_fft, int width)
{
    const int first = b->n;
    add_spectrum(b, n_fft, n_fft / 2, width);
    ravel_layer *shortcut = take_sequence(b, first);
    add_conv(b, 1, 1, 16, (ravel_conv_spec){.stride = 4, .pad_left = 12});
    add_spectrum(b, low_fft, n_fft / 8, width);
    add_residual(b, first, shortcut);
}

/* The encoder of the default model, its shapes given. */
static ravel_layer *make_encoder(builder *b, int n_fft, int low_fft, int width, int wide, int wider,
                                 int latent)
{
    add_front(b, n_fft, low_fft, width);
    add_norm(b, width);
    add_convnext(b, width, wide);
    add_convnext(b, width, wide);
    add_conv(b, width, width, 2, (ravel_conv_spec){.stride = 2});
    for (int i = 0; i < 4; i++) {
        add_convnext(b, width, wider);
    }
    add_norm(b, width);
    add_conv(b, width, latent, 1, (ravel_conv_spec){0});
    return take_sequence(b, 0);
}

static ravel_layer *make_decoder(builder *b, int n_fft, int width, int wide, int wider, int latent)
{
    const ravel_harmonic_noise_spec source = {n_fft, n_fft / 2, 24000, 1000.0f};
    const ravel_istft_spec head = {.n_fft = n_fft,
                                   .hop = n_fft / 2,
                                   .trim_left = n_fft / 2,
                                   .max_magnitude = 100.0f,
                                   .spectrum = RAVEL_SPECTRUM_COMPLEX};
    add_conv(b, latent, width, 3, (ravel_conv_spec){.pad_left = 2});
    for (int i = 0; i < 3; i++) {
        add_convnext(b, width, wider);
    }
    add_transposed(b, width, width, 2, (ravel_conv_spec){.stride = 2});
    for (int i = 0; i < 3; i++) {
        add_convnext(b, width, wide);
    }
    add_norm(b, width);
    add_conv(b, width, 1 + 3 * (n_fft / 2 + 1), 1, (ravel_conv_spec){0});
    add(b, ravel_harmonic_noise_new(b->kernels, &source, NULL));
    add(b, ravel_istft_new(b->kernels, &head, NULL));
    return take_sequence(b, 0);
}

Test(sequence, default_encoder_streams)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {1}};
    ravel_layer *layer = make_encoder(&b, 16, 10, 8, 16, 24, 5);
    cr_assert(layer->up == 1 && layer->down == 16);
    cr_assert(layer->lookahead_in == 0 && layer->lookahead_out == 0 && layer->extra_out == 0);
    for (int trial = 0; trial < 5; trial++) {
        ravel_test_streaming(layer, ravel_test_between(&b.random, 0, 200), &b.random);
    }
    float *x = ravel_test_values(&b.random, 160);
    ravel_test_rows rows = ravel_test_run(layer, x, 160, NULL);
    cr_assert(rows.n == 10);
    free(rows.rows);
    free(x);
    ravel_layer_destroy(layer);
    free_tensors(&b);
}

Test(sequence, default_decoder_streams)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {2}};
    ravel_layer *layer = make_decoder(&b, 16, 8, 16, 24, 5);
    cr_assert(layer->up == 16 && layer->down == 1);
    cr_assert(layer->lookahead_in == 0 && layer->lookahead_out == 8);
    for (int trial = 0; trial < 5; trial++) {
        ravel_test_streaming(layer, ravel_test_between(&b.random, 0, 40), &b.random);
    }
    ravel_test_rows rows = ravel_test_run(layer, b.tensors[0].data, 10, NULL);
    cr_assert(rows.n == 160);
    free(rows.rows);
    ravel_layer_destroy(layer);
    free_tensors(&b);
}

/* At full size: what the model's documents promise of memory and work. */
Test(sequence, default_model_is_small_enough)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {3}};
    ravel_layer *encoder = make_encoder(&b, 480, 256, 256, 512, 768, 256);
    ravel_layer *decoder = make_decoder(&b, 480, 256, 768, 768, 256);
    cr_assert(ravel_layer_scratch_size(encoder, 32 * 480, 1) < 1000000);
    cr_assert(ravel_layer_scratch_size(decoder, 32, 1) < 1000000);
    cr_assert(encoder->state_size < 256000 && decoder->state_size < 256000);
    cr_assert(encoder->macs * 24000 < 200e6 && decoder->macs * 50 < 300e6);
    ravel_layer_destroy(encoder);
    ravel_layer_destroy(decoder);
    free_tensors(&b);
}

/* EnCodec's encoder and decoder, with LSTM and real shortcuts. */
static void add_seanet_block(builder *b, int channels, const ravel_conv_spec *padding)
{
    ravel_conv_spec spec = *padding;
    const int first = b->n;
    add_activation(b, RAVEL_ELU, channels);
    spec.pad_left = 2;
    add_conv(b, channels, channels / 2, 3, spec);
    add_activation(b, RAVEL_ELU, channels / 2);
    spec.pad_left = 0;
    add_conv(b, channels / 2, channels, 1, spec);
    add_conv(b, channels, channels, 1, spec);
    ravel_layer *shortcut = b->layers[--b->n];
    add_residual(b, first, shortcut);
}

static void add_lstm(builder *b, int channels)
{
    const ravel_lstm_spec spec = {
        .weight_ih = tensor(b, 4 * channels, channels, 0),
        .weight_hh = tensor(b, 4 * channels, channels, 0),
        .bias_ih = tensor(b, 4 * channels, 0, 0),
        .bias_hh = tensor(b, 4 * channels, 0, 0),
    };
    add(b, ravel_lstm_new(b->kernels, &spec, NULL));
    add_residual(b, b->n - 1, NULL);
}

static ravel_layer *make_seanet(builder *b, ravel_pad_mode mode)
{
    ravel_conv_spec wide = {.pad_left = 6, .mode = mode, .complete_last = true};
    ravel_conv_spec down = {.stride = 2, .pad_left = 2, .mode = mode, .complete_last = true};
    add_conv(b, 1, 4, 7, wide);
    add_seanet_block(b, 4, &wide);
    add_activation(b, RAVEL_ELU, 4);
    add_conv(b, 4, 8, 4, down);
    down.stride = down.pad_left = 5;
    add_conv(b, 8, 8, 10, down);
    add_lstm(b, 8);
    add_conv(b, 8, 6, 7, wide);
    add_conv(b, 6, 8, 7, wide);
    add_lstm(b, 8);
    add_transposed(b, 8, 8, 10, (ravel_conv_spec){.stride = 5, .pad_right = 5});
    add_transposed(b, 8, 4, 4, (ravel_conv_spec){.stride = 2, .pad_right = 2});
    add_seanet_block(b, 4, &wide);
    add_conv(b, 4, 1, 7, wide);
    return take_sequence(b, 0);
}

Test(sequence, encodec_like_streams)
{
    for (int mode = RAVEL_PAD_ZERO; mode <= RAVEL_PAD_REPLICATE; mode++) {
        builder b = {.kernels = ravel_kernels_select(), .random = {4}};
        ravel_layer *layer = make_seanet(&b, (ravel_pad_mode)mode);
        cr_assert(layer->up == 1 && layer->down == 1 && layer->lookahead_in == 0);
        for (int n = 0; n < 12; n++) {
            ravel_test_streaming(layer, n, &b.random);
        }
        for (int trial = 0; trial < 10; trial++) {
            ravel_test_streaming(layer, ravel_test_between(&b.random, 12, 300), &b.random);
        }
        ravel_layer_destroy(layer);
        free_tensors(&b);
    }
}

/* Sound, then silence: rows that are denormal would make every step slow. */
static void check_silence(ravel_layer *layer, ravel_test_random *random)
{
    enum { N = 4000 };
    float *x = ravel_test_values(random, N * layer->in_channels);
    memset(x + N / 4 * layer->in_channels, 0,
           (size_t)(N - N / 4) * (size_t)layer->in_channels * sizeof *x);
    ravel_test_rows rows = ravel_test_run(layer, x, N, NULL);
    for (int i = 0; i < rows.n * layer->out_channels; i++) {
        cr_assert(isnormal(rows.rows[i]) || rows.rows[i] == 0.0f, "%g", (double)rows.rows[i]);
    }
    free(rows.rows);
    free(x);
    ravel_layer_destroy(layer);
}

Test(sequence, silence_is_not_denormal)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {13}};
    check_silence(make_encoder(&b, 16, 10, 8, 16, 24, 5), &b.random);
    check_silence(make_decoder(&b, 16, 8, 16, 24, 5), &b.random);
    check_silence(make_seanet(&b, RAVEL_PAD_ZERO), &b.random);
    free_tensors(&b);
}

/* DAC-like: symmetric paddings, so that the branch lags behind its shortcut. */
static ravel_layer *make_symmetric(builder *b)
{
    add_conv(b, 1, 4, 7, (ravel_conv_spec){.pad_left = 3, .pad_right = 3});
    for (int dilation = 1; dilation <= 9; dilation *= 3) {
        const int first = b->n, pad = 3 * dilation;
        add_activation(b, RAVEL_TANH, 4);
        add_conv(b, 4, 4, 7,
                 (ravel_conv_spec){.dilation = dilation, .pad_left = pad, .pad_right = pad});
        add_conv(b, 4, 4, 1, (ravel_conv_spec){0});
        add_residual(b, first, NULL);
    }
    add_conv(b, 4, 6, 10, (ravel_conv_spec){.stride = 5, .pad_left = 3, .pad_right = 3});
    add_conv(b, 6, 6, 3, (ravel_conv_spec){.pad_left = 1, .pad_right = 1});
    add_transposed(b, 6, 4, 10, (ravel_conv_spec){.stride = 5, .pad_left = 3, .pad_right = 3});
    add_conv(b, 4, 1, 7, (ravel_conv_spec){.pad_left = 3, .pad_right = 3});
    return take_sequence(b, 0);
}

Test(sequence, symmetric_network_streams)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {5}};
    ravel_layer *layer = make_symmetric(&b);
    /* 3 + (3 + 9 + 27) + (10 - 5 - 3) + 5 * 1 + 3 + 3, the rate in and out being the same */
    cr_assert(layer->lookahead_in == 55 && layer->lookahead_out == 0);
    for (int trial = 0; trial < 20; trial++) {
        ravel_test_streaming(layer, ravel_test_between(&b.random, 0, 300), &b.random);
    }
    ravel_layer_destroy(layer);
    free_tensors(&b);
}

/* Behind a raised rate, lookahead counts in rows of output; before it, in rows of input. */
Test(sequence, decoder_reports_its_delay)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {12}};
    const ravel_conv_spec symmetric = {.pad_left = 3, .pad_right = 3};
    add_conv(&b, 2, 2, 7, symmetric);
    add_transposed(&b, 2, 2, 10, (ravel_conv_spec){.stride = 5, .pad_left = 3, .pad_right = 3});
    add_conv(&b, 2, 2, 7, symmetric);
    add_transposed(&b, 2, 1, 4, (ravel_conv_spec){.stride = 2, .pad_left = 1, .pad_right = 1});
    ravel_layer *layer = take_sequence(&b, 0);
    cr_assert(layer->up == 10 && layer->down == 1);
    cr_assert(layer->lookahead_in == 3 && layer->lookahead_out == (3 + 3) * 2 + 1);
    ravel_test_streaming(layer, 20, &b.random);
    ravel_layer_destroy(layer);
    free_tensors(&b);
}

/* y = x(t) + sum of taps x(t + k - 3), in plain loops: the shortcut is aligned with the branch. */
Test(residual, keeps_both_sides_aligned)
{
    enum { N = 50 };
    builder b = {.kernels = ravel_kernels_select(), .random = {6}};
    add_conv(&b, 1, 1, 7, (ravel_conv_spec){.pad_left = 3, .pad_right = 3});
    add_residual(&b, 0, NULL);
    const float *w = b.tensors[0].data, *bias = b.tensors[1].data;
    float *x = ravel_test_values(&b.random, N);
    double y[N];
    for (int t = 0; t < N; t++) {
        y[t] = (double)x[t] + (double)bias[0];
        for (int k = 0; k < 7; k++) {
            const int from = t + k - 3;
            y[t] += from >= 0 && from < N ? (double)x[from] * (double)w[k] : 0.0;
        }
    }
    ravel_test_rows rows = ravel_test_run(b.layers[0], x, N, &b.random);
    ravel_test_near(&rows, y, N, 1, "residual");
    cr_assert(b.layers[0]->lookahead_in == 3 && b.layers[0]->hold_rows == 3);
    free(rows.rows);
    free(x);
    ravel_layer_destroy(b.layers[0]);
    free_tensors(&b);
}

/* Either side may lag, by paddings of any kind, and either may be longer at the end. */
static void check_random_sides(ravel_layer *(*join)(ravel_layer *, ravel_layer *, ravel_error *))
{
    builder b = {.kernels = ravel_kernels_select(), .random = {7}};
    for (int trial = 0; trial < 100; trial++) {
        for (int side = 0; side < 2; side++) {
            const int kernel = ravel_test_between(&b.random, 1, 7);
            add_conv(&b, 3, 2, kernel,
                     (ravel_conv_spec){
                         .pad_left = ravel_test_between(&b.random, 0, kernel + 2),
                         .pad_right = ravel_test_between(&b.random, 0, kernel + 2),
                         .mode = (ravel_pad_mode)ravel_test_between(&b.random, 0, 2),
                         .complete_last = ravel_test_between(&b.random, 0, 1),
                     });
        }
        ravel_layer *layer = join(b.layers[0], b.layers[1], NULL);
        b.n = 0;
        ravel_test_streaming(layer, ravel_test_between(&b.random, 0, 40), &b.random);
        ravel_layer_destroy(layer);
        free_tensors(&b);
        b.n_tensors = 0;
    }
}

Test(residual, random_sides_stream)
{
    check_random_sides(ravel_residual_new);
}

Test(product, random_sides_stream)
{
    check_random_sides(ravel_product_new);
}

/* Each row times that two rows on: the side that is ahead waits. */
Test(product, keeps_both_sides_aligned)
{
    enum { N = 40, LATER = 2 };
    builder b = {.kernels = ravel_kernels_select(), .random = {12}};
    add_conv(&b, 1, 1, LATER + 1, (ravel_conv_spec){.pad_right = LATER});
    const float *w = b.tensors[0].data, *bias = b.tensors[1].data;
    ravel_layer *layer = ravel_product_new(b.layers[0], NULL, NULL);
    float *x = ravel_test_values(&b.random, N);
    double y[N];
    for (int t = 0; t < N; t++) {
        double sum = (double)bias[0];
        for (int k = 0; k <= LATER && t + k < N; k++) {
            sum += (double)x[t + k] * (double)w[k];
        }
        y[t] = sum * (double)x[t];
    }
    ravel_test_rows rows = ravel_test_run(layer, x, N, &b.random);
    ravel_test_near(&rows, y, N, 1, "product");
    cr_assert_eq(layer->lookahead_in, LATER);
    free(rows.rows);
    free(x);
    ravel_layer_destroy(layer);
    free_tensors(&b);
}

/* Both lower the rate, or raise it, in one step or two, and either side may lag. */
Test(residual, sides_change_the_rate_alike)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {11}};
    for (int trial = 0; trial < 100; trial++) {
        const int once = ravel_test_between(&b.random, 1, 4);
        const int twice = ravel_test_between(&b.random, 1, 3), all = once * twice;
        const int pad = ravel_test_between(&b.random, 0, 3);
        if (trial % 2 == 0) {
            add_conv(&b, 2, 3, once + 2, (ravel_conv_spec){.stride = once, .pad_left = pad});
            add_conv(&b, 3, 2, twice + 1, (ravel_conv_spec){.stride = twice, .pad_right = pad});
            add_conv(&b, 2, 2, all + 1, (ravel_conv_spec){.stride = all, .pad_left = pad});
        } else {
            add_transposed(&b, 2, 3, once + 2, (ravel_conv_spec){.stride = once, .pad_left = 1});
            add_transposed(&b, 3, 2, twice + 1, (ravel_conv_spec){.stride = twice});
            add_transposed(&b, 2, 2, all + pad, (ravel_conv_spec){.stride = all, .pad_right = pad});
        }
        ravel_layer *shortcut = take_sequence(&b, 2);
        add_residual(&b, 0, shortcut);
        ravel_test_streaming(b.layers[0], ravel_test_between(&b.random, 0, 60), &b.random);
        ravel_layer_destroy(b.layers[0]);
        b.n = 0;
        free_tensors(&b);
        b.n_tensors = 0;
    }
}

/* A branch whose rate goes up and down inside, as anti-aliased activations have it. */
Test(residual, rate_changes_inside)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {8}};
    add_transposed(&b, 2, 2, 4, (ravel_conv_spec){.stride = 2, .pad_left = 1, .pad_right = 1});
    add_activation(&b, RAVEL_TANH, 2);
    add_conv(&b, 2, 2, 4, (ravel_conv_spec){.stride = 2, .pad_left = 1, .pad_right = 1});
    add_residual(&b, 0, NULL);
    add_conv(&b, 2, 3, 4, (ravel_conv_spec){.stride = 2, .pad_left = 1, .pad_right = 1});
    add_transposed(&b, 3, 2, 4, (ravel_conv_spec){.stride = 2, .pad_left = 1, .pad_right = 1});
    add_residual(&b, 1, NULL);
    ravel_layer *layer = take_sequence(&b, 0);
    for (int trial = 0; trial < 20; trial++) {
        ravel_test_streaming(layer, ravel_test_between(&b.random, 0, 60), &b.random);
    }
    ravel_layer_destroy(layer);
    free_tensors(&b);
}

/* Rows that come two at a time, and layers at the end that work in the caller's buffer. */
Test(sequence, small_ones_stream)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {11}};
    add_conv(&b, 2, 3, 2, (ravel_conv_spec){.stride = 2});
    add_transposed(&b, 3, 2, 2, (ravel_conv_spec){.stride = 2});
    ravel_layer *pairs = take_sequence(&b, 0);
    cr_assert(pairs->up == 1 && pairs->down == 1 && pairs->extra_out == 1);
    ravel_test_streaming(pairs, 31, &b.random);
    add(&b, pairs);
    add_conv(&b, 2, 40, 1, (ravel_conv_spec){0});
    add_norm(&b, 40);
    add_activation(&b, RAVEL_GELU, 40);
    ravel_layer *ends_in_place = take_sequence(&b, 0);
    ravel_test_streaming(ends_in_place, 31, &b.random);
    ravel_layer_destroy(ends_in_place);
    add_norm(&b, 7);
    add_activation(&b, RAVEL_TANH, 7);
    ravel_layer *all_in_place = take_sequence(&b, 0);
    cr_assert(all_in_place->in_place);
    ravel_test_streaming(all_in_place, 31, &b.random);
    ravel_layer_destroy(all_in_place);
    free_tensors(&b);
}

Test(sequence, refuses_what_does_not_fit)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {9}};
    ravel_error error = {0};
    cr_assert(ravel_sequence_new(b.layers, 0, &error) == NULL);
    add_conv(&b, 3, 4, 1, (ravel_conv_spec){0});
    add_conv(&b, 5, 4, 1, (ravel_conv_spec){0});
    cr_assert(ravel_sequence_new(b.layers, 2, &error) == NULL);
    cr_assert(strstr(error.text, "layer 0 gives 4 channels, layer 1 takes 5") != NULL);
    b.n = 0;
    for (int i = 0; i < 4; i++) {
        add_conv(&b, 1, 1, 1, (ravel_conv_spec){.stride = 1 << 20});
    }
    cr_assert(ravel_sequence_new(b.layers, 4, &error) == NULL);
    cr_assert(strstr(error.text, "absurd") != NULL);
    free_tensors(&b);
}

Test(residual, refuses_what_does_not_fit)
{
    builder b = {.kernels = ravel_kernels_select(), .random = {10}};
    ravel_error error = {0};
    add_conv(&b, 3, 4, 1, (ravel_conv_spec){0});
    cr_assert(ravel_residual_new(b.layers[0], NULL, &error) == NULL);
    cr_assert(strstr(error.text, "3 channels into 4") != NULL);
    add_conv(&b, 3, 3, 2, (ravel_conv_spec){.stride = 2});
    cr_assert(ravel_residual_new(b.layers[1], NULL, &error) == NULL);
    cr_assert(strstr(error.text, "1 rows of 2, its shortcut 1 of 1") != NULL);
    add_conv(&b, 3, 3, 4, (ravel_conv_spec){.stride = 4});
    add_conv(&b, 3, 3, 2, (ravel_conv_spec){.stride = 2});
    cr_assert(ravel_residual_new(b.layers[2], b.layers[3], &error) == NULL);
    cr_assert(strstr(error.text, "1 rows of 4, its shortcut 1 of 2") != NULL);
    add_conv(&b, 3, 4, 1, (ravel_conv_spec){0});
    cr_assert(ravel_product_new(b.layers[4], NULL, &error) == NULL);
    cr_assert(strstr(error.text, "a product's branch turns 3 channels into 4") != NULL);
    free_tensors(&b);
}
