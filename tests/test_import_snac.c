/* SPDX-License-Identifier: BSD-3-Clause */
/* SNAC checkpoints, with and without attention and noise, and what is refused of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/checkpoint.h"

enum { NAME = RAVEL_CHECKPOINT_NAME, PREFIX = 40, MOST_STRIDES = 4 };

/* As published, but for the widths. */
typedef struct {
    ravel_norm_spelling how;
    bool attention, dense, silent; /* dense: no convolution is depthwise; silent: no noise blocks */
    int width;                     /* of the first stage of the encoder, and of the last after it */
    int n_codebooks;
    int n_strides, strides[MOST_STRIDES]; /* of the encoder; the decoder has them in reverse */
} plan;

static const plan small = {RAVEL_NEW_NORM, false, false, false, 2, 3, 2, {2, 3}};
static const plan windows = {RAVEL_NEW_NORM, true, false, false, 16, 2, 2, {2, 3}};
static const plan hop_512 = {RAVEL_NEW_NORM, false, false, false, 1, 3, 4, {2, 4, 8, 8}};

/* --- A checkpoint ----------------------------------------------------------------------------- */

static void add(ravel_checkpoint *c, const char *prefix, const char *part, int a, int b, int k)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s", prefix, part);
    c->seed = 3;
    ravel_checkpoint_add(c, name, a, b, k);
}

static void add_conv(ravel_checkpoint *c, const char *prefix, const char *part, int n_out, int n_in,
                     int kernel)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s", prefix, part);
    ravel_checkpoint_add_conv(c, name, n_out, n_in, kernel, n_out);
}

static void add_units(ravel_checkpoint *c, const plan *p, const char *stage, int first, int n)
{
    char unit[2 * PREFIX];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(unit, sizeof unit, "%s.block.%d", stage, first + i);
        add(c, unit, "block.0.alpha", 1, n, 1);
        add_conv(c, unit, "block.1", n, p->dense ? n : 1, 7);
        add(c, unit, "block.2.alpha", 1, n, 1);
        add_conv(c, unit, "block.3", n, n, 1);
    }
}

static void add_attention(ravel_checkpoint *c, const char *prefix, int n)
{
    add(c, prefix, "norm.weight", n, 0, 0);
    add(c, prefix, "norm.bias", n, 0, 0);
    add(c, prefix, "to_qkv.weight", 3 * n, n, 0);
    add(c, prefix, "to_out.weight", n, n, 0);
    add(c, prefix, "rel_pos.inv_freq", 32, 0, 0);
}

/* The i-th module of a list. */
static const char *nth(char name[PREFIX], const char *list, int i)
{
    (void)snprintf(name, PREFIX, "%s.%d", list, i);
    return name;
}

/* return    channels of the latents */
static int add_encoder(ravel_checkpoint *c, const plan *p)
{
    char name[PREFIX];
    int n = p->width, i = 1;
    add_conv(c, "encoder.block", "0", n, 1, 7);
    for (; i <= p->n_strides; i++, n *= 2) {
        add_units(c, p, nth(name, "encoder.block", i), 0, n);
        add(c, name, "block.3.alpha", 1, n, 1);
        add_conv(c, name, "block.4", 2 * n, n, 2 * p->strides[i - 1]);
    }
    if (p->attention)
        add_attention(c, nth(name, "encoder.block", i++), n);
    add_conv(c, "encoder", nth(name, "block", i), n, p->dense ? n : 1, 7);
    return n;
}

static void add_decoder_stage(ravel_checkpoint *c, const plan *p, const char *stage, int stride,
                              int n)
{
    add(c, stage, "block.0.alpha", 1, 2 * n, 1);
    ravel_checkpoint_add_conv(c, "transposed", 2 * n, n, 2 * stride, n);
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.block.1", stage);
    ravel_checkpoint_rename(c, "transposed", name);
    if (!p->silent)
        add_conv(c, stage, "block.2.linear", n, n, 1);
    ravel_checkpoint_leave_out(c, "linear.bias");
    add_units(c, p, stage, p->silent ? 2 : 3, n);
}

static void add_decoder(ravel_checkpoint *c, const plan *p, int n)
{
    char name[PREFIX];
    int i = 1;
    add_conv(c, "decoder.model", "0", n, p->dense ? n : 1, 7);
    if (!p->dense)
        add_conv(c, "decoder", nth(name, "model", i++), n, n, 1);
    if (p->attention)
        add_attention(c, nth(name, "decoder.model", i++), n);
    for (int s = p->n_strides - 1; s >= 0; s--, i++) {
        n /= 2;
        add_decoder_stage(c, p, nth(name, "decoder.model", i), p->strides[s], n);
    }
    add(c, nth(name, "decoder.model", i), "alpha", 1, n, 1);
    add_conv(c, "decoder", nth(name, "model", i + 1), 1, n, 7);
}

static ravel_checkpoint *new_snac(plan p)
{
    char prefix[PREFIX];
    ravel_checkpoint *c = ravel_checkpoint_new(p.how);
    int n = add_encoder(c, &p);
    for (int i = 0; i < p.n_codebooks; i++) {
        nth(prefix, "quantizer.quantizers", i);
        add_conv(c, prefix, "in_proj", 2, n, 1);
        add_conv(c, prefix, "out_proj", n, 2, 1);
        add(c, prefix, "codebook.weight", 5, 2, 0);
    }
    add_decoder(c, &p, n);
    return c;
}

/* --- What is made ----------------------------------------------------------------------------- */

static const char rate_8k[] = "{\"sampling_rate\":8000,\"attn_window_size\":6}";

Test(snac, all_spellings_are_one_model)
{
    size_t size, other_size;
    for (int how = RAVEL_OLD_NORM; how <= RAVEL_FOLDED; how++) {
        plan p = windows;
        void *usual = ravel_checkpoint_imported(new_snac(p), rate_8k, &size);
        p.how = (ravel_norm_spelling)how;
        void *other = ravel_checkpoint_imported(new_snac(p), rate_8k, &other_size);
        ravel_checkpoint_expect_equal(usual, size, other, other_size);
    }
}

/* steps: of the last codebook in a frame */
static void expect_model(plan p, const char *config, const char *name, int rate_hz, int hop,
                         int steps)
{
    ravel_model *model = ravel_checkpoint_opened(new_snac(p), config);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect_str_eq(info->name, name);
    cr_expect_eq(info->sample_rate_hz, rate_hz);
    cr_expect_eq(info->hop_samples, hop * steps);
    cr_expect_eq(info->n_codebooks, p.n_codebooks);
    cr_expect_eq(info->steps_per_frame[p.n_codebooks - 1], steps);
    cr_expect_eq(info->steps_per_frame[p.n_codebooks - 2], steps / 2);
    ravel_model_free(model);
}

Test(snac, frames_are_what_the_reference_pads_to)
{
    plan p = hop_512;
    expect_model(p, NULL, "snac_24khz", 24000, 512, 4);
    p.silent = true;
    expect_model(p, NULL, "snac_24khz", 24000, 512, 4);
    p = small;
    p.dense = true;
    expect_model(p, "{\"sampling_rate\":16000,\"vq_strides\":[8,2,1]}", "snac_16khz", 16000, 6, 8);
    p.silent = true; /* the modules of a DAC: its configuration tells */
    expect_model(p, "{\"sampling_rate\":16000,\"vq_strides\":[8,2,1]}", "snac_16khz", 16000, 6, 8);
    expect_model(windows, "{\"sampling_rate\":44100}", "snac_44khz", 44100, 6, 32);
    expect_model(windows, "{\"sampling_rate\":32000,\"attn_window_size\":5}", "snac_32khz", 32000,
                 6, 10);
    ravel_checkpoint *c = new_snac(windows);
    ravel_checkpoint_refused(c, NULL, "a SNAC of hop 6: sampling_rate must be set");
    ravel_checkpoint_free(c);
}

/* Noise is of the decoder alone. */
static void expect_unlike(const char *config, const char *other)
{
    ravel_model *a = ravel_checkpoint_opened(new_snac(hop_512), config);
    ravel_model *b = ravel_checkpoint_opened(new_snac(hop_512), other);
    const ravel_model_info *x = ravel_model_get_info(a), *y = ravel_model_get_info(b);
    cr_expect_arr_eq(x->tokenizer_identity, y->tokenizer_identity, RAVEL_IDENTITY_BYTES);
    cr_expect_arr_neq(x->decoder_identity, y->decoder_identity, RAVEL_IDENTITY_BYTES);
    ravel_model_free(a);
    ravel_model_free(b);
}

Test(snac, noise_is_left_out_or_chosen)
{
    expect_unlike(NULL, "{\"noise\":false}");
    expect_unlike(NULL, "{\"seed\":1}");
    expect_unlike("{\"noise\":true,\"seed\":1}", "{\"seed\":1048575}");
}

/* --- What is refused -------------------------------------------------------------------------- */

/* The word that the message must have where this tensor is missing. */
static void expected_word(const char *tensor, char word[NAME])
{
    (void)snprintf(word, NAME, "%s", tensor);
    char *last = strstr(word, ".original");
    if (last) /* without its direction a gain is left over, and the other way round */
        *last = '\0';
}

static void miss_each(plan p)
{
    ravel_checkpoint *c = new_snac(p);
    for (size_t i = 0; i < c->n; i++) {
        char word[NAME];
        ravel_tensor kept = c->tensors[i];
        bool may_be_missing = strstr(kept.name, ".bias") && !strstr(kept.name, "norm.");
        if (may_be_missing || strstr(kept.name, ".inv_freq"))
            continue;
        expected_word(kept.name, word);
        ravel_checkpoint_refused_without(c, i, rate_8k, word);
    }
    ravel_checkpoint_free(c);
}

Test(snac, every_missing_tensor_is_named)
{
    miss_each(small);
    miss_each(windows);
}

Test(snac, surplus_and_misshaped_tensors_are_named)
{
    ravel_checkpoint *c = new_snac(windows);
    ravel_checkpoint_add(c, "encoder.block.1.block.5.alpha", 1, 4, 1);
    ravel_checkpoint_refused(c, rate_8k, "'encoder.block.1.block.5.alpha' is not of this kind");
    ravel_checkpoint_leave_out(c, "block.1.block.5");
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        char part[] = "encoder";
        if (kept.rank < 2 || kept.shape[1] < 2)
            continue;
        c->tensors[i].shape[1]--;
        memcpy(part, kept.name, strlen(part));
        ravel_checkpoint_refused(c, rate_8k, part);
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

/* Takes a convolution out and puts another in its place. */
static void replace(ravel_checkpoint *c, const char *prefix, const char *part, int n_out, int n_in,
                    int kernel)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s.", prefix, part);
    ravel_checkpoint_leave_out(c, name);
    add_conv(c, prefix, part, n_out, n_in, kernel);
}

Test(snac, kernels_that_make_no_sense_are_named)
{
    ravel_checkpoint *c = new_snac(small);
    replace(c, "encoder.block.2", "block.4", 8, 4, 5);
    ravel_checkpoint_refused(c, rate_8k, "'encoder.block.2.block.4.weight' has an odd kernel, 5");
    replace(c, "encoder.block.2", "block.4", 8, 4, 65536);
    replace(c, "encoder.block.1", "block.4", 4, 2, 6);
    ravel_checkpoint_refused(c, rate_8k, "make more than 65536 samples");
    replace(c, "encoder.block.2", "block.4", 8, 4, 6);
    replace(c, "encoder.block.1", "block.4", 4, 2, 4);
    replace(c, "decoder.model", "0", 8, 1, 6);
    ravel_checkpoint_refused(c, rate_8k, "'decoder.model.0.weight' has an even kernel, 6");
    replace(c, "decoder.model", "0", 8, 3, 7);
    ravel_checkpoint_refused(c, rate_8k, "'decoder.model.0.weight' is for groups of 3 channels");
    ravel_checkpoint_free(c);
}

Test(snac, configurations_that_do_not_fit_are_refused)
{
    static const struct {
        const char *config, *word;
    } bad[] = {{"{\"vq_strides\":[2,1]}", "2 'vq_strides' for 3 codebooks"},
               {"{\"vq_strides\":4}", "0 'vq_strides'"},
               {"{\"vq_strides\":[4,2,\"1\"]}", "not whole numbers"},
               {"{\"vq_strides\":[4,2.5,1]}", "not whole numbers"},
               {"{\"vq_strides\":[257,2,1]}", "from 1 to 256"},
               {"{\"vq_strides\":[4,3,1]}", "4 steps, not 1 to 256, or no multiple of 3"},
               {"{\"vq_strides\":[256,2,1]}", "frames of 256 latents of 512 samples"},
               {"{\"noise\":1}", "'noise' is neither true nor false"},
               {"{\"seed\":1048576}", "'seed' is not a whole number from 0 to 1048575"},
               {"{\"sampling_rate\":1}", "'sampling_rate'"}};
    ravel_checkpoint *c = new_snac(hop_512);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ravel_checkpoint_refused(c, bad[i].config, bad[i].word);
    ravel_checkpoint_leave_out(c, "quantizer.");
    ravel_checkpoint_refused(c, NULL, "0 codebooks 'quantizer.quantizers'");
    ravel_checkpoint_free(c);
    c = new_snac(windows);
    ravel_checkpoint_refused(c, "{\"sampling_rate\":8000,\"attn_window_size\":0}",
                             "'attn_window_size' is not a whole number from 1");
    ravel_checkpoint_refused(c, "{\"sampling_rate\":8000,\"attn_window_size\":257}",
                             "'steps' is not a whole number from 1 to 256");
    ravel_checkpoint_free(c);
}
