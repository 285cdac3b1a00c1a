/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The branches become a sum: each gives zeros in the channels of the others, by a matrix of zeros
 * and ones behind its convolution.
 */
#include "codec/import/trend.h"

#include "codec/graph/flow.h"
#include "codec/import/layers.h"

/* The mean of so many rows around each, zeros behind the ends included. */
static void append_mean(ravel_draft *draft, cJSON *sequence, const char *name, int rows)
{
    char tensor[RAVEL_DRAFT_NAME];
    const int shape[3] = {1, 1, rows};
    ravel_draft_name(tensor, name, "weight");
    float *values = ravel_draft_make(draft, tensor, 3, shape);
    for (int i = 0; values && i < rows; i++)
        values[i] = 1.0f / (float)rows;
    cJSON *node = ravel_draft_node(draft, "conv", name);
    ravel_draft_pair(draft, node, "pad", rows / 2, rows / 2);
    ravel_draft_append(draft, sequence, node);
}

static void append_pool(ravel_draft *draft, cJSON *sequence, const char *name, int rows)
{
    cJSON *magnitude = ravel_draft_node(draft, "leaky_relu", NULL);
    ravel_draft_number(draft, magnitude, "slope", -1.0);
    ravel_draft_append(draft, sequence, magnitude);
    cJSON *greatest = ravel_draft_node(draft, "max_pool", NULL);
    ravel_draft_number(draft, greatest, "rows", rows);
    ravel_draft_pair(draft, greatest, "pad", rows / 2, rows / 2);
    ravel_draft_append(draft, sequence, greatest);
    append_mean(draft, sequence, name, rows);
}

/* From `channels` to `width`, of which the first is number `first`. */
static void append_place(ravel_draft *draft, cJSON *sequence, const char *name, int channels,
                         int first, int width)
{
    char tensor[RAVEL_DRAFT_NAME];
    const int shape[2] = {width, channels};
    ravel_draft_name(tensor, name, "weight");
    float *values = ravel_draft_make(draft, tensor, 2, shape);
    for (int c = 0; values && c < channels; c++)
        values[(first + c) * channels + c] = 1.0f;
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", name));
}

/* *channels is what the first branch has, and then what all have. */
static cJSON *read_branch(ravel_draft *draft, const char *prefix, const ravel_trends *trends, int i,
                          int *channels)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *sequence = cJSON_CreateArray();
    ravel_draft_name(name, prefix, "blocks.%d.0", i);
    if (trends->rows[i] > 1)
        append_pool(draft, sequence, name, trends->rows[i]);
    ravel_draft_name(name, prefix, "blocks.%d.1", i);
    ravel_import_need_bias(draft, name);
    const ravel_tensor *weight = ravel_draft_conv_weight(draft, name);
    cJSON *node = ravel_draft_node(draft, "conv", name);
    const int pad = weight ? (weight->shape[2] - 1) / 2 * trends->dilation[i] : 0;
    ravel_draft_number(draft, node, "dilation", trends->dilation[i]);
    ravel_draft_pair(draft, node, "pad", pad, pad);
    ravel_draft_append(draft, sequence, node);
    *channels = *channels > 0 || !weight ? *channels : weight->shape[0];
    if (*channels > RAVEL_MAX_CHANNELS)
        ravel_draft_fail(draft, "'%s' has more than %d channels", name, RAVEL_MAX_CHANNELS);
    if (weight && (weight->shape[0] != *channels || weight->shape[2] % 2 == 0))
        ravel_draft_fail(draft, "tensor '%s' has %d channels and %d taps, not %d and an odd number",
                         weight->name, weight->shape[0], weight->shape[2], *channels);
    if (draft->failed)
        return sequence;
    ravel_draft_name(name, prefix, "blocks.%d.2", i);
    append_place(draft, sequence, name, *channels, i * *channels, trends->n * *channels);
    return sequence;
}

cJSON *ravel_import_trends(ravel_draft *draft, const char *prefix, const ravel_trends *trends)
{
    cJSON *sum = NULL;
    int channels = 0;
    for (int i = 0; i < trends->n && !draft->failed; i++)
        sum = ravel_import_sum(draft, read_branch(draft, prefix, trends, i, &channels), sum);
    return sum;
}
