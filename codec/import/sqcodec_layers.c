/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The "global response norm" takes the norm over rows and channels together, so it divides a number
 * by itself: the factor is 1 but for sound below every scale of float32, and the layer a gain and an
 * offset for each channel, which the linear map after it takes in.
 */
#include "codec/import/sqcodec_layers.h"

#include <stdlib.h>
#include <string.h>

#include "codec/import/layers.h"

enum { MAX_UNITS = 64 };

/* --- Layers ------------------------------------------------------------------------------------ */

/* NAME.PART of that rank, 1 in all directions but one; NULL on failure. */
static const ravel_tensor *need_vector(ravel_draft *draft, const char *name, const char *part,
                                       int rank, int direction)
{
    char full[RAVEL_DRAFT_NAME];
    ravel_draft_name(full, name, "%s", part);
    const ravel_tensor *tensor = ravel_draft_need(draft, full, rank);
    if (tensor && ravel_tensor_count(tensor) != (size_t)tensor->shape[direction])
        ravel_draft_fail(draft, "tensor '%s' is no vector along dimension %d", full, direction);
    return draft->failed ? NULL : tensor;
}

void ravel_sqcodec_snake(ravel_draft *draft, cJSON *sequence, const char *name, int direction)
{
    char tensor[RAVEL_DRAFT_NAME];
    const ravel_tensor *alpha = need_vector(draft, name, "alpha", 3, direction);
    const int n = alpha ? (int)ravel_tensor_count(alpha) : 1;
    ravel_draft_name(tensor, name, "alpha");
    float *values = ravel_draft_make(draft, tensor, 1, &n);
    for (int i = 0; values && i < n; i++)
        values[i] = ravel_tensor_get(alpha, (size_t)i);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "snake", name));
}

int ravel_sqcodec_conv(ravel_draft *draft, cJSON *sequence, const char *name, int stride,
                       int dilation)
{
    ravel_import_need_bias(draft, name);
    const ravel_tensor *weight = ravel_draft_conv_weight(draft, name);
    const int taps = weight ? weight->shape[2] : 1;
    const int pad = stride > 1 ? 0 : taps / 2 * dilation;
    if (weight && (stride > 1 ? taps != stride : taps % 2 == 0))
        ravel_draft_fail(draft, "tensor '%s' has a kernel of %d for a stride of %d", weight->name,
                         taps, stride);
    cJSON *node = ravel_draft_node(draft, "conv", name);
    ravel_draft_number(draft, node, "stride", stride);
    ravel_draft_number(draft, node, "dilation", dilation);
    ravel_draft_pair(draft, node, "pad", pad, pad);
    ravel_draft_append(draft, sequence, node);
    return weight && !draft->failed ? weight->shape[0] : 1;
}

void ravel_sqcodec_columns(ravel_draft *draft, const char *name, const ravel_tensor *from,
                           const float *values, int first, int n)
{
    char tensor[RAVEL_DRAFT_NAME];
    const int rows = from->shape[0], all = from->shape[1], shape[2] = {rows, n};
    ravel_draft_name(tensor, name, "weight");
    float *columns = ravel_draft_make(draft, tensor, 2, shape);
    for (int r = 0; columns && r < rows; r++)
        memcpy(columns + (ptrdiff_t)r * n, values + (ptrdiff_t)r * all + first,
               (size_t)n * sizeof *columns);
}

static void add_bias(ravel_draft *draft, const char *name)
{
    char tensor[RAVEL_DRAFT_NAME];
    ravel_draft_name(tensor, name, "bias");
    ravel_draft_add(draft, tensor, ravel_draft_need(draft, tensor, 1));
}

void ravel_sqcodec_norm(ravel_draft *draft, cJSON *sequence, const char *name)
{
    ravel_import_layer_norm(draft, sequence, name, 0x1p-23); /* eps is float32's */
}

/* A linear map whose norm may be apart. */
static void append_linear(ravel_draft *draft, cJSON *sequence, const char *name)
{
    ravel_tensor weight;
    float *values = ravel_draft_weight_values(draft, name, 2, &weight);
    if (values)
        ravel_sqcodec_columns(draft, name, &weight, values, 0, weight.shape[1]);
    free(values);
    add_bias(draft, name);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", name));
}

/* --- Units ------------------------------------------------------------------------------------- */

/* weight * (x + gamma x + beta) + bias as a linear map of x; values [n_out][n_in] changes. */
static void take_in_norm(float *values, const ravel_tensor *weight, const ravel_tensor *norm[2],
                         float *bias)
{
    const int n_out = weight->shape[0], n_in = weight->shape[1];
    for (int o = 0; o < n_out; o++) {
        double sum = (double)bias[o];
        for (int i = 0; i < n_in; i++) {
            float *w = &values[(ptrdiff_t)o * n_in + i];
            sum += (double)*w * (double)ravel_tensor_get(norm[1], (size_t)i);
            *w = (float)((double)*w * (1.0 + (double)ravel_tensor_get(norm[0], (size_t)i)));
        }
        bias[o] = (float)sum;
    }
}

float *ravel_sqcodec_bias(ravel_draft *draft, const char *name, int n)
{
    char tensor[RAVEL_DRAFT_NAME];
    ravel_draft_name(tensor, name, "bias");
    const ravel_tensor *bias = ravel_draft_need(draft, tensor, 1);
    if (bias && bias->shape[0] != n)
        ravel_draft_fail(draft, "tensor '%s' has %d numbers, not %d", tensor, bias->shape[0], n);
    float *values = draft->failed ? NULL : ravel_draft_make(draft, tensor, 1, &n);
    for (int i = 0; values && i < n; i++)
        values[i] = ravel_tensor_get(bias, (size_t)i);
    return values;
}

/* UNIT.grn and UNIT.pw_conv2. */
static void append_normed_linear(ravel_draft *draft, cJSON *sequence, const char *unit)
{
    char norm_name[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    ravel_tensor weight;
    ravel_draft_name(norm_name, unit, "grn");
    ravel_draft_name(name, unit, "pw_conv2");
    const ravel_tensor *norm[2] = {need_vector(draft, norm_name, "gamma", 2, 1),
                                   need_vector(draft, norm_name, "beta", 2, 1)};
    float *values = ravel_draft_weight_values(draft, name, 2, &weight);
    for (int i = 0; i < 2; i++)
        if (values && norm[i] && ravel_tensor_count(norm[i]) != (size_t)weight.shape[1])
            ravel_draft_fail(draft, "tensor '%s' has %zu numbers, not the %d of '%s'",
                             norm[i]->name, ravel_tensor_count(norm[i]), weight.shape[1],
                             weight.name);
    float *bias = values ? ravel_sqcodec_bias(draft, name, weight.shape[0]) : NULL;
    if (bias && norm[0] && norm[1]) {
        take_in_norm(values, &weight, norm, bias);
        ravel_sqcodec_columns(draft, name, &weight, values, 0, weight.shape[1]);
    }
    free(values);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", name));
}

static void append_unit(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    ravel_draft_name(name, prefix, "dw_conv");
    ravel_import_need_bias(draft, name);
    const ravel_tensor *weight = ravel_import_conv(draft, branch, name, true, NULL);
    if (weight && weight->shape[2] % 2 == 0)
        ravel_draft_fail(draft, "tensor '%s' has an even kernel, %d", weight->name,
                         weight->shape[2]);
    ravel_draft_name(name, prefix, "norm");
    ravel_sqcodec_norm(draft, branch, name);
    ravel_draft_name(name, prefix, "pw_conv1");
    append_linear(draft, branch, name);
    ravel_draft_name(name, prefix, "act");
    ravel_sqcodec_snake(draft, branch, name, 2);
    append_normed_linear(draft, branch, prefix);
    ravel_draft_append(draft, sequence, node);
}

void ravel_sqcodec_units(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char unit[RAVEL_DRAFT_NAME];
    for (int i = 0; i < MAX_UNITS && !draft->failed; i++) {
        ravel_draft_name(unit, prefix, "%d.module", i);
        if (i > 0 && !ravel_draft_has_part(draft, unit, ""))
            return;
        append_unit(draft, sequence, unit);
    }
}
