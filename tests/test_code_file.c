/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of other codecs' tools: bytes to codes and back, for models of which only the shape is there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/code_file.h"
#include "ravel/io.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

/* One step a frame, as EnCodec's 24 kHz model and Lyra. */
static ravel_model plain_model(const char *name, int n_codebooks, int size, int hop)
{
    ravel_model model = {.layout = {.n_codebooks = n_codebooks},
                         .info = {.hop_samples = hop, .sample_rate_hz = 24000}};
    (void)snprintf(model.name, sizeof model.name, "%s", name);
    for (int b = 0; b < n_codebooks; b++) {
        model.layout.codebook_size[b] = size;
        model.layout.steps_per_frame[b] = 1;
    }
    return model;
}

/* Segments of 60 steps of 320 samples, 192 samples of which are the next one's too. */
static ravel_model segment_model(void)
{
    ravel_model model = plain_model("encodec_48khz", 3 + 4, 64, 60 * 320 - 192);
    model.info.encoder_lookahead_samples = 192;
    model.layout.codebook_size[0] = 61;
    model.layout.codebook_size[1] = model.layout.codebook_size[2] = 65536;
    for (int b = 3; b < 7; b++)
        model.layout.steps_per_frame[b] = 60;
    return model;
}

static ravel_code_list random_codes(const ravel_model *model, int n_frames, int n_codebooks)
{
    ravel_code_list list = {.n_frames = n_frames, .n_codebooks = n_codebooks};
    uint64_t state = 7;
    size_t n = (size_t)n_frames * (size_t)ravel_layout_codes(&model->layout, n_codebooks);
    list.codes = malloc(n * sizeof *list.codes);
    uint16_t *code = list.codes;
    for (int f = 0; f < n_frames; f++)
        for (int b = 0; b < n_codebooks; b++)
            for (int s = 0; s < model->layout.steps_per_frame[b]; s++)
                *code++ = (uint16_t)ravel_random_below(&state, model->layout.codebook_size[b]);
    list.n_samples = (int64_t)n_frames * model->info.hop_samples;
    return list;
}

/* Writes, reads, compares, writes again. return    the file; free() it */
static uint8_t *there_and_back(const ravel_code_file *file, const ravel_model *model,
                               const ravel_code_list *list, int hint, size_t *size)
{
    ravel_error error = {0};
    uint8_t *bytes = NULL;
    ravel_code_list back = {.n_codebooks = hint};
    cr_assert_eq(file->check(model, list->n_codebooks, &error), 0, "%s", error.text);
    cr_assert_eq(file->write(model, list, &bytes, size, &error), 0, "%s", error.text);
    cr_assert_eq(file->read(model, bytes, *size, &back, &error), 0, "%s", error.text);
    cr_assert_eq(back.n_frames, list->n_frames);
    cr_assert_eq(back.n_codebooks, list->n_codebooks);
    cr_assert_eq(back.n_samples, list->n_samples);
    size_t n = (size_t)list->n_frames *
               (size_t)ravel_layout_codes(&model->layout, list->n_codebooks) * sizeof *back.codes;
    cr_assert_arr_eq(back.codes, list->codes, n);
    free(back.codes);
    return bytes;
}

static int read_status(const ravel_code_file *file, const ravel_model *model, const void *bytes,
                       size_t size, ravel_error *error)
{
    ravel_code_list list = {0};
    int status = file->read(model, bytes, size, &list, error);
    free(list.codes);
    return status;
}

Test(code_file, the_name_tells_the_format)
{
    cr_assert_eq(ravel_code_file_of("a.b/speech.ecdc"), &ravel_ecdc_file);
    cr_assert_eq(ravel_code_file_of("SPEECH.LYRA"), &ravel_lyra_file);
    cr_assert_null(ravel_code_file_of("speech.rvl"));
    cr_assert_null(ravel_code_file_of("-"));
    cr_assert_null(ravel_code_file_of(".ecdc"));
}

Test(code_file, ecdc_has_the_bytes_of_its_tool)
{
    /* Two codebooks of 4 bits, frames (1, 2) (3, 4): the first code is in the lower bits. */
    ravel_model model = plain_model("encodec_24khz", 2, 16, 320);
    uint16_t codes[] = {1, 2, 3, 4};
    ravel_code_list list = {codes, 2, 2, 600};
    static const char expected[] =
        "ECDC\0\0\0\0\x37"
        "{\"m\": \"encodec_24khz\", \"al\": 600, \"nc\": 2, \"lm\": false}\x21\x43";
    size_t size;
    uint8_t *bytes = there_and_back(&ravel_ecdc_file, &model, &list, 0, &size);
    cr_assert_eq(size, sizeof expected - 1);
    cr_assert_arr_eq(bytes, expected, size);
    free(bytes);
}

Test(code_file, ecdc_keeps_codes_of_any_length)
{
    for (int n_frames = 0; n_frames < 20; n_frames++) {
        ravel_model model = plain_model("encodec_24khz", 8, 1024, 320);
        ravel_code_list list = random_codes(&model, n_frames, 1 + n_frames % 8);
        size_t size;
        list.n_samples -= n_frames > 0 ? n_frames % 7 : 0;
        free(there_and_back(&ravel_ecdc_file, &model, &list, 0, &size));
        free(list.codes);
    }
}

/* What lies behind the last step is 0, and the first code is the number of steps. */
static void cut_frame(uint16_t *codes, int n_codebooks, int n_steps)
{
    codes[0] = (uint16_t)n_steps;
    for (int b = 0; b < n_codebooks; b++)
        for (int s = n_steps; s < 60; s++)
            codes[3 + b * 60 + s] = 0;
}

Test(code_file, ecdc_keeps_segments_and_short_last_ones)
{
    static const int last_samples[] = {1, 7, 319, 320, 321, 9000, 19000, 60 * 320 - 192};
    ravel_model model = segment_model();
    for (size_t i = 0; i < sizeof last_samples / sizeof *last_samples; i++) {
        ravel_code_list list = random_codes(&model, 3, 3 + 4);
        const int frame = 3 + 4 * 60;
        list.n_samples = 2 * (int64_t)model.info.hop_samples + last_samples[i];
        for (int f = 0; f < 3; f++) {
            int64_t left = list.n_samples - (int64_t)f * model.info.hop_samples;
            int64_t n = left < 60 * 320 ? left : 60 * 320;
            cut_frame(list.codes + f * frame, 4, (int)((n + 319) / 320));
        }
        size_t size;
        free(there_and_back(&ravel_ecdc_file, &model, &list, 0, &size));
        free(list.codes);
    }
}

Test(code_file, ecdc_refuses_what_it_cannot_be)
{
    static const struct {
        const char *json, *message;
        int status;
    } bad[] = {
        {"{\"m\": \"encodec_48khz\", \"al\": 600, \"nc\": 2, \"lm\": false}", "encodec_48khz",
         RAVEL_ERR_MODEL},
        {"{\"m\": \"encodec_24khz\", \"al\": 600, \"nc\": 2, \"lm\": true}", "language model",
         RAVEL_ERR_DATA},
        {"{\"m\": \"encodec_24khz\", \"al\": 600, \"nc\": 3, \"lm\": false}", "more codebooks",
         RAVEL_ERR_DATA},
        {"{\"m\": \"encodec_24khz\", \"al\": 600, \"nc\": 0, \"lm\": false}", "impossible",
         RAVEL_ERR_DATA},
        {"{\"m\": \"encodec_24khz\", \"al\": -1, \"nc\": 2, \"lm\": false}", "impossible",
         RAVEL_ERR_DATA},
        {"{\"m\": \"encodec_24khz\", \"al\": 4e15, \"nc\": 2, \"lm\": false}", "bytes of codes",
         RAVEL_ERR_DATA},
        {"{\"m\": \"encodec_24khz\", \"al\": 641, \"nc\": 2, \"lm\": false}", "bytes of codes",
         RAVEL_ERR_DATA},
        {"{\"al\": 600, \"nc\": 2, \"lm\": false}", "does not tell", RAVEL_ERR_DATA},
        {"[1, 2]", "not a JSON object", RAVEL_ERR_DATA},
    };
    ravel_model model = plain_model("encodec_24khz", 2, 16, 320);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t file[200] = "ECDC";
        ravel_error error = {0};
        size_t n = strlen(bad[i].json);
        file[8] = (uint8_t)n;
        memcpy(file + 9, bad[i].json, n);
        int status = read_status(&ravel_ecdc_file, &model, file, 9 + n + 2, &error);
        cr_assert_eq(status, bad[i].status, "%s: %s", bad[i].json, error.text);
        cr_assert_not_null(strstr(error.text, bad[i].message), "%s: %s", bad[i].json, error.text);
    }
}

Test(code_file, ecdc_refuses_every_cut)
{
    ravel_model model = plain_model("encodec_24khz", 8, 1024, 320);
    ravel_code_list list = random_codes(&model, 9, 8);
    ravel_error error;
    size_t size;
    uint8_t *bytes = there_and_back(&ravel_ecdc_file, &model, &list, 0, &size);
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = malloc(n + 1); /* so that a sanitizer sees the end */
        memcpy(cut, bytes, n);
        cr_assert_lt(read_status(&ravel_ecdc_file, &model, cut, n, &error), 0);
        free(cut);
    }
    bytes[4] = 1;
    cr_assert_eq(read_status(&ravel_ecdc_file, &model, bytes, size, &error), RAVEL_ERR_VERSION);
    free(bytes);
    free(list.codes);
}

Test(code_file, ecdc_is_for_encodec_alone)
{
    ravel_model model = plain_model("dac_24khz", 8, 1024, 320);
    ravel_error error;
    cr_assert_eq(ravel_ecdc_file.check(&model, 8, &error), RAVEL_ERR_MODEL);
    model = segment_model();
    cr_assert_eq(ravel_ecdc_file.check(&model, 3, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_ecdc_file.check(&model, 4, &error), RAVEL_OK);
}

Test(code_file, lyra_packets)
{
    static const int rates[] = {16, 30, 46};
    ravel_model model = plain_model("lyra-v2", 46, 16, 320);
    for (int i = 0; i < 3; i++) {
        ravel_code_list list = random_codes(&model, 7, rates[i]);
        size_t size;
        uint8_t *bytes = there_and_back(&ravel_lyra_file, &model, &list, 0, &size);
        cr_assert_eq(size, (size_t)(7 * rates[i] / 2));
        cr_assert_eq(bytes[0], list.codes[0] << 4 | list.codes[1]);
        free(bytes);
        free(list.codes);
    }
}

Test(code_file, lyra_asks_where_the_size_does_not_tell)
{
    ravel_model model = plain_model("lyra-v2", 46, 16, 320);
    ravel_code_list list = random_codes(&model, 15, 16); /* 120 bytes: 8 packets of 30 codes, too */
    ravel_error error;
    size_t size;
    uint8_t *bytes = there_and_back(&ravel_lyra_file, &model, &list, 16, &size);
    cr_assert_eq(read_status(&ravel_lyra_file, &model, bytes, size, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(read_status(&ravel_lyra_file, &model, bytes, 17, &error), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_lyra_file.check(&model, 20, &error), RAVEL_ERR_ARGUMENT);
    model.layout.codebook_size[3] = 1024;
    cr_assert_eq(ravel_lyra_file.check(&model, 16, &error), RAVEL_ERR_MODEL);
    free(bytes);
    free(list.codes);
}

Test(code_file, a_file_of_another_model_is_refused)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_stream_format format = {.n_streams = 1, .n_codebooks = 1};
    ravel_error error;
    cr_assert_null(ravel_stream_writer_open("refused.ecdc", model, &format, &error));
    cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    cr_assert_null(ravel_stream_reader_open("refused.ecdc", NULL, &error));
    cr_assert_eq(error.status, RAVEL_ERR_DATA);
    cr_assert_null(ravel_stream_reader_open("missing.ecdc", model, &error));
    cr_assert_eq(error.status, RAVEL_ERR_IO);
    ravel_model_free(model);
}

/* More than any model has, which is not what the file is looked through for. */
Test(code_file, impossible_numbers_of_codebooks_are_refused)
{
    static const int numbers[] = {-1, 20, 47, 99999};
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_error error;
    FILE *file = fopen("numbers.lyra", "wb");
    cr_assert_eq(fwrite("12345678", 1, 8, file), 8);
    cr_assert_eq(fclose(file), 0);
    for (int i = 0; i < 4; i++) {
        cr_assert_null(
            ravel_stream_reader_open_codebooks("numbers.lyra", model, numbers[i], &error));
        cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    }
    cr_assert_eq(remove("numbers.lyra"), 0);
    ravel_model_free(model);
}
