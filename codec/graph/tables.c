/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "codec/graph/graph.h"
#include "codec/sha256.h"

void ravel_graph_check_tokenizer(const ravel_node *node,
                                 const uint8_t identity[RAVEL_IDENTITY_BYTES])
{
    char own[RAVEL_SHA256_HEX];
    const char *wanted = ravel_node_string(node, "tokenizer");
    ravel_sha256_hex(identity, own);
    if (!node->reader->failed && strcmp(wanted, own) != 0) {
        ravel_node_refuse(node, "made for the tokenizer %.16s..., but this model's is %.16s...",
                          wanted, own);
    }
}

void ravel_graph_check_rates(const ravel_node *node, const ravel_layout *layout)
{
    for (int k = 0; k < layout->n_codebooks; k++) {
        if (layout->steps_per_frame[k] != 1)
            ravel_node_refuse(node, "codebook %d has %d steps a frame; one can be told", k + 1,
                              layout->steps_per_frame[k]);
    }
}

static const ravel_tensor *table_tensor(const ravel_node *node, int codebook, const char *what,
                                        bool required)
{
    char suffix[24];
    (void)snprintf(suffix, sizeof suffix, "%d.%s", codebook, what);
    return ravel_node_tensor(node, suffix, required);
}

ravel_tables *ravel_graph_tables(ravel_builder *builder, const ravel_node *node,
                                 const ravel_layout *layout)
{
    static const char *const keys[] = {"name", "tokenizer", NULL};
    ravel_table_spec specs[RAVEL_MAX_CODEBOOKS];
    ravel_error reason;
    ravel_node_only(node, keys);
    ravel_graph_check_rates(node, layout);
    for (int k = 0; k < layout->n_codebooks; k++) {
        specs[k] = (ravel_table_spec){.logits = table_tensor(node, k, "logits", true),
                                      .from = table_tensor(node, k, "from", false),
                                      .to = table_tensor(node, k, "to", false)};
    }
    if (node->reader->failed)
        return NULL;
    ravel_tables *tables = ravel_tables_new(builder->kernels, specs, layout->codebook_size,
                                            layout->n_codebooks, &reason);
    if (!tables)
        ravel_node_refuse_as(node, &reason);
    return tables;
}
