/* SPDX-License-Identifier: BSD-3-Clause */
/* Mimi checkpoints in the four spellings that there have been, and what is refused of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/safetensors.h"
#include "tests/support/checkpoint.h"

enum { NAME = RAVEL_CHECKPOINT_NAME };
enum { WIDTH = 8, HEADS = 2, LAYERS = 2, HIDDEN = 12, DIM = 4, SIZE = 6, ACOUSTIC = 3 };

static const char config[] = "{\"transformer\":{\"num_heads\":2,\"context\":6}}";
static const char transformers_config[] = "{\"num_attention_heads\":2,\"sliding_window\":6,"
                                          "\"rope_theta\":10000.0,\"pad_mode\":\"constant\"}";

/* --- A checkpoint ------------------------------------------------------------------------------ */

typedef struct {
    ravel_checkpoint *c;
    bool transformers; /* Hugging Face's names and order of rows; else the authors' */
} draft;

/* A tensor whose values follow from the authors' name of it, whatever it is called here. */
static float *add(draft *d, const char *authors, const char *theirs, int a, int b, int k)
{
    d->c->seed = 5381;
    for (const char *at = authors; *at; at++)
        d->c->seed = 33 * d->c->seed + (unsigned char)*at;
    return ravel_checkpoint_add(d->c, d->transformers ? theirs : authors, a, b, k);
}

/* A module of a SEANet; kind: "conv" or "convtr" */
static void add_conv(draft *d, const char *part, const char *module, const char *kind, int a, int b,
                     int k)
{
    static const char *const ends[] = {"weight", "bias"};
    char authors[NAME], theirs[NAME];
    int n_out = strcmp(kind, "conv") == 0 ? a : b;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(authors, NAME, "%s.model.%s.%s.%s.%s", part, module, kind, kind, ends[i]);
        (void)snprintf(theirs, NAME, "%s.layers.%s.conv.%s", part, module, ends[i]);
        add(d, authors, theirs, i == 0 ? a : n_out, i == 0 ? b : 0, i == 0 ? k : 0);
    }
}

static void add_networks(draft *d)
{
    add_conv(d, "encoder", "0", "conv", 2, 1, 7);
    add_conv(d, "encoder", "1.block.1", "conv", 1, 2, 3);
    add_conv(d, "encoder", "1.block.3", "conv", 2, 1, 1);
    add_conv(d, "encoder", "3", "conv", 4, 2, 6);
    add_conv(d, "encoder", "5", "conv", WIDTH, 4, 3);
    add_conv(d, "decoder", "0", "conv", 4, WIDTH, 7);
    add_conv(d, "decoder", "2", "convtr", 4, 2, 6);
    add_conv(d, "decoder", "3.block.1", "conv", 1, 2, 3);
    add_conv(d, "decoder", "3.block.3", "conv", 2, 1, 1);
    add_conv(d, "decoder", "5", "conv", 1, 2, 3);
    add(d, "downsample.conv.conv.conv.weight", "downsample.conv.weight", WIDTH, WIDTH, 4);
    add(d, "upsample.convtr.convtr.convtr.weight", "upsample.conv.weight", WIDTH, 1, 4);
}

/* Queries, keys and values apart, each head in the order of RoPE by halves. */
static void take_apart(draft *d, const char *layer, const float *rows)
{
    enum { HALF = WIDTH / HEADS / 2 };
    for (int part = 0; part < 3; part++) {
        char name[NAME];
        (void)snprintf(name, NAME, "%s.self_attn.%c_proj.weight", layer, "qkv"[part]);
        float *theirs = ravel_checkpoint_add(d->c, name, WIDTH, WIDTH, 0);
        for (int row = 0; row < WIDTH; row++, rows += WIDTH) {
            int head = row / (2 * HALF), pair = row / 2 % HALF, second = row % 2;
            int to = part < 2 ? (2 * head + second) * HALF + pair : row;
            memcpy(theirs + (ptrdiff_t)to * WIDTH, rows, WIDTH * sizeof *rows);
        }
    }
}

static void add_attention(draft *d, const char *authors, const char *theirs)
{
    char name[NAME], ignored[] = "stacked";
    (void)snprintf(name, NAME, "%s.self_attn.in_proj_weight", authors);
    float *rows = add(d, name, ignored, 3 * WIDTH, WIDTH, 0);
    if (d->transformers) {
        take_apart(d, theirs, rows);
        ravel_checkpoint_leave_out(d->c, ignored);
    }
}

static void add_layer(draft *d, const char *part, int i)
{
    static const struct {
        const char *authors, *theirs;
        int rows, columns;
    } tensors[] = {
        {"norm1.weight", "input_layernorm.weight", WIDTH, 0},
        {"norm1.bias", "input_layernorm.bias", WIDTH, 0},
        {"self_attn.out_proj.weight", "self_attn.o_proj.weight", WIDTH, WIDTH},
        {"layer_scale_1.scale", "self_attn_layer_scale.scale", WIDTH, 0},
        {"norm2.weight", "post_attention_layernorm.weight", WIDTH, 0},
        {"norm2.bias", "post_attention_layernorm.bias", WIDTH, 0},
        {"linear1.weight", "mlp.fc1.weight", HIDDEN, WIDTH},
        {"linear2.weight", "mlp.fc2.weight", WIDTH, HIDDEN},
        {"layer_scale_2.scale", "mlp_layer_scale.scale", WIDTH, 0},
    };
    char ours[60], theirs[60], authors[NAME], other[NAME];
    (void)snprintf(ours, sizeof ours, "%s_transformer.transformer.layers.%d", part, i);
    (void)snprintf(theirs, sizeof theirs, "%s_transformer.layers.%d", part, i);
    for (size_t t = 0; t < sizeof tensors / sizeof tensors[0]; t++) {
        (void)snprintf(authors, NAME, "%s.%s", ours, tensors[t].authors);
        (void)snprintf(other, NAME, "%s.%s", theirs, tensors[t].theirs);
        add(d, authors, other, tensors[t].rows, tensors[t].columns, 0);
    }
    add_attention(d, ours, theirs);
}

/* The first codeword was never used. */
static void add_codebook(draft *d, const char *authors, const char *theirs)
{
    static const char *const ends[][2] = {{"embedding_sum", "embed_sum"},
                                          {"cluster_usage", "cluster_usage"},
                                          {"_initialized", "initialized"}};
    static const int shapes[][2] = {{SIZE, DIM}, {SIZE, 0}, {1, 0}};
    char ours[NAME], other[NAME];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(ours, NAME, "%s.%s", authors, ends[i][0]);
        (void)snprintf(other, NAME, "%s.%s", theirs, ends[i][1]);
        float *values = add(d, ours, other, shapes[i][0], shapes[i][1], 0);
        for (int k = 0; i == 1 && k < SIZE; k++)
            values[k] = (float)k;
    }
}

static void add_part(draft *d, const char *authors, const char *theirs, int n_codebooks)
{
    static const char *const ends[] = {"input_proj.weight", "output_proj.weight"};
    char ours[NAME], other[NAME];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(ours, NAME, "quantizer.%s.%s", authors, ends[i]);
        (void)snprintf(other, NAME, "quantizer.%s.%s", theirs, ends[i]);
        add(d, ours, other, i == 0 ? DIM : WIDTH, i == 0 ? WIDTH : DIM, 1);
    }
    for (int i = 0; i < n_codebooks; i++) {
        (void)snprintf(ours, NAME, "quantizer.%s.vq.layers.%d._codebook", authors, i);
        (void)snprintf(other, NAME, "quantizer.%s.layers.%d.codebook", theirs, i);
        add_codebook(d, ours, other);
    }
}

static ravel_checkpoint *new_mimi(bool transformers)
{
    draft d = {ravel_checkpoint_new(RAVEL_FOLDED), transformers};
    add_networks(&d);
    for (int i = 0; i < LAYERS; i++) {
        add_layer(&d, "encoder", i);
        add_layer(&d, "decoder", i);
    }
    add_part(&d, "rvq_first", "semantic_residual_vector_quantizer", 1);
    add_part(&d, "rvq_rest", "acoustic_residual_vector_quantizer", ACOUSTIC);
    return d.c;
}

/* --- Names ------------------------------------------------------------------------------------- */

static void expect_same_model(ravel_checkpoint *other, const char *other_config)
{
    size_t size, other_size;
    void *file = ravel_checkpoint_imported(new_mimi(false), config, &size);
    void *other_file = ravel_checkpoint_imported(other, other_config, &other_size);
    ravel_checkpoint_expect_equal(file, size, other_file, other_size);
}

Test(mimi, names_of_hugging_face_make_the_same_model)
{
    expect_same_model(new_mimi(true), transformers_config);
}

Test(mimi, names_of_later_code_make_the_same_model)
{
    ravel_checkpoint *c = new_mimi(false);
    ravel_checkpoint_rename(c, "in_proj_weight", "in_projs.0.weight");
    ravel_checkpoint_rename(c, "out_proj.weight", "out_projs.0.weight");
    expect_same_model(c, config);
}

Test(mimi, names_of_earlier_code_make_the_same_model)
{
    ravel_checkpoint *c = new_mimi(false);
    ravel_checkpoint_rename(c, "embedding_sum", "embed_avg");
    ravel_checkpoint_rename(c, "cluster_usage", "cluster_size");
    ravel_checkpoint_rename(c, "_initialized", "inited");
    expect_same_model(c, config);
}

Test(mimi, rates_follow_from_shapes)
{
    ravel_model *model = ravel_checkpoint_opened(new_mimi(false), config);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect(info->sample_rate_hz == 24000 && info->hop_samples == 3 * 2);
    cr_expect(info->n_codebooks == 1 + ACOUSTIC && info->codebook_size[0] == SIZE);
    cr_expect_eq(info->delay_samples, info->hop_samples);
    ravel_model_free(model);
}

/* Their transformers may be of another width than what surrounds them. */
Test(mimi, projections_around_a_transformer_are_taken_along)
{
    static const char *const names[] = {"input_proj", "output_projs.0"};
    ravel_error error = {RAVEL_OK, ""};
    ravel_safetensors st;
    size_t size;
    char name[NAME];
    ravel_checkpoint *c = new_mimi(false);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, NAME, "decoder_transformer.%s.weight", names[i]);
        ravel_checkpoint_add(c, name, WIDTH, WIDTH, 0);
    }
    void *file = ravel_checkpoint_imported(c, config, &size);
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, &error), 0);
    const char *graph = ravel_safetensors_metadata(&st, "ravel");
    const char *first = strstr(graph, "\"decoder_transformer.input_proj\"");
    const char *layer = strstr(graph, "\"decoder_transformer.transformer.layers.0.norm1\"");
    const char *last = strstr(graph, "\"decoder_transformer.output_projs.0\"");
    cr_assert(first && layer && last);
    cr_expect(first < layer && layer < last);
    ravel_safetensors_free(&st);
    free(file);
}

/* --- Values ------------------------------------------------------------------------------------ */

Test(mimi, codewords_are_means)
{
    ravel_error error;
    ravel_safetensors st;
    size_t size;
    ravel_checkpoint *c = new_mimi(false);
    float sums[SIZE * DIM] = {0};
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->names[i], "quantizer.rvq_rest.vq.layers.1._codebook.embedding_sum") == 0)
            memcpy(sums, c->data[i], sizeof sums);
    void *file = ravel_checkpoint_imported(c, config, &size);
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, &error), 0);
    const ravel_entry *entry =
        ravel_safetensors_find(&st, "quantizer.rvq_rest.vq.layers.1.codebook.weight");
    cr_assert_not_null(entry);
    for (size_t i = 0; i < SIZE * DIM; i++) {
        float used = i / DIM == 0 ? 1e-5f : (float)(i / DIM);
        cr_expect_eq(ravel_tensor_get(&entry->tensor, i), sums[i] / used, "%zu", i);
    }
    ravel_safetensors_free(&st);
    free(file);
}

/* Both are wanted; what a model is made with decides which tokens it has. */
Test(mimi, streams_of_the_authors_are_another_tokenizer)
{
    ravel_error error = {RAVEL_OK, ""};
    static const char *const settings[] = {"streaming=true"};
    uint8_t identity[2][RAVEL_IDENTITY_BYTES];
    for (int streaming = 0; streaming < 2; streaming++) {
        void *file;
        size_t size;
        ravel_checkpoint *c = new_mimi(false);
        int status = ravel_checkpoint_import(c, config, settings, streaming, &file, &size, &error);
        cr_assert_eq(status, 0, "%s", error.text);
        ravel_model *model = ravel_model_open_memory(file, size, &error);
        memcpy(identity[streaming], ravel_model_get_info(model)->tokenizer_identity,
               RAVEL_IDENTITY_BYTES);
        ravel_model_free(model);
        ravel_checkpoint_free(c);
        free(file);
    }
    cr_expect_arr_neq(identity[0], identity[1], RAVEL_IDENTITY_BYTES);
}

/* --- Refusals ---------------------------------------------------------------------------------- */

static bool can_be_missing(const char *name)
{
    return strstr(name, ".bias") || strstr(name, "nitialized");
}

static void check_missing(bool transformers, const char *with)
{
    ravel_checkpoint *c = new_mimi(transformers);
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        if (can_be_missing(kept.name) && !strstr(kept.name, "norm"))
            continue;
        c->tensors[i] = c->tensors[c->n - 1];
        c->n--;
        ravel_checkpoint_refused(c, with, kept.name);
        c->n++;
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

Test(mimi, every_missing_tensor_is_named)
{
    check_missing(false, config);
    check_missing(true, transformers_config);
}

Test(mimi, surplus_and_misshaped_tensors_are_named)
{
    ravel_checkpoint *c = new_mimi(false);
    ravel_checkpoint_add(c, "encoder_transformer.transformer.layers.0.self_attn.in_proj_bias", 24,
                         0, 0);
    ravel_checkpoint_refused(c, config, "self_attn.in_proj_bias'");
    ravel_checkpoint_leave_out(c, "in_proj_bias");
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        if (strstr(kept.name, "_initialized") || kept.shape[0] < 2)
            continue;
        char part[NAME] = "";
        (void)sscanf(kept.name, "%[^._]", part);
        c->tensors[i].shape[0]--;
        /* Latents of another width are found where they are wanted. */
        bool latents = strcmp(part, "downsample") == 0;
        ravel_checkpoint_refused(c, config, latents ? "quantizer" : part);
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

Test(mimi, heads_and_settings_are_checked)
{
    ravel_checkpoint *authors = new_mimi(false), *theirs = new_mimi(true);
    ravel_checkpoint_refused(authors, "{\"transformer\":{\"num_heads\":3}}", "3 heads");
    ravel_checkpoint_refused(theirs, "{\"num_attention_heads\":8}", "8 heads");
    ravel_checkpoint_refused(theirs, "{\"num_attention_heads\":0}", "num_attention_heads");
    ravel_checkpoint_refused(authors, "{\"transformer\":{\"num_heads\":2,\"context\":1.5}}",
                             "transformer.context");
    ravel_checkpoint_refused(authors, "{\"streaming\":1}", "streaming");
    ravel_checkpoint_free(authors);
    ravel_checkpoint_free(theirs);
}
