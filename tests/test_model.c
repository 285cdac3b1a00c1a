/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening models: what they say about themselves, and that a hostile file only gets a message. */
#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model_write.h"
#include "codec/safetensors.h"
#include "tests/support/changed_model.h"
#include "tests/support/random.h"
#include "tests/support/tiny_graph.h"

Test(model, tells_what_it_is)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert_str_eq(info->name, "default-like");
    cr_assert_str_eq(info->licence, "BSD-3-Clause");
    cr_assert(info->sample_rate_hz == 16000 && info->channels == 1 && info->hop_samples == 32);
    cr_assert(info->n_codebooks == 4 && info->codebook_size[3] == 32 && info->latent_dim == 16);
    cr_assert(info->encoder_lookahead_samples == 0 && info->decoder_lookahead_samples == 16);
    cr_assert_eq(info->delay_samples, 48);
    cr_assert_eq(ravel_model_codes_per_frame(model, 3), 3);
    cr_assert_eq(ravel_model_codes_per_frame(model, 5), RAVEL_ERR_ARGUMENT);
    cr_assert_float_eq(ravel_model_bitrate(model, 4), 4 * 5 * 500.0, 1e-9);
    cr_assert_gt(info->encoder_macs, 0.0);
    cr_assert_gt(info->quantizer_macs, 0.0);
    cr_assert_gt(info->decoder_weight_bytes, 0);
    cr_assert_gt(info->parameters, 5000);
    ravel_model_free(model);
}

Test(model, may_end_early)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_EARLY);
    ravel_decoder *decoder = ravel_decoder_new(model);
    cr_assert_eq(ravel_model_get_info(model)->end_samples, -3);
    cr_assert_eq(ravel_decoder_samples(decoder, 0, 1), 0);
    cr_assert_eq(ravel_decoder_samples(decoder, 1, 1), 6 - 3);
    cr_assert_eq(ravel_decoder_samples(decoder, 10, 1), 60 - 3);
    ravel_decoder_free(decoder);
    ravel_model_free(model);
}

/* One dimension outside, 4096 within: so many of a batch's numbers must still count in an int. */
Test(model, batches_are_bounded_by_what_vectors_become_inside)
{
    enum { INNER = 4096, MOST = INT_MAX / INNER };
    ravel_tiny *t = ravel_tiny_begin(3);
    size_t size;
    ravel_tiny_header(t, "wide", 8000, 1, 1, 0);
    ravel_tiny_text(t, "{\"type\":\"elu\"},\"quantizer\":");
    ravel_tiny_factorised_codebooks(t, 2, 2, 1, INNER);
    ravel_tiny_text(t, ",\"decoder\":{\"type\":\"elu\"}}");
    void *file = ravel_tiny_finish(t, &size);
    ravel_model *model = ravel_model_open_memory(file, size, NULL);
    cr_assert_lt(ravel_scratch_size(model, MOST), SIZE_MAX);
    cr_assert_eq(ravel_scratch_size(model, MOST + 1), SIZE_MAX);
    ravel_model_free(model);
    free(file);
}

Test(model, builtin_is_one_and_stays)
{
    const ravel_model *model = ravel_model_builtin();
    cr_assert_not_null(model);
    ravel_model_free((ravel_model *)model);
    cr_assert_eq(ravel_model_builtin(), model);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->sample_rate_hz == 24000 && info->channels == 1 && info->hop_samples == 480);
    cr_assert(info->n_codebooks == 12 && info->codebook_size[0] == 1024);
    cr_assert_leq(info->delay_samples, 720);
    cr_assert_leq(info->encoder_macs + info->quantizer_macs, 210e6);
    cr_assert_leq(info->decoder_macs, 300e6);
    cr_assert_leq(ravel_encoder_size(model), 256 * 1024);
    cr_assert_leq(ravel_decoder_size(model), 256 * 1024);
    cr_assert_leq(ravel_scratch_size(model, 1), 1 << 20);
}

/* --- Without an encoder ----------------------------------------------------------------------- */

/* Frames of random codes by a model, 0 as they come and 1 all at once. */
static float *decode_alone(const ravel_model *model, int n_frames, int at_once, int *n)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    ravel_decoder *decoder = ravel_decoder_new(model);
    int room = ravel_decoder_samples(decoder, n_frames, 1);
    float *pcm = calloc((size_t)room, sizeof *pcm);
    uint16_t *codes = calloc((size_t)(n_frames * info->n_codebooks), sizeof *codes);
    uint64_t seed = 3;
    for (int i = 0; i < n_frames * info->n_codebooks; i++)
        codes[i] = (uint16_t)ravel_random_below(&seed, info->codebook_size[0]);
    *n = 0;
    for (int f = 0; f < n_frames; f += at_once ? n_frames : 1)
        *n += ravel_decoder_push(decoder, scratch, codes + (ptrdiff_t)f * info->n_codebooks,
                                 at_once ? n_frames : 1, info->n_codebooks, pcm + *n, room - *n);
    *n += ravel_decoder_finish(decoder, scratch, pcm + *n, room - *n);
    cr_assert_eq(*n, room);
    free(codes);
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
    return pcm;
}

Test(model, may_only_decode)
{
    int n, n_whole;
    size_t size;
    ravel_error error = {RAVEL_OK, ""};
    void *file = ravel_test_decoder(&size);
    ravel_model *whole = ravel_test_model_open(RAVEL_TINY_EARLY);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    cr_assert_not_null(model, "%s", error.text);
    const ravel_model_info *info = ravel_model_get_info(model);
    cr_assert(info->decodes_only && !ravel_model_get_info(whole)->decodes_only);
    cr_assert(info->latent_dim == 6 && info->n_codebooks == 5 && info->encoder_macs == 0.0);
    cr_assert_eq(ravel_encoder_size(model), 0);
    cr_assert_null(ravel_encoder_new(model, 1));
    cr_assert_null(ravel_encoder_init(model, 1, &n));
    float *pcm = decode_alone(model, 50, 0, &n), *expected = decode_alone(whole, 50, 1, &n_whole);
    cr_assert_eq(n, n_whole);
    cr_assert_eq(memcmp(pcm, expected, (size_t)n * sizeof *pcm), 0);
    free(pcm);
    free(expected);
    free(file);
    ravel_model_free(whole);
    ravel_model_free(model);
}

/* --- Identities ------------------------------------------------------------------------------- */

static void other_licence(cJSON *g)
{
    ravel_test_set_string(g, "licence", "other");
}
static void other_magnitude(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "decoder", 6), "max_magnitude", 99);
}
static void other_eps(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 1), "eps", 2e-6);
}
static void other_search(cJSON *g)
{
    cJSON *stage =
        cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(g, "quantizer"), "stages"), 2);
    ravel_test_set_string(cJSON_GetObjectItem(stage, "inner"), "search", "euclidean");
}
static void same(cJSON *g)
{
    ravel_test_set_number(g, "hop", 32);
} /* the order of the keys differs */

static void check_identity(ravel_test_change *change, int same_tokenizer, int same_decoder)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *a = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_model *b = ravel_test_changed(RAVEL_TINY_DEFAULT, change, &error);
    cr_assert_not_null(b, "%s", error.text);
    const ravel_model_info *x = ravel_model_get_info(a), *y = ravel_model_get_info(b);
    cr_expect_eq(!memcmp(x->tokenizer_identity, y->tokenizer_identity, RAVEL_IDENTITY_BYTES),
                 same_tokenizer);
    cr_expect_eq(!memcmp(x->decoder_identity, y->decoder_identity, RAVEL_IDENTITY_BYTES),
                 same_decoder);
    ravel_model_free(a);
    ravel_model_free(b);
}

Test(identity, changes_with_what_it_names)
{
    check_identity(same, 1, 1);
    check_identity(other_licence, 1, 1);
    check_identity(other_magnitude, 1, 0);
    check_identity(other_eps, 0, 1);
    check_identity(other_search, 0, 1);
}

/* --- Damage ----------------------------------------------------------------------------------- */

/* Where it opens it must also run. */
static void open_and_run(const void *file, size_t size)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    if (!model) {
        cr_assert(error.status != RAVEL_OK && error.text[0] != '\0');
        return;
    }
    ravel_encoder *encoder = ravel_encoder_new(model, 1);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    float pcm[400] = {0.1f, -0.3f};
    uint16_t codes[400];
    int n = 100 / ravel_model_get_info(model)->channels;
    if (encoder && scratch && ravel_encoder_frames(encoder, n, 0) <= 400) {
        cr_assert_geq(ravel_encoder_push(encoder, scratch, pcm, n, codes, 400), 0);
    }
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}

Test(damage, every_truncation_is_refused)
{
    size_t size;
    uint8_t *file = ravel_test_model(RAVEL_TINY_LOOKAHEAD, &size);
    for (size_t n = 0; n < size; n += n < 6000 ? 1 : 97) {
        ravel_error error = {RAVEL_OK, ""};
        uint8_t *part = malloc(n + 1); /* of its own, so that a sanitizer sees a read beyond */
        memcpy(part, file, n);
        cr_assert_null(ravel_model_open_memory(part, n, &error));
        cr_assert_eq(error.status, RAVEL_ERR_DATA);
        cr_assert_neq(error.text[0], '\0');
        free(part);
    }
    free(file);
}

/* One bit of every byte of the header, and of some of the weights. */
Test(damage, flipped_bits_are_survived)
{
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        size_t size;
        uint8_t *file = ravel_test_model((ravel_tiny_kind)kind, &size);
        size_t header = 8 + (size_t)(file[0] | file[1] << 8);
        size_t step = kind == RAVEL_TINY_LOOKAHEAD ? 1 : 5; /* the others have the same nodes */
        for (size_t i = 0; i < size; i += i < 8 ? 1 : i < header ? step : 401) {
            uint8_t kept = file[i];
            file[i] = (uint8_t)(kept ^ 1 << i * 5 % 8);
            open_and_run(file, size);
            file[i] = kept;
        }
        free(file);
    }
}

Test(damage, weights_that_are_no_numbers_are_refused)
{
    const uint8_t bad[] = {0x00, 0x00, 0xc0, 0x7f}; /* NaN as F32 and as BF16 */
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    uint8_t *file = ravel_test_model(RAVEL_TINY_SEANET_ZERO, &size);
    memcpy(file + size - 4, bad, sizeof bad);
    cr_assert_null(ravel_model_open_memory(file, size, &error));
    cr_assert_not_null(strstr(error.text, "infinite or not numbers"), "%s", error.text);
    free(file);
}

Test(damage, verify_finds_a_flipped_weight)
{
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    uint8_t *file = ravel_test_model(RAVEL_TINY_DEFAULT, &size);
    cr_assert_eq(ravel_model_verify_memory(file, size, &error), 0);
    file[size - 7] ^= 4;
    cr_assert_eq(ravel_model_verify_memory(file, size, &error), RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "damaged"));
    cr_assert_eq(ravel_model_verify_memory(file, 100, &error), RAVEL_ERR_DATA);
    free(file);
}
