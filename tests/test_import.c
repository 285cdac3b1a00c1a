/* SPDX-License-Identifier: BSD-3-Clause */
/* Converters on small checkpoints made here: spellings of weight norm, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/checkpoint.h"

enum { NAME = RAVEL_CHECKPOINT_NAME, PREFIX = 60 };

static void add_block(ravel_checkpoint *c, const char *part, int i, int channels)
{
    char name[PREFIX];
    (void)snprintf(name, sizeof name, "%s.model.%d.block.1.conv.conv", part, i);
    ravel_checkpoint_add_conv(c, name, channels / 2, channels, 3, channels / 2);
    (void)snprintf(name, sizeof name, "%s.model.%d.block.3.conv.conv", part, i);
    ravel_checkpoint_add_conv(c, name, channels, channels / 2, 1, channels);
    (void)snprintf(name, sizeof name, "%s.model.%d.shortcut.conv.conv", part, i);
    ravel_checkpoint_add_conv(c, name, channels, channels, 1, channels);
}

static void add_lstm(ravel_checkpoint *c, const char *part, int i, int width)
{
    char name[NAME];
    c->seed = 2;
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.weight_ih_l0", part, i);
    ravel_checkpoint_add(c, name, 4 * width, width, 0);
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.weight_hh_l0", part, i);
    ravel_checkpoint_add(c, name, 4 * width, width, 0);
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.bias_ih_l0", part, i);
    ravel_checkpoint_add(c, name, 4 * width, 0, 0);
    (void)snprintf(name, sizeof name, "%s.model.%d.lstm.bias_hh_l0", part, i);
    ravel_checkpoint_add(c, name, 4 * width, 0, 0);
}

/* One stage of stride 3. */
static ravel_checkpoint *new_checkpoint_of(ravel_norm_spelling how, int latent_dim)
{
    ravel_checkpoint *c = ravel_checkpoint_new(how);
    ravel_checkpoint_add_conv(c, "encoder.model.0.conv.conv", 4, 1, 7, 4);
    add_block(c, "encoder", 1, 4);
    ravel_checkpoint_add_conv(c, "encoder.model.3.conv.conv", 8, 4, 6, 8);
    add_lstm(c, "encoder", 4, 8);
    ravel_checkpoint_add_conv(c, "encoder.model.6.conv.conv", latent_dim, 8, 7, latent_dim);
    for (int i = 0; i < 2; i++) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "quantizer.vq.layers.%d._codebook.embed", i);
        ravel_checkpoint_add(c, name, 6, latent_dim, 0);
        (void)snprintf(name, sizeof name, "quantizer.vq.layers.%d._codebook.cluster_size", i);
        ravel_checkpoint_add(c, name, 6, 0, 0);
    }
    ravel_checkpoint_add_conv(c, "decoder.model.0.conv.conv", 8, latent_dim, 7, 8);
    add_lstm(c, "decoder", 1, 8);
    ravel_checkpoint_add_conv(c, "decoder.model.3.convtr.convtr", 8, 4, 6, 4);
    add_block(c, "decoder", 4, 4);
    ravel_checkpoint_add_conv(c, "decoder.model.6.conv.conv", 1, 4, 7, 1);
    return c;
}

static ravel_checkpoint *new_checkpoint(ravel_norm_spelling how)
{
    return new_checkpoint_of(how, 5);
}

Test(encodec, all_spellings_of_weight_norm_are_one_model)
{
    void *models[3];
    size_t sizes[3];
    for (int how = RAVEL_OLD_NORM; how <= RAVEL_FOLDED; how++) {
        ravel_error error = {RAVEL_OK, ""};
        ravel_checkpoint *c = new_checkpoint((ravel_norm_spelling)how);
        cr_assert_eq(ravel_checkpoint_import(c, NULL, NULL, 0, &models[how], &sizes[how], &error),
                     0, "%s", error.text);
        ravel_checkpoint_free(c);
    }
    for (int how = RAVEL_NEW_NORM; how <= RAVEL_FOLDED; how++) {
        cr_assert_eq(sizes[how], sizes[RAVEL_OLD_NORM]);
        cr_assert_eq(memcmp(models[how], models[RAVEL_OLD_NORM], sizes[how]), 0);
    }
    ravel_error error;
    ravel_model *model = ravel_model_open_memory(models[0], sizes[0], &error);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->hop_samples == 3 && info->sample_rate_hz == 24000 && info->n_codebooks == 2);
    cr_assert_eq(ravel_model_verify_memory(models[0], sizes[0], &error), 0);
    ravel_model_free(model);
    for (int how = RAVEL_OLD_NORM; how <= RAVEL_FOLDED; how++)
        free(models[how]);
}

static void to_hugging_face(ravel_checkpoint *c)
{
    static const char *const renamings[][2] = {{"coder.model.", "coder.layers."},
                                               {".conv.conv.", ".conv."},
                                               {".convtr.convtr.", ".conv."},
                                               {"quantizer.vq.", "quantizer."},
                                               {"._codebook.", ".codebook."}};
    for (size_t r = 0; r < sizeof renamings / sizeof renamings[0]; r++)
        ravel_checkpoint_rename(c, renamings[r][0], renamings[r][1]);
}

Test(encodec, all_spellings_of_names_are_one_model)
{
    size_t size, other_size;
    for (int how = RAVEL_OLD_NORM; how <= RAVEL_NEW_NORM; how++) {
        void *authors = ravel_checkpoint_imported(new_checkpoint(RAVEL_OLD_NORM), NULL, &size);
        ravel_checkpoint *c = new_checkpoint((ravel_norm_spelling)how);
        to_hugging_face(c);
        void *other = ravel_checkpoint_imported(c, NULL, &other_size);
        ravel_checkpoint_expect_equal(authors, size, other, other_size);
    }
    void *authors = ravel_checkpoint_imported(new_checkpoint(RAVEL_OLD_NORM), NULL, &size);
    ravel_checkpoint *c = new_checkpoint(RAVEL_OLD_NORM);
    ravel_checkpoint_rename(c, "", "module.");
    void *other = ravel_checkpoint_imported(c, NULL, &other_size);
    ravel_checkpoint_expect_equal(authors, size, other, other_size);
}

Test(encodec, either_kind_of_configuration_is_read)
{
    static const char *const configs[] = {
        "{\"causal\":false,\"sample_rate\":16000,\"name\":\"a\",\"dilation_base\":3}",
        "{\"use_causal_conv\":false,\"sampling_rate\":16000,\"name\":\"a\",\"pad_mode\":null,"
        "\"dilation_growth_rate\":3,\"trim_right_ratio\":1.0}"};
    ravel_error error = {RAVEL_OK, ""};
    size_t size, other_size;
    void *file = ravel_checkpoint_imported(new_checkpoint(RAVEL_OLD_NORM), configs[0], &size);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert_eq(info->sample_rate_hz, 16000);
    /* Kernels of 7, 3, 6 (stride 3) and 7 samples, the last at a third of the rate. */
    cr_assert_eq(info->encoder_lookahead_samples, 3 + 1 + 1 + 3 * 3);
    ravel_model_free(model);
    void *other =
        ravel_checkpoint_imported(new_checkpoint(RAVEL_OLD_NORM), configs[1], &other_size);
    ravel_checkpoint_expect_equal(file, size, other, other_size);
}

/* A convolution of 7 rows, the last of the encoder and the first of the decoder, mirrors 6 frames. */
Test(encodec, the_start_waits_for_what_is_mirrored)
{
    static const struct {
        const char *config;
        int start;
    } cases[] = {{NULL, 7 * 3}, {"{\"pad_mode\":\"constant\"}", 3}};
    for (int i = 0; i < 2; i++) {
        ravel_model *model =
            ravel_checkpoint_opened(new_checkpoint(RAVEL_OLD_NORM), cases[i].config);
        const ravel_model_info *info = ravel_model_get_info(model);
        cr_expect_eq(info->delay_samples, 3);
        cr_expect_eq(info->start_delay_samples, cases[i].start, "%d", info->start_delay_samples);
        ravel_model_free(model);
    }
}

static ravel_checkpoint *new_checkpoint_without_shortcuts(void)
{
    ravel_checkpoint *c = new_checkpoint(RAVEL_NEW_NORM);
    ravel_checkpoint_leave_out(c, "shortcut");
    return c;
}

static void expect_published(ravel_checkpoint *c, const char *name, int rate_hz, bool causal)
{
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    void *file = ravel_checkpoint_imported(c, NULL, &size);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_expect_str_eq(info->name, name);
    cr_expect_eq(info->sample_rate_hz, rate_hz);
    cr_expect_eq(info->decoder_lookahead_samples > 0, !causal, "%d samples",
                 info->decoder_lookahead_samples);
    ravel_model_free(model);
    free(file);
}

/* Without a configuration: what the published models of such tensors are. */
Test(encodec, published_models_are_recognised_by_their_tensors)
{
    expect_published(new_checkpoint(RAVEL_OLD_NORM), "encodec_24khz", 24000, true);
    expect_published(new_checkpoint_without_shortcuts(), "encodec_32khz", 32000, false);
    expect_published(new_checkpoint_of(RAVEL_OLD_NORM, 129), "academicodec", 24000, false);
}

Test(encodec, every_missing_tensor_is_named)
{
    ravel_checkpoint *c = new_checkpoint(RAVEL_OLD_NORM);
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
        ravel_checkpoint_refused(c, NULL, word);
        c->n++;
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

Test(encodec, surplus_and_misshaped_tensors_are_named)
{
    ravel_checkpoint *c = new_checkpoint(RAVEL_OLD_NORM);
    ravel_checkpoint_add(c, "encoder.model.3.conv.norm.weight", 8, 0, 0);
    ravel_checkpoint_refused(c, NULL, "'encoder.model.3.conv.norm.bias' is missing");
    (void)snprintf(c->names[c->n - 1], NAME, "encoder.model.3.conv.conv.gain");
    ravel_checkpoint_refused(c, NULL, "'encoder.model.3.conv.conv.gain'");
    ravel_checkpoint_leave_out(c, ".gain");
    for (size_t i = 0; i < c->n; i++) {
        ravel_tensor kept = c->tensors[i];
        if (kept.rank != 3 || !strstr(kept.name, "weight_v") || kept.shape[1] < 2)
            continue;
        c->tensors[i].shape[1]--;
        ravel_checkpoint_refused(c, NULL, strstr(kept.name, "encoder") ? "encoder" : "decoder");
        c->tensors[i] = kept;
    }
    ravel_checkpoint_free(c);
}

Test(encodec, configurations_are_checked)
{
    ravel_checkpoint *c = new_checkpoint(RAVEL_NEW_NORM);
    ravel_checkpoint_refused(c, "{\"pad_mode\":\"circular\"}", "circular");
    ravel_checkpoint_refused(c, "{\"sample_rate\":3.5}", "sample_rate");
    ravel_checkpoint_refused(c, "{\"causal\":1}", "'causal' is neither true nor false");
    ravel_checkpoint_refused(c, "{\"trim_right_ratio\":0.5}", "trim_right_ratio");
    ravel_checkpoint_refused(c, "{\"dilation_base\":0}", "dilation_base");
    ravel_checkpoint_refused(c, "{\"norm_type\":\"layer_norm\"}", "norm_type 'layer_norm'");
    ravel_checkpoint_refused(c, "[]", "not a JSON object");
    ravel_checkpoint_free(c);
}

Test(settings, take_the_place_of_what_the_configuration_says)
{
    static const char config[] = "{\"name\":\"theirs\",\"sample_rate\":16000,\"pad_mode\":null}";
    static const char *const settings[] = {"name=\"mine\"", "sample_rate=8000", "name=a=b"};
    ravel_checkpoint *c = new_checkpoint(RAVEL_FOLDED);
    ravel_error error = {RAVEL_OK, ""};
    for (int n = 0; n <= 3; n++) {
        void *file;
        size_t size;
        cr_assert_eq(ravel_checkpoint_import(c, config, settings, n, &file, &size, &error), 0, "%s",
                     error.text);
        ravel_model *model = ravel_model_open_memory(file, size, &error);
        const ravel_model_info *info = ravel_model_get_info(model);
        cr_expect_str_eq(info->name, n == 0 ? "theirs" : n < 3 ? "mine" : "a=b");
        cr_expect_eq(info->sample_rate_hz, n < 2 ? 16000 : 8000);
        ravel_model_free(model);
        free(file);
    }
    ravel_checkpoint_free(c);
}

static void setting_refused(const char *setting, const char *word)
{
    ravel_error error = {RAVEL_OK, ""};
    void *file;
    size_t size;
    ravel_checkpoint *c = new_checkpoint(RAVEL_FOLDED);
    cr_expect_lt(ravel_checkpoint_import(c, NULL, &setting, 1, &file, &size, &error), 0, "'%s'",
                 setting);
    cr_expect_not_null(strstr(error.text, word), "'%s' is not in '%s'", word, error.text);
    ravel_checkpoint_free(c);
}

Test(settings, are_checked)
{
    setting_refused("sample_rate=fast", "'sample_rate' is not a whole number");
    setting_refused("sample_rate.hz=1", "'sample_rate' is not a whole number");
    setting_refused("name={\"a\":1}", "'name' is not a string");
    setting_refused("sample_rates=8000", "knows no 'sample_rates'");
    setting_refused("model.name=deep", "knows no 'model.name'");
    setting_refused("name", "'name' is not KEY=VALUE");
    setting_refused("=1", "'=1' is not KEY=VALUE");
}

/* --- Lyra ------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *op;
    int in, out, kernel, stride, groups;
    const char *act;
} lyra_layers[] = {
    {"encoder.first", "conv1d", 1, 6, 4, 2, 1, "none"},
    {"encoder.b.res0.dw", "conv1d", 6, 6, 3, 1, 6, "leaky_relu(0.3)"},
    {"encoder.b.res0.pw", "conv1d", 6, 6, 1, 1, 2, "none"},
    {"encoder.b.res1.pw", "conv1d", 6, 6, 1, 1, 1, "none"},
    {"encoder.down", "conv1d", 6, 5, 4, 2, 1, "leaky_relu(0.3)"},
    {"decoder.up", "conv_transpose1d", 5, 4, 4, 2, 1, "none"},
    {"decoder.last", "conv_transpose1d", 4, 1, 6, 2, 1, "leaky_relu(0.3)"},
};

enum { LYRA_ENCODER = 5, LYRA_LAYERS = 7, CONFIG = 4000 };

static size_t write_layers(char *text, size_t length, int from, int to)
{
    for (int i = from; i < to; i++) {
        int transposed = strcmp(lyra_layers[i].op, "conv1d") != 0;
        length += (size_t)snprintf(
            text + length, CONFIG - length,
            "%s{\"name\":\"%s\",\"op\":\"%s\",\"in_channels\":%d,\"out_channels\":%d,\"kernel\":%d,"
            "\"stride\":%d,\"dilation\":1,\"groups\":%d,\"act_in\":\"%s\",\"%s\":%d}",
            i > from ? "," : "", lyra_layers[i].name, lyra_layers[i].op, lyra_layers[i].in,
            lyra_layers[i].out, lyra_layers[i].kernel, lyra_layers[i].stride, lyra_layers[i].groups,
            lyra_layers[i].act, transposed ? "overlap_out_steps" : "state_in_steps",
            lyra_layers[i].kernel - lyra_layers[i].stride);
    }
    return length;
}

static void write_config(char text[CONFIG])
{
    size_t n = (size_t)snprintf(text, CONFIG,
                                "{\"sample_rate\":16000,\"frame_samples\":4,"
                                "\"leaky_relu_alpha\":0.3,\"encoder\":[");
    n = write_layers(text, n, 0, LYRA_ENCODER);
    n += (size_t)snprintf(text + n, CONFIG - n, "],\"decoder\":[");
    n = write_layers(text, n, LYRA_ENCODER, LYRA_LAYERS);
    (void)snprintf(text + n, CONFIG - n, "]}");
}

static ravel_checkpoint *new_lyra(void)
{
    ravel_checkpoint *c = ravel_checkpoint_new(RAVEL_FOLDED);
    ravel_checkpoint_add(c, "encoder.first.weight", 6, 1, 4);
    ravel_checkpoint_add(c, "encoder.first.bias", 6, 0, 0);
    ravel_checkpoint_add(c, "encoder.b.res0.dw.weight", 6, 1, 3);
    ravel_checkpoint_add(c, "encoder.b.res0.pw.weight", 6, 3, 1);
    ravel_checkpoint_add(c, "encoder.b.res1.pw.weight", 6, 6, 1);
    ravel_checkpoint_add(c, "encoder.down.weight", 5, 6, 4);
    ravel_checkpoint_add(c, "decoder.up.weight", 5, 4, 4);
    ravel_checkpoint_add(c, "decoder.up.bias", 4, 0, 0);
    ravel_checkpoint_add(c, "decoder.last.weight", 4, 1, 6);
    ravel_checkpoint_add(c, "quantizer.codebooks", 3, 16, 5);
    return c;
}

Test(lyra, a_list_of_layers_becomes_a_model)
{
    ravel_error error = {RAVEL_OK, ""};
    void *file;
    size_t size;
    ravel_checkpoint *c = new_lyra();
    char config[CONFIG];
    write_config(config);
    cr_assert_eq(ravel_checkpoint_import(c, config, NULL, 0, &file, &size, &error), 0, "%s",
                 error.text);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->hop_samples == 4 && info->n_codebooks == 3 && info->codebook_size[2] == 16);
    cr_assert_eq(info->delay_samples, 4);
    ravel_model_free(model);
    free(file);
    ravel_checkpoint_free(c);
}

/* With one piece of the configuration replaced by another. */
static void lyra_refused(const ravel_checkpoint *c, const char *from, const char *to,
                         const char *word)
{
    char config[CONFIG], changed[CONFIG];
    write_config(config);
    const char *at = strstr(config, from);
    cr_assert_not_null(at, "no '%s'", from);
    size_t before = (size_t)(at - config);
    memcpy(changed, config, before);
    (void)snprintf(changed + before, CONFIG - before, "%s%s", to, at + strlen(from));
    ravel_checkpoint_refused(c, changed, word);
}

Test(lyra, what_does_not_fit_is_named)
{
    ravel_checkpoint *c = new_lyra();
    lyra_refused(c, "\"kernel\":4", "\"kernel\":5", "'encoder.first'");
    lyra_refused(c, "\"out_channels\":6", "\"out_channels\":7",
                 "'encoder.first.weight' is [6, 1, 4]");
    lyra_refused(c, "\"groups\":2", "\"groups\":3", "'encoder.b.res0.pw.weight'");
    lyra_refused(c, "\"groups\":2", "\"groups\":0", "encoder");
    lyra_refused(c, "\"stride\":2", "\"stride\":0", "encoder");
    lyra_refused(c, "leaky_relu(", "relu(", "activation");
    lyra_refused(c, "conv1d", "conv2d", "'conv2d'");
    lyra_refused(c, "encoder.down", "encoder.up", "'encoder.up.weight' is missing");
    lyra_refused(c, "\"frame_samples\":4", "\"frame_samples\":5", "hop is 5");
    lyra_refused(c, "\"encoder\"", "\"coder\"", "'encoder'");
    ravel_checkpoint_add(c, "encoder.more", 2, 0, 0);
    lyra_refused(c, "none", "none", "'encoder.more'");
    ravel_checkpoint_free(c);
}

/* --- Damage ----------------------------------------------------------------------------------- */

static void flip_bits(const ravel_checkpoint *c, const char *config, size_t step)
{
    ravel_import_source source = {.config = config, .config_size = config ? strlen(config) : 0};
    uint8_t *file = ravel_checkpoint_file(c, &source.weights_size);
    size_t header = 8 + (size_t)(file[0] | file[1] << 8);
    source.weights = file;
    for (size_t i = 0; i < header; i += i < 8 ? 1 : step) {
        ravel_error error = {RAVEL_OK, ""};
        void *model;
        size_t size;
        file[i] = (uint8_t)(file[i] ^ 1 << i * 5 % 8);
        int status = ravel_import(NULL, &source, &model, &size, &error);
        cr_assert_eq(status == 0, model != NULL);
        cr_assert(status == 0 || error.text[0] != '\0');
        free(model);
        file[i] = (uint8_t)(file[i] ^ 1 << i * 5 % 8);
    }
    free(file);
}

Test(damage, flipped_bits_of_a_checkpoint_are_survived)
{
    ravel_checkpoint *encodec = new_checkpoint(RAVEL_OLD_NORM), *lyra = new_lyra();
    char config[CONFIG];
    write_config(config);
    flip_bits(encodec, NULL, 13);
    flip_bits(lyra, config, 1);
    ravel_checkpoint_free(encodec);
    ravel_checkpoint_free(lyra);
}

Test(damage, flipped_bits_of_a_configuration_are_survived)
{
    ravel_checkpoint *lyra = new_lyra();
    char config[CONFIG];
    write_config(config);
    ravel_import_source source = {.config = config, .config_size = strlen(config)};
    void *file = ravel_checkpoint_file(lyra, &source.weights_size);
    source.weights = file;
    for (size_t i = 0; i < source.config_size; i++) {
        ravel_error error = {RAVEL_OK, ""};
        void *model;
        size_t size;
        config[i] = (char)(config[i] ^ 1 << i * 5 % 7);
        int status = ravel_import("lyra", &source, &model, &size, &error);
        cr_assert_eq(status == 0, model != NULL);
        free(model);
        config[i] = (char)(config[i] ^ 1 << i * 5 % 7);
    }
    free(file);
    ravel_checkpoint_free(lyra);
}

static bool is_kind(const char *name)
{
    for (int i = 0; ravel_import_kind(i); i++)
        if (strcmp(ravel_import_kind(i), name) == 0)
            return true;
    return false;
}

Test(kinds, are_named_and_recognised)
{
    ravel_error error;
    void *model;
    size_t size;
    const ravel_import_source empty = {.weights = "\2\0\0\0\0\0\0\0{}", .weights_size = 10};
    cr_assert(is_kind("encodec") && is_kind("lyra") && is_kind("dac") && !is_kind("mp3"));
    cr_assert_eq(ravel_import(NULL, &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "no known kind"));
    cr_assert_eq(ravel_import("mp3", &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "'mp3'"));
    cr_assert_eq(ravel_import("lyra", &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "lyra_v2_graph.json"));
    cr_assert_eq(ravel_import("encodec", &empty, &model, &size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "'encoder.model.0.conv.conv.weight' is missing"));
}
