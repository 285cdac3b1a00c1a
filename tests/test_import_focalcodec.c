/* SPDX-License-Identifier: BSD-3-Clause */
/* FocalCodec's decoder out of a small checkpoint, and what is refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/checkpoint.h"

static const char config[] = "{\"decoder_config\":{\"hop_length\":20}}";

static ravel_checkpoint *new_checkpoint(void)
{
    return ravel_checkpoint_small("focalcodec");
}

/* Two rows of 20 samples each make up a frame; pieces of 1024 see each other. */
Test(focalcodec, becomes_a_model_that_only_decodes)
{
    ravel_model *model = ravel_checkpoint_opened(new_checkpoint(), config);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->decodes_only && info->hop_samples == 40 && info->sample_rate_hz == 1000);
    cr_assert(info->n_codebooks == 1 && info->codebook_size[0] == 32 && info->latent_dim == 5);
    cr_assert_gt(info->decoder_lookahead_samples, 1023 * 40);
    ravel_model_free(model);
}

/* The published models say nothing of what is the usual. */
Test(focalcodec, hop_and_name_have_defaults)
{
    ravel_checkpoint *c = new_checkpoint();
    ravel_checkpoint_leave_out(c, "head.proj");
    ravel_checkpoint_add(c, "decoder.head.proj.weight", 1026, 6, 0);
    ravel_checkpoint_add(c, "decoder.head.proj.bias", 1026, 0, 0);
    ravel_model *model = ravel_checkpoint_opened(c, NULL);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->sample_rate_hz == 16000 && info->hop_samples == 640);
    cr_assert_str_eq(info->name, "focalcodec");
    ravel_model_free(model);
}

Test(focalcodec, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = new_checkpoint();
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        bool optional = strstr(kept.name, "gamma") || strstr(kept.name, "layers.0.0.bias") ||
                        strstr(kept.name, "layers.1.0.bias") ||
                        strstr(kept.name, "context_proj.bias") ||
                        strstr(kept.name, "dwconv.bias") || strstr(kept.name, "embedding.bias") ||
                        strstr(kept.name, "upscale.upscale.bias");
        if (optional || strncmp(kept.name, "compressor.", 11) == 0)
            continue;
        ravel_checkpoint_refused_without(c, i, config, kept.name);
    }
    ravel_checkpoint_free(c);
}

static void replaced(const char *name, const int shape[3], const char *words)
{
    ravel_checkpoint_refused_with(new_checkpoint(), name, shape, config, words);
}

Test(focalcodec, shapes_that_do_not_fit_are_named)
{
    replaced("decompressor.layers.0.focal_block.modulation.in_proj.weight", (int[3]){16, 6, 0},
             "in_proj.weight' has 16 rows, which are no two of 6 and 3 gates");
    replaced("decompressor.layers.1.upscale.activation.alpha", (int[3]){2, 3, 0},
             "alpha' is not [2, 1]");
    replaced("decompressor.layers.1.upscale.upscale.weight", (int[3]){6, 6, 2049},
             "upscale.weight' makes too many rows");
    replaced("decompressor.in_proj.weight", (int[3]){6, 17, 0}, "codes of 17 bits, more than 16");
    replaced("decoder.head.proj.weight", (int[3]){43, 6, 0}, "has 43 rows, which do not fit");
    replaced("decoder.head.proj.weight", (int[3]){12, 6, 0}, "has 12 rows, which do not fit");
    replaced("decoder.backbone.layers.0.dwconv.weight", (int[3]){6, 1, 6}, "an even kernel, 6");
}

/* Chunks of two rows, and no pieces; the first row waits for the second. */
Test(focalcodec, causal_models_look_ahead_by_a_chunk)
{
    ravel_checkpoint *c = ravel_checkpoint_small("focalcodec in chunks");
    ravel_model *model = ravel_checkpoint_opened(c, "{\"decoder_name\":\"WaveNeXt\"}");
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->decodes_only && info->hop_samples == 20 && info->sample_rate_hz == 1000);
    cr_assert_eq(info->decoder_lookahead_samples, 20);
    ravel_model_free(model);
}

static void refused_chunks(const char *name, const int shape[3], const char *words)
{
    ravel_checkpoint_refused_with(ravel_checkpoint_small("focalcodec in chunks"), name, shape,
                                  "{\"decoder_name\":\"WaveNeXt\"}", words);
}

Test(focalcodec, chunks_that_do_not_fit_are_named)
{
    refused_chunks("decompressor.refiner.in_proj.weight", (int[3]){8, 13, 0},
                   "in_proj.weight' takes 13 channels, which are no rows of 6");
    refused_chunks("decompressor.refiner.out_proj.weight", (int[3]){12, 7, 0},
                   "out_proj.weight' does not fit to 2 rows of 6 channels and 8 hidden");
    refused_chunks("decompressor.refiner.out_proj.bias", (int[3]){6, 0, 0},
                   "out_proj.bias' does not fit");
    refused_chunks("decompressor.layers.0.focal_block.modulation_norm.alpha", (int[3]){1, 1, 0},
                   "modulation_norm.alpha'");
}

Test(focalcodec, other_models_are_refused)
{
    ravel_checkpoint *c = ravel_checkpoint_small("focalcodec in chunks");
    ravel_checkpoint_refused(c, NULL, "decoder_name 'Vocos' is not 'WaveNeXt'");
    ravel_checkpoint_refused(
        c, "{\"decoder_name\":\"WaveNeXt\",\"decoder_config\":{\"hop_length\":21}}",
        "'decoder.head.proj.weight' has 20 rows, not a hop of 21");
    ravel_checkpoint_free(c);
    c = new_checkpoint();
    ravel_checkpoint_refused(c, "{\"decoder_name\":\"HiFiGAN\"}",
                             "'HiFiGAN' is not 'Vocos' or 'WaveNeXt'");
    ravel_checkpoint_refused(c, "{\"decoder_config\":{\"hop_length\":0}}", "hop_length");
    ravel_checkpoint_refused(c, "{\"decompressor_config\":{\"normalize_modulator\":2}}",
                             "'decompressor_config.normalize_modulator'");
    ravel_checkpoint_free(c);
}
