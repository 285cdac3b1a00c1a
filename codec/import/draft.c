/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/draft.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KERNEL = 65536 };

void ravel_draft_fail(ravel_draft *draft, const char *format, ...)
{
    char text[sizeof draft->error->text];
    if (draft->failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    draft->failed = true;
    (void)ravel_error_set(draft->error, RAVEL_ERR_DATA, "import: %s", text);
}

static void fail_for_memory(ravel_draft *draft)
{
    if (draft->failed)
        return;
    draft->failed = true;
    (void)ravel_error_memory(draft->error);
}

void ravel_draft_name(char name[RAVEL_DRAFT_NAME], const char *prefix, const char *format, ...)
{
    size_t length = (size_t)snprintf(name, RAVEL_DRAFT_NAME, "%s.", prefix);
    if (length >= RAVEL_DRAFT_NAME)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name + length, RAVEL_DRAFT_NAME - length, format, arguments);
    va_end(arguments);
}

/* Index of the first tensor whose name is not below. */
static size_t first_not_below(const ravel_draft *draft, const char *name)
{
    size_t low = 0, high = draft->st.n_entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(draft->st.entries[middle].tensor.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ravel_draft_has(const ravel_draft *draft, const char *beginning)
{
    size_t i = first_not_below(draft, beginning);
    return i < draft->st.n_entries &&
           strncmp(draft->st.entries[i].tensor.name, beginning, strlen(beginning)) == 0;
}

bool ravel_draft_has_part(const ravel_draft *draft, const char *prefix, const char *beginning)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "%s", beginning);
    return ravel_draft_has(draft, name);
}

const ravel_tensor *ravel_draft_find(ravel_draft *draft, const char *name)
{
    ravel_entry *entry = ravel_safetensors_find(&draft->st, name);
    if (!entry || draft->failed)
        return NULL;
    if (!entry->readable || entry->tensor.dtype == RAVEL_I8)
        ravel_draft_fail(draft, "tensor '%s' is of type %s, not F32, F16 or BF16", name,
                         entry->type);
    else if (!entry->parts && !ravel_tensor_finite(&entry->tensor))
        ravel_draft_fail(draft, "tensor '%s' has values that are infinite or not numbers", name);
    entry->parts = 1;
    return draft->failed ? NULL : &entry->tensor;
}

const ravel_tensor *ravel_draft_need(ravel_draft *draft, const char *name, int rank)
{
    const ravel_tensor *tensor = ravel_draft_find(draft, name);
    if (!tensor) {
        ravel_draft_fail(draft, "tensor '%s' is missing", name);
    } else if (tensor->rank != rank) {
        ravel_draft_fail(draft, "tensor '%s' has %d dimensions, not %d", name, tensor->rank, rank);
        return NULL;
    }
    return tensor;
}

/* A place for one more tensor; NULL after a failure. */
static ravel_tensor *new_tensor(ravel_draft *draft)
{
    if (draft->failed)
        return NULL;
    if (draft->n_tensors == draft->room) {
        size_t room = draft->room ? 2 * draft->room : 64;
        ravel_tensor *tensors = realloc(draft->tensors, room * sizeof *tensors);
        if (!tensors) {
            fail_for_memory(draft);
            return NULL;
        }
        draft->tensors = tensors;
        draft->room = room;
    }
    return &draft->tensors[draft->n_tensors];
}

/* Adds a tensor like `shape_of`, of that type; its data are to be filled in. */
static void *add_empty(ravel_draft *draft, const char *name, const ravel_tensor *shape_of,
                       ravel_dtype dtype)
{
    ravel_tensor *tensor = new_tensor(draft);
    if (!tensor)
        return NULL;
    size_t length = strlen(name) + 1;
    char *copy = malloc(length);
    void *data = malloc(ravel_tensor_count(shape_of) * ravel_dtype_size(dtype));
    if (!copy || !data) {
        free(copy);
        free(data);
        fail_for_memory(draft);
        return NULL;
    }
    memcpy(copy, name, length);
    *tensor = *shape_of;
    tensor->name = copy;
    tensor->data = data;
    tensor->dtype = dtype;
    draft->n_tensors++;
    return data;
}

void ravel_draft_add(ravel_draft *draft, const char *name, const ravel_tensor *tensor)
{
    if (!tensor)
        return;
    void *data = add_empty(draft, name, tensor, tensor->dtype);
    if (data)
        memcpy(data, tensor->data, ravel_tensor_count(tensor) * ravel_dtype_size(tensor->dtype));
}

float *ravel_draft_make(ravel_draft *draft, const char *name, int rank, const int *shape)
{
    ravel_tensor tensor = {.rank = rank};
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        tensor.shape[i] = shape[i];
        count = count <= INT32_MAX ? count * shape[i] : count;
    }
    if (count > INT32_MAX) {
        ravel_draft_fail(draft, "tensor '%s' would be too large", name);
        return NULL;
    }
    float *values = add_empty(draft, name, &tensor, RAVEL_F32);
    if (values)
        memset(values, 0, (size_t)count * sizeof *values);
    return values;
}

/* g * v / |v|, the norm over all dimensions but the first; in double, rounded once. */
static void fold(const ravel_tensor *g, const ravel_tensor *v, float *weight)
{
    size_t rows = (size_t)v->shape[0], width = ravel_tensor_count(v) / rows;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0;
        for (size_t i = r * width; i < (r + 1) * width; i++) {
            double x = (double)ravel_tensor_get(v, i);
            sum += x * x;
        }
        double gain = sum > 0.0 ? (double)ravel_tensor_get(g, r) / sqrt(sum) : 0.0;
        for (size_t i = r * width; i < (r + 1) * width; i++)
            weight[i] = (float)(gain * (double)ravel_tensor_get(v, i));
    }
}

/* The weight that was added last; of a size that converters can calculate with. */
static const ravel_tensor *last_weight(ravel_draft *draft)
{
    const ravel_tensor *weight = draft->failed ? NULL : &draft->tensors[draft->n_tensors - 1];
    if (weight && weight->shape[2] > MAX_KERNEL)
        ravel_draft_fail(draft, "tensor '%s' has a kernel of %d", weight->name, weight->shape[2]);
    return draft->failed ? NULL : weight;
}

/* The gains and the directions of a weight. */
static void find_norm(ravel_draft *draft, const char *g, const char *v, int rank,
                      const ravel_tensor **gain, const ravel_tensor **direction)
{
    *direction = ravel_draft_need(draft, v, rank);
    *gain = ravel_draft_need(draft, g, rank);
    if (draft->failed || ((*gain)->shape[0] == (*direction)->shape[0] &&
                          ravel_tensor_count(*gain) == (size_t)(*gain)->shape[0]))
        return;
    ravel_draft_fail(draft,
                     "tensor '%s' has %zu numbers, not a gain for each of the %d rows of '%s'", g,
                     ravel_tensor_count(*gain), (*direction)->shape[0], v);
}

/* A weight in whichever spelling the checkpoint has; *gain is NULL where the norm is not apart. */
static const ravel_tensor *find_weight(ravel_draft *draft, const char *source, int rank,
                                       const ravel_tensor **gain)
{
    static const char *const spellings[][2] = {
        {"weight_g", "weight_v"},
        {"parametrizations.weight.original0", "parametrizations.weight.original1"}};
    char g[RAVEL_DRAFT_NAME], v[RAVEL_DRAFT_NAME];
    const ravel_tensor *weight;
    *gain = NULL;
    for (int i = 0; i < 2; i++) {
        ravel_draft_name(g, source, "%s", spellings[i][0]);
        ravel_draft_name(v, source, "%s", spellings[i][1]);
        if (ravel_draft_has(draft, g) || ravel_draft_has(draft, v)) {
            find_norm(draft, g, v, rank, gain, &weight);
            return weight;
        }
    }
    ravel_draft_name(v, source, "weight");
    return ravel_draft_need(draft, v, rank);
}

/* Adds the weight of a convolution. */
static void add_weight(ravel_draft *draft, const char *name, const char *source)
{
    const ravel_tensor *gain, *weight = find_weight(draft, source, 3, &gain);
    float *folded = gain ? add_empty(draft, name, weight, RAVEL_F32) : NULL;
    if (folded)
        fold(gain, weight, folded);
    else if (!gain)
        ravel_draft_add(draft, name, weight);
}

float *ravel_draft_weight_values(ravel_draft *draft, const char *prefix, int rank,
                                 ravel_tensor *shape)
{
    const ravel_tensor *gain, *weight = find_weight(draft, prefix, rank, &gain);
    float *values = draft->failed ? NULL : malloc(ravel_tensor_count(weight) * sizeof *values);
    if (!values) {
        fail_for_memory(draft);
        return NULL;
    }
    *shape = *weight;
    if (gain)
        fold(gain, weight, values);
    for (size_t i = 0; !gain && i < ravel_tensor_count(weight); i++)
        values[i] = ravel_tensor_get(weight, i);
    return values;
}

const ravel_tensor *ravel_draft_conv_weight_as(ravel_draft *draft, const char *prefix,
                                               const char *source)
{
    char name[RAVEL_DRAFT_NAME], bias[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "bias");
    ravel_draft_name(bias, source, "bias");
    if (ravel_draft_find(draft, bias))
        ravel_draft_add(draft, name, ravel_draft_need(draft, bias, 1));
    ravel_draft_name(name, prefix, "weight");
    add_weight(draft, name, source);
    return last_weight(draft);
}

const ravel_tensor *ravel_draft_conv_weight(ravel_draft *draft, const char *prefix)
{
    return ravel_draft_conv_weight_as(draft, prefix, prefix);
}

void ravel_draft_ignore(ravel_draft *draft, const char *name)
{
    ravel_entry *entry = ravel_safetensors_find(&draft->st, name);
    if (entry)
        entry->parts = 1;
}

void ravel_draft_ignore_all(ravel_draft *draft, const char *beginning)
{
    size_t length = strlen(beginning);
    for (size_t i = first_not_below(draft, beginning); i < draft->st.n_entries; i++) {
        if (strncmp(draft->st.entries[i].tensor.name, beginning, length) != 0)
            return;
        draft->st.entries[i].parts = 1;
    }
}

void ravel_draft_check_all_used(ravel_draft *draft)
{
    for (size_t i = 0; i < draft->st.n_entries; i++) {
        if (draft->st.entries[i].parts)
            continue;
        ravel_draft_fail(draft, "tensor '%s' is not of this kind of model",
                         draft->st.entries[i].tensor.name);
        return;
    }
}

cJSON *ravel_draft_node(ravel_draft *draft, const char *type, const char *name)
{
    cJSON *node = draft->failed ? NULL : cJSON_CreateObject();
    if (node && cJSON_AddStringToObject(node, "type", type) &&
        (!name || cJSON_AddStringToObject(node, "name", name)))
        return node;
    cJSON_Delete(node);
    fail_for_memory(draft);
    return NULL;
}

void ravel_draft_number(ravel_draft *draft, cJSON *node, const char *key, double value)
{
    if (!cJSON_AddNumberToObject(node, key, value))
        fail_for_memory(draft);
}

void ravel_draft_string(ravel_draft *draft, cJSON *node, const char *key, const char *value)
{
    if (!cJSON_AddStringToObject(node, key, value))
        fail_for_memory(draft);
}

void ravel_draft_true(ravel_draft *draft, cJSON *node, const char *key)
{
    if (!cJSON_AddTrueToObject(node, key))
        fail_for_memory(draft);
}

void ravel_draft_false(ravel_draft *draft, cJSON *node, const char *key)
{
    if (!cJSON_AddFalseToObject(node, key))
        fail_for_memory(draft);
}

void ravel_draft_pair(ravel_draft *draft, cJSON *node, const char *key, int first, int second)
{
    const int pair[2] = {first, second};
    cJSON *array = cJSON_CreateIntArray(pair, 2);
    if (cJSON_AddItemToObject(node, key, array))
        return;
    cJSON_Delete(array);
    fail_for_memory(draft);
}

void ravel_draft_append(ravel_draft *draft, cJSON *sequence, cJSON *node)
{
    if (cJSON_AddItemToArray(sequence, node))
        return;
    cJSON_Delete(node);
    fail_for_memory(draft);
}

void ravel_draft_header(ravel_draft *draft, const char *name, const char *licence, int sample_rate,
                        int hop)
{
    draft->graph = cJSON_CreateObject();
    ravel_draft_number(draft, draft->graph, "format", 1);
    ravel_draft_string(draft, draft->graph, "name", name);
    ravel_draft_string(draft, draft->graph, "licence",
                       licence ? licence : "as the publisher of the checkpoint says");
    ravel_draft_number(draft, draft->graph, "sample_rate", sample_rate);
    ravel_draft_number(draft, draft->graph, "channels", 1);
    ravel_draft_number(draft, draft->graph, "hop", hop);
    ravel_draft_number(draft, draft->graph, "tail", 0);
}

void ravel_draft_channels(ravel_draft *draft, int channels)
{
    cJSON *field = cJSON_GetObjectItemCaseSensitive(draft->graph, "channels");
    (void)cJSON_SetNumberValue(field, channels);
}

void ravel_draft_child(ravel_draft *draft, cJSON *node, const char *key, cJSON *child)
{
    if (cJSON_AddItemToObject(node, key, child))
        return;
    cJSON_Delete(child);
    fail_for_memory(draft);
}

void ravel_draft_part(ravel_draft *draft, const char *key, cJSON *part)
{
    ravel_draft_child(draft, draft->graph, key, part);
}
