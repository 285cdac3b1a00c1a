/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/local_attention.h"

#include <stdio.h>
#include <string.h>

#include "codec/import/layers.h"
#include "nn/kernels.h"

enum { MAX_LAYERS = 64, MAX_HIDDEN = 256, MAX_HEADS = 64, MAX_WINDOW = 2048 };

/* --- The bias of distances --------------------------------------------------------------------- */

/* A linear map of the network, and how many numbers it takes and gives. */
typedef struct {
    const ravel_tensor *weight, *bias;
    int n_in, n_out;
} map;

/* Map number `layer` of the module; it must take n_in. */
static map need_map(ravel_draft *draft, const char *prefix, int layer, int n_in)
{
    char name[RAVEL_DRAFT_NAME];
    map m = {.n_in = n_in, .n_out = 1};
    ravel_draft_name(name, prefix, "dynamic_pos_bias.mlp.%d.bias", layer);
    m.bias = ravel_draft_need(draft, name, 1);
    ravel_draft_name(name, prefix, "dynamic_pos_bias.mlp.%d.weight", layer);
    m.weight = ravel_draft_need(draft, name, 2);
    if (draft->failed)
        return m;
    m.n_out = m.weight->shape[0];
    if (m.weight->shape[1] != n_in || m.n_out > MAX_HIDDEN || m.bias->shape[0] != m.n_out)
        ravel_draft_fail(draft, "tensor '%s' is [%d, %d], not [up to %d, %d] with as many biases",
                         name, m.n_out, m.weight->shape[1], MAX_HIDDEN, n_in);
    return m;
}

static void apply(const map *m, const float *x, float *y)
{
    for (int o = 0; o < m->n_out; o++) {
        double sum = (double)ravel_tensor_get(m->bias, (size_t)o);
        for (int i = 0; i < m->n_in; i++) {
            const size_t at = (size_t)o * (size_t)m->n_in + (size_t)i;
            sum += (double)ravel_tensor_get(m->weight, at) * (double)x[i];
        }
        y[o] = (float)sum;
    }
}

/* What the network says of so many rows; y [maps[2].n_out] */
static void ask(const map maps[3], int distance, float *y)
{
    const ravel_kernels *kernels = ravel_kernels_named("c"); /* the same bits as any */
    float first[MAX_HIDDEN], second[MAX_HIDDEN];
    const float x = (float)distance;
    apply(&maps[0], &x, first);
    kernels->silu(first, first, maps[0].n_out);
    apply(&maps[1], first, second);
    kernels->silu(second, second, maps[1].n_out);
    apply(&maps[2], second, y);
}

/* Adds [heads, 2 * window] under that name; heads, 0 on failure. */
static int add_distance_bias(ravel_draft *draft, const char *prefix, const char *name, int window)
{
    map maps[3];
    maps[0] = need_map(draft, prefix, 0, 1);
    maps[1] = need_map(draft, prefix, 2, maps[0].n_out);
    maps[2] = need_map(draft, prefix, 4, maps[1].n_out);
    const int n_heads = maps[2].n_out, shape[2] = {n_heads, 2 * window};
    if (n_heads > MAX_HEADS)
        ravel_draft_fail(draft, "tensor '%s' is of more than %d heads",
                         maps[2].weight ? maps[2].weight->name : "", MAX_HEADS);
    float *values = draft->failed ? NULL : ravel_draft_make(draft, name, 2, shape);
    for (int distance = 0; values && distance < 2 * window; distance++) {
        float heads[MAX_HIDDEN];
        ask(maps, distance, heads);
        for (int h = 0; h < n_heads; h++)
            values[h * 2 * window + distance] = heads[h];
    }
    return values ? n_heads : 0;
}

/* --- Layers ------------------------------------------------------------------------------------ */

/* PREFIX.SOURCE of so many columns becomes PREFIX.TO.weight; 0: of any. NULL on failure. */
static const ravel_tensor *add_matrix(ravel_draft *draft, const char *prefix, const char *to,
                                      const char *source, int n_in)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "%s", source);
    const ravel_tensor *weight = ravel_draft_need(draft, name, 2);
    if (weight && n_in > 0 && weight->shape[1] != n_in)
        ravel_draft_fail(draft, "tensor '%s' has %d columns, not %d", name, weight->shape[1], n_in);
    ravel_draft_name(name, prefix, "%s.weight", to);
    ravel_draft_add(draft, name, weight);
    return draft->failed ? NULL : weight;
}

static cJSON *begin_residual(ravel_draft *draft, cJSON *sequence)
{
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    ravel_draft_append(draft, sequence, node);
    return branch;
}

static void append_attention(ravel_draft *draft, cJSON *sequence, const char *prefix, int n_heads,
                             int window)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *branch = begin_residual(draft, sequence);
    ravel_draft_name(name, prefix, "norm");
    ravel_import_layer_norm(draft, branch, name, 1e-5);
    const ravel_tensor *qkv = add_matrix(draft, prefix, "in_proj", "to_qkv.weight", 0);
    (void)add_matrix(draft, prefix, "out_proj", "to_out.weight", qkv ? qkv->shape[0] / 3 : 0);
    cJSON *node = ravel_draft_node(draft, "attention", prefix);
    ravel_draft_number(draft, node, "heads", n_heads);
    ravel_draft_number(draft, node, "context", 2 * window);
    ravel_draft_number(draft, node, "together", window);
    ravel_draft_append(draft, branch, node);
}

static void append_matrix(ravel_draft *draft, cJSON *sequence, const char *prefix, const char *part)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "%s", part);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", name));
}

/* PREFIX.1.weight has values above, gates below: two tensors of the model. return    how many */
static int split_gates(ravel_draft *draft, const char *prefix)
{
    static const char *const halves[2] = {"value.weight", "gate.weight"};
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "0.weight");
    const ravel_tensor *norm = ravel_draft_need(draft, name, 1);
    ravel_draft_name(name, prefix, "1.weight");
    const ravel_tensor *both = ravel_draft_need(draft, name, 2);
    if (!draft->failed && (both->shape[0] % 2 != 0 || both->shape[1] != norm->shape[0]))
        ravel_draft_fail(draft, "tensor '%s' is [%d, %d], not values and as many gates of %d", name,
                         both->shape[0], both->shape[1], norm->shape[0]);
    for (int i = 0; i < 2 && !draft->failed; i++) {
        const int shape[2] = {both->shape[0] / 2, both->shape[1]};
        const size_t count = (size_t)shape[0] * (size_t)shape[1];
        ravel_draft_name(name, prefix, "%s", halves[i]);
        float *values = ravel_draft_make(draft, name, 2, shape);
        for (size_t k = 0; values && k < count; k++)
            values[k] = ravel_tensor_get(both, (size_t)i * count + k);
    }
    return draft->failed ? 0 : both->shape[0] / 2;
}

/* Values times gelu(gates) (Shazeer, arXiv 2002.05202). */
static void append_feed_forward(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *branch = begin_residual(draft, sequence);
    ravel_draft_name(name, prefix, "0");
    ravel_import_layer_norm(draft, branch, name, 1e-5);
    const int n = split_gates(draft, prefix);
    cJSON *product = ravel_draft_node(draft, "product", NULL);
    cJSON *gate = cJSON_AddArrayToObject(product, "branch");
    append_matrix(draft, gate, prefix, "gate");
    ravel_import_plain(draft, gate, "gelu");
    append_matrix(draft, cJSON_AddArrayToObject(product, "shortcut"), prefix, "value");
    ravel_draft_append(draft, branch, product);
    (void)add_matrix(draft, prefix, "4", "4.weight", n);
    append_matrix(draft, branch, prefix, "4");
}

void ravel_import_local_attention(ravel_draft *draft, cJSON *sequence, const char *prefix,
                                  int window)
{
    char layer[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    ravel_tensor bias = {0};
    int n_heads = 0;
    if (window > MAX_WINDOW)
        ravel_draft_fail(draft, "configuration: windows of %d rows, more than %d", window,
                         MAX_WINDOW);
    for (int i = 0; i < MAX_LAYERS && !draft->failed; i++) {
        ravel_draft_name(layer, prefix, "layers.%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, layer, ""))
            break;
        ravel_draft_name(layer, prefix, "layers.%d.0", i);
        ravel_draft_name(name, layer, "distance_bias");
        if (i == 0 && (n_heads = add_distance_bias(draft, prefix, name, window)) > 0)
            bias = draft->tensors[draft->n_tensors - 1];
        else if (n_heads > 0)
            ravel_draft_add(draft, name, &bias);
        append_attention(draft, sequence, layer, n_heads, window);
        ravel_draft_name(layer, prefix, "layers.%d.1", i);
        append_feed_forward(draft, sequence, layer);
    }
}
