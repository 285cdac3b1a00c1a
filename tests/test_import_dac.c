/* SPDX-License-Identifier: BSD-3-Clause */
/* DAC checkpoints in the names of its authors and of Hugging Face, and what is refused of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/checkpoint.h"

enum { NAME = RAVEL_CHECKPOINT_NAME, UNIT = 60, STAGE = 30 };
enum { LATENT = 6, WIDTH = 4, MOST_STRIDES = 4 };

/* As published, but for the widths. */
typedef struct {
    bool huggingface; /* whose names */
    ravel_norm_spelling how;
    int n_codebooks;
    int n_strides, strides[MOST_STRIDES]; /* of the encoder; the decoder has them in reverse */
} plan;

static const plan hop_10 = {false, RAVEL_OLD_NORM, 2, 2, {2, 5}};
static const plan hop_320 = {false, RAVEL_OLD_NORM, 12, 4, {2, 4, 5, 8}};
static const plan hop_512 = {true, RAVEL_FOLDED, 9, 4, {2, 4, 8, 8}};

/* --- A checkpoint ----------------------------------------------------------------------------- */

static const char *spelled(const plan *p, const char *authors, const char *huggingface)
{
    return p->huggingface ? huggingface : authors;
}

static void add_snake(ravel_checkpoint *c, const char *prefix, const char *part)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s.alpha", prefix, part);
    c->seed = 3;
    ravel_checkpoint_add(c, name, 1, WIDTH, 1);
}

static void add_conv(ravel_checkpoint *c, const char *prefix, const char *part, int n_out, int n_in,
                     int kernel)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s", prefix, part);
    ravel_checkpoint_add_conv(c, name, n_out, n_in, kernel, n_out);
}

/* first: the authors' number of the first unit within its stage */
static void add_units(ravel_checkpoint *c, const plan *p, const char *stage, int first)
{
    char unit[UNIT];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(unit, sizeof unit, spelled(p, "%s.block.%d", "%s.res_unit%d"), stage,
                       p->huggingface ? i + 1 : first + i);
        add_snake(c, unit, spelled(p, "block.0", "snake1"));
        add_conv(c, unit, spelled(p, "block.1", "conv1"), WIDTH, WIDTH, 7);
        add_snake(c, unit, spelled(p, "block.2", "snake2"));
        add_conv(c, unit, spelled(p, "block.3", "conv2"), WIDTH, WIDTH, 1);
    }
}

/* What follows the stages: snake and convolution. */
static void add_last(ravel_checkpoint *c, const plan *p, const char *network, const char *list,
                     int n_out, int kernel)
{
    char snake[STAGE], conv[STAGE];
    (void)snprintf(snake, sizeof snake, "%s.%d", list, p->n_strides + 1);
    (void)snprintf(conv, sizeof conv, "%s.%d", list, p->n_strides + 2);
    add_snake(c, network, spelled(p, snake, "snake1"));
    add_conv(c, network, spelled(p, conv, "conv2"), n_out, WIDTH, kernel);
}

static void add_encoder(ravel_checkpoint *c, const plan *p)
{
    add_conv(c, "encoder", spelled(p, "block.0", "conv1"), WIDTH, 1, 7);
    for (int i = 0; i < p->n_strides; i++) {
        char stage[STAGE];
        (void)snprintf(stage, sizeof stage, "encoder.block.%d", p->huggingface ? i : i + 1);
        add_units(c, p, stage, 0);
        add_snake(c, stage, spelled(p, "block.3", "snake1"));
        add_conv(c, stage, spelled(p, "block.4", "conv1"), WIDTH, WIDTH, 2 * p->strides[i]);
    }
    add_last(c, p, "encoder", "block", LATENT, 3);
}

static void add_decoder(ravel_checkpoint *c, const plan *p)
{
    add_conv(c, "decoder", spelled(p, "model.0", "conv1"), WIDTH, LATENT, 7);
    for (int i = 0; i < p->n_strides; i++) {
        char stage[STAGE];
        (void)snprintf(stage, sizeof stage, spelled(p, "decoder.model.%d", "decoder.block.%d"),
                       p->huggingface ? i : i + 1);
        add_snake(c, stage, spelled(p, "block.0", "snake1"));
        add_conv(c, stage, spelled(p, "block.1", "conv_t1"), WIDTH, WIDTH,
                 2 * p->strides[p->n_strides - 1 - i]);
        add_units(c, p, stage, 2);
    }
    add_last(c, p, "decoder", "model", 1, 7);
}

static ravel_checkpoint *new_dac(plan p)
{
    ravel_checkpoint *c = ravel_checkpoint_new(p.how);
    add_encoder(c, &p);
    for (int i = 0; i < p.n_codebooks; i++) {
        char prefix[UNIT], name[NAME];
        (void)snprintf(prefix, sizeof prefix, "quantizer.quantizers.%d", i);
        add_conv(c, prefix, "in_proj", 2, LATENT, 1);
        add_conv(c, prefix, "out_proj", LATENT, 2, 1);
        (void)snprintf(name, sizeof name, "quantizer.quantizers.%d.codebook.weight", i);
        ravel_checkpoint_add(c, name, 5, 2, 0);
    }
    add_decoder(c, &p);
    return c;
}

/* --- Names and rates -------------------------------------------------------------------------- */

static const char any_rate[] = "{\"sample_rate\":8000}";

Test(dac, all_spellings_are_one_model)
{
    plan p = hop_10;
    size_t size, other_size;
    for (int how = RAVEL_OLD_NORM; how <= RAVEL_FOLDED; how++) {
        for (int huggingface = 0; huggingface <= 1; huggingface++) {
            void *authors = ravel_checkpoint_imported(new_dac(hop_10), any_rate, &size);
            p.how = (ravel_norm_spelling)how;
            p.huggingface = huggingface;
            void *other = ravel_checkpoint_imported(new_dac(p), any_rate, &other_size);
            ravel_checkpoint_expect_equal(authors, size, other, other_size);
        }
    }
}

static void expect_published(plan p, const char *config, const char *name, int rate_hz, int end)
{
    ravel_model *model = ravel_checkpoint_opened(new_dac(p), config);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect_str_eq(info->name, name);
    cr_expect_eq(info->sample_rate_hz, rate_hz);
    cr_expect_eq(info->n_codebooks, p.n_codebooks);
    cr_expect_eq(info->end_samples, end);
    ravel_model_free(model);
}

Test(dac, published_models_are_told_by_their_shapes)
{
    plan p = hop_320;
    expect_published(hop_512, NULL, "dac_44khz", 44100, 0);
    expect_published(hop_320, NULL, "dac_16khz", 16000, -8);
    p.n_codebooks = 32;
    expect_published(p, NULL, "dac_24khz", 24000, -8);
    p.n_codebooks = 6;
    expect_published(p, "{\"sample_rate\":24000,\"n_codebooks\":6}", "dac_24khz", 24000, -8);
    expect_published(p, "{\"sampling_rate\":16000}", "dac_16khz", 16000, -8);
    ravel_checkpoint *c = new_dac(p);
    ravel_checkpoint_refused(c, NULL, "a hop of 320 and 6 codebooks: sample_rate must be set");
    ravel_checkpoint_free(c);
}

/* --- What is refused -------------------------------------------------------------------------- */

/* The word that the message must have where this tensor is missing. */
static void expected_word(const char *tensor, char word[NAME])
{
    (void)snprintf(word, NAME, "%s", tensor);
    char *last = strstr(word, ".weight_") ? strrchr(word, '_') : NULL;
    if (last) /* without its direction a gain is left over, and the other way round */
        *last = '\0';
}

/* Either spelling. Without its first unit a stage is none, and the module of its number is another. */
static void miss_each(plan p)
{
    ravel_checkpoint *c = new_dac(p);
    for (size_t i = 0; i < c->n; i++) {
        char word[NAME];
        ravel_tensor kept = c->tensors[i];
        if (strstr(kept.name, ".bias") || strstr(kept.name, "quantizers.1."))
            continue;
        expected_word(kept.name, word);
        ravel_checkpoint_refused_without(c, i, any_rate, word);
    }
    ravel_checkpoint_free(c);
}

Test(dac, every_missing_tensor_is_named)
{
    plan p = hop_10;
    miss_each(p);
    p.huggingface = true;
    p.how = RAVEL_FOLDED;
    miss_each(p);
}

Test(dac, surplus_and_misshaped_tensors_are_named)
{
    ravel_checkpoint *c = new_dac(hop_10);
    ravel_checkpoint_add(c, "encoder.block.1.block.5.alpha", 1, WIDTH, 1);
    ravel_checkpoint_refused(c, any_rate, "'encoder.block.1.block.5.alpha' is not of this kind");
    ravel_checkpoint_leave_out(c, "block.1.block.5");
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        if (kept.rank != 3 || kept.shape[1] < 2)
            continue;
        c->tensors[i].shape[1]--;
        char part[] = "encoder";
        memcpy(part, kept.name, strlen(part));
        ravel_checkpoint_refused(c, any_rate, part);
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

Test(dac, kernels_that_make_no_stride_are_named)
{
    plan p = hop_10;
    ravel_checkpoint *c = new_dac(p);
    ravel_checkpoint_leave_out(c, "encoder.block.2.block.4.");
    add_conv(c, "encoder.block.2", "block.4", WIDTH, WIDTH, 9);
    ravel_checkpoint_refused(c, any_rate,
                             "'encoder.block.2.block.4.weight' has no kernel of twice");
    ravel_checkpoint_leave_out(c, "encoder.block.2.block.4.");
    add_conv(c, "encoder.block.2", "block.4", WIDTH, WIDTH, 10);
    ravel_checkpoint_leave_out(c, "decoder.model.0.");
    add_conv(c, "decoder", "model.0", WIDTH, LATENT, 6);
    ravel_checkpoint_refused(c, any_rate, "'decoder.model.0.weight' has an even kernel, 6");
    ravel_checkpoint_free(c);
}
