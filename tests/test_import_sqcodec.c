/* SPDX-License-Identifier: BSD-3-Clause */
/* SQCodec and L3AC out of a small checkpoint, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/checkpoint.h"

#define RATES          "\"compress_rates\":[2,3],\"decode_rates\":[3,2]"
#define WINDOW         "\"en_coder_window_size\":3,\"en_coder_compress_rate\":2"
#define LEVELS         "\"vq_config\":{\"name\":\"super_fsq\",\"levels\":[7,5,3]}"
#define CONFIG(fields) "{\"piece_seconds\":1,\"network_config\":{" fields "}}"

static const char config[] = CONFIG(RATES "," WINDOW "," LEVELS);

static ravel_checkpoint *new_checkpoint(void)
{
    return ravel_checkpoint_small("sqcodec");
}

static ravel_model *opened(const char *fields)
{
    return ravel_checkpoint_opened(new_checkpoint(), fields);
}

/* Two and three samples a row, two rows a frame. */
Test(sqcodec, becomes_a_model_of_one_code)
{
    ravel_model *model = opened(config);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->hop_samples == 12 && info->sample_rate_hz == 16000);
    cr_assert(info->n_codebooks == 1 && info->codebook_size[0] == 7 * 5 * 3);
    cr_assert_eq(info->latent_dim, 4);
    cr_assert_str_eq(info->name, "l3ac");
    ravel_model_free(model);
}

/* 41^3 words would not fit into two bytes. */
Test(sqcodec, a_code_too_large_becomes_two)
{
    ravel_model *model =
        opened("{\"model_name\":\"9kbps\",\"network_config\":{" RATES "," WINDOW
               ",\"vq_config\":{\"name\":\"taae_fsq\",\"codebook_dim\":[41,41,41]}}}");
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->n_codebooks == 2 && info->codebook_size[0] == 41);
    cr_assert_eq(info->codebook_size[1], 41 * 41);
    cr_assert_str_eq(info->name, "sqcodec-9kbps");
    ravel_model_free(model);
}

/* The decoder sees pieces of a second by choice, of twenty without. */
Test(sqcodec, pieces_are_as_long_as_is_asked)
{
    ravel_model *second = opened(config);
    ravel_model *twenty = opened("{\"network_config\":{" RATES "," WINDOW "," LEVELS "}}");
    const int more = ravel_model_get_info(twenty)->decoder_lookahead_samples -
                     ravel_model_get_info(second)->decoder_lookahead_samples;
    cr_assert_eq(more, (20 * 16000 / 6 - 16000 / 6) * 6);
    ravel_model_free(second);
    ravel_model_free(twenty);
}

Test(sqcodec, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = new_checkpoint();
    for (size_t i = 0; i < c->n; i++) {
        ravel_checkpoint_refused_without(c, i, config, c->tensors[i].name);
    }
    ravel_checkpoint_free(c);
}

static void replaced(const char *name, const int shape[3], const char *words)
{
    ravel_checkpoint_refused_with(new_checkpoint(), name, shape, config, words);
}

#define UNIT  "encoder.blocks.1.0.module."
#define LAYER "en_encoder.local_trans."

Test(sqcodec, shapes_that_do_not_fit_are_named)
{
    replaced(UNIT "dw_conv.parametrizations.weight.original1", (int[3]){4, 1, 6}, "even kernel, 6");
    replaced(UNIT "act.alpha", (int[3]){1, 2, 3}, "act.alpha' is no vector along dimension 2");
    replaced(UNIT "grn.gamma", (int[3]){1, 5, 0}, "grn.gamma' has 5 numbers, not the 6 of");
    replaced(UNIT "pw_conv2.bias", (int[3]){5, 0, 0}, "pw_conv2.bias' has 5 numbers, not 4");
    replaced(UNIT "pw_conv1.parametrizations.weight.original0", (int[3]){5, 1, 0},
             "has 5 numbers, not a gain for each of the 6 rows");
    replaced("encoder.blocks.0.blocks.2.1.parametrizations.weight.original1", (int[3]){1, 1, 4},
             "has 1 channels and 4 taps");
    replaced("encoder.blocks.0.conv_2.parametrizations.weight.original1", (int[3]){4, 7, 3},
             "no linear map of several channels");
    replaced("encoder.blocks.2.0.parametrizations.weight.original1", (int[3]){4, 4, 3},
             "a kernel of 3 for a stride of 2");
    replaced("decoder.blocks.2.merge_layer.1.weight", (int[3]){5, 4, 1}, "has 4 numbers, not 5");
}

Test(sqcodec, attention_that_does_not_fit_is_named)
{
    replaced(LAYER "dynamic_pos_bias.mlp.2.weight", (int[3]){3, 2, 0}, "mlp.2.weight' is [3, 2]");
    replaced(LAYER "dynamic_pos_bias.mlp.0.weight", (int[3]){257, 1, 0}, "mlp.0.weight'");
    replaced(LAYER "dynamic_pos_bias.mlp.4.bias", (int[3]){3, 0, 0}, "mlp.4.weight'");
    replaced(LAYER "layers.0.1.1.weight", (int[3]){9, 4, 0}, "is [9, 4], not values and as many");
    replaced(LAYER "layers.0.0.to_qkv.weight", (int[3]){20, 4, 0}, "[3 D, C]");
}

static void refused(const char *fields, const char *words)
{
    ravel_checkpoint *c = new_checkpoint();
    ravel_checkpoint_refused(c, fields, words);
    ravel_checkpoint_free(c);
}

Test(sqcodec, configurations_that_make_no_sense_are_refused)
{
    refused(NULL, "'network_config.compress_rates' is not a list");
    refused(CONFIG("\"compress_rates\":[2,0]"), "numbers from 1 to 256");
    refused(CONFIG("\"compress_rates\":[2,1.5]"), "numbers from 1 to 256");
    refused(CONFIG("\"compress_rates\":[256,256,2]"), "makes a hop above 65536");
    refused(CONFIG("\"compress_rates\":[2,3],\"decode_rates\":[3,3]," WINDOW "," LEVELS),
            "rates of 6 and 9 samples");
    refused(CONFIG(RATES "," LEVELS), "en_coder_window_size is missing");
    refused(CONFIG(RATES ",\"en_coder_window_size\":4096," LEVELS), "windows of 4096 rows");
    refused(CONFIG(RATES "," WINDOW), "vq_config.name is ''");
    refused(CONFIG(RATES "," WINDOW ",\"vq_config\":{\"name\":\"super_fsq\",\"levels\":[7,5]}"),
            "2 levels, but 'quantizer.project_in' gives 3");
    refused(CONFIG(RATES "," WINDOW ",\"vq_config\":{\"name\":\"super_fsq\",\"levels\":[7,6,5]}"),
            "6 levels, which is even");
    refused(CONFIG(RATES "," WINDOW "," LEVELS ",\"use_norm\":false"), "use_norm is false");
    refused(CONFIG(RATES "," WINDOW "," LEVELS ",\"decoder_last_layer\":\"super\""),
            "decoder_last_layer is 'super', not 'legacy'");
    refused(CONFIG(RATES "," WINDOW "," LEVELS ",\"en_coder_cache_size\":3"), "cache_size");
}
