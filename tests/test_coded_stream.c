/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams of coded blocks: whose prior they need, what they cost, and what a target makes of them. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model_write.h"
#include "codec/safetensors.h"
#include "ravel/io.h"
#include "tests/support/coded_blocks.h"
#include "tests/support/folder.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { CODEBOOKS = 4, SIZE = 32, N_FRAMES = 4000, BLOCK_FRAMES = 50 };

static char folder[RAVEL_TEST_FOLDER];
static ravel_error error;
static ravel_model *model;
static const ravel_model_info *info;
static uint16_t codes[N_FRAMES * CODEBOOKS]; /* all codebooks; a stream may get the first ones */
static ravel_stream_rates rates;

static void set_up(void)
{
    ravel_test_folder_enter(folder);
    model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    info = ravel_model_get_info(model);
}

/* Codes that the coder expects; of packed codes it does not matter. */
static void expected_codes(int entropy)
{
    const ravel_code_models models = ravel_model_code_models(model);
    const int kind = entropy == RAVEL_ENTROPY_PRIOR ? RAVEL_PAYLOAD_PRIOR : RAVEL_PAYLOAD_STATIC;
    uint64_t seed = 1;
    ravel_test_told_codes(&models, (ravel_payload)kind, 1, &seed, N_FRAMES, CODEBOOKS, codes);
}

static void tear_down(void)
{
    ravel_model_free(model);
    ravel_test_folder_leave(folder);
}

TestSuite(coded_stream, .init = set_up, .fini = tear_down);

static void write_stream(const ravel_stream_format *format)
{
    ravel_stream_writer *writer = ravel_stream_writer_open("a.rvl", model, format, &error);
    cr_assert_not_null(writer, "%s", error.text);
    static uint16_t first[N_FRAMES * CODEBOOKS];
    for (int f = 0; f < N_FRAMES; f++)
        memcpy(first + f * format->n_codebooks, codes + f * CODEBOOKS,
               (size_t)format->n_codebooks * sizeof *codes);
    cr_assert_eq(ravel_stream_writer_write(writer, first, N_FRAMES, N_FRAMES, &error), N_FRAMES);
    cr_assert_eq(
        ravel_stream_writer_close(writer, (int64_t)N_FRAMES * info->hop_samples, &rates, &error), 0,
        "%s", error.text);
}

static ravel_stream_format format_of(ravel_entropy entropy, int n_codebooks)
{
    return (ravel_stream_format){.n_streams = 1,
                                 .n_codebooks = n_codebooks,
                                 .block_frames = BLOCK_FRAMES,
                                 .entropy = entropy};
}

/* All codes, compared as far as they were written. return    the last status */
static int read_stream(const ravel_model *with, ravel_stream_bits *bits)
{
    ravel_stream_reader *reader = ravel_stream_reader_open("a.rvl", with, &error);
    int n, n_codebooks = 0, lost, at = 0;
    if (reader == NULL)
        return (int)error.status;
    uint16_t piece[33 * CODEBOOKS];
    while ((n = ravel_stream_reader_read(reader, piece, 33, &n_codebooks, &lost, &error)) > 0) {
        cr_assert_not(lost);
        for (int i = 0; i < n; i++, at++)
            cr_assert(with == NULL || memcmp(piece + i * n_codebooks, codes + at * CODEBOOKS,
                                             (size_t)n_codebooks * sizeof *codes) == 0);
    }
    cr_assert(n < 0 || at == N_FRAMES);
    *bits = ravel_stream_reader_bits(reader);
    ravel_stream_reader_close(reader);
    return n;
}

/* Without the model: frames can be counted, whatever their codes. */
static void look_at_stream(ravel_stream_bits *bits)
{
    ravel_stream_reader *reader = ravel_stream_reader_open("a.rvl", NULL, &error);
    int n, n_codebooks, lost, n_frames = 0;
    while ((n = ravel_stream_reader_read(reader, NULL, 1000, &n_codebooks, &lost, &error)) > 0)
        n_frames += n;
    cr_assert(n == 0 && n_frames == N_FRAMES, "%s", error.text);
    *bits = ravel_stream_reader_bits(reader);
    ravel_stream_reader_close(reader);
}

/* --- Whose prior ------------------------------------------------------------------------------ */

/* The same tokeniser with other tables, or without tables and prior. */
static ravel_model *open_changed(bool with_prior)
{
    size_t size;
    char *file = ravel_test_model(RAVEL_TINY_PRIOR, &size);
    ravel_safetensors st;
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, &error), 0);
    cJSON *graph = cJSON_Parse(ravel_safetensors_metadata(&st, "ravel"));
    cJSON_DeleteItemFromObject(graph, "sha256");
    ravel_tensor *tensors = calloc(st.n_entries, sizeof *tensors);
    size_t n = 0;
    for (size_t i = 0; i < st.n_entries; i++) {
        const char *name = st.entries[i].tensor.name;
        const bool told = strncmp(name, "prior.", 6) == 0 || strncmp(name, "tables.", 7) == 0;
        if (told && !with_prior)
            continue;
        tensors[n++] = st.entries[i].tensor;
        if (strcmp(name, "tables.0.logits") == 0)
            ((uint16_t *)(uintptr_t)st.entries[i].tensor.data)[0] ^= 1;
    }
    if (!with_prior) {
        cJSON_DeleteItemFromObject(graph, "prior");
        cJSON_DeleteItemFromObject(graph, "tables");
    }
    void *changed;
    cr_assert_eq(ravel_model_write(graph, tensors, n, &changed, &size, &error), 0);
    ravel_model *opened = ravel_model_open_memory(changed, size, &error);
    cr_assert_not_null(opened, "%s", error.text);
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    free(tensors);
    free(changed);
    free(file);
    return opened;
}

Test(coded_stream, another_prior_is_refused_by_name)
{
    ravel_stream_bits bits;
    for (int with_prior = 0; with_prior < 2; with_prior++) {
        ravel_model *other = open_changed(with_prior);
        const ravel_model_info *changed = ravel_model_get_info(other);
        cr_assert_eq(memcmp(info->tokenizer_identity, changed->tokenizer_identity, 32), 0);
        cr_assert_neq(memcmp(info->prior_identity, changed->prior_identity, 32), 0);
        for (int entropy = RAVEL_ENTROPY_STATIC; entropy <= RAVEL_ENTROPY_PRIOR; entropy++) {
            const ravel_stream_format format = format_of((ravel_entropy)entropy, CODEBOOKS);
            expected_codes(entropy);
            write_stream(&format);
            cr_assert_gt(rates.n_coded_blocks, rates.n_blocks / 2);
            cr_assert_eq(read_stream(other, &bits), RAVEL_ERR_MODEL);
            cr_assert_not_null(strstr(error.text, "prior"), "%s", error.text);
            cr_assert_eq(read_stream(model, &bits), 0);
        }
        ravel_model_free(other);
    }
}

/* Codes that no prior expects are packed, and then any model of the tokeniser reads them. */
Test(coded_stream, packed_blocks_need_no_prior)
{
    ravel_stream_bits bits;
    uint64_t seed = 2;
    for (int i = 0; i < N_FRAMES * CODEBOOKS; i++)
        codes[i] = (uint16_t)ravel_random_below(&seed, SIZE);
    const ravel_stream_format format = format_of(RAVEL_ENTROPY_PRIOR, CODEBOOKS);
    write_stream(&format);
    cr_assert_eq(rates.n_coded_blocks, 0);
    ravel_model *other = open_changed(true);
    cr_assert_eq(read_stream(other, &bits), 0);
    ravel_model_free(other);
}

Test(coded_stream, a_model_without_a_prior_cannot_write_with_one)
{
    ravel_model *other = open_changed(false);
    for (int entropy = RAVEL_ENTROPY_STATIC; entropy <= RAVEL_ENTROPY_PRIOR; entropy++) {
        const ravel_stream_format format = format_of((ravel_entropy)entropy, CODEBOOKS);
        cr_assert_null(ravel_stream_writer_open("b.rvl", other, &format, &error));
        cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    }
    ravel_model_free(other);
}

/* --- Costs ------------------------------------------------------------------------------------ */

Test(coded_stream, costs_are_told)
{
    for (int entropy = RAVEL_ENTROPY_NONE; entropy <= RAVEL_ENTROPY_PRIOR; entropy++) {
        const ravel_stream_format format = format_of((ravel_entropy)entropy, 3);
        ravel_stream_bits bits;
        double all = 0.0, packed = 0.0;
        expected_codes(entropy);
        write_stream(&format);
        cr_assert_eq(read_stream(model, &bits), 0);
        cr_assert_eq(bits.n_blocks[entropy], entropy > 0 ? rates.n_coded_blocks : rates.n_blocks);
        for (int k = 0; k < CODEBOOKS; k++) {
            cr_assert_eq(bits.n_codes[k], k < 3 ? N_FRAMES : 0);
            all += bits.bits[k];
            packed += bits.packed_bits[k];
        }
        cr_assert_eq(packed, 15.0 * N_FRAMES);
        cr_assert(entropy == RAVEL_ENTROPY_NONE ? all == packed : all < 0.95 * packed);
        cr_assert_lt(all, 8.0 * (double)rates.n_bytes);
        cr_assert_eq(read_stream(NULL, &bits), entropy == RAVEL_ENTROPY_NONE ? 0 : RAVEL_ERR_MODEL);
        look_at_stream(&bits);
        cr_assert_eq(bits.n_blocks[entropy], entropy > 0 ? rates.n_coded_blocks : rates.n_blocks);
    }
}

/* --- Targets ---------------------------------------------------------------------------------- */

/* The average never rises above the target where one codebook keeps below it, and comes near. */
Test(coded_stream, a_target_is_held)
{
    ravel_stream_format format = format_of(RAVEL_ENTROPY_NONE, 1);
    write_stream(&format);
    const double least = rates.average_bps;
    for (int entropy = RAVEL_ENTROPY_NONE; entropy <= RAVEL_ENTROPY_PRIOR; entropy++) {
        format = format_of((ravel_entropy)entropy, CODEBOOKS);
        expected_codes(entropy);
        write_stream(&format);
        const double most = rates.average_bps;
        cr_assert_geq(rates.peak_bps, 0.99 * rates.average_bps); /* the last page is short */
        for (int i = 0; i <= 10; i++) {
            ravel_stream_bits bits;
            format.target_bps = least + (most - least) * i / 10.0 + 1.0;
            write_stream(&format);
            cr_assert_leq(rates.average_bps, format.target_bps + 1e-6);
            cr_assert_gt(rates.average_bps, 0.95 * format.target_bps, "%g of %g", rates.average_bps,
                         format.target_bps);
            cr_assert_eq(read_stream(model, &bits), 0);
        }
    }
    format.target_bps = 1.0; /* one codebook is always there */
    write_stream(&format);
    cr_assert_gt(rates.average_bps, 1.0);
}
