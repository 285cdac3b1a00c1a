/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Language-Codec (Ji et al., arXiv 2402.12208), with its masked quantiser: the first three codebooks
 * each see a third of the dimensions, zeros in the place of the others, and stand for all; what they
 * leave is quantised as usual.
 */
#include "codec/import/vocos.h"

enum { N_MASKED = 3, MAX_DIM = 2048 };

/* A square matrix with ones on the diagonal from first to end. */
static void add_mask(ravel_draft *draft, const char *name, int dim, int first, int end)
{
    const int shape[] = {dim, dim};
    float *matrix = ravel_draft_make(draft, name, 2, shape);
    for (int i = first; matrix && i < end; i++)
        matrix[(size_t)i * (size_t)dim + (size_t)i] = 1.0f;
}

/* The i-th codebook, given its third of the dimensions. */
static cJSON *masked(ravel_draft *draft, const ravel_seanet *net, int i, int dim)
{
    char name[RAVEL_DRAFT_NAME], tensor[RAVEL_DRAFT_NAME];
    cJSON *codebook = ravel_seanet_codebook(net, draft, i);
    ravel_draft_name(name, "quantizer.mask", "%d", i);
    ravel_draft_name(tensor, name, "in_proj.weight");
    add_mask(draft, tensor, dim, i * dim / N_MASKED, (i + 1) * dim / N_MASKED);
    ravel_draft_name(tensor, name, "out_proj.weight");
    add_mask(draft, tensor, dim, 0, dim);
    cJSON *node = ravel_draft_node(draft, "projected", name);
    ravel_draft_child(draft, node, "inner", codebook);
    return node;
}

static cJSON *read_quantizer(ravel_draft *draft, const ravel_seanet *net)
{
    int dim = ravel_seanet_latent_dim(net, draft);
    cJSON *split = ravel_draft_node(draft, "split", NULL);
    cJSON *parts = cJSON_AddArrayToObject(split, "parts");
    if (dim > MAX_DIM)
        ravel_draft_fail(draft, "codebooks of %d dimensions", dim);
    for (int i = 0; i < N_MASKED && !draft->failed; i++)
        ravel_draft_append(draft, parts, masked(draft, net, i, dim));
    cJSON *residual = ravel_seanet_residual(net, draft, N_MASKED);
    cJSON *stages = cJSON_GetObjectItemCaseSensitive(residual, "stages");
    if (cJSON_InsertItemInArray(stages, 0, split))
        return residual;
    cJSON_Delete(split);
    return residual;
}

bool ravel_import_is_languagecodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "feature_extractor.encodec.") &&
           !ravel_draft_has(draft, "backbone.pos_net.");
}

void ravel_import_languagecodec(ravel_draft *draft)
{
    ravel_seanet net = ravel_vocos_open(draft);
    ravel_vocos_codec(draft, &net, "languagecodec");
    ravel_draft_part(draft, "quantizer", read_quantizer(draft, &net));
}
