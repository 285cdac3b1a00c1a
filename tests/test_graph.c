/* SPDX-License-Identifier: BSD-3-Clause */
/* Graphs that are wrong are refused with the name of the node, or of the tensor. */
#include <criterion/criterion.h>
#include <string.h>

#include "codec/sha256.h"
#include "tests/support/changed_model.h"

static void refused(ravel_tiny_kind kind, ravel_test_change *change, ravel_status status,
                    const char *where, const char *why)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *model = ravel_test_changed(kind, change, &error);
    cr_expect_null(model, "opened, but should say '%s'", why);
    ravel_model_free(model);
    cr_expect_eq(error.status, status, "%s", error.text);
    cr_expect_not_null(strstr(error.text, where), "'%s' is not in '%s'", where, error.text);
    cr_expect_not_null(strstr(error.text, why), "'%s' is not in '%s'", why, error.text);
}

static void no_encoder(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "encoder");
}

static void newer_format(cJSON *g)
{
    ravel_test_set_number(g, "format", 2);
}
static void other_hop(cJSON *g)
{
    ravel_test_set_number(g, "hop", 31);
}
static void no_name(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "name");
}
static void no_rate(cJSON *g)
{
    ravel_test_set_number(g, "sample_rate", 24000.5);
}
static void extra_key(cJSON *g)
{
    ravel_test_set_number(g, "colour", 1);
}
static void no_decoder(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "decoder");
}
static void unknown_type(cJSON *g)
{
    ravel_test_set_string(ravel_test_node(g, "encoder", 1), "type", "magic");
}
static void unknown_field(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 1), "weight", 1);
}
static void missing_tensor(cJSON *g)
{
    ravel_test_set_string(ravel_test_node(g, "encoder", 2), "name", "nowhere");
}
static void large_stride(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 4), "stride", 3);
}
static void huge_dilation(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 4), "dilation", 65536);
}
static void huge_fft(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 0), "n_fft", 1 << 20);
}
static void many_channels(cJSON *g)
{
    ravel_test_set_number(g, "channels", 2);
}
static void surplus_tensor(cJSON *g)
{
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(g, "encoder"), 5);
}
static void no_padding(cJSON *g)
{
    cJSON_DeleteItemFromObject(ravel_test_node(g, "encoder", 0), "pad");
}
static void late_padding(cJSON *g)
{
    cJSON_AddItemToObject(ravel_test_node(g, "encoder", 4), "pad",
                          cJSON_CreateIntArray((int[]){2, 0}, 2));
    no_padding(g);
}
static void there_and_back(cJSON *g)
{
    cJSON *down = cJSON_Duplicate(ravel_test_node(g, "encoder", 4), 1);
    cJSON_AddItemToArray(cJSON_GetObjectItem(g, "decoder"), down);
}
static void early_by_a_frame(cJSON *g)
{
    cJSON_DeleteItemFromObject(ravel_test_node(g, "decoder", 1), "trim");
    cJSON_AddItemToObject(ravel_test_node(g, "decoder", 1), "trim",
                          cJSON_CreateIntArray((int[]){1, 2}, 2));
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
    ravel_test_set_number(cJSON_GetObjectItem(g, part), key, value);
}

static void segments_with_gaps(cJSON *g)
{
    set_of_part(g, "encoder", "hop", 25);
}
static void endless_segments(cJSON *g)
{
    set_of_part(g, "encoder", "length", 65537);
}
static void segments_that_hardly_advance(cJSON *g)
{
    set_of_part(g, "encoder", "length", 20 * 17);
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
    refused(s, segments_that_hardly_advance, RAVEL_ERR_MODEL, "encoder segment", "more than 16");
    refused(s, segments_that_drop_rows, RAVEL_ERR_MODEL, "encoder.inner", "complete_last");
    refused(s, segments_of_nothing, RAVEL_ERR_MODEL, "encoder", "missing");
    refused(s, norm_of_the_whole_stream, RAVEL_ERR_MODEL, "encoder[1] group_norm", "'whole'");
    refused(s, quantizer_of_more_steps, RAVEL_ERR_MODEL, "quantizer segment", "7 steps");
    refused(s, quantizer_of_too_many_steps, RAVEL_ERR_MODEL, "quantizer segment", "'steps'");
    refused(s, decoder_of_other_steps, RAVEL_ERR_MODEL, "decoder overlap_add", "not 4 steps");
    refused(s, decoder_of_other_hop, RAVEL_ERR_MODEL, "decoder", "makes 19 samples");
    refused(s, decoder_with_gaps, RAVEL_ERR_MODEL, "decoder overlap_add", "24 rows 25 apart");
}

/* The i-th node of a piece of the encoder. */
static cJSON *of_piece(cJSON *g, int i)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(g, "encoder"), "inner"), i);
}

static cJSON *attention_of(cJSON *g)
{
    cJSON *residual = cJSON_GetObjectItem(ravel_test_node(g, "decoder", 1), "inner");
    return cJSON_GetObjectItem(residual, "branch");
}

static void attention_of_the_whole_stream(cJSON *g)
{
    cJSON *attention = cJSON_Duplicate(attention_of(g), 1);
    cJSON_ReplaceItemInArray(cJSON_GetObjectItem(g, "decoder"), 1, attention);
}
static void attention_with_context(cJSON *g)
{
    ravel_test_set_number(attention_of(g), "context", 5);
}
static void pieces_of_parts_of_frames(cJSON *g)
{
    set_of_part(g, "encoder", "rows", 61);
}
static void endless_pieces(cJSON *g)
{
    set_of_part(g, "encoder", "rows", 1 << 25);
}
static void huge_pieces(cJSON *g)
{
    set_of_part(g, "encoder", "rows", 9 << 20);
}
static void pieces_that_lose_rows(cJSON *g)
{
    cJSON_DeleteItemFromObject(of_piece(g, 0), "pad");
}
static void pieces_that_gain_rows(cJSON *g)
{
    cJSON *pad = cJSON_GetObjectItem(of_piece(g, 0), "pad");
    cJSON_SetNumberValue(cJSON_GetArrayItem(pad, 1), 15);
}
/* Five samples would make a frame already. */
static void pieces_that_round_up(cJSON *g)
{
    cJSON *pad = cJSON_GetObjectItem(of_piece(g, 0), "pad");
    cJSON_SetNumberValue(cJSON_GetArrayItem(pad, 1), 4);
}
/* A frame or two would leave nothing behind the first layer, and the last one pads. */
static void decoder_of_few_frames(cJSON *g)
{
    cJSON *pad = cJSON_GetObjectItem(ravel_test_node(g, "decoder", 4), "pad");
    cJSON_DeleteItemFromObject(ravel_test_node(g, "decoder", 0), "pad");
    cJSON_SetNumberValue(cJSON_GetArrayItem(pad, 0), 15);
}
static void groups_of_parts_of_channels(cJSON *g)
{
    ravel_test_set_number(of_piece(g, 2), "groups", 3);
}
/* In front of the decoder's layers. */
static void insert(cJSON *g, const char *node)
{
    cJSON_InsertItemInArray(cJSON_GetObjectItem(g, "decoder"), 0, cJSON_Parse(node));
}
static void mean_of_the_whole_stream(cJSON *g)
{
    insert(g, "{\"type\":\"mean\"}");
}
static void channels_that_are_not_there(cJSON *g)
{
    insert(g, "{\"type\":\"slice\",\"first\":5,\"channels\":2}");
}
static void channels_from_nowhere(cJSON *g)
{
    insert(g, "{\"type\":\"slice\",\"channels\":2}");
}
static void product_of_other_widths(cJSON *g)
{
    insert(g, "{\"type\":\"product\",\"branch\":"
              "{\"type\":\"slice\",\"first\":5,\"channels\":1}}");
}
static void product_of_nothing(cJSON *g)
{
    insert(g, "{\"type\":\"product\"}");
}
static void greatest_of_nothing(cJSON *g)
{
    insert(g, "{\"type\":\"max_pool\",\"rows\":3,\"pad\":[3,0]}");
}
static void greatest_of_fewer(cJSON *g)
{
    insert(g, "{\"type\":\"max_pool\",\"rows\":0}");
}
static void slope_below_that_of_magnitudes(cJSON *g)
{
    insert(g, "{\"type\":\"leaky_relu\",\"slope\":-1.5}");
}
static void tail_and_drop(cJSON *g)
{
    ravel_test_set_number(g, "tail", 3);
}
static void drop(cJSON *g)
{
    cJSON_AddStringToObject(g, "last_frame", "drop");
}
static void other_last_frame(cJSON *g)
{
    cJSON_DeleteItemFromObject(g, "last_frame");
    cJSON_AddStringToObject(g, "last_frame", "keep");
}

Test(graph, refusals_of_pieces)
{
    const ravel_tiny_kind w = RAVEL_TINY_WHOLE;
    const ravel_status bad = RAVEL_ERR_MODEL;
    refused(w, norm_of_the_whole_stream, bad, "group_norm 'e.a.first'", "inside 'whole'");
    refused(w, attention_of_the_whole_stream, bad, "attention 'd.attention'", "inside 'whole'");
    refused(w, attention_with_context, bad, "attention 'd.attention'", "'context'");
    refused(w, pieces_of_parts_of_frames, bad, "encoder whole", "a piece of 61 rows");
    refused(w, endless_pieces, bad, "encoder whole", "'rows'");
    refused(w, huge_pieces, bad, "encoder whole", "above 64 MB");
    refused(w, pieces_that_lose_rows, bad, "encoder whole", "1 rows fewer");
    refused(w, pieces_that_gain_rows, bad, "encoder whole", "2 rows more");
    refused(w, pieces_that_round_up, bad, "encoder whole", "a row that is missing");
    refused(w, groups_of_parts_of_channels, bad, "group_norm 'e.a.second'", "3 groups");
    refused(w, decoder_of_few_frames, bad, "decoder", "2 frames would make no sound");
    refused(w, mean_of_the_whole_stream, bad, "decoder[0] mean", "inside 'whole'");
    refused(w, channels_that_are_not_there, bad, "decoder[0] slice", "not among 6");
    refused(w, channels_from_nowhere, bad, "decoder[0] slice", "'first'");
    refused(w, product_of_other_widths, bad, "decoder[0] product", "1 channels, the shortcut 6");
    refused(w, product_of_nothing, bad, "decoder[0].branch", "missing");
    refused(w, greatest_of_nothing, bad, "decoder[0] max_pool", "leaves windows of 3 rows");
    refused(w, greatest_of_fewer, bad, "decoder[0] max_pool", "'rows'");
    refused(w, slope_below_that_of_magnitudes, bad, "decoder[0] leaky_relu", "'slope'");
    refused(w, tail_and_drop, bad, "graph", "'tail'");
    refused(w, other_last_frame, bad, "graph", "'last_frame'");
    refused(RAVEL_TINY_SEGMENTS, drop, bad, "encoder", "'last_frame'");
    refused(RAVEL_TINY_SEANET_ZERO, drop, bad, "encoder", "'last_frame'");
}

/* The i-th stage of a quantiser. */
static cJSON *stage(cJSON *g, int i)
{
    cJSON *stages = cJSON_GetObjectItem(cJSON_GetObjectItem(g, "quantizer"), "stages");
    return cJSON_GetArrayItem(stages, i);
}

static void frames_of_fewer_rows(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 5), "rows", 2);
}
static void frames_of_no_rows(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 5), "rows", 0);
}
static void frames_too_long(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "encoder", 5), "rows", 20000);
}
static void rows_that_do_not_fit(cJSON *g)
{
    ravel_test_set_number(ravel_test_node(g, "decoder", 0), "rows", 3);
}
static void folded_again(cJSON *g)
{
    cJSON *fold = cJSON_Duplicate(ravel_test_node(g, "encoder", 5), 1);
    cJSON_AddItemToArray(cJSON_GetObjectItem(g, "decoder"), fold);
}
static void stride_of_no_part(cJSON *g)
{
    ravel_test_set_number(stage(g, 0), "stride", 3);
}
static void more_steps_than_rows(cJSON *g)
{
    ravel_test_set_number(stage(g, 1), "steps", 8);
}
static void too_many_steps(cJSON *g)
{
    ravel_test_set_number(stage(g, 1), "steps", 257);
}
static void steps_of_nothing(cJSON *g)
{
    cJSON_DeleteItemFromObject(stage(g, 2), "inner");
}
static void noise_without_seed(cJSON *g)
{
    cJSON *branch = cJSON_GetObjectItem(ravel_test_node(g, "decoder", 2), "branch");
    cJSON_DeleteItemFromObject(cJSON_GetArrayItem(branch, 1), "seed");
}
static void great_seed(cJSON *g)
{
    cJSON *branch = cJSON_GetObjectItem(ravel_test_node(g, "decoder", 2), "branch");
    ravel_test_set_number(cJSON_GetArrayItem(branch, 1), "seed", 1 << 24);
}

/* For this model, and so refused for its rates alone. */
static void add_for_tokenizer(cJSON *g, const char *part)
{
    char own[RAVEL_SHA256_HEX];
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_RATES);
    ravel_sha256_hex(ravel_model_get_info(model)->tokenizer_identity, own);
    ravel_model_free(model);
    cJSON *added = cJSON_AddObjectToObject(g, part);
    cJSON_AddStringToObject(added, "name", part);
    cJSON_AddStringToObject(added, "tokenizer", own);
}
static void tables_of_steps(cJSON *g)
{
    add_for_tokenizer(g, "tables");
}
static void prior_of_steps(cJSON *g)
{
    add_for_tokenizer(g, "prior");
}
static void tables_in_a_list(cJSON *g)
{
    cJSON_AddItemToArray(cJSON_AddArrayToObject(g, "tables"), cJSON_CreateString("name"));
}
static void prior_in_a_list(cJSON *g)
{
    cJSON_AddItemToArray(cJSON_AddArrayToObject(g, "prior"), cJSON_CreateString("name"));
}

Test(graph, refusals_of_rates)
{
    const ravel_tiny_kind r = RAVEL_TINY_RATES;
    refused(r, frames_of_fewer_rows, RAVEL_ERR_MODEL, "encoder", "hop is 24");
    refused(r, frames_of_no_rows, RAVEL_ERR_MODEL, "encoder[5] fold", "'rows'");
    refused(r, frames_too_long, RAVEL_ERR_MODEL, "encoder[5] fold", "strides is above 65536");
    refused(r, rows_that_do_not_fit, RAVEL_ERR_MODEL, "decoder[0] unfold", "20 channels");
    refused(r, folded_again, RAVEL_ERR_MODEL, "decoder[6] fold", "down and up");
    refused(r, stride_of_no_part, RAVEL_ERR_MODEL, "stages[0] strided", "no multiple of 3");
    refused(r, more_steps_than_rows, RAVEL_ERR_MODEL, "stages[1]", "given 2");
    refused(r, too_many_steps, RAVEL_ERR_MODEL, "stages[1] strided", "'steps'");
    refused(r, steps_of_nothing, RAVEL_ERR_MODEL, "stages[2]", "missing");
    refused(r, noise_without_seed, RAVEL_ERR_MODEL, "decoder[2].branch[1] noise", "'seed'");
    refused(r, great_seed, RAVEL_ERR_MODEL, "decoder[2].branch[1] noise", "'seed'");
    refused(r, tables_of_steps, RAVEL_ERR_MODEL, "tables", "codebook 2 has 2 steps a frame");
    refused(r, prior_of_steps, RAVEL_ERR_MODEL, "prior", "codebook 2 has 2 steps a frame");
    refused(r, tables_in_a_list, RAVEL_ERR_MODEL, "tables", "'tokenizer'");
    refused(r, prior_in_a_list, RAVEL_ERR_MODEL, "prior", "'tokenizer'");
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
