/* SPDX-License-Identifier: BSD-3-Clause */
/* HiFi-Codec's converter on small checkpoints: what is read, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/checkpoint.h"

enum { WIDTH = 4, DIM = 6, SIZE = 8, STAGES = 2, BLOCKS = 3, UNITS = 3, HOP = 6 };

/* Of such a width that it must be said, and more behind it. */
#define CONFIG(more) "{\"groupnorm_channels_per_group\":2,\"sampling_rate\":" more "}"

static const char config[] = CONFIG("8000");

static void add_conv(ravel_checkpoint *c, const char *part, const char *name, int a, int b, int k,
                     int n_out)
{
    char prefix[RAVEL_CHECKPOINT_NAME];
    (void)snprintf(prefix, sizeof prefix, "%s.%s", part, name);
    ravel_checkpoint_add_conv(c, prefix, a, b, k, n_out);
}

static void add_blocks(ravel_checkpoint *c, const char *part)
{
    char name[60];
    for (int i = 0; i < STAGES * BLOCKS * UNITS * 2; i++) {
        const int block = i / (2 * UNITS), kernel = 3 + 2 * (block % BLOCKS);
        (void)snprintf(name, sizeof name, "resblocks.%d.convs%d.%d", block, 1 + i % 2,
                       i / 2 % UNITS);
        add_conv(c, part, name, WIDTH, WIDTH, kernel, WIDTH);
    }
}

static void add_tensor(ravel_checkpoint *c, const char *format, int i, int a, int b)
{
    char name[RAVEL_CHECKPOINT_NAME];
    (void)snprintf(name, sizeof name, format, i);
    ravel_checkpoint_add(c, name, a, b, 0);
}

static ravel_checkpoint *new_hificodec(ravel_norm_spelling how)
{
    ravel_checkpoint *c = ravel_checkpoint_new(how);
    add_conv(c, "encoder", "conv_pre", WIDTH, 1, 7, WIDTH);
    add_conv(c, "encoder", "ups.0", WIDTH, WIDTH, 4, WIDTH);
    add_conv(c, "encoder", "ups.1", WIDTH, WIDTH, 7, WIDTH);
    add_conv(c, "encoder", "conv_post", DIM, WIDTH, 3, DIM);
    add_conv(c, "generator", "conv_pre", WIDTH, DIM, 7, WIDTH);
    add_conv(c, "generator", "ups.0", WIDTH, WIDTH, 7, WIDTH);
    add_conv(c, "generator", "ups.1", WIDTH, WIDTH, 4, WIDTH);
    add_conv(c, "generator", "conv_post", 1, WIDTH, 7, 1);
    add_blocks(c, "encoder");
    add_blocks(c, "generator");
    for (int i = 0; i < STAGES * BLOCKS; i++) {
        add_tensor(c, "encoder.normalize.%d.weight", i, WIDTH, 0);
        add_tensor(c, "encoder.normalize.%d.bias", i, WIDTH, 0);
    }
    for (int i = 0; i < 2; i++) {
        add_tensor(c, "quantizer.quantizer_modules.%d.embedding.weight", i, SIZE, DIM / 2);
        add_tensor(c, "quantizer.quantizer_modules2.%d.embedding.weight", i, SIZE, DIM / 2);
    }
    return c;
}

Test(hificodec, is_recognised_and_read)
{
    ravel_model *model = ravel_checkpoint_opened(new_hificodec(RAVEL_OLD_NORM), config);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect_str_eq(info->name, "hificodec");
    cr_expect(info->sample_rate_hz == 8000 && info->hop_samples == HOP);
    cr_expect(info->n_codebooks == 4 && info->codebook_size[3] == SIZE && info->latent_dim == DIM);
    cr_expect_eq(info->drops_last_frame, 1);
    cr_expect_eq(info->encoder_lookahead_samples, (20 * 8000 / HOP - 1) * HOP);
    ravel_model_free(model);
}

Test(hificodec, pieces_are_as_long_as_is_said)
{
    ravel_model *model =
        ravel_checkpoint_opened(new_hificodec(RAVEL_OLD_NORM), CONFIG("6000,\"piece_seconds\":3"));
    cr_expect_eq(ravel_model_get_info(model)->encoder_lookahead_samples, 3 * 6000 - HOP);
    ravel_model_free(model);
}

Test(hificodec, spellings_are_the_same_model)
{
    size_t size, other_size;
    for (int how = RAVEL_NEW_NORM; how <= RAVEL_FOLDED; how++) {
        void *model = ravel_checkpoint_imported(new_hificodec(RAVEL_OLD_NORM), config, &size);
        void *other =
            ravel_checkpoint_imported(new_hificodec((ravel_norm_spelling)how), config, &other_size);
        ravel_checkpoint_expect_equal(model, size, other, other_size);
    }
}

/* Half of a kernel, where nothing is said. */
Test(hificodec, strides_may_be_said)
{
    size_t size, other_size;
    void *model = ravel_checkpoint_imported(new_hificodec(RAVEL_FOLDED), config, &size);
    void *other =
        ravel_checkpoint_imported(new_hificodec(RAVEL_FOLDED),
                                  CONFIG("8000,\"upsample_rates\":[3,2],"
                                         "\"resblock_dilation_sizes\":[[1,3,5],[1,3,5],[1,3,5]]"),
                                  &other_size);
    ravel_checkpoint_expect_equal(model, size, other, other_size);
    ravel_checkpoint *c = new_hificodec(RAVEL_FOLDED);
    ravel_checkpoint_refused(c, CONFIG("8000,\"upsample_rates\":[3]"), "no whole number");
    ravel_checkpoint_refused(c, CONFIG("8000,\"upsample_rates\":[3,2.5]"), "no whole number");
    ravel_checkpoint_refused(c, CONFIG("8000,\"upsample_rates\":\"3, 2\""), "no whole number");
    ravel_checkpoint_refused(c, CONFIG("8000,\"upsample_rates\":[8,2]"), "7 rows, not 8 to");
    ravel_checkpoint_refused(c, CONFIG("8000,\"upsample_rates\":[60000,60000]"), "hop above");
    ravel_checkpoint_refused(c, CONFIG("8000,\"resblock_dilation_sizes\":[[1,3]]"),
                             "no whole number");
    ravel_checkpoint_refused(
        c, CONFIG("8000,\"resblock_dilation_sizes\":[[65536,1,1],[1,1,1],[1,1,1]]"),
        "convs1.0.weight' has a kernel of 131073 rows");
    ravel_checkpoint_refused(c, "{\"groupnorm_channels_per_group\":3}", "no groups of 3");
    ravel_checkpoint_free(c);
}

Test(hificodec, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = new_hificodec(RAVEL_FOLDED);
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        const bool is_bias = strstr(kept.name, ".bias") && !strstr(kept.name, "normalize");
        if (is_bias)
            continue; /* a convolution may do without */
        c->tensors[i] = c->tensors[--c->n];
        ravel_error error = {RAVEL_OK, ""};
        void *file = NULL;
        size_t size = 0;
        cr_expect(ravel_checkpoint_import(c, config, NULL, 0, &file, &size, &error) < 0, "%s",
                  kept.name);
        cr_expect_neq(error.text[0], '\0');
        free(file);
        c->n++;
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

static void left_out(const char *word, const char *message)
{
    ravel_checkpoint *c = new_hificodec(RAVEL_FOLDED);
    ravel_checkpoint_leave_out(c, word);
    ravel_checkpoint_refused(c, config, message);
    ravel_checkpoint_free(c);
}

Test(hificodec, messages_name_what_is_wrong)
{
    left_out("encoder.conv_post.weight", "'encoder.conv_post.weight' is missing");
    left_out("encoder.normalize.4.bias", "'encoder.normalize.4.bias' is missing");
    left_out("encoder.resblocks.5", "'encoder' has 5 residual blocks in 2 stages");
    left_out("generator.resblocks.2.convs2.1.weight", "convs2.1.weight' is missing");
    left_out("generator.resblocks.2.convs1", "'generator.resblocks.2.convs1.0...' are missing");
    left_out("modules2.1", "quantizer");
    ravel_checkpoint *c = new_hificodec(RAVEL_FOLDED);
    ravel_checkpoint_add(c, "encoder.normalize.6.weight", WIDTH, 0, 0);
    ravel_checkpoint_refused(c, config, "'encoder.normalize.6.weight' is not of this kind");
    ravel_checkpoint_free(c);
}
