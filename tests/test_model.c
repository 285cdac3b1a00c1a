/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening models: what they say about themselves, and that a hostile file only gets a message. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model_write.h"
#include "codec/safetensors.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

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

/* --- Changed graphs --------------------------------------------------------------------------- */

/* The tiny model with its graph changed by `change`, and its tensors as they were. */
typedef void change_graph(cJSON *graph);

static ravel_model *open_changed(ravel_tiny_kind kind, change_graph *change, ravel_error *error)
{
    size_t size, n = 0;
    void *file = ravel_test_model(kind, &size), *changed;
    ravel_safetensors st;
    ravel_tensor tensors[200];
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, NULL), 0);
    cJSON *graph = cJSON_Parse(ravel_safetensors_metadata(&st, "ravel"));
    cJSON_DeleteItemFromObject(graph, "sha256");
    change(graph);
    for (; n < st.n_entries; n++)
        tensors[n] = st.entries[n].tensor;
    cr_assert_eq(ravel_model_write(graph, tensors, n, &changed, &size, NULL), 0);
    ravel_model *model = ravel_model_open_memory(changed, size, error);
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    free(file);
    free(changed);
    return model;
}

static void no_encoder(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "encoder");
}

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

static void refused(ravel_tiny_kind kind, change_graph *change, ravel_status status,
                    const char *where, const char *why)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *model = open_changed(kind, change, &error);
    cr_expect_null(model, "opened, but should say '%s'", why);
    ravel_model_free(model);
    cr_expect_eq(error.status, status, "%s", error.text);
    cr_expect_not_null(strstr(error.text, where), "'%s' is not in '%s'", where, error.text);
    cr_expect_not_null(strstr(error.text, why), "'%s' is not in '%s'", why, error.text);
}

static cJSON *node(cJSON *graph, const char *part, int i)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItem(graph, part), i);
}

static void set_number(cJSON *object, const char *key, double value)
{
    cJSON_DeleteItemFromObject(object, key);
    cJSON_AddNumberToObject(object, key, value);
}

static void set_string(cJSON *object, const char *key, const char *value)
{
    cJSON_DeleteItemFromObject(object, key);
    cJSON_AddStringToObject(object, key, value);
}

static void newer_format(cJSON *g)
{
    set_number(g, "format", 2);
}
static void other_hop(cJSON *g)
{
    set_number(g, "hop", 31);
}
static void no_name(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "name");
}
static void no_rate(cJSON *g)
{
    set_number(g, "sample_rate", 24000.5);
}
static void extra_key(cJSON *g)
{
    set_number(g, "colour", 1);
}
static void no_decoder(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "decoder");
}
static void unknown_type(cJSON *g)
{
    set_string(node(g, "encoder", 1), "type", "magic");
}
static void unknown_field(cJSON *g)
{
    set_number(node(g, "encoder", 1), "weight", 1);
}
static void missing_tensor(cJSON *g)
{
    set_string(node(g, "encoder", 2), "name", "nowhere");
}
static void large_stride(cJSON *g)
{
    set_number(node(g, "encoder", 4), "stride", 3);
}
static void huge_dilation(cJSON *g)
{
    set_number(node(g, "encoder", 4), "dilation", 65536);
}
static void huge_fft(cJSON *g)
{
    set_number(node(g, "encoder", 0), "n_fft", 1 << 20);
}
static void many_channels(cJSON *g)
{
    set_number(g, "channels", 2);
}
static void surplus_tensor(cJSON *g)
{
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(g, "encoder"), 5);
}
static void no_padding(cJSON *g)
{
    cJSON_DeleteItemFromObject(node(g, "encoder", 0), "pad");
}
static void late_padding(cJSON *g)
{
    cJSON_AddItemToObject(node(g, "encoder", 4), "pad", cJSON_CreateIntArray((int[]){2, 0}, 2));
    no_padding(g);
}
static void there_and_back(cJSON *g)
{
    cJSON *down = cJSON_Duplicate(node(g, "encoder", 4), 1);
    cJSON_AddItemToArray(cJSON_GetObjectItem(g, "decoder"), down);
}
static void early_by_a_frame(cJSON *g)
{
    cJSON_DeleteItemFromObject(node(g, "decoder", 1), "trim");
    cJSON_AddItemToObject(node(g, "decoder", 1), "trim", cJSON_CreateIntArray((int[]){1, 2}, 2));
}

static void deep(cJSON *g)
{
    cJSON *inner = cJSON_CreateArray();
    for (int i = 0; i < 70; i++) {
        cJSON *outer = cJSON_CreateArray();
        cJSON_AddItemToArray(outer, inner);
        inner = outer;
    }
    cJSON_ReplaceItemInObject(g, "encoder", inner);
}

static void many_nodes(cJSON *g)
{
    for (int i = 0; i < 5000; i++) {
        cJSON *elu = cJSON_CreateObject();
        cJSON_AddStringToObject(elu, "type", "elu");
        cJSON_AddItemToArray(cJSON_GetObjectItem(g, "encoder"), elu);
    }
}

static cJSON *last_of(cJSON *g, const char *part, int back)
{
    cJSON *nodes = cJSON_GetObjectItem(g, part);
    return cJSON_GetArrayItem(nodes, cJSON_GetArraySize(nodes) - back);
}

static void odd_source_hop(cJSON *g)
{
    cJSON_SetNumberValue(cJSON_GetObjectItem(last_of(g, "decoder", 2), "hop"), 8);
}

static void source_of_other_size(cJSON *g)
{
    cJSON_SetNumberValue(cJSON_GetObjectItem(last_of(g, "decoder", 2), "n_fft"), 64);
    cJSON_SetNumberValue(cJSON_GetObjectItem(last_of(g, "decoder", 2), "hop"), 32);
}

static void huge_source(cJSON *g)
{
    cJSON_SetNumberValue(cJSON_GetObjectItem(last_of(g, "decoder", 2), "n_fft"), 1e9);
}

static void boundless_source(cJSON *g)
{
    cJSON_DeleteItemFromObject(last_of(g, "decoder", 2), "max_magnitude");
}

static void other_spectrum(cJSON *g)
{
    cJSON_SetValuestring(cJSON_GetObjectItem(last_of(g, "decoder", 1), "spectrum"), "octonic");
}

static void sides_of_other_rates(cJSON *g)
{
    cJSON *front = cJSON_GetArrayItem(cJSON_GetObjectItem(g, "encoder"), 0);
    cJSON *low = cJSON_GetArrayItem(cJSON_GetObjectItem(front, "branch"), 0);
    cJSON_SetNumberValue(cJSON_GetObjectItem(low, "stride"), 2);
}

Test(graph, refusals_of_sources_and_sides)
{
    const ravel_tiny_kind s = RAVEL_TINY_SOURCE_FILTER;
    refused(s, odd_source_hop, RAVEL_ERR_MODEL, "decoder[6] harmonic_noise", "not half of n_fft");
    refused(s, source_of_other_size, RAVEL_ERR_MODEL, "decoder[6] harmonic_noise", "given 52");
    refused(s, huge_source, RAVEL_ERR_MODEL, "decoder[6] harmonic_noise", "'n_fft'");
    refused(s, boundless_source, RAVEL_ERR_MODEL, "decoder[6] harmonic_noise", "'max_magnitude'");
    refused(s, other_spectrum, RAVEL_ERR_MODEL, "decoder[7] istft", "'spectrum'");
    refused(s, sides_of_other_rates, RAVEL_ERR_MODEL, "encoder[0] residual", "1 rows for 8");
}

static void set_of_part(cJSON *g, const char *part, const char *key, double value)
{
    set_number(cJSON_GetObjectItem(g, part), key, value);
}

static void segments_with_gaps(cJSON *g)
{
    set_of_part(g, "encoder", "hop", 25);
}
static void endless_segments(cJSON *g)
{
    set_of_part(g, "encoder", "length", 65537);
}
static void segments_that_drop_rows(cJSON *g)
{
    cJSON *inner = cJSON_GetObjectItem(cJSON_GetObjectItem(g, "encoder"), "inner");
    cJSON_DeleteItemFromObject(cJSON_GetArrayItem(inner, 3), "complete_last");
}
static void segments_of_nothing(cJSON *g)
{
    cJSON_DeleteItemFromObject(cJSON_GetObjectItem(g, "encoder"), "inner");
}
static void norm_of_the_whole_stream(cJSON *g)
{
    cJSON *inner = cJSON_DetachItemFromObject(cJSON_GetObjectItem(g, "encoder"), "inner");
    cJSON_ReplaceItemInObject(g, "encoder", inner);
}
static void quantizer_of_more_steps(cJSON *g)
{
    set_of_part(g, "quantizer", "steps", 7);
}
static void quantizer_of_too_many_steps(cJSON *g)
{
    set_of_part(g, "quantizer", "steps", 257);
}
static void decoder_of_other_steps(cJSON *g)
{
    set_of_part(g, "decoder", "steps", 4);
}
static void decoder_of_other_hop(cJSON *g)
{
    set_of_part(g, "decoder", "hop", 19);
}
static void decoder_with_gaps(cJSON *g)
{
    set_of_part(g, "decoder", "hop", 25);
}

Test(graph, refusals_of_segments)
{
    const ravel_tiny_kind s = RAVEL_TINY_SEGMENTS;
    refused(s, segments_with_gaps, RAVEL_ERR_MODEL, "encoder segment", "24 rows 25 apart");
    refused(s, endless_segments, RAVEL_ERR_MODEL, "encoder segment", "'length'");
    refused(s, segments_that_drop_rows, RAVEL_ERR_MODEL, "encoder.inner", "complete_last");
    refused(s, segments_of_nothing, RAVEL_ERR_MODEL, "encoder", "missing");
    refused(s, norm_of_the_whole_stream, RAVEL_ERR_MODEL, "encoder[1] group_norm", "'whole'");
    refused(s, quantizer_of_more_steps, RAVEL_ERR_MODEL, "quantizer segment", "7 steps");
    refused(s, quantizer_of_too_many_steps, RAVEL_ERR_MODEL, "quantizer segment", "'steps'");
    refused(s, decoder_of_other_steps, RAVEL_ERR_MODEL, "decoder overlap_add", "not 4 steps");
    refused(s, decoder_of_other_hop, RAVEL_ERR_MODEL, "decoder", "makes 19 samples");
    refused(s, decoder_with_gaps, RAVEL_ERR_MODEL, "decoder overlap_add", "24 rows 25 apart");
}

Test(graph, refusals_name_node_and_tensor)
{
    const ravel_tiny_kind d = RAVEL_TINY_DEFAULT;
    refused(d, newer_format, RAVEL_ERR_VERSION, "format", "newer");
    refused(d, other_hop, RAVEL_ERR_MODEL, "encoder", "hop is 31");
    refused(d, no_name, RAVEL_ERR_MODEL, "graph", "'name'");
    refused(d, no_rate, RAVEL_ERR_MODEL, "graph", "'sample_rate'");
    refused(d, extra_key, RAVEL_ERR_MODEL, "graph", "'colour'");
    refused(d, no_decoder, RAVEL_ERR_MODEL, "decoder", "missing");
    refused(d, unknown_type, RAVEL_ERR_MODEL, "encoder[1]", "'magic'");
    refused(d, unknown_field, RAVEL_ERR_MODEL, "encoder[1] compress", "'weight'");
    refused(d, missing_tensor, RAVEL_ERR_MODEL, "encoder[2] conv", "'nowhere.weight' is missing");
    refused(d, large_stride, RAVEL_ERR_MODEL, "encoder", "hop is 32");
    refused(d, huge_dilation, RAVEL_ERR_MODEL, "encoder[4] conv 'e.down'", "too large");
    refused(d, huge_fft, RAVEL_ERR_MODEL, "encoder[0] stft", "'n_fft'");
    refused(d, many_channels, RAVEL_ERR_MODEL, "encoder[0] stft", "given 2");
    refused(d, surplus_tensor, RAVEL_ERR_MODEL, "e.coarse", "belongs to no layer");
    refused(d, no_padding, RAVEL_ERR_MODEL, "encoder", "1 frames fewer");
    refused(d, late_padding, RAVEL_ERR_MODEL, "encoder", "loses rows");
    refused(d, there_and_back, RAVEL_ERR_MODEL, "decoder[7] conv", "down and up");
    refused(d, deep, RAVEL_ERR_MODEL, "...", "nested");
    refused(d, many_nodes, RAVEL_ERR_MODEL, "encoder", "more than 4096 nodes");
    refused(RAVEL_TINY_LOOKAHEAD, no_encoder, RAVEL_ERR_MODEL, "graph", "without an encoder");
    refused(RAVEL_TINY_EARLY, early_by_a_frame, RAVEL_ERR_MODEL, "decoder", "6 samples early");
}

/* --- Identities ------------------------------------------------------------------------------- */

static void other_licence(cJSON *g)
{
    set_string(g, "licence", "other");
}
static void other_magnitude(cJSON *g)
{
    set_number(node(g, "decoder", 6), "max_magnitude", 99);
}
static void other_eps(cJSON *g)
{
    set_number(node(g, "encoder", 1), "eps", 2e-6);
}
static void other_search(cJSON *g)
{
    cJSON *stage =
        cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(g, "quantizer"), "stages"), 2);
    set_string(cJSON_GetObjectItem(stage, "inner"), "search", "euclidean");
}
static void same(cJSON *g)
{
    set_number(g, "hop", 32);
} /* the order of the keys differs */

static void check_identity(change_graph *change, int same_tokenizer, int same_decoder)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *a = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_model *b = open_changed(RAVEL_TINY_DEFAULT, change, &error);
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
