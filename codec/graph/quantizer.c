/* SPDX-License-Identifier: BSD-3-Clause */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/graph.h"

static ravel_quantizer *build_codebook(ravel_builder *builder, const ravel_node *node)
{
    static const char *const keys[] = {"name", "search", NULL};
    static const char *const searches[] = {"euclidean", "cosine", NULL};
    ravel_error reason;
    ravel_node_only(node, keys);
    ravel_search search = (ravel_search)ravel_node_choice(node, "search", searches);
    const ravel_tensor *codewords = ravel_node_tensor(node, "codebook.weight", true);
    if (node->reader->failed)
        return NULL;
    ravel_quantizer *q = ravel_codebook_new(builder->kernels, codewords, search, &reason);
    if (!q)
        ravel_node_refuse_as(node, &reason);
    return q;
}

static ravel_quantizer *build_projected(ravel_builder *builder, const ravel_node *node)
{
    static const char *const keys[] = {"name", "inner", NULL};
    ravel_error reason;
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
    ravel_quantizer *q = ravel_projected_new(builder->kernels, &spec, inner, &reason);
    if (!q)
        ravel_node_refuse_as(node, &reason);
    return q;
}

static ravel_quantizer *join(ravel_builder *builder, const ravel_node *node,
                             ravel_quantizer **stages, int n)
{
    ravel_error reason;
    if (n == 0)
        ravel_node_refuse(node, "no stages");
    if (node->reader->failed) {
        for (int i = 0; i < n; i++)
            ravel_quantizer_destroy(stages[i]);
        return NULL;
    }
    ravel_quantizer *q = ravel_residual_quantizer_new(builder->kernels, stages, n, &reason);
    if (!q)
        ravel_node_refuse_as(node, &reason);
    return q;
}

static ravel_quantizer *build_residual(ravel_builder *builder, const ravel_node *node, int dim)
{
    static const char *const keys[] = {"stages", NULL};
    ravel_quantizer *stages[RAVEL_MAX_CODEBOOKS];
    int n = 0;
    ravel_node_only(node, keys);
    ravel_node list = ravel_node_child(node, "stages");
    if (!cJSON_IsArray(list.json))
        ravel_node_refuse(node, "'stages' is not a list");
    for (const cJSON *item = list.json ? list.json->child : NULL; item; item = item->next) {
        ravel_node child = ravel_node_item(&list, item, n);
        if (n == RAVEL_MAX_CODEBOOKS) {
            ravel_node_refuse(node, "more than %d stages", RAVEL_MAX_CODEBOOKS);
        }
        if (node->reader->failed)
            break;
        stages[n] = ravel_graph_quantizer(builder, &child, dim);
        if (stages[n])
            n++;
    }
    return join(builder, node, stages, n);
}

static ravel_quantizer *build_node(ravel_builder *builder, const ravel_node *node, int dim)
{
    const char *type = ravel_node_type(node);
    if (!type)
        return NULL;
    if (strcmp(type, "codebook") == 0)
        return build_codebook(builder, node);
    if (strcmp(type, "projected") == 0)
        return build_projected(builder, node);
    if (strcmp(type, "residual") == 0)
        return build_residual(builder, node, dim);
    ravel_node_refuse(node, "unknown type of quantizer '%.40s'", type);
    return NULL;
}

ravel_quantizer *ravel_graph_quantizer(ravel_builder *builder, const ravel_node *node, int dim)
{
    ravel_node_enter(node);
    ravel_quantizer *q = build_node(builder, node, dim);
    if (!q)
        return NULL;
    if (q->dim != dim) {
        ravel_node_refuse(node, "takes %d dimensions, but is given %d", q->dim, dim);
    } else if (q->weight_bytes > builder->weight_budget) {
        ravel_node_refuse(node, "the weights are far larger than the file");
    }
    if (!node->reader->failed)
        return q;
    ravel_quantizer_destroy(q);
    return NULL;
}
