/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/factorised.h"

cJSON *ravel_factorised_codebook(ravel_draft *draft, const char *name)
{
    char part[RAVEL_DRAFT_NAME];
    ravel_draft_name(part, name, "codebook.weight");
    ravel_draft_add(draft, part, ravel_draft_need(draft, part, 2));
    cJSON *inner = ravel_draft_node(draft, "codebook", name);
    ravel_draft_string(draft, inner, "search", "cosine");
    ravel_draft_name(part, name, "in_proj");
    (void)ravel_draft_conv_weight(draft, part);
    ravel_draft_name(part, name, "out_proj");
    (void)ravel_draft_conv_weight(draft, part);
    cJSON *stage = ravel_draft_node(draft, "projected", name);
    ravel_draft_child(draft, stage, "inner", inner);
    return stage;
}
