/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/build.h"

enum { MAX_FFT = 4096 };

ravel_layer *ravel_build_stft(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int pad[2];
    ravel_error reason;
    int n_fft = ravel_node_int(node, "n_fft", -1, 2, MAX_FFT);
    int hop = ravel_node_int(node, "hop", -1, 1, MAX_FFT);
    ravel_pad_mode mode = (ravel_pad_mode)ravel_node_choice(node, "mode", ravel_pad_modes);
    ravel_node_pair(node, "pad", pad, RAVEL_MAX_WINDOW);
    ravel_flow_window(node, flow, n_fft, hop, pad, false);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(
        node, ravel_stft_new(builder->kernels, n_fft, hop, pad[0], pad[1], mode, &reason), &reason);
}

ravel_layer *ravel_build_compress(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    float eps = ravel_node_float(node, "eps", -1.0f, 1e-30f, 1.0f);
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_compress_new(builder->kernels, flow->channels, eps, &reason),
                           &reason);
}

ravel_layer *ravel_build_harmonic_noise(ravel_builder *builder, const ravel_node *node,
                                        ravel_flow *flow)
{
    static const int past[2] = {1, 0};
    ravel_error reason;
    const ravel_harmonic_noise_spec spec = {
        .n_fft = ravel_node_int(node, "n_fft", -1, 2, MAX_FFT),
        .hop = ravel_node_int(node, "hop", -1, 1, MAX_FFT),
        .sample_rate_hz = builder->sample_rate_hz,
        .max_magnitude = ravel_node_float(node, "max_magnitude", -1.0f, 1e-6f, 1e6f),
    };
    ravel_flow_window(node, flow, 2, 1, past, false); /* of its filters; the source has no end */
    if (node->reader->failed)
        return NULL;
    return ravel_build_end(node, ravel_harmonic_noise_new(builder->kernels, &spec, &reason),
                           &reason);
}

ravel_layer *ravel_build_istft(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    static const char *const spectra[] = {"polar", "complex", NULL};
    int trim[2];
    ravel_error reason;
    ravel_istft_spec spec = {
        .n_fft = ravel_node_int(node, "n_fft", -1, 2, MAX_FFT),
        .hop = ravel_node_int(node, "hop", -1, 1, MAX_FFT),
        .normalize = ravel_node_bool(node, "normalize", true),
        .max_magnitude = ravel_node_float(node, "max_magnitude", 100.0f, 1e-6f, 1e6f),
        .spectrum = (ravel_spectrum)ravel_node_choice(node, "spectrum", spectra),
    };
    ravel_node_pair(node, "trim", trim, RAVEL_MAX_WINDOW);
    ravel_flow_transposed(node, flow, spec.n_fft, spec.hop, trim, 0);
    if (node->reader->failed)
        return NULL;
    spec.trim_left = trim[0];
    spec.trim_right = trim[1];
    return ravel_build_end(node, ravel_istft_new(builder->kernels, &spec, &reason), &reason);
}
