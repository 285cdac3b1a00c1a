/* SPDX-License-Identifier: BSD-3-Clause */
/* DualCodec's decoder out of a small checkpoint, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/checkpoint.h"

Test(dualcodec, becomes_a_model_that_only_decodes)
{
    ravel_model *model = ravel_checkpoint_opened(ravel_checkpoint_small("dualcodec"), NULL);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->decodes_only && info->hop_samples == 5 && info->sample_rate_hz == 24000);
    cr_assert(info->n_codebooks == 3 && info->codebook_size[0] == 7 && info->codebook_size[1] == 6);
    cr_assert(info->latent_dim == 4 + 5 && info->end_samples == -1);
    const int causal = info->decoder_lookahead_samples;
    ravel_model_free(model);
    model = ravel_checkpoint_opened(ravel_checkpoint_small("dualcodec"), "{\"is_causal\":false}");
    info = ravel_model_get_info(model);
    cr_assert_eq(info->decoder_lookahead_samples, causal + 2 * 3 * info->hop_samples);
    ravel_model_free(model);
}

Test(dualcodec, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = ravel_checkpoint_small("dualcodec");
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        char word[RAVEL_CHECKPOINT_NAME];
        bool optional = strstr(kept.name, "coder") && strstr(kept.name, ".bias") &&
                        !strstr(kept.name, "norm") && !strstr(kept.name, "pwconv");
        if (optional || strstr(kept.name, "_encoder.") || strstr(kept.name, ".encoder.") ||
            strstr(kept.name, "in_proj.bias") || strstr(kept.name, "quantizers.1."))
            continue;
        (void)snprintf(word, sizeof word, "%s", kept.name);
        char *last = strstr(word, ".weight_") ? strrchr(word, '_') : NULL;
        if (last) /* without its direction a gain is left over, and the other way round */
            *last = '\0';
        /* Of no kind without what it is recognised by. */
        bool sign = strstr(kept.name, "semantic_vq") || strstr(kept.name, "decoder.0.dwconv");
        ravel_checkpoint_refused_without(c, i, NULL, sign ? "" : word);
    }
    ravel_checkpoint_free(c);
}

Test(dualcodec, what_does_not_fit_is_named)
{
    ravel_checkpoint *c = ravel_checkpoint_small("dualcodec");
    ravel_checkpoint_refused(c, "{\"is_causal\":1}", "'is_causal' is neither true nor false");
    ravel_checkpoint_add(c, "convnext_decoder.0.beta", 4, 0, 0);
    ravel_checkpoint_refused(c, NULL, "'convnext_decoder.0.beta' is not of this kind");
    ravel_checkpoint_leave_out(c, "beta");
    ravel_checkpoint_leave_out(c, "convnext_decoder.0.dwconv.");
    ravel_checkpoint_add(c, "convnext_decoder.0.dwconv.weight", 4, 1, 6);
    ravel_checkpoint_refused(c, NULL, "'convnext_decoder.0.dwconv.weight' has an even kernel, 6");
    ravel_checkpoint_leave_out(c, "dwconv.weight");
    ravel_checkpoint_add(c, "convnext_decoder.0.dwconv.weight", 4, 1, 7);
    ravel_checkpoint_add(c, "convnext_decoder.1.dwconv.weight", 4, 1, 7);
    ravel_checkpoint_leave_out(c, "semantic_vq.quantizers.0.out_proj.bias");
    ravel_checkpoint_add(c, "semantic_vq.quantizers.0.out_proj.bias", 5000, 0, 0);
    ravel_checkpoint_refused(c, NULL, "'semantic_vq.quantizers.0.out_proj.bias' has 5000 values");
    ravel_checkpoint_free(c);
}
