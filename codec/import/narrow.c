/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Narrower weights. A step of a live stream is bound by the bytes of its weights, and those are in
 * the matrices: only weights of matrix products become narrower. What is left (biases, norms, gains,
 * codebooks, depthwise convolutions, whose weights are floats in memory anyway) is small, or decides
 * about codes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/draft.h"
#include "nn/half.h"
#include "nn/int8.h"

/* Tensors of nodes that are matrices. */
static const struct {
    const char *type, *weight, *scale;
} matrices[] = {
    {"conv", "weight", "scale"},
    {"conv_transpose", "weight", "scale"},
    {"lstm", "weight_ih", "scale_ih"},
    {"lstm", "weight_hh", "scale_hh"},
    {"attention", "in_proj.weight", "in_proj.scale"},
    {"attention", "out_proj.weight", "out_proj.scale"},
    {"projected", "in_proj.weight", "in_proj.scale"},
    {"projected", "out_proj.weight", "out_proj.scale"},
};

enum { N_MATRICES = sizeof matrices / sizeof matrices[0] };

/* Which output an element belongs to: rows of `run` elements, those of all outputs of a group in
 * turn, `repeat` times (the inputs of a transposed convolution), and then the next group. */
typedef struct {
    size_t n, run, of_group, repeat;
} outputs;

static size_t output_of(const outputs *o, size_t i)
{
    const size_t row = i / o->run;
    return row / (o->of_group * o->repeat) * o->of_group + row % o->of_group;
}

/* return    false for shapes that the opener will refuse, and where each channel has its own filter */
static bool find_outputs(const cJSON *node, const char *type, const ravel_tensor *weight,
                         outputs *o)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(node, "groups");
    const int groups = cJSON_IsNumber(field) ? field->valueint : 1;
    const int first = weight->shape[0], second = weight->shape[1];
    if (weight->rank < 2 || groups < 1 || first % groups != 0)
        return false;
    const size_t count = ravel_tensor_count(weight);
    *o = (outputs){(size_t)first, count / (size_t)first, (size_t)first, 1};
    if (strcmp(type, "conv_transpose") == 0)
        *o = (outputs){(size_t)groups * (size_t)second, count / (size_t)first / (size_t)second,
                       (size_t)second, (size_t)(first / groups)};
    const bool is_depthwise = groups > 1 && first == groups && second == 1;
    return !is_depthwise;
}

static float magnitude(const ravel_tensor *weight, size_t i)
{
    const float value = ravel_tensor_get(weight, i);
    return value < 0.0f ? -value : value;
}

/* Whether F16 keeps its eleven bits of the weights that matter: those near the greatest. */
static bool fits_f16(const ravel_tensor *weight)
{
    const size_t count = ravel_tensor_count(weight);
    float greatest = 0.0f;
    for (size_t i = 0; i < count; i++)
        greatest = magnitude(weight, i) > greatest ? magnitude(weight, i) : greatest;
    return greatest == 0.0f || (greatest >= 0x1p-14f && greatest <= 65504.0f);
}

static void fill_f16(const ravel_tensor *weight, uint16_t *halves)
{
    const size_t count = ravel_tensor_count(weight);
    for (size_t i = 0; i < count; i++)
        halves[i] = ravel_narrow_f16(ravel_tensor_get(weight, i));
}

/* The greatest weight of an output becomes 127; weights that are all but zero become that. */
static void fill_scale(const ravel_tensor *weight, const outputs *o, float *scale)
{
    const size_t count = ravel_tensor_count(weight);
    for (size_t i = 0; i < count; i++) {
        float *greatest = &scale[output_of(o, i)];
        *greatest = magnitude(weight, i) > *greatest ? magnitude(weight, i) : *greatest;
    }
    for (size_t n = 0; n < o->n; n++)
        scale[n] = ravel_i8_scale(scale[n]);
}

static void fill_i8(const ravel_tensor *weight, const outputs *o, const float *scale,
                    int8_t *integers)
{
    const size_t count = ravel_tensor_count(weight);
    for (size_t i = 0; i < count; i++) {
        const float step = scale[output_of(o, i)];
        integers[i] = step > 0.0f ? ravel_narrow_i8(ravel_tensor_get(weight, i) / step) : 0;
    }
}

/* Index of the model's tensor "NAME.SUFFIX"; n_tensors where there is none. */
static size_t find(const ravel_draft *draft, const cJSON *node, const char *suffix,
                   char name[RAVEL_DRAFT_NAME])
{
    const char *prefix = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "name"));
    size_t i = 0;
    ravel_draft_name(name, prefix ? prefix : "", "%s", suffix);
    while (i < draft->n_tensors && strcmp(draft->tensors[i].name, name) != 0)
        i++;
    return i;
}

/* data: what takes the place of the tensor's, or NULL without memory */
static void replace(ravel_draft *draft, size_t i, ravel_dtype dtype, void *data)
{
    ravel_tensor *tensor = &draft->tensors[i];
    if (!data) {
        draft->failed = true;
        (void)ravel_error_memory(draft->error);
        return;
    }
    free((void *)tensor->data);
    tensor->data = data;
    tensor->dtype = dtype;
}

static void narrow_to_f16(ravel_draft *draft, size_t i, ravel_narrowing *narrowing)
{
    const ravel_tensor *weight = &draft->tensors[i];
    if (!fits_f16(weight)) {
        if (narrowing->n_kept++ == 0)
            (void)snprintf(narrowing->kept, sizeof narrowing->kept, "%s", weight->name);
        return;
    }
    uint16_t *halves = malloc(ravel_tensor_count(weight) * sizeof *halves);
    if (halves)
        fill_f16(weight, halves);
    replace(draft, i, RAVEL_F16, halves);
    narrowing->n_narrowed++;
}

static void narrow_to_i8(ravel_draft *draft, size_t i, const outputs *o, const char *scale_name,
                         ravel_narrowing *narrowing)
{
    const int shape[1] = {(int)o->n};
    float *scale = ravel_draft_make(draft, scale_name, 1, shape); /* moves the tensors */
    const ravel_tensor *weight = &draft->tensors[i];
    int8_t *integers = scale ? malloc(ravel_tensor_count(weight)) : NULL;
    if (integers) {
        fill_scale(weight, o, scale);
        fill_i8(weight, o, scale, integers);
    }
    if (scale)
        replace(draft, i, RAVEL_I8, integers);
    narrowing->n_narrowed++;
}

/* A tensor that two nodes share, or that is as narrow already, is left as it is. */
static void narrow_matrix(ravel_draft *draft, const cJSON *node, int kind,
                          ravel_narrowing *narrowing)
{
    char name[RAVEL_DRAFT_NAME], scale[RAVEL_DRAFT_NAME];
    outputs o;
    size_t i = find(draft, node, matrices[kind].weight, name);
    if (i == draft->n_tensors || draft->failed)
        return;
    const ravel_tensor *weight = &draft->tensors[i];
    if (ravel_dtype_size(weight->dtype) <= ravel_dtype_size(narrowing->dtype) ||
        !ravel_tensor_finite(weight) || /* folding made it so: the opener will name it */
        !find_outputs(node, matrices[kind].type, weight, &o))
        return;
    if (narrowing->dtype == RAVEL_F16)
        narrow_to_f16(draft, i, narrowing);
    else if (find(draft, node, matrices[kind].scale, scale) == draft->n_tensors)
        narrow_to_i8(draft, i, &o, scale, narrowing);
}

static void narrow_node(ravel_draft *draft, const cJSON *node, ravel_narrowing *narrowing)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "type"));
    for (int i = 0; i < N_MATRICES && type; i++)
        if (strcmp(type, matrices[i].type) == 0)
            narrow_matrix(draft, node, i, narrowing);
    const cJSON *child;
    cJSON_ArrayForEach(child, node)
    {
        narrow_node(draft, child, narrowing);
    }
}

void ravel_draft_narrow(ravel_draft *draft, ravel_narrowing *narrowing)
{
    static const char *const parts[] = {"encoder", "quantizer", "decoder"};
    narrowing->n_narrowed = narrowing->n_kept = 0;
    for (int i = 0; i < 3 && !draft->failed; i++)
        narrow_node(draft, cJSON_GetObjectItemCaseSensitive(draft->graph, parts[i]), narrowing);
}
