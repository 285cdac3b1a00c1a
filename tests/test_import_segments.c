/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints of EnCodec's 48 kHz architecture, whose frames are segments: what configurations say. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/import.h"
#include "tests/support/small_checkpoints.h"

static int import_as(const char *name, const char *config, void **model, size_t *size,
                     ravel_error *error)
{
    int i = 0;
    size_t n;
    while (ravel_small_name(i) && strcmp(ravel_small_name(i), name) != 0)
        i++;
    cr_assert_not_null(ravel_small_name(i), "no small checkpoint '%s'", name);
    void *file = ravel_small_checkpoint(i, &n);
    const ravel_import_source source = {
        .weights = file, .weights_size = n, .config = config, .config_size = strlen(config)};
    const int status = ravel_import("encodec", &source, model, size, error);
    free(file);
    return status;
}

static ravel_model *opened(const char *config)
{
    void *file;
    size_t size;
    ravel_error error = {RAVEL_OK, ""};
    cr_assert_eq(import_as("encodec in segments", config, &file, &size, &error), 0, "%s",
                 error.text);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    cr_assert_not_null(model, "%s", error.text);
    free(file);
    return model;
}

static void refused(const char *name, const char *config, const char *word)
{
    void *file;
    size_t size;
    ravel_error error = {RAVEL_OK, ""};
    cr_expect_lt(import_as(name, config, &file, &size, &error), 0, "%s", config);
    cr_expect_not_null(strstr(error.text, word), "'%s' is not in '%s'", word, error.text);
}

/* Lengths are cut to whole samples as the authors' program cuts them. */
Test(segments, are_as_long_as_the_configuration_says)
{
    static const struct {
        double segment_s, overlap;
        int length, hop;
    } cases[] = {{0.002, 0.01, 96, 95},
                 {0.0021, 0.25, 100, 75},
                 {0.01, 0.0, 480, 480},
                 {0.00417, 0.93, 200, 13},
                 {0.0002, 0.9, 9, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char config[100];
        (void)snprintf(config, sizeof config, "{\"segment\":%g,\"overlap\":%g}", cases[i].segment_s,
                       cases[i].overlap);
        ravel_model *model = opened(config);
        const ravel_model_info *info = ravel_model_get_info(model);
        cr_expect(info->channels == 2 && info->sample_rate_hz == 48000);
        cr_expect_eq(info->hop_samples, cases[i].hop, "%s: %d", config, info->hop_samples);
        cr_expect_eq(info->delay_samples, cases[i].length, "%s: %d", config, info->delay_samples);
        cr_expect_eq(info->codebook_size[0], (cases[i].length + 4) / 5 + 1);
        ravel_model_free(model);
    }
}

Test(segments, either_kind_of_configuration_is_one_model)
{
    static const char authors[] =
        "{\"name\":\"a\",\"segment\":0.003,\"overlap\":0.1,\"normalize\":true,\"causal\":false}";
    static const char transformers[] =
        "{\"name\":\"a\",\"chunk_length_s\":0.003,\"overlap\":0.1,\"normalize\":true,"
        "\"use_causal_conv\":false,\"sampling_rate\":48000}";
    static const char usual[] = "{\"name\":\"a\",\"chunk_length_s\":0.003,\"overlap\":0.1}";
    static const char *const configs[] = {authors, transformers, usual};
    void *first, *other;
    size_t size, other_size;
    ravel_error error;
    cr_assert_eq(import_as("encodec in segments", configs[0], &first, &size, &error), 0);
    for (int i = 1; i < 3; i++) {
        cr_assert_eq(import_as("encodec in segments", configs[i], &other, &other_size, &error), 0);
        cr_expect(size == other_size && memcmp(first, other, size) == 0, "%s", configs[i]);
        free(other);
    }
    free(first);
}

Test(segments, levels_are_left_alone_where_the_configuration_says_so)
{
    ravel_model *plain = opened("{\"segment\":0.003,\"normalize\":false}");
    ravel_model *normal = opened("{\"segment\":0.003}");
    cr_assert_neq(memcmp(ravel_model_get_info(plain)->tokenizer_identity,
                         ravel_model_get_info(normal)->tokenizer_identity, RAVEL_IDENTITY_BYTES),
                  0);
    cr_assert_eq(memcmp(ravel_model_get_info(plain)->decoder_identity,
                        ravel_model_get_info(normal)->decoder_identity, RAVEL_IDENTITY_BYTES),
                 0);
    ravel_model_free(plain);
    ravel_model_free(normal);
}

Test(segments, configurations_are_checked)
{
    static const char *const name = "encodec in segments";
    refused(name, "{\"segment\":-1}", "'segment'");
    refused(name, "{\"segment\":1e9}", "'segment'");
    refused(name, "{\"chunk_length_s\":\"long\"}", "'chunk_length_s'");
    refused(name, "{\"segment\":0.01,\"overlap\":1}", "'overlap'");
    refused(name, "{\"segment\":0.01,\"normalize\":3}", "'normalize'");
    refused(name, "{\"segment\":0}", "'normalize' without segments");
    refused(name, "{\"segment\":0,\"normalize\":false}", "group_norm");
    refused(name, "{\"segment\":1}", "quantizer");
    refused("encodec", "{\"normalize\":true}", "'normalize' without segments");
}
