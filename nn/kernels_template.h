/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of kernels, made of one source and included once by each variant (nn/kernels_c.c and
 * so on), which defines its instruction set for nn/simd.h, TABLE and TABLE_NAME.
 */
#include "nn/elementwise_template.h"
#include "nn/kernel_tables.h"
#include "nn/matmul_template.h"
#include "nn/reduce_template.h"
#include "nn/source_template.h"

const ravel_kernels TABLE = {
    .name = TABLE_NAME,
    .matmul = matmul,
    .depthwise = depthwise,
    .elu = elu,
    .leaky_relu = leaky_relu,
    .gelu = gelu,
    .silu = silu,
    .tanh = map_tanh,
    .sigmoid = map_sigmoid,
    .exp = map_exp,
    .sin = map_sin,
    .cos = map_cos,
    .log = map_log,
    .add = add,
    .scale = scale,
    .snake = snake,
    .scale_channels = scale_channels,
    .layer_norm = layer_norm,
    .sum_columns = sum_columns,
    .softmax = softmax,
    .dot = dot,
    .axpy = axpy,
    .lstm_cell = lstm_cell,
    .argmax = argmax,
    .compress = compress,
    .polar = polar,
    .pulses = pulses,
    .noise = noise,
    .filter_sources = filter_sources,
};
