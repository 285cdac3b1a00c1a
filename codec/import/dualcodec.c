/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DualCodec (Li et al., arXiv 2505.13000), its decoder. The first codebook stands for what a large
 * model of speech hears (w2v-BERT 2.0), the others for what is left of DAC's latents; ConvNeXt blocks
 * turn the first into such latents, both are added, and DAC's decoder makes sound of the sum. Encoding
 * needs that model of speech, and is left to the authors' program.
 *
 * A row of the model's latents is [what the first codebook says][what the others say together].
 */
#include <stdio.h>

#include "codec/import/dac.h"
#include "codec/import/factorised.h"
#include "codec/import/layers.h"

enum { MAX_BLOCKS = 64, MAX_WIDTH = 4096 };

/* The channels of a part of the latents, `width` of them from `first` on. */
static void append_part(ravel_draft *draft, cJSON *sequence, const char *name, int first, int width,
                        int all)
{
    char weight[RAVEL_DRAFT_NAME];
    const int shape[2] = {width, all};
    ravel_draft_name(weight, name, "weight");
    float *values = ravel_draft_make(draft, weight, 2, shape);
    for (int i = 0; values && i < width; i++)
        values[(size_t)i * (size_t)all + (size_t)(first + i)] = 1.0f;
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", name));
}

/* What the first codebook says, to latents of DAC. */
static void append_semantic(ravel_draft *draft, cJSON *sequence)
{
    char block[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    bool causal = ravel_draft_config_bool(draft, "is_causal", true);
    int i = 0;
    for (; i < MAX_BLOCKS; i++) {
        ravel_draft_name(block, "convnext_decoder", "%d", i);
        ravel_draft_name(sign, block, "dwconv.");
        if (!ravel_draft_has(draft, sign))
            break;
        ravel_import_convnext(draft, sequence, block, causal ? "zero" : NULL);
    }
    (void)ravel_draft_conv_weight(draft, block);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "conv", block));
}

/* Dimensions of what a codebook says; 1 on failure. */
static int width_of(ravel_draft *draft, const char *codebook)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, codebook, "out_proj.bias");
    const ravel_tensor *bias = ravel_draft_need(draft, name, 1);
    if (bias && bias->shape[0] > MAX_WIDTH)
        ravel_draft_fail(draft, "tensor '%s' has %d values, more than %d", name, bias->shape[0],
                         MAX_WIDTH);
    return bias && !draft->failed ? bias->shape[0] : 1;
}

/* Both parts of the latents to one row that DAC's decoder takes. */
static cJSON *sum_of_parts(ravel_draft *draft)
{
    int semantic = width_of(draft, "semantic_vq.quantizers.0");
    int acoustic = width_of(draft, "dac.quantizer.quantizers.0");
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    append_part(draft, branch, "latent.semantic", 0, semantic, semantic + acoustic);
    append_semantic(draft, branch);
    cJSON *shortcut = cJSON_AddArrayToObject(node, "shortcut");
    append_part(draft, shortcut, "latent.acoustic", semantic, acoustic, semantic + acoustic);
    return node;
}

static cJSON *read_quantizer(ravel_draft *draft)
{
    int n_codebooks;
    cJSON *node = ravel_draft_node(draft, "grouped", NULL);
    cJSON *parts = cJSON_AddArrayToObject(node, "parts");
    ravel_draft_append(draft, parts, ravel_factorised_codebook(draft, "semantic_vq.quantizers.0"));
    ravel_draft_append(draft, parts,
                       ravel_dac_quantizer(draft, "dac.quantizer.quantizers", &n_codebooks));
    return node;
}

bool ravel_import_is_dualcodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "semantic_vq.quantizers.0.") &&
           ravel_draft_has(draft, "convnext_decoder.0.dwconv.");
}

void ravel_import_dualcodec(ravel_draft *draft)
{
    int hop;
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_ignore_all(draft, "convnext_encoder.");
    ravel_draft_ignore_all(draft, "dac.encoder.");
    cJSON *quantizer = read_quantizer(draft);
    cJSON *decoder = cJSON_CreateArray();
    ravel_draft_append(draft, decoder, sum_of_parts(draft));
    ravel_draft_append(draft, decoder, ravel_dac_decoder(draft, "dac.", &hop));
    int rate = ravel_draft_config_int(draft, "sample_rate", 24000, 1000, 768000);
    (void)snprintf(name, sizeof name, "dualcodec_%dhz", rate / hop);
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", name), NULL, rate, hop);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
