/* SPDX-License-Identifier: BSD-3-Clause */
/* WavTokenizer's and Language-Codec's converters on small checkpoints: what is read and refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/checkpoint.h"

enum { DIM = 5, WIDTH = 32, HIDDEN = 6, ROWS = 2, N_FFT = 8, HOP = 2, SIZE = 4 };

typedef struct {
    const char *name;
    int a, b, k;
} tensor;

static const tensor codec[] = {
    {"feature_extractor.encodec.encoder.model.0.conv.conv.weight", 4, 1, 7},
    {"feature_extractor.encodec.encoder.model.0.conv.conv.bias", 4, 0, 0},
    {"feature_extractor.encodec.encoder.model.2.conv.conv.weight", 8, 4, 2 * HOP},
    {"feature_extractor.encodec.encoder.model.2.conv.conv.bias", 8, 0, 0},
    {"feature_extractor.encodec.encoder.model.4.conv.conv.weight", DIM, 8, 7},
    {"feature_extractor.encodec.encoder.model.4.conv.conv.bias", DIM, 0, 0},
    {"backbone.embed.weight", WIDTH, DIM, 7},
    {"backbone.embed.bias", WIDTH, 0, 0},
    {"backbone.norm.scale.weight", ROWS, WIDTH, 0},
    {"backbone.norm.shift.weight", ROWS, WIDTH, 0},
    {"backbone.convnext.0.gamma", WIDTH, 0, 0},
    {"backbone.convnext.0.dwconv.weight", WIDTH, 1, 7},
    {"backbone.convnext.0.dwconv.bias", WIDTH, 0, 0},
    {"backbone.convnext.0.norm.scale.weight", ROWS, WIDTH, 0},
    {"backbone.convnext.0.norm.shift.weight", ROWS, WIDTH, 0},
    {"backbone.convnext.0.pwconv1.weight", HIDDEN, WIDTH, 0},
    {"backbone.convnext.0.pwconv1.bias", HIDDEN, 0, 0},
    {"backbone.convnext.0.pwconv2.weight", WIDTH, HIDDEN, 0},
    {"backbone.convnext.0.pwconv2.bias", WIDTH, 0, 0},
    {"backbone.final_layer_norm.weight", WIDTH, 0, 0},
    {"backbone.final_layer_norm.bias", WIDTH, 0, 0},
    {"head.out.weight", N_FFT + 2, WIDTH, 0},
    {"head.out.bias", N_FFT + 2, 0, 0},
};

static const tensor pos_net[] = {
    {"backbone.pos_net.0.norm1.weight", WIDTH, 0, 0},
    {"backbone.pos_net.0.norm1.bias", WIDTH, 0, 0},
    {"backbone.pos_net.0.conv1.weight", WIDTH, WIDTH, 3},
    {"backbone.pos_net.0.conv1.bias", WIDTH, 0, 0},
    {"backbone.pos_net.0.norm2.weight", WIDTH, 0, 0},
    {"backbone.pos_net.0.norm2.bias", WIDTH, 0, 0},
    {"backbone.pos_net.0.conv2.weight", WIDTH, WIDTH, 3},
    {"backbone.pos_net.0.conv2.bias", WIDTH, 0, 0},
    {"backbone.pos_net.1.norm.weight", WIDTH, 0, 0},
    {"backbone.pos_net.1.norm.bias", WIDTH, 0, 0},
    {"backbone.pos_net.1.q.weight", WIDTH, WIDTH, 1},
    {"backbone.pos_net.1.q.bias", WIDTH, 0, 0},
    {"backbone.pos_net.1.k.weight", WIDTH, WIDTH, 1},
    {"backbone.pos_net.1.k.bias", WIDTH, 0, 0},
    {"backbone.pos_net.1.v.weight", WIDTH, WIDTH, 1},
    {"backbone.pos_net.1.v.bias", WIDTH, 0, 0},
    {"backbone.pos_net.1.proj_out.weight", WIDTH, WIDTH, 1},
    {"backbone.pos_net.1.proj_out.bias", WIDTH, 0, 0},
    {"backbone.pos_net.2.weight", WIDTH, 0, 0},
    {"backbone.pos_net.2.bias", WIDTH, 0, 0},
};

static void add_all(ravel_checkpoint *c, const tensor *tensors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ravel_checkpoint_add(c, tensors[i].name, tensors[i].a, tensors[i].b, tensors[i].k);
}

static ravel_checkpoint *new_codec(int n_codebooks)
{
    ravel_checkpoint *c = ravel_checkpoint_new(RAVEL_FOLDED);
    for (int i = 0; i < n_codebooks; i++) {
        char name[RAVEL_CHECKPOINT_NAME];
        (void)snprintf(name, sizeof name,
                       "feature_extractor.encodec.quantizer.vq.layers.%d._codebook.embed", i);
        ravel_checkpoint_add(c, name, SIZE, DIM, 0);
    }
    add_all(c, codec, sizeof codec / sizeof codec[0]);
    float *window = ravel_checkpoint_add(c, "head.istft.window", N_FFT, 0, 0);
    for (int n = 0; n < N_FFT; n++)
        window[n] = (float)(0.5 - 0.5 * cos(6.283185307179586 * n / N_FFT));
    return c;
}

static ravel_checkpoint *new_wavtokenizer(void)
{
    ravel_checkpoint *c = new_codec(1);
    add_all(c, pos_net, sizeof pos_net / sizeof pos_net[0]);
    return c;
}

static void expect_model(ravel_checkpoint *c, const char *name, int n_codebooks)
{
    ravel_model *model = ravel_checkpoint_opened(c, NULL);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect_str_eq(info->name, name);
    cr_expect(info->hop_samples == HOP && info->n_codebooks == n_codebooks);
    ravel_model_free(model);
}

Test(vocos, codecs_are_recognised_by_their_tensors)
{
    expect_model(new_wavtokenizer(), "wavtokenizer", 1);
    expect_model(new_codec(4), "languagecodec", 4);
}

Test(vocos, what_only_training_needs_is_left_out)
{
    static const char *const names[] = {
        "feature_extractor.encodec.decoder.model.0.conv.conv.weight",
        "multiperioddisc.a",
        "multiresddisc.b",
        "dac.c",
        "dacdiscriminator.dac.c",
        "melspec_loss.mel_spec.window"};
    size_t size, other_size;
    void *model = ravel_checkpoint_imported(new_wavtokenizer(), NULL, &size);
    ravel_checkpoint *c = new_wavtokenizer();
    for (int i = 0; i < 6; i++)
        ravel_checkpoint_add(c, names[i], 2, 0, 0);
    void *other = ravel_checkpoint_imported(c, NULL, &other_size);
    ravel_checkpoint_expect_equal(model, size, other, other_size);
}

Test(vocos, norms_are_of_the_row_that_is_asked_for)
{
    size_t size, other_size;
    void *first = ravel_checkpoint_imported(new_wavtokenizer(), NULL, &size);
    void *second =
        ravel_checkpoint_imported(new_wavtokenizer(), "{\"bandwidth_id\":1}", &other_size);
    cr_expect(size == other_size && memcmp(first, second, size) != 0);
    free(first);
    free(second);
    ravel_checkpoint *c = new_wavtokenizer();
    ravel_checkpoint_refused(c, "{\"bandwidth_id\":2}", "'bandwidth_id'");
    ravel_checkpoint_free(c);
}

/* Biases of convolutions may be missing, and the window. */
static bool is_optional(const char *name)
{
    const char *bias = strstr(name, ".bias");
    bool conv = strstr(name, "conv.conv") || strstr(name, ".conv1.") || strstr(name, ".conv2.") ||
                strstr(name, ".embed.") || strstr(name, ".dwconv.");
    return (bias && conv) || strstr(name, "window");
}

Test(vocos, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = new_wavtokenizer();
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        if (is_optional(kept.name))
            continue;
        ravel_checkpoint_refused_without(c, i, NULL, kept.name);
    }
    ravel_checkpoint_free(c);
    c = new_codec(3);
    ravel_checkpoint_refused(c, NULL, "layers.3._codebook.embed' is missing");
    ravel_checkpoint_free(c);
}

static size_t find(const ravel_checkpoint *c, const char *name)
{
    size_t i = 0;
    while (i < c->n && strcmp(c->names[i], name) != 0)
        i++;
    cr_assert_lt(i, c->n, "no '%s'", name);
    return i;
}

/* With one extent of a tensor made smaller. */
static void misshaped_refused(const char *name, int dimension, const char *word)
{
    ravel_checkpoint *c = new_wavtokenizer();
    c->tensors[find(c, name)].shape[dimension]--;
    ravel_checkpoint_refused(c, NULL, word);
    ravel_checkpoint_free(c);
}

Test(vocos, misshaped_and_surplus_tensors_are_named)
{
    misshaped_refused("backbone.pos_net.1.k.weight", 1, "'backbone.pos_net.1.k.weight'");
    misshaped_refused("backbone.pos_net.1.q.bias", 0, "'backbone.pos_net.1.q.bias'");
    misshaped_refused("backbone.pos_net.0.norm1.weight", 0, "backbone.pos_net.0.norm1");
    misshaped_refused("backbone.embed.weight", 2, "'backbone.embed.weight' has an even kernel");
    misshaped_refused("backbone.convnext.0.gamma", 0, "backbone.convnext.0.gamma");
    misshaped_refused("backbone.norm.shift.weight", 1, "backbone.norm");
    misshaped_refused("head.out.weight", 0, "'head.out.weight' has 9 rows");
    misshaped_refused("head.istft.window", 0, "'head.istft.window' is not a Hann window");
    ravel_checkpoint *c = new_wavtokenizer();
    ravel_checkpoint_add(c, "backbone.pos_net.2.temb", 3, 0, 0);
    ravel_checkpoint_refused(c, NULL, "'backbone.pos_net.2.temb' is not of this kind");
    ravel_checkpoint_refused(c, "{\"head\":{\"padding\":\"center\"}}", "'center'");
    c->data[find(c, "head.istft.window")][3] = 0.0f;
    ravel_checkpoint_refused(c, NULL, "'head.istft.window'");
    ravel_checkpoint_free(c);
}

/* Matrices are made as large as the first extent tells, so it may not tell more than there is. */
Test(vocos, small_checkpoints_ask_for_no_large_matrices)
{
    ravel_checkpoint *c = new_wavtokenizer();
    ravel_checkpoint_leave_out(c, "pos_net.1.q.weight");
    ravel_checkpoint_add(c, "backbone.pos_net.1.q.weight", 20000, 1, 1);
    ravel_checkpoint_refused(c, NULL, "pos_net.1.q.weight' is [20000, 1, 1], not square");
    ravel_checkpoint_free(c);
    c = ravel_checkpoint_new(RAVEL_FOLDED);
    ravel_checkpoint_add(c, "feature_extractor.encodec.quantizer.vq.layers.0._codebook.embed", 2,
                         20000, 0);
    add_all(c, codec, sizeof codec / sizeof codec[0]);
    ravel_checkpoint_refused(c, NULL, "codebooks of 20000 dimensions");
    ravel_checkpoint_free(c);
}
