/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/*
 * Limits of a graph. They are far above every known codec and keep all products of sizes that the
 * layers form inside an int.
 */
enum {
    MAX_RATE = 65536,   /* rows for one row of the other end */
    MAX_WINDOW = 65536, /* rows of a kernel with its dilation */
    MAX_FFT = 4096,
    MAX_CHANNELS = 65536,
    MAX_REACH = 1 << 24,
    MAX_STATE = 64 << 20
};

typedef ravel_layer *build_layer(ravel_builder *builder, const ravel_node *node, ravel_flow *flow);

static const char *const pad_modes[] = {"zero", "reflect", "replicate", NULL};

/* floor(a / b), b > 0 */
static int floor_div(int a, int b)
{
    return a / b - (a % b < 0);
}

/* Follows a change of rate, `up` rows for `down`, that sees `window` rows at the lower rate. */
static void follow_rate(const ravel_node *node, ravel_flow *flow, int up, int down, int window)
{
    int64_t up_all = (int64_t)flow->up * up, down_all = (int64_t)flow->down * down;
    if (up_all > MAX_RATE || down_all > MAX_RATE) {
        ravel_node_refuse(node, "the product of the strides is above %d", MAX_RATE);
        return;
    }
    /* Either way alone, the rows that are ready after each row are known exactly. */
    if (up_all > 1 && down_all > 1) {
        ravel_node_refuse(node, "the rate of the rows goes down and up in one part");
        return;
    }
    flow->up = (int)up_all;
    flow->down = (int)down_all;
    flow->reach = flow->reach * up + (int64_t)window * down_all;
    flow->short_of = flow->short_of || flow->surplus < 0;
    if (flow->reach > MAX_REACH || abs(flow->surplus) > MAX_REACH) {
        ravel_node_refuse(node, "the paddings and windows up to here reach over more than %d rows",
                          MAX_REACH);
    }
}

/* A window of `size` rows at every `stride`-th row; at most MAX_WINDOW, as all numbers here. */
static void follow_window(const ravel_node *node, ravel_flow *flow, int size, int stride,
                          const int pad[2], bool complete)
{
    int over = flow->surplus + pad[0] + pad[1] - size; /* rows beyond the last whole window */
    if (complete) {
        flow->surplus = -floor_div(-over, stride) + 1;
        if (stride > 1 && pad[0] + pad[1] != size - stride) {
            ravel_node_refuse(node, "complete_last needs paddings of %d rows together",
                              size - stride);
        }
    } else {
        flow->surplus = floor_div(over, stride) + 1;
    }
    flow->drops = flow->drops || (stride > 1 && !complete);
    flow->completes = flow->completes || (stride > 1 && complete);
    follow_rate(node, flow, 1, stride, size + pad[0] + pad[1]);
}

/* Each row becomes `size` rows, `stride` apart from the next's. */
static void follow_transposed(const ravel_node *node, ravel_flow *flow, int size, int stride,
                              const int trim[2], int output_padding)
{
    int64_t surplus =
        (int64_t)flow->surplus * stride + size - stride - trim[0] - trim[1] + output_padding;
    if (surplus > MAX_REACH || surplus < -MAX_REACH)
        surplus = MAX_REACH + 1;
    flow->surplus = (int)surplus;
    follow_rate(node, flow, stride, 1, size / stride + 1 + trim[0] + trim[1]);
}

static int extent(const ravel_tensor *tensor, int dimension)
{
    return tensor && tensor->rank > dimension ? tensor->shape[dimension] : 1;
}

/* Rows that a kernel of that many taps spans. */
static int span(const ravel_node *node, const ravel_tensor *weight, int dilation)
{
    int taps = extent(weight, 2);
    int64_t rows = (int64_t)(taps - 1) * dilation + 1;
    if (rows > MAX_WINDOW || extent(weight, 0) > MAX_CHANNELS || extent(weight, 1) > MAX_CHANNELS) {
        ravel_node_refuse(node, "tensor '%s' is too large: [%d, %d, %d], dilation %d", weight->name,
                          extent(weight, 0), extent(weight, 1), taps, dilation);
        return 1;
    }
    return (int)rows;
}

static void read_weights(const ravel_node *node, ravel_conv_spec *spec)
{
    spec->weight = ravel_node_tensor(node, "weight", true);
    spec->bias = ravel_node_tensor(node, "bias", false);
    bool scaled = spec->weight && spec->weight->dtype == RAVEL_I8;
    spec->scale = scaled ? ravel_node_tensor(node, "scale", true) : NULL;
}

static ravel_layer *build_conv(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int pad[2];
    ravel_error reason;
    ravel_conv_spec spec = {
        .stride = ravel_node_int(node, "stride", 1, 1, MAX_RATE),
        .dilation = ravel_node_int(node, "dilation", 1, 1, MAX_WINDOW),
        .groups = ravel_node_int(node, "groups", 1, 1, MAX_CHANNELS),
        .mode = (ravel_pad_mode)ravel_node_choice(node, "mode", pad_modes),
        .complete_last = ravel_node_bool(node, "complete_last", false),
    };
    ravel_node_pair(node, "pad", pad, MAX_WINDOW);
    read_weights(node, &spec);
    int rows = span(node, spec.weight, spec.dilation);
    follow_window(node, flow, rows, spec.stride, pad, spec.complete_last);
    if (node->reader->failed)
        return NULL;
    spec.pad_left = pad[0];
    spec.pad_right = pad[1];
    ravel_layer *layer = ravel_conv_new(builder->kernels, &spec, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_conv_transpose(ravel_builder *builder, const ravel_node *node,
                                         ravel_flow *flow)
{
    int trim[2];
    ravel_error reason;
    ravel_conv_spec spec = {
        .stride = ravel_node_int(node, "stride", 1, 1, MAX_RATE),
        .dilation = 1,
        .groups = ravel_node_int(node, "groups", 1, 1, MAX_CHANNELS),
        .output_padding = ravel_node_int(node, "output_padding", 0, 0, MAX_WINDOW),
    };
    ravel_node_pair(node, "trim", trim, MAX_WINDOW);
    read_weights(node, &spec);
    int rows = span(node, spec.weight, 1);
    follow_transposed(node, flow, rows, spec.stride, trim, spec.output_padding);
    if (node->reader->failed)
        return NULL;
    spec.pad_left = trim[0];
    spec.pad_right = trim[1];
    ravel_layer *layer = ravel_conv_transpose_new(builder->kernels, &spec, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *activation(ravel_builder *builder, const ravel_node *node,
                               const ravel_flow *flow, ravel_activation kind, float parameter)
{
    ravel_error reason;
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer =
        ravel_activation_new(builder->kernels, kind, parameter, flow->channels, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_elu(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    float alpha = ravel_node_float(node, "alpha", 1.0f, 0.0f, 1e6f);
    return activation(builder, node, flow, RAVEL_ELU, alpha);
}

static ravel_layer *build_leaky_relu(ravel_builder *builder, const ravel_node *node,
                                     ravel_flow *flow)
{
    float slope = ravel_node_float(node, "slope", 0.01f, 0.0f, 1e6f);
    return activation(builder, node, flow, RAVEL_LEAKY_RELU, slope);
}

static ravel_layer *build_gelu(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return activation(builder, node, flow, RAVEL_GELU, 0.0f);
}

static ravel_layer *build_silu(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return activation(builder, node, flow, RAVEL_SILU, 0.0f);
}

static ravel_layer *build_tanh(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    return activation(builder, node, flow, RAVEL_TANH, 0.0f);
}

static ravel_layer *build_snake(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *alpha = ravel_node_tensor(node, "alpha", true);
    (void)flow;
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_snake_new(builder->kernels, alpha, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_scale(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *gain = ravel_node_tensor(node, "gain", true);
    (void)flow;
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_scale_new(builder->kernels, gain, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_layer_norm(ravel_builder *builder, const ravel_node *node,
                                     ravel_flow *flow)
{
    ravel_error reason;
    const ravel_tensor *gamma = ravel_node_tensor(node, "weight", true);
    const ravel_tensor *beta = ravel_node_tensor(node, "bias", true);
    float eps = ravel_node_float(node, "eps", 1e-5f, 1e-12f, 1.0f);
    (void)flow;
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_layer_norm_new(builder->kernels, gamma, beta, eps, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_lstm(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    ravel_lstm_spec spec = {
        .weight_ih = ravel_node_tensor(node, "weight_ih", true),
        .weight_hh = ravel_node_tensor(node, "weight_hh", true),
        .bias_ih = ravel_node_tensor(node, "bias_ih", false),
        .bias_hh = ravel_node_tensor(node, "bias_hh", false),
        .scale_ih = ravel_node_tensor(node, "scale_ih", false),
        .scale_hh = ravel_node_tensor(node, "scale_hh", false),
    };
    (void)flow;
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_lstm_new(builder->kernels, &spec, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_attention(ravel_builder *builder, const ravel_node *node,
                                    ravel_flow *flow)
{
    static const char *const ropes[] = {"none", "interleaved", "half", NULL};
    ravel_error reason;
    ravel_attention_spec spec = {
        .qkv_weight = ravel_node_tensor(node, "in_proj.weight", true),
        .qkv_bias = ravel_node_tensor(node, "in_proj.bias", false),
        .qkv_scale = ravel_node_tensor(node, "in_proj.scale", false),
        .out_weight = ravel_node_tensor(node, "out_proj.weight", true),
        .out_bias = ravel_node_tensor(node, "out_proj.bias", false),
        .out_scale = ravel_node_tensor(node, "out_proj.scale", false),
        .n_heads = ravel_node_int(node, "heads", -1, 1, MAX_CHANNELS),
        .context = ravel_node_int(node, "context", -1, 1, MAX_WINDOW),
        .rope = (ravel_rope)ravel_node_choice(node, "rope", ropes),
        .rope_base = ravel_node_float(node, "rope_base", 10000.0f, 1.0f, 1e9f),
    };
    (void)flow;
    int width = extent(spec.out_weight, 0);
    if (width > MAX_CHANNELS || (int64_t)spec.context * width > MAX_STATE / 8) {
        ravel_node_refuse(node, "keys and values of %d rows of %d channels are above 64 MB",
                          spec.context, width);
    }
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_attention_new(builder->kernels, &spec, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_stft(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int pad[2];
    ravel_error reason;
    int n_fft = ravel_node_int(node, "n_fft", -1, 2, MAX_FFT);
    int hop = ravel_node_int(node, "hop", -1, 1, MAX_FFT);
    ravel_pad_mode mode = (ravel_pad_mode)ravel_node_choice(node, "mode", pad_modes);
    ravel_node_pair(node, "pad", pad, MAX_WINDOW);
    follow_window(node, flow, n_fft, hop, pad, false);
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer =
        ravel_stft_new(builder->kernels, n_fft, hop, pad[0], pad[1], mode, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_compress(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    float eps = ravel_node_float(node, "eps", -1.0f, 1e-30f, 1.0f);
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_compress_new(builder->kernels, flow->channels, eps, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_harmonic_noise(ravel_builder *builder, const ravel_node *node,
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
    follow_window(node, flow, 2, 1, past, false); /* of its filters; the source has no end */
    if (node->reader->failed)
        return NULL;
    ravel_layer *layer = ravel_harmonic_noise_new(builder->kernels, &spec, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static ravel_layer *build_istft(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
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
    ravel_node_pair(node, "trim", trim, MAX_WINDOW);
    follow_transposed(node, flow, spec.n_fft, spec.hop, trim, 0);
    if (node->reader->failed)
        return NULL;
    spec.trim_left = trim[0];
    spec.trim_right = trim[1];
    ravel_layer *layer = ravel_istft_new(builder->kernels, &spec, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

/* The shortcut; NULL where there is none, which is not a failure. */
static ravel_layer *build_shortcut(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_node shortcut = ravel_node_child(node, "shortcut");
    return shortcut.json ? ravel_graph_layers(builder, &shortcut, flow) : NULL;
}

static void check_sides(const ravel_node *node, const ravel_flow *branch,
                        const ravel_flow *shortcut)
{
    if (branch->up != shortcut->up || branch->down != shortcut->down) {
        ravel_node_refuse(node,
                          "the branch makes %d rows for %d at the start, the shortcut %d for %d",
                          branch->up, branch->down, shortcut->up, shortcut->down);
    } else if (branch->channels != shortcut->channels) {
        ravel_node_refuse(node, "the branch makes %d channels, the shortcut %d", branch->channels,
                          shortcut->channels);
    } else if (branch->surplus != shortcut->surplus) {
        ravel_node_refuse(node, "the branch makes %d rows more than the shortcut",
                          branch->surplus - shortcut->surplus);
    }
}

static ravel_layer *build_residual(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_error reason;
    ravel_flow other = *flow;
    ravel_node child = ravel_node_child(node, "branch");
    ravel_layer *branch = ravel_graph_layers(builder, &child, flow);
    ravel_layer *shortcut = branch ? build_shortcut(builder, node, &other) : NULL;
    check_sides(node, flow, &other);
    if (node->reader->failed) {
        ravel_layer_destroy(branch);
        ravel_layer_destroy(shortcut);
        return NULL;
    }
    if (flow->reach < other.reach)
        flow->reach = other.reach;
    flow->short_of = flow->short_of || other.short_of;
    flow->drops = flow->drops || other.drops;
    flow->completes = flow->completes || other.completes;
    ravel_layer *layer = ravel_residual_new(branch, shortcut, &reason);
    if (!layer)
        ravel_node_refuse_as(node, &reason);
    return layer;
}

static const struct {
    const char *name;
    build_layer *build;
    const char *keys[8];
} types[] = {
    {"conv", build_conv, {"name", "stride", "dilation", "groups", "pad", "mode", "complete_last"}},
    {"conv_transpose",
     build_conv_transpose,
     {"name", "stride", "groups", "trim", "output_padding"}},
    {"elu", build_elu, {"alpha"}},
    {"leaky_relu", build_leaky_relu, {"slope"}},
    {"gelu", build_gelu, {NULL}},
    {"silu", build_silu, {NULL}},
    {"tanh", build_tanh, {NULL}},
    {"snake", build_snake, {"name"}},
    {"scale", build_scale, {"name"}},
    {"layer_norm", build_layer_norm, {"name", "eps"}},
    {"lstm", build_lstm, {"name"}},
    {"attention", build_attention, {"name", "heads", "context", "rope", "rope_base"}},
    {"stft", build_stft, {"n_fft", "hop", "pad", "mode"}},
    {"compress", build_compress, {"eps"}},
    {"harmonic_noise", build_harmonic_noise, {"n_fft", "hop", "max_magnitude"}},
    {"istft", build_istft, {"n_fft", "hop", "trim", "normalize", "max_magnitude", "spectrum"}},
    {"residual", build_residual, {"branch", "shortcut"}},
};

/* Does the finished layer fit to its neighbour, and is it not absurdly large? */
static void check_layer(ravel_builder *builder, const ravel_node *node, const ravel_layer *layer,
                        int channels)
{
    if (layer->in_channels != channels) {
        ravel_node_refuse(node, "takes %d channels, but is given %d", layer->in_channels, channels);
    } else if (layer->state_size > MAX_STATE) {
        ravel_node_refuse(node, "a state of %zu bytes is above 64 MB", layer->state_size);
    } else if (layer->weight_bytes > builder->weight_budget) {
        ravel_node_refuse(node, "the weights are far larger than the file");
    } else if (layer->out_channels > MAX_CHANNELS) {
        ravel_node_refuse(node, "%d channels are too many", layer->out_channels);
    }
}

static ravel_layer *build_node(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    const char *type = ravel_node_type(node);
    size_t i = 0, n = sizeof types / sizeof types[0];
    int channels = flow->channels;
    if (!type)
        return NULL;
    while (i < n && strcmp(types[i].name, type) != 0)
        i++;
    if (i == n) {
        ravel_node_refuse(node, "unknown type of node '%.40s'", type);
        return NULL;
    }
    ravel_node_only(node, types[i].keys);
    ravel_layer *layer = node->reader->failed ? NULL : types[i].build(builder, node, flow);
    if (!layer)
        return NULL;
    check_layer(builder, node, layer, channels);
    if (node->reader->failed) {
        ravel_layer_destroy(layer);
        return NULL;
    }
    if (types[i].build != build_residual)
        builder->weight_budget -= layer->weight_bytes;
    flow->channels = layer->out_channels;
    return layer;
}

/* Makes one layer of those in the array, which is freed; on failure so are they. */
static ravel_layer *join(const ravel_node *node, ravel_layer **layers, int n)
{
    ravel_error reason;
    ravel_layer *sequence = NULL;
    if (node->reader->failed) {
        for (int i = 0; i < n; i++)
            ravel_layer_destroy(layers[i]);
    } else if (n == 1) {
        sequence = layers[0];
    } else {
        sequence = ravel_sequence_new(layers, n, &reason);
        if (!sequence)
            ravel_node_refuse_as(node, &reason);
    }
    free(layers);
    return sequence;
}

static ravel_layer *build_sequence(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    int size = cJSON_GetArraySize(node->json), n = 0;
    ravel_layer **layers = calloc((size_t)size + 1, sizeof(void *));
    if (!layers) {
        ravel_node_refuse_as(node, &(ravel_error){RAVEL_ERR_MEMORY, "out of memory"});
        return NULL;
    }
    if (size == 0)
        ravel_node_refuse(node, "a sequence without layers");
    const cJSON *item = node->json->child;
    while (item && !node->reader->failed) {
        ravel_node child = ravel_node_item(node, item, n);
        layers[n] = ravel_graph_layers(builder, &child, flow);
        if (layers[n])
            n++;
        item = item->next;
    }
    return join(node, layers, n);
}

ravel_layer *ravel_graph_layers(ravel_builder *builder, const ravel_node *node, ravel_flow *flow)
{
    ravel_node_enter(node);
    if (node->reader->failed)
        return NULL;
    return cJSON_IsArray(node->json) ? build_sequence(builder, node, flow)
                                     : build_node(builder, node, flow);
}
