/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descript Audio Codec (Kumar et al., arXiv 2306.06546): all its models, in the names of its authors
 * ("encoder.block.1.block.0.block.1.weight_g") or of Hugging Face's transformers
 * ("encoder.block.0.res_unit1.conv1.weight"). Both make the same model, in the authors' names. Sizes
 * follow from shapes: a strided convolution has a kernel of twice its stride.
 *
 * Nothing is causal: every convolution is padded on both sides. Transposed convolutions of an odd
 * stride give a row less than their share, so that the models of hop 320 end 8 samples early.
 */
#include "codec/import/dac.h"

#include <stdio.h>

#include "codec/import/factorised.h"

enum { MAX_STAGES = 16, UNITS = 3, MAX_HOP = 65536 };

/* A module: its name in the model, which is the authors', and in the checkpoint. */
typedef struct {
    char model[RAVEL_DRAFT_NAME], source[RAVEL_DRAFT_NAME];
} module;

typedef struct {
    ravel_draft *draft;
    const char *prefix; /* of all names */
    bool huggingface;   /* whose names the checkpoint has */
    int hop;            /* product of the strides of a network */
} dac;

static module begin(const dac *d, const char *authors, const char *huggingface)
{
    module m = {0};
    (void)snprintf(m.model, sizeof m.model, "%s%s", d->prefix, authors);
    (void)snprintf(m.source, sizeof m.source, "%s%s", d->prefix,
                   d->huggingface ? huggingface : authors);
    return m;
}

static module within(const dac *d, const module *outer, const char *authors,
                     const char *huggingface)
{
    module m = {0};
    ravel_draft_name(m.model, outer->model, "%s", authors);
    ravel_draft_name(m.source, outer->source, "%s", d->huggingface ? huggingface : authors);
    return m;
}

/* The i-th stage of a network: the authors count from 1, after the first convolution. */
static module nth(const dac *d, const char *authors, const char *huggingface, int i)
{
    module m = {0};
    (void)snprintf(m.model, sizeof m.model, "%s%s.%d", d->prefix, authors, i);
    (void)snprintf(m.source, sizeof m.source, "%s%s.%d", d->prefix,
                   d->huggingface ? huggingface : authors, d->huggingface ? i - 1 : i);
    return m;
}

static void append_snake(dac *d, cJSON *sequence, const module *m)
{
    char from[RAVEL_DRAFT_NAME], to[RAVEL_DRAFT_NAME];
    ravel_draft_name(from, m->source, "alpha");
    ravel_draft_name(to, m->model, "alpha");
    ravel_draft_add(d->draft, to, ravel_draft_need(d->draft, from, 3));
    ravel_draft_append(d->draft, sequence, ravel_draft_node(d->draft, "snake", m->model));
}

static void append_conv(dac *d, cJSON *sequence, const module *m, int dilation)
{
    const ravel_tensor *weight = ravel_draft_conv_weight_as(d->draft, m->model, m->source);
    cJSON *node = ravel_draft_node(d->draft, "conv", m->model);
    if (weight && weight->shape[2] % 2 == 0)
        ravel_draft_fail(d->draft, "tensor '%s' has an even kernel, %d", weight->name,
                         weight->shape[2]);
    int pad = weight ? (weight->shape[2] - 1) / 2 * dilation : 0;
    ravel_draft_number(d->draft, node, "dilation", dilation);
    ravel_draft_pair(d->draft, node, "pad", pad, pad);
    ravel_draft_append(d->draft, sequence, node);
}

/* A convolution that changes the rate. */
static void append_strided(dac *d, cJSON *sequence, const module *m, const char *type,
                           const char *padding)
{
    const ravel_tensor *weight = ravel_draft_conv_weight_as(d->draft, m->model, m->source);
    cJSON *node = ravel_draft_node(d->draft, type, m->model);
    if (weight && (weight->shape[2] < 2 || weight->shape[2] % 2 != 0))
        ravel_draft_fail(d->draft, "tensor '%s' has no kernel of twice a stride: %d", weight->name,
                         weight->shape[2]);
    int stride = weight && !d->draft->failed ? weight->shape[2] / 2 : 1, pad = (stride + 1) / 2;
    ravel_draft_number(d->draft, node, "stride", stride);
    ravel_draft_pair(d->draft, node, padding, pad, pad);
    ravel_draft_append(d->draft, sequence, node);
    d->hop = stride <= MAX_HOP / d->hop ? d->hop * stride : MAX_HOP;
}

/* Snake and convolution, twice; the first is dilated by 1, 3, 9 in turn. */
static void append_units(dac *d, cJSON *sequence, const module *stage, int first)
{
    static const int dilations[UNITS] = {1, 3, 9};
    char authors[RAVEL_DRAFT_NAME], huggingface[RAVEL_DRAFT_NAME];
    for (int i = 0; i < UNITS; i++) {
        (void)snprintf(authors, sizeof authors, "block.%d", first + i);
        (void)snprintf(huggingface, sizeof huggingface, "res_unit%d", i + 1);
        const module unit = within(d, stage, authors, huggingface);
        const module parts[] = {
            within(d, &unit, "block.0", "snake1"), within(d, &unit, "block.1", "conv1"),
            within(d, &unit, "block.2", "snake2"), within(d, &unit, "block.3", "conv2")};
        cJSON *node = ravel_draft_node(d->draft, "residual", NULL);
        cJSON *branch = cJSON_AddArrayToObject(node, "branch");
        append_snake(d, branch, &parts[0]);
        append_conv(d, branch, &parts[1], dilations[i]);
        append_snake(d, branch, &parts[2]);
        append_conv(d, branch, &parts[3], 1);
        ravel_draft_append(d->draft, sequence, node);
    }
}

/* Whether the checkpoint has it. authors: how the names in its first unit begin */
static bool has_stage(const dac *d, const module *stage, const char *authors)
{
    const module part = within(d, stage, authors, "res_unit1.");
    return ravel_draft_has(d->draft, part.source);
}

/* What follows the stages, the i-th module of the authors' list and the next: snake and convolution. */
static void append_last(dac *d, cJSON *sequence, const char *authors, int i, const char *snake,
                        const char *conv)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, authors, "%d", i);
    const module first = begin(d, name, snake);
    ravel_draft_name(name, authors, "%d", i + 1);
    const module second = begin(d, name, conv);
    append_snake(d, sequence, &first);
    append_conv(d, sequence, &second, 1);
}

static cJSON *read_encoder(dac *d)
{
    cJSON *sequence = cJSON_CreateArray();
    const module first = begin(d, "encoder.block.0", "encoder.conv1");
    append_conv(d, sequence, &first, 1);
    int i = 1;
    for (; i <= MAX_STAGES && !d->draft->failed; i++) {
        const module stage = nth(d, "encoder.block", "encoder.block", i);
        const module snake = within(d, &stage, "block.3", "snake1");
        const module conv = within(d, &stage, "block.4", "conv1");
        if (!has_stage(d, &stage, "block.0."))
            break;
        append_units(d, sequence, &stage, 0);
        append_snake(d, sequence, &snake);
        append_strided(d, sequence, &conv, "conv", "pad");
    }
    append_last(d, sequence, "encoder.block", i, "encoder.snake1", "encoder.conv2");
    return sequence;
}

static cJSON *read_decoder(dac *d)
{
    cJSON *sequence = cJSON_CreateArray();
    const module first = begin(d, "decoder.model.0", "decoder.conv1");
    append_conv(d, sequence, &first, 1);
    int i = 1;
    for (; i <= MAX_STAGES && !d->draft->failed; i++) {
        const module stage = nth(d, "decoder.model", "decoder.block", i);
        const module snake = within(d, &stage, "block.0", "snake1");
        const module conv = within(d, &stage, "block.1", "conv_t1");
        if (!has_stage(d, &stage, "block.2."))
            break;
        append_snake(d, sequence, &snake);
        append_strided(d, sequence, &conv, "conv_transpose", "trim");
        append_units(d, sequence, &stage, 2);
    }
    append_last(d, sequence, "decoder.model", i, "decoder.snake1", "decoder.conv2");
    ravel_draft_append(d->draft, sequence, ravel_draft_node(d->draft, "tanh", NULL));
    return sequence;
}

cJSON *ravel_dac_decoder(ravel_draft *draft, const char *prefix, int *hop)
{
    dac d = {draft, prefix, false, 1};
    cJSON *decoder = read_decoder(&d);
    *hop = d.hop;
    return decoder;
}

cJSON *ravel_dac_quantizer(ravel_draft *draft, const char *name, int *n_codebooks)
{
    char codebook[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    int i = 0;
    for (; i < RAVEL_MAX_CODEBOOKS && !draft->failed; i++) {
        ravel_draft_name(codebook, name, "%d", i);
        ravel_draft_name(sign, codebook, "codebook.weight");
        if (i > 0 && !ravel_draft_has(draft, sign))
            break;
        ravel_draft_append(draft, stages, ravel_factorised_codebook(draft, codebook));
    }
    *n_codebooks = i;
    return node;
}

/* What was published: hop and number of codebooks tell the rate. */
static int usual_rate(const dac *d, int n_codebooks)
{
    if (d->hop == 512)
        return 44100;
    if (d->hop == 320 && n_codebooks == 12)
        return 16000;
    return d->hop == 320 && n_codebooks == 32 ? 24000 : 0;
}

static int read_rate(dac *d, int n_codebooks)
{
    const char *key = ravel_draft_config(d->draft, "sample_rate") ? "sample_rate" : "sampling_rate";
    int rate = ravel_draft_config_int(d->draft, key, usual_rate(d, n_codebooks), 1000, 768000);
    if (rate == 0)
        ravel_draft_fail(d->draft, "a hop of %d and %d codebooks: sample_rate must be set", d->hop,
                         n_codebooks);
    return rate;
}

/* SNAC has modules of the same names, but a second convolution before the stages of its decoder, or
 * noise in them; without either, only its configuration tells. */
bool ravel_import_is_dac(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "encoder.block.0.res_unit1.") ||
           (ravel_draft_has(draft, "encoder.block.1.block.0.block.") &&
            !cJSON_HasObjectItem(draft->config, "vq_strides") &&
            ravel_draft_has(draft, "decoder.model.1.block.") &&
            !ravel_draft_has(draft, "decoder.model.1.block.2.linear."));
}

void ravel_import_dac(ravel_draft *draft)
{
    dac d = {draft, "", ravel_draft_has(draft, "encoder.conv1."), 1};
    char name[RAVEL_DRAFT_NAME];
    int n_codebooks;
    cJSON *encoder = read_encoder(&d);
    cJSON *quantizer = ravel_dac_quantizer(draft, "quantizer.quantizers", &n_codebooks);
    int rate = read_rate(&d, n_codebooks);
    int hop = d.hop;
    cJSON *decoder = read_decoder(&d);
    (void)snprintf(name, sizeof name, "dac_%dkhz", rate / 1000);
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", name), NULL, rate, hop);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
