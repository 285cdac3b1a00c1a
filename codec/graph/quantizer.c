/* SPDX-License-Identifier: BSD-3-Clause */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/graph.h"

enum { MAX_LEVELS = 16 };

/*
 * The builders of nodes. dim: what the node is given, 0 where nothing is known; checked for all
 * nodes when they are built.
 */
typedef ravel_quantizer *build(ravel_builder *builder, const ravel_node *node, int dim);

static ravel_quantizer *end(const ravel_node *node, ravel_quantizer *q, const ravel_error *reason)
{
    if (!q)
        ravel_node_refuse_as(node, reason);
    return q;
}

static ravel_quantizer *build_codebook(ravel_builder *builder, const ravel_node *node, int dim)
{
    static const char *const keys[] = {"name", "search", NULL};
    static const char *const searches[] = {"euclidean", "cosine", NULL};
    ravel_error reason;
    (void)dim;
    ravel_node_only(node, keys);
    ravel_search search = (ravel_search)ravel_node_choice(node, "search", searches);
    const ravel_tensor *codewords = ravel_node_tensor(node, "codebook.weight", true);
    if (node->reader->failed)
        return NULL;
    return end(node, ravel_codebook_new(builder->kernels, codewords, search, &reason), &reason);
}

static ravel_quantizer *build_projected(ravel_builder *builder, const ravel_node *node, int dim)
{
    static const char *const keys[] = {"name", "inner", NULL};
    ravel_error reason;
    (void)dim;
    ravel_node_only(node, keys);
    ravel_projection_spec spec = {
        .in_weight = ravel_node_tensor(node, "in_proj.weight", true),
        .in_bias = ravel_node_tensor(node, "in_proj.bias", false),
        .in_scale = ravel_node_tensor(node, "in_proj.scale", false),
        .out_weight = ravel_node_tensor(node, "out_proj.weight", true),
        .out_bias = ravel_node_tensor(node, "out_proj.bias", false),
        .out_scale = ravel_node_tensor(node, "out_proj.scale", false),
    };
    ravel_node child = ravel_node_child(node, "inner");
    int inner_dim = spec.in_weight && spec.in_weight->rank > 0 ? spec.in_weight->shape[0] : 0;
    ravel_quantizer *inner = ravel_graph_quantizer(builder, &child, inner_dim);
    if (!inner)
        return NULL;
    return end(node, ravel_projected_new(builder->kernels, &spec, inner, &reason), &reason);
}

static ravel_quantizer *build_fsq(ravel_builder *builder, const ravel_node *node, int dim)
{
    static const char *const keys[] = {"levels", "bound", NULL};
    int levels[MAX_LEVELS];
    ravel_error reason;
    (void)dim;
    ravel_node_only(node, keys);
    int n = ravel_node_ints(node, "levels", levels, MAX_LEVELS, 2, RAVEL_MAX_CODEBOOK_SIZE);
    float bound = ravel_node_float(node, "bound", 0.999f, 0.9f, 1.1f);
    if (node->reader->failed)
        return NULL;
    return end(node, ravel_fsq_new(builder->kernels, levels, n, bound, &reason), &reason);
}

/* Quantisers made of others: the list under `key`, each item given `dim` dimensions. */
typedef struct {
    ravel_quantizer *part[RAVEL_MAX_CODEBOOKS];
    int n;
} parts;

/* Whether the list could be read; where not, nothing is left of it. */
static bool read_parts(ravel_builder *builder, const ravel_node *node, const char *key, int dim,
                       parts *list)
{
    const char *const keys[] = {key, NULL};
    ravel_node_only(node, keys);
    ravel_node array = ravel_node_child(node, key);
    list->n = 0;
    if (!cJSON_IsArray(array.json) || !array.json->child)
        ravel_node_refuse(node, "'%s' is not a list, or has nothing in it", key);
    for (const cJSON *item = array.json ? array.json->child : NULL; item; item = item->next) {
        ravel_node child = ravel_node_item(&array, item, list->n);
        if (list->n == RAVEL_MAX_CODEBOOKS)
            ravel_node_refuse(node, "more than %d in '%s'", RAVEL_MAX_CODEBOOKS, key);
        if (node->reader->failed)
            break;
        list->part[list->n] = ravel_graph_quantizer(builder, &child, dim);
        if (list->part[list->n])
            list->n++;
    }
    for (int i = 0; node->reader->failed && i < list->n; i++)
        ravel_quantizer_destroy(list->part[i]);
    return !node->reader->failed;
}

static ravel_quantizer *build_residual(ravel_builder *builder, const ravel_node *node, int dim)
{
    parts stages;
    ravel_error reason;
    if (!read_parts(builder, node, "stages", dim, &stages))
        return NULL;
    return end(node, ravel_residual_quantizer_new(builder->kernels, stages.part, stages.n, &reason),
               &reason);
}

static ravel_quantizer *build_split(ravel_builder *builder, const ravel_node *node, int dim)
{
    parts list;
    ravel_error reason;
    if (!read_parts(builder, node, "parts", dim, &list))
        return NULL;
    return end(node, ravel_split_quantizer_new(builder->kernels, list.part, list.n, &reason),
               &reason);
}

static ravel_quantizer *build_grouped(ravel_builder *builder, const ravel_node *node, int dim)
{
    parts list;
    ravel_error reason;
    (void)dim;
    if (!read_parts(builder, node, "parts", 0, &list))
        return NULL;
    return end(node, ravel_grouped_quantizer_new(builder->kernels, list.part, list.n, &reason),
               &reason);
}

static ravel_quantizer *build_strided(ravel_builder *builder, const ravel_node *node, int dim)
{
    static const char *const keys[] = {"steps", "stride", "inner", NULL};
    ravel_error reason;
    ravel_node_only(node, keys);
    int steps = ravel_node_int(node, "steps", -1, 1, RAVEL_MAX_STEPS_PER_FRAME);
    int stride = ravel_node_int(node, "stride", 1, 1, RAVEL_MAX_STEPS_PER_FRAME);
    ravel_node child = ravel_node_child(node, "inner");
    const double vectors_hz = builder->begin_hz;
    builder->begin_hz = vectors_hz * steps / stride;
    ravel_quantizer *inner = ravel_graph_quantizer(builder, &child, dim / steps);
    builder->begin_hz = vectors_hz;
    if (!inner)
        return NULL;
    return end(node, ravel_strided_quantizer_new(builder->kernels, steps, stride, inner, &reason),
               &reason);
}

/* Two of the dimensions are numbers of the segment. */
static ravel_quantizer *build_segment(ravel_builder *builder, const ravel_node *node, int dim)
{
    static const char *const keys[] = {"steps", "inner", NULL};
    ravel_error reason;
    ravel_node_only(node, keys);
    int steps = ravel_node_int(node, "steps", -1, 1, RAVEL_MAX_STEPS_PER_FRAME);
    ravel_node child = ravel_node_child(node, "inner");
    ravel_quantizer *inner = ravel_graph_quantizer(builder, &child, dim > 2 ? dim - 2 : 0);
    if (!inner)
        return NULL;
    return end(node, ravel_segment_quantizer_new(builder->kernels, steps, inner, &reason), &reason);
}

static const struct {
    const char *type;
    build *build;
} types[] = {
    {"codebook", build_codebook},   {"fsq", build_fsq},           {"grouped", build_grouped},
    {"projected", build_projected}, {"residual", build_residual}, {"split", build_split},
    {"strided", build_strided},     {"segment", build_segment},
};

static ravel_quantizer *build_node(ravel_builder *builder, const ravel_node *node, int dim)
{
    const char *type = ravel_node_type(node);
    if (!type)
        return NULL;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].type) != 0)
            continue;
        const int line = ravel_listing_begin(builder->listing, node, types[i].type);
        ravel_quantizer *q = node->reader->failed ? NULL : types[i].build(builder, node, dim);
        if (q)
            ravel_listing_quantizer(builder->listing, line, q, builder->begin_hz);
        return q;
    }
    ravel_node_refuse(node, "unknown type of quantizer '%.40s'", type);
    return NULL;
}

ravel_quantizer *ravel_graph_quantizer(ravel_builder *builder, const ravel_node *node, int dim)
{
    const size_t weight_budget = builder->weight_budget; /* that of the quantisers inside too */
    ravel_node_enter(node);
    ravel_quantizer *q = build_node(builder, node, dim);
    if (!q)
        return NULL;
    if (dim > 0 && q->dim != dim) {
        ravel_node_refuse(node, "takes %d dimensions, but is given %d", q->dim, dim);
    } else if (q->held_bytes > weight_budget) {
        ravel_node_refuse(node, "the weights are far larger than the file");
    }
    if (node->reader->failed) {
        ravel_quantizer_destroy(q);
        return NULL;
    }
    builder->weight_budget = weight_budget - q->held_bytes;
    return q;
}
