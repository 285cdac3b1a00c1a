/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints of NVIDIA NeMo's low-frame-rate codec: what follows from shapes, what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/checkpoint.h"

enum { NAME = RAVEL_CHECKPOINT_NAME, STAGES = 2, CHAINS = 2, WIDTH = 4, DIM = 3, GROUPS = 2 };

static const int strides[STAGES] = {2, 3};

/* --- A checkpoint ------------------------------------------------------------------------------ */

/* A mean of chains of `blocks` blocks, of kernels 3, 5 ... */
static void add_layer(ravel_checkpoint *c, const char *part, int i, int blocks)
{
    static const char *const convs[] = {"input_conv", "skip_conv"};
    char name[NAME];
    for (int k = 0; k < CHAINS * blocks * 2; k++) {
        int kernel = 2 * (k / 2 / blocks) + 3;
        (void)snprintf(name, NAME, "%s.res_layers.%d.res_blocks.%d.res_blocks.%d.%s.conv", part, i,
                       k / 2 / blocks, k / 2 % blocks, convs[k % 2]);
        ravel_checkpoint_add_conv(c, name, WIDTH, WIDTH, kernel, WIDTH);
    }
}

/* Integers stand in the tensor as their bits; the type in the file is changed below. */
static void add_group(ravel_checkpoint *c, int i)
{
    static const char *const names[] = {"num_levels", "dim_base_index"};
    static const int32_t values[][DIM] = {{5, 4, 3}, {1, 5, 20}};
    char name[NAME];
    for (int k = 0; k < 2; k++) {
        (void)snprintf(name, NAME, "vector_quantizer.fsqs.%d.%s", i, names[k]);
        memcpy(ravel_checkpoint_add(c, name, 1, DIM, 1), values[k], sizeof values[k]);
    }
}

static ravel_checkpoint *new_nemo(void)
{
    char name[NAME];
    ravel_checkpoint *c = ravel_checkpoint_new(RAVEL_OLD_NORM);
    ravel_checkpoint_add_conv(c, "audio_encoder.pre_conv.conv", WIDTH, 1, 7, WIDTH);
    ravel_checkpoint_add_conv(c, "audio_encoder.post_conv.conv", GROUPS * DIM, WIDTH, 7,
                              GROUPS * DIM);
    ravel_checkpoint_add_conv(c, "audio_decoder.pre_conv.conv", WIDTH, GROUPS * DIM, 7, WIDTH);
    ravel_checkpoint_add_conv(c, "audio_decoder.post_conv.conv", 1, WIDTH, 3, 1);
    for (int i = 0; i < STAGES; i++) {
        int down = strides[i], up = strides[STAGES - 1 - i];
        (void)snprintf(name, NAME, "audio_encoder.down_sample_conv_layers.%d.conv", i);
        ravel_checkpoint_add_conv(c, name, WIDTH, WIDTH, 2 * down, WIDTH);
        (void)snprintf(name, NAME, "audio_decoder.up_sample_conv_layers.%d.conv", i);
        ravel_checkpoint_add_conv(c, name, WIDTH, WIDTH, 2 * up, WIDTH);
        add_layer(c, "audio_encoder", i, 1);
        add_layer(c, "audio_decoder", i, 3);
    }
    for (int i = 0; i < GROUPS; i++)
        add_group(c, i);
    ravel_checkpoint_add(c, "discriminator.discriminators.0.weight", 2, 0, 0);
    ravel_checkpoint_add(c, "mel_loss_fn.mel_loss_fns.0.window", 2, 0, 0);
    return c;
}

/* Writes another type of the same size over that of all tensors that are so called. */
static void set_type(char *file, size_t size, const char *called, const char *type)
{
    for (char *at = file + 8; (size_t)(at - file) + 100 < size && *at != '\0'; at++) {
        if (strncmp(at, called, strlen(called)) != 0)
            continue;
        char *old = strstr(at, "\"F32\"");
        cr_assert_not_null(old);
        memcpy(old + 1, type, 3);
    }
}

static int import(const ravel_checkpoint *c, const char *config, const char *type_of_levels,
                  void **model, size_t *size, ravel_error *error)
{
    ravel_import_source source = {.config = config, .config_size = config ? strlen(config) : 0};
    char *file = ravel_checkpoint_file(c, &source.weights_size);
    set_type(file, source.weights_size, "num_levels\"", type_of_levels);
    set_type(file, source.weights_size, "dim_base_index\"", "I32");
    source.weights = file;
    int status = ravel_import(NULL, &source, model, size, error);
    free(file);
    return status;
}

static ravel_model *opened(const ravel_checkpoint *c, const char *config)
{
    ravel_error error = {RAVEL_OK, ""};
    void *file;
    size_t size;
    cr_assert_eq(import(c, config, "I32", &file, &size, &error), 0, "%s", error.text);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    free(file);
    return model;
}

static void refused(const ravel_checkpoint *c, const char *config, const char *type,
                    const char *word)
{
    ravel_error error = {RAVEL_OK, ""};
    void *file;
    size_t size;
    cr_expect_lt(import(c, config, type, &file, &size, &error), 0, "accepted: '%s'", word);
    cr_expect_null(file);
    cr_expect_not_null(strstr(error.text, word), "'%s' is not in '%s'", word, error.text);
}

/* --- Tests ------------------------------------------------------------------------------------- */

Test(nemo, rates_and_codebooks_follow_from_the_tensors)
{
    ravel_checkpoint *c = new_nemo();
    ravel_model *model = opened(c, NULL);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect(info->sample_rate_hz == 22050 && info->hop_samples == 6);
    cr_expect(info->n_codebooks == GROUPS && info->codebook_size[1] == 5 * 4 * 3);
    ravel_model_free(model);
    ravel_checkpoint_free(c);
}

/* Delay in samples of the decoder with such a configuration. */
static int decoder_lookahead(const char *config)
{
    ravel_checkpoint *c = new_nemo();
    ravel_model *model = opened(c, config);
    int lookahead = ravel_model_get_info(model)->decoder_lookahead_samples;
    ravel_model_free(model);
    ravel_checkpoint_free(c);
    return lookahead;
}

Test(nemo, dilations_are_those_of_the_configuration)
{
    static const char published[] = "{\"audio_decoder\":{\"resblock_dilation_sizes\":[1,3,5]}}";
    static const char wider[] = "{\"audio_decoder\":{\"resblock_dilation_sizes\":[1,3,9]}}";
    cr_expect_eq(decoder_lookahead(NULL), decoder_lookahead(published));
    cr_expect_gt(decoder_lookahead(wider), decoder_lookahead(published));
}

Test(nemo, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = new_nemo();
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        bool codec = strstr(kept.name, "audio_") || strstr(kept.name, "num_levels");
        if (!codec || strstr(kept.name, ".bias"))
            continue;
        char word[NAME];
        (void)snprintf(word, NAME, "%s", kept.name);
        char *norm = strstr(word, ".weight_");
        if (norm)
            *norm = '\0';
        c->tensors[i] = c->tensors[c->n - 1];
        c->n--;
        refused(c, NULL, "I32", word);
        c->n++;
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

Test(nemo, levels_are_integers)
{
    ravel_checkpoint *c = new_nemo();
    refused(c, NULL, "F32", "num_levels");
    refused(c, NULL, "U32", "num_levels");
    for (size_t i = 0; i < c->n; i++)
        if (strstr(c->names[i], "fsqs.1.num_levels"))
            memset(c->data[i], 0xff, sizeof(float));
    refused(c, NULL, "I32", "fsqs.1.num_levels");
    for (size_t i = 0; i < c->n; i++)
        if (strstr(c->names[i], "fsqs.1.num_levels"))
            memset(c->data[i], 0, sizeof(float));
    refused(c, NULL, "I32", "levels");
    ravel_checkpoint_free(c);
}

/* The later "nano" codecs are not causal HiFi-GANs of leaky ReLUs: no model is better than a wrong one. */
Test(nemo, other_codecs_of_the_family_are_refused)
{
    ravel_checkpoint *c = new_nemo();
    refused(c, "{\"audio_encoder\":{\"activation\":\"half_snake\"}}", "I32", "half_snake");
    refused(c, "{\"audio_decoder\":{\"output_activation\":\"clamp\"}}", "I32", "clamp");
    refused(c, "{\"audio_decoder\":{\"pad_mode\":\"circular\"}}", "I32", "circular");
    refused(c, "{\"audio_decoder\":{\"resblock_dilation_sizes\":[1,0]}}", "I32", "dilation");
    refused(c, "{\"audio_decoder\":{\"resblock_dilation_sizes\":[1,\"a\"]}}", "I32", "dilation");
    ravel_checkpoint_add(c, "audio_encoder.activations.0.activation.snake_act.alpha", 1, 2, 1);
    refused(c, NULL, "I32", "snake_act");
    ravel_checkpoint_free(c);
}
