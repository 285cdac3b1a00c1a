/* SPDX-License-Identifier: BSD-3-Clause */
/* Converters on a small checkpoint made here: spellings of weight norm, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/import.h"
#include "codec/safetensors.h"
#include "tests/support/random.h"

enum { MAX_TENSORS = 120, PREFIX = 60, NAME = 120 };

typedef enum { OLD_NORM, NEW_NORM, FOLDED } spelling;

typedef struct {
    spelling how;
    ravel_tensor tensors[MAX_TENSORS];
    char names[MAX_TENSORS][NAME];
    float *data[MAX_TENSORS];
    size_t n;
    uint64_t seed;
} checkpoint;

static float *add(checkpoint *c, const char *name, int a, int b, int k)
{
    ravel_tensor *tensor = &c->tensors[c->n];
    const int shape[3] = {a, b, k};
    (void)snprintf(c->names[c->n], NAME, "%s", name);
    *tensor = (ravel_tensor){.name = c->names[c->n], .dtype = RAVEL_F32};
    while (tensor->rank < 3 && shape[tensor->rank] > 0) {
        tensor->shape[tensor->rank] = shape[tensor->rank];
        tensor->rank++;
    }
    size_t n = ravel_tensor_count(tensor);
    c->data[c->n] = malloc(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        c->data[c->n][i] = ravel_random_float(&c->seed);
    tensor->data = c->data[c->n];
    return c->data[c->n++];
}

/* With |v| a power of two in every row, so that folding is exact and spellings can be compared. */
static void add_conv(checkpoint *c, const char *prefix, int a, int b, int k, int n_out)
{
    static const char *const suffixes[3][2] = {
        {"weight_g", "weight_v"},
        {"parametrizations.weight.original0", "parametrizations.weight.original1"},
        {NULL, "weight"}};
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s", prefix, suffixes[c->how][1]);
    float *v = add(c, name, a, b, k);
    memset(v, 0, (size_t)(a * b * k) * sizeof *v);
    for (int row = 0; row < a; row++)
        v[row * b * k + row % (b * k)] = c->how == FOLDED ? 0.75f : 2.0f;
    if (c->how != FOLDED) {
        (void)snprintf(name, sizeof name, "%s.%s", prefix, suffixes[c->how][0]);
        float *g = add(c, name, a, 1, 1);
        for (int row = 0; row < a; row++)
            g[row] = 0.75f;
    }
    c->seed = 1; /* of equal biases in all spellings */
    (void)snprintf(name, sizeof name, "%s.bias", prefix);
    add(c, name, n_out, 0, 0);
}

static void add_block(checkpoint *c, const char *part, int i, int channels)
{
    char name[PREFIX];
    (void)snprintf(name, sizeof name, "%s.model.%d.block.1.conv.conv", part, i);
    add_conv(c, name, channels / 2, channels, 3, channels / 2);
    (void)snprintf(name, sizeof name, "%s.model.%d.block.3.conv.conv", part, i);
    add_conv(c, name, channels, channels / 2, 1, channels);
    (void)snprintf(name, sizeof name, "%s.model.%d.shortcut.conv.conv", part, i);
    add_conv(c, name, channels, channels, 1, channels);
}

static void add_lstm(checkpoint *c, const char *part, int i, int width)
{
    char name[NAME];
    c->seed = 2;
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.weight_ih_l0", part, i);
    add(c, name, 4 * width, width, 0);
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.weight_hh_l0", part, i);
    add(c, name, 4 * width, width, 0);
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.bias_ih_l0", part, i);
    add(c, name, 4 * width, 0, 0);
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.bias_hh_l0", part, i);
    add(c, name, 4 * width, 0, 0);
}

/* One stage of stride 3. */
static checkpoint *new_checkpoint(spelling how)
{
    checkpoint *c = calloc(1, sizeof *c);
    c->how = how;
    add_conv(c, "encoder.model.0.conv.conv", 4, 1, 7, 4);
    add_block(c, "encoder", 1, 4);
    add_conv(c, "encoder.model.3.conv.conv", 8, 4, 6, 8);
    add_lstm(c, "encoder", 4, 8);
    add_conv(c, "encoder.model.6.conv.conv", 5, 8, 7, 5);
    for (int i = 0; i < 2; i++) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "quantizer.vq.layers.%d._codebook.embed", i);
        add(c, name, 6, 5, 0);
        (void)snprintf(name, sizeof name, "quantizer.vq.layers.%d._codebook.cluster_size", i);
        add(c, name, 6, 0, 0);
    }
    add_conv(c, "decoder.model.0.conv.conv", 8, 5, 7, 8);
    add_lstm(c, "decoder", 1, 8);
    add_conv(c, "decoder.model.3.convtr.convtr", 8, 4, 6, 4);
    add_block(c, "decoder", 4, 4);
    add_conv(c, "decoder.model.6.conv.conv", 1, 4, 7, 1);
    return c;
}

static void free_checkpoint(checkpoint *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->data[i]);
    free(c);
}

/* The checkpoint as a file; the order of its tensors is changed. */
static void *to_file(const checkpoint *c, size_t *size)
{
    char *header;
    ravel_tensor tensors[MAX_TENSORS];
    memcpy(tensors, c->tensors, sizeof tensors);
    size_t data_size = ravel_safetensors_data_size(tensors, c->n);
    char *data = malloc(data_size);
    ravel_safetensors_write_data(tensors, c->n, data);
    size_t header_size = ravel_safetensors_header(tensors, c->n, "format", "pt", &header);
    char *file = malloc(header_size + data_size);
    memcpy(file, header, header_size);
    memcpy(file + header_size, data, data_size);
    free(header);
    free(data);
    *size = header_size + data_size;
    return file;
}

static int import(const checkpoint *c, const char *config, void **model, size_t *size,
                  ravel_error *error)
{
    ravel_import_source source = {.config = config, .config_size = config ? strlen(config) : 0};
    void *file = to_file(c, &source.weights_size);
    source.weights = file;
    int status = ravel_import(NULL, &source, model, size, error);
    free(file);
    return status;
}

static void refused(const checkpoint *c, const char *config, const char *word)
{
    ravel_error error = {RAVEL_OK, ""};
    void *model;
    size_t size;
    int status = import(c, config, &model, &size, &error);
    cr_expect_lt(status, 0, "accepted, but should name '%s'", word);
    cr_expect_null(model);
    cr_expect_not_null(strstr(error.text, word), "'%s' is not in '%s'", word, error.text);
}

Test(encodec, all_spellings_of_weight_norm_are_one_model)
{
    void *models[3];
    size_t sizes[3];
    for (int how = OLD_NORM; how <= FOLDED; how++) {
        ravel_error error = {RAVEL_OK, ""};
        checkpoint *c = new_checkpoint((spelling)how);
        cr_assert_eq(import(c, NULL, &models[how], &sizes[how], &error), 0, "%s", error.text);
        free_checkpoint(c);
    }
    for (int how = NEW_NORM; how <= FOLDED; how++) {
        cr_assert_eq(sizes[how], sizes[OLD_NORM]);
        cr_assert_eq(memcmp(models[how], models[OLD_NORM], sizes[how]), 0);
    }
    ravel_error error;
    ravel_model *model = ravel_model_open_memory(models[0], sizes[0], &error);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->hop_samples == 3 && info->sample_rate_hz == 24000 && info->n_codebooks == 2);
    cr_assert_eq(ravel_model_verify_memory(models[0], sizes[0], &error), 0);
    ravel_model_free(model);
    for (int how = OLD_NORM; how <= FOLDED; how++)
        free(models[how]);
}

Test(encodec, every_missing_tensor_is_named)
{
    checkpoint *c = new_checkpoint(OLD_NORM);
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        bool optional = strstr(kept.name, ".bias") && !strstr(kept.name, "lstm");
        if (optional || strstr(kept.name, "cluster_size") || strstr(kept.name, "layers.1."))
            continue;
        c->tensors[i] = c->tensors[c->n - 1];
        c->n--;
        /* Without its direction a gain is what is left over of a convolution. */
        char word[NAME];
        (void)snprintf(word, sizeof word, "%s", kept.name);
        char *last =
            strstr(word, ".weight_v") || strstr(word, ".weight_g") ? strrchr(word, '_') : NULL;
        if (last)
            *last = '\0';
        refused(c, NULL, word);
        c->n++;
        c->tensors[i] = kept;
    }
    free_checkpoint(c);
}

Test(encodec, surplus_and_misshaped_tensors_are_named)
{
    checkpoint *c = new_checkpoint(OLD_NORM);
    add(c, "encoder.model.3.conv.norm.weight", 8, 0, 0);
    refused(c, NULL, "'encoder.model.3.conv.norm.weight'");
    c->n--;
    free(c->data[c->n]);
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        if (kept.rank != 3 || !strstr(kept.name, "weight_v") || kept.shape[1] < 2)
            continue;
        c->tensors[i].shape[1]--;
        refused(c, NULL, strstr(kept.name, "encoder") ? "encoder" : "decoder");
        c->tensors[i] = kept;
    }
    free_checkpoint(c);
}

Test(encodec, configurations_are_checked)
{
    checkpoint *c = new_checkpoint(NEW_NORM);
    refused(c, "{\"pad_mode\":\"circular\"}", "circular");
    refused(c, "{\"sample_rate\":3.5}", "sample_rate");
    refused(c, "[]", "not a JSON object");
    free_checkpoint(c);
}

Test(kinds, are_named_and_recognised)
{
    ravel_error error;
    void *model;
    size_t size;
    const ravel_import_source empty = {.weights = "\2\0\0\0\0\0\0\0{}", .weights_size = 10};
    cr_assert_str_eq(ravel_import_kind(0), "encodec");
    cr_assert_str_eq(ravel_import_kind(1), "lyra");
    cr_assert_null(ravel_import_kind(2));
    cr_assert_eq(ravel_import(NULL, &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "no known kind"));
    cr_assert_eq(ravel_import("mp3", &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "'mp3'"));
    cr_assert_eq(ravel_import("lyra", &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "lyra_v2_graph.json"));
    cr_assert_eq(ravel_import("encodec", &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "'encoder.model.0.conv.conv.weight' is missing"));
}
