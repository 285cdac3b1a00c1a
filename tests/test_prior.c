/* SPDX-License-Identifier: BSD-3-Clause */
/* The prior: what it sees and what not, equal bits however it is asked, and hostile files. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "codec/model_write.h"
#include "codec/safetensors.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { FRAMES = 40, CODEBOOKS = 4, SIZE = 32, WIDTH = 24, LANES = 8 };

static void fill_codes(uint16_t codes[FRAMES][CODEBOOKS], uint64_t seed)
{
    for (int t = 0; t < FRAMES; t++) {
        for (int k = 0; k < CODEBOOKS; k++) {
            codes[t][k] = (uint16_t)ravel_random_below(&seed, SIZE);
        }
    }
}

/* A prior with what it needs for so many frames of so many lanes at once. */
typedef struct {
    ravel_model *model;
    const ravel_prior *prior;
    char *states[LANES];
    ravel_arena arena;
} bench;

static bench new_bench(ravel_model *model)
{
    bench b = {.model = model, .prior = model->prior};
    cr_assert_not_null(b.prior);
    for (int l = 0; l < LANES; l++) {
        b.states[l] = malloc(ravel_prior_state_size(b.prior));
        ravel_prior_reset(b.prior, b.states[l]);
    }
    const size_t push = ravel_prior_push_scratch(b.prior, FRAMES, LANES);
    const size_t logits = ravel_prior_logits_scratch(b.prior, FRAMES * LANES);
    b.arena.size = push > logits ? push : logits;
    b.arena.base = aligned_alloc(64, (b.arena.size + 63) & ~(size_t)63);
    return b;
}

static void free_bench(bench *b)
{
    for (int l = 0; l < LANES; l++) {
        free(b->states[l]);
    }
    free(b->arena.base);
    ravel_model_free(b->model);
}

static bench tiny_bench(void)
{
    return new_bench(ravel_test_model_open(RAVEL_TINY_PRIOR));
}

/* Frames `first` ... first + n of a block whose state knows the ones before. */
static void push(bench *b, int lane, uint16_t codes[FRAMES][CODEBOOKS], int n_codebooks, int n,
                 float *contexts)
{
    ravel_prior_lane one = {.state = b->states[lane],
                            .codes = codes[0],
                            .code_stride = CODEBOOKS,
                            .n_codebooks = n_codebooks,
                            .n_frames = n,
                            .contexts = contexts};
    ravel_prior_push(b->prior, &one, 1, &b->arena);
    cr_assert_eq(b->arena.used, 0);
}

/* Logits [FRAMES][n_codebooks][SIZE] of a whole block at once. */
static void block_logits(bench *b, uint16_t codes[FRAMES][CODEBOOKS], int n_codebooks,
                         float logits[FRAMES][CODEBOOKS][SIZE])
{
    static float contexts[FRAMES][WIDTH], rows[FRAMES][SIZE];
    ravel_prior_reset(b->prior, b->states[0]);
    push(b, 0, codes, n_codebooks, FRAMES, contexts[0]);
    for (int k = 0; k < n_codebooks; k++) {
        ravel_prior_logits(b->prior, k, contexts[0], FRAMES, rows[0], &b->arena);
        for (int t = 0; t < FRAMES; t++) {
            memcpy(logits[t][k], rows[t], sizeof rows[t]);
        }
        if (k + 1 < n_codebooks) {
            ravel_prior_add(b->prior, k, codes[0] + k, CODEBOOKS, FRAMES, contexts[0]);
        }
    }
}

Test(prior, tells_what_it_is)
{
    bench b = tiny_bench();
    cr_assert_eq(ravel_prior_codebooks(b.prior), CODEBOOKS);
    cr_assert_eq(ravel_prior_codebook_size(b.prior, CODEBOOKS - 1), SIZE);
    cr_assert_eq(ravel_prior_width(b.prior), WIDTH);
    cr_assert_eq(b.model->info.entropy, RAVEL_ENTROPY_PRIOR);
    const double head = WIDTH * 20 + 20 * 7 + 7 * SIZE, within = 5 * WIDTH;
    cr_assert_float_eq(ravel_prior_macs(b.prior, 3) - ravel_prior_macs(b.prior, 2), head + within,
                       1e-9);
    cr_assert_gt(ravel_prior_weight_bytes(b.prior), 4 * 20 * 7 * CODEBOOKS);
    cr_assert_eq(ravel_prior_state_size(b.prior) % 16, 0);
    free_bench(&b);
}

/* The prior is no part of the tokeniser, and is one of the identity of its own. */
Test(prior, leaves_the_tokenizer_as_it_is)
{
    ravel_model *with = ravel_test_model_open(RAVEL_TINY_PRIOR);
    ravel_model *without = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    static const uint8_t none[RAVEL_IDENTITY_BYTES] = {0};
    cr_assert_arr_neq(with->info.prior_identity, none, sizeof none);
    cr_assert_arr_eq(without->info.prior_identity, none, sizeof none);
    cr_assert_null(without->prior);
    ravel_model_free(with);
    ravel_model_free(without);
}

/* --- What is seen ----------------------------------------------------------------------------- */

/* A code matters to the codebooks after it and to the frames after it, and to nothing before. */
Test(prior, sees_the_past_only)
{
    static float was[FRAMES][CODEBOOKS][SIZE], is[FRAMES][CODEBOOKS][SIZE];
    enum { AT = 20, BOOK = 2 };
    uint16_t codes[FRAMES][CODEBOOKS];
    bench b = tiny_bench();
    fill_codes(codes, 1);
    block_logits(&b, codes, CODEBOOKS, was);
    codes[AT][BOOK] ^= 1;
    block_logits(&b, codes, CODEBOOKS, is);
    for (int t = 0; t <= AT; t++) {
        for (int k = 0; k < CODEBOOKS; k++) {
            const bool same = memcmp(was[t][k], is[t][k], sizeof was[t][k]) == 0;
            cr_assert_eq(same, t < AT || k <= BOOK, "frame %d, codebook %d", t, k);
        }
    }
    cr_assert_arr_neq(was[AT + 1][0], is[AT + 1][0], sizeof was[0][0], "the next frame knows");
    free_bench(&b);
}

/* Codes of codebooks that a block does not have are never read; how many it has, is known. */
Test(prior, knows_the_codebooks_of_the_block)
{
    static float was[FRAMES][CODEBOOKS][SIZE], is[FRAMES][CODEBOOKS][SIZE];
    uint16_t codes[FRAMES][CODEBOOKS];
    bench b = tiny_bench();
    fill_codes(codes, 2);
    block_logits(&b, codes, 2, was);
    for (int t = 0; t < FRAMES; t++) {
        codes[t][2] = codes[t][3] = UINT16_MAX;
    }
    block_logits(&b, codes, 2, is);
    cr_assert_arr_eq(was, is, sizeof was);
    block_logits(&b, codes, 1, is);
    cr_assert_arr_neq(was[0][0], is[0][0], sizeof was[0][0]);
    free_bench(&b);
}

/* --- Equal bits ------------------------------------------------------------------------------- */

Test(prior, any_chunking_gives_the_same_bits)
{
    static float whole[FRAMES][WIDTH], part[FRAMES][WIDTH];
    uint16_t codes[FRAMES][CODEBOOKS];
    uint64_t seed = 3;
    bench b = tiny_bench();
    fill_codes(codes, 4);
    for (int n = 1; n <= CODEBOOKS; n++) {
        ravel_prior_reset(b.prior, b.states[0]);
        push(&b, 0, codes, n, FRAMES, whole[0]);
        ravel_prior_reset(b.prior, b.states[0]);
        for (int t = 0, step = 0; t < FRAMES; t += step) {
            step = n == 1 ? 1 : ravel_random_below(&seed, 9);
            step = step < FRAMES - t ? step : FRAMES - t;
            push(&b, 0, codes, n, step, part[t]);
        }
        cr_assert_arr_eq(whole, part, sizeof whole, "%d codebooks", n);
    }
    free_bench(&b);
}

/* Lanes of several ages and numbers of codebooks, frame by frame. */
Test(prior, lanes_do_not_see_each_other)
{
    static uint16_t codes[LANES][FRAMES][CODEBOOKS];
    static float alone[LANES][FRAMES][WIDTH], together[LANES][FRAMES][WIDTH];
    bench b = tiny_bench();
    for (int l = 0; l < LANES; l++) {
        fill_codes(codes[l], 10 + (uint64_t)l);
        push(&b, l, codes[l], 1 + l % CODEBOOKS, FRAMES - l, alone[l][0]);
        ravel_prior_reset(b.prior, b.states[l]);
    }
    for (int t = 0; t < FRAMES; t++) {
        ravel_prior_lane lanes[LANES];
        int n = 0;
        for (int l = 0; l < LANES; l++) {
            lanes[l] = (ravel_prior_lane){.state = b.states[l],
                                          .codes = codes[l][0],
                                          .code_stride = CODEBOOKS,
                                          .n_codebooks = 1 + l % CODEBOOKS,
                                          .n_frames = t >= l,
                                          .contexts = t >= l ? together[l][t - l] : NULL};
            n += t >= l;
        }
        ravel_prior_push(b.prior, lanes, n, &b.arena);
    }
    cr_assert_arr_eq(alone, together, sizeof alone);
    free_bench(&b);
}

Test(prior, rows_do_not_see_each_other)
{
    enum { ROWS = 131 };
    static float contexts[ROWS][WIDTH], again[ROWS][WIDTH], many[ROWS][SIZE], one[SIZE];
    uint16_t codes[ROWS];
    uint64_t seed = 5;
    bench b = tiny_bench();
    for (int i = 0; i < ROWS * WIDTH; i++) {
        contexts[i / WIDTH][i % WIDTH] = 3.0f * ravel_random_float(&seed);
    }
    for (int i = 0; i < ROWS; i++) {
        codes[i] = (uint16_t)ravel_random_below(&seed, SIZE);
    }
    memcpy(again, contexts, sizeof again);
    ravel_prior_add(b.prior, 1, codes, 1, ROWS, contexts[0]);
    ravel_prior_logits(b.prior, 2, contexts[0], ROWS, many[0], &b.arena);
    for (int i = 0; i < ROWS; i++) {
        ravel_prior_add(b.prior, 1, codes + i, 1, 1, again[i]);
        ravel_prior_logits(b.prior, 2, again[i], 1, one, &b.arena);
        cr_assert_arr_eq(one, many[i], sizeof one, "row %d", i);
    }
    cr_assert_arr_eq(contexts, again, sizeof again);
    free_bench(&b);
}

Test(prior, instruction_sets_give_the_same_bits)
{
    static const char *const names[] = {"c", "avx2", "avx512", "neon"};
    static float first[FRAMES][CODEBOOKS][SIZE], other[FRAMES][CODEBOOKS][SIZE];
    uint16_t codes[FRAMES][CODEBOOKS];
    size_t size;
    void *file = ravel_test_model(RAVEL_TINY_PRIOR, &size);
    fill_codes(codes, 6);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const ravel_kernels *kernels = ravel_kernels_named(names[i]);
        if (kernels == NULL) {
            continue;
        }
        bench b = new_bench(ravel_model_open_with(kernels, file, size, NULL));
        block_logits(&b, codes, CODEBOOKS, i == 0 ? first : other);
        cr_assert(i == 0 || memcmp(first, other, sizeof first) == 0, "%s", names[i]);
        free_bench(&b);
    }
    free(file);
}

/* Absurd weights: no number leaves that a sum could not bear. */
Test(prior, logits_stay_within_bounds)
{
    static float context[WIDTH], logits[SIZE];
    bench b = tiny_bench();
    for (int i = 0; i < WIDTH; i++) {
        context[i] = i % 2 != 0 ? 3e38f : -3e38f;
    }
    ravel_prior_logits(b.prior, 0, context, 1, logits, &b.arena);
    for (int i = 0; i < SIZE; i++) {
        cr_assert(logits[i] >= -1e4f && logits[i] <= 1e4f);
    }
    free_bench(&b);
}

/* Eight blocks side by side, of the model that is linked in. */
Test(prior, builtin_is_small)
{
    const ravel_model *model = ravel_model_builtin();
    if (model->prior == NULL) {
        cr_skip_test("SKIPPED: the built-in model has no prior");
    }
    cr_assert_leq(8 * ravel_prior_state_size(model->prior), 4 << 20);
    cr_assert_leq(ravel_prior_weight_bytes(model->prior), 5 << 20);
}

/* --- Hostile files ---------------------------------------------------------------------------- */

typedef void change_file(cJSON *prior, ravel_tensor *tensors, size_t *n);

static ravel_tensor *find(ravel_tensor *tensors, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(tensors[i].name, name) != 0) {
        i++;
    }
    cr_assert_lt(i, n, "no tensor %s", name);
    return &tensors[i];
}

static void refused(change_file *change, const char *word)
{
    ravel_tensor tensors[200];
    ravel_safetensors st;
    ravel_error error = {0};
    size_t size, n = 0;
    void *file = ravel_test_model(RAVEL_TINY_PRIOR, &size), *changed;
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, NULL), 0);
    for (; n < st.n_entries; n++) {
        tensors[n] = st.entries[n].tensor;
    }
    cJSON *graph = cJSON_Parse(ravel_safetensors_metadata(&st, "ravel"));
    cJSON_DeleteItemFromObject(graph, "sha256");
    change(cJSON_GetObjectItem(graph, "prior"), tensors, &n);
    cr_assert_eq(ravel_model_write(graph, tensors, n, &changed, &size, NULL), 0);
    cr_assert_null(ravel_model_open_memory(changed, size, &error), "wanted: %s", word);
    cr_assert_eq(error.status, RAVEL_ERR_MODEL);
    cr_assert_not_null(strstr(error.text, word), "\"%s\" lacks %s", error.text, word);
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    free(file);
    free(changed);
}

static void other_tokenizer(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)tensors;
    (void)n;
    cJSON_GetObjectItem(prior, "tokenizer")->valuestring[0] ^= 1;
}

static void no_tokenizer(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)tensors;
    (void)n;
    cJSON_DeleteItemFromObject(prior, "tokenizer");
}

static void unknown_key(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)tensors;
    (void)n;
    cJSON_AddNumberToObject(prior, "temperature", 1);
}

static void no_trunk(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)tensors;
    (void)n;
    cJSON_DeleteItemFromObject(prior, "trunk");
}

/* The last tensor takes the place of one that is to go. */
static void no_features(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)prior;
    *find(tensors, *n, "prior.2.features") = tensors[*n - 1];
    --*n;
}

static void fewer_codewords(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)prior;
    find(tensors, *n, "prior.1.features")->shape[0] = SIZE - 1;
}

static void short_rate(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)prior;
    find(tensors, *n, "prior.rate")->shape[0] = CODEBOOKS - 1;
}

static void other_rank(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)prior;
    find(tensors, *n, "prior.3.features")->shape[1] = 4;
}

static void short_hidden(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)prior;
    find(tensors, *n, "prior.0.hidden.bias")->shape[0] = 19;
}

static void flat_narrow(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    ravel_tensor *narrow = find(tensors, *n, "prior.0.narrow.weight");
    (void)prior;
    narrow->shape[0] *= narrow->shape[1];
    narrow->rank = 1;
}

static void unscaled(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)prior;
    find(tensors, *n, "prior.embed.weight")->dtype = RAVEL_F16;
    find(tensors, *n, "prior.embed.weight")->shape[0] /= 2;
}

static cJSON *first_layer(cJSON *prior)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItem(prior, "trunk"), 0);
}

static void thinning(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)tensors;
    (void)n;
    cJSON_AddNumberToObject(first_layer(prior), "stride", 2);
}

static void clairvoyant(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    static const double pad[] = {3, 3};
    (void)tensors;
    (void)n;
    cJSON *branch =
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(prior, "trunk"), 1), "branch");
    cJSON_ReplaceItemInObject(cJSON_GetArrayItem(branch, 0), "pad",
                              cJSON_CreateDoubleArray(pad, 2));
}

static void longer(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    static const double pad[] = {1, 0};
    (void)tensors;
    (void)n;
    cJSON_AddItemToObject(first_layer(prior), "pad", cJSON_CreateDoubleArray(pad, 2));
}

static void remembering(cJSON *prior, ravel_tensor *tensors, size_t *n)
{
    (void)tensors;
    (void)n;
    cJSON *branch =
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(prior, "trunk"), 2), "branch");
    cJSON_SetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(branch, 1), "context"), 65536);
}

Test(prior, hostile_files_are_refused)
{
    refused(remembering, "bytes of state");
    refused(other_tokenizer, "made for the tokenizer");
    refused(no_tokenizer, "'tokenizer'");
    refused(unknown_key, "temperature");
    refused(no_trunk, "trunk");
    refused(no_features, "prior.2.features");
    refused(fewer_codewords, "prior.1.features");
    refused(short_rate, "prior.rate");
    refused(other_rank, "prior.3.features");
    refused(short_hidden, "prior.0.hidden.bias");
    refused(flat_narrow, "prior.0.narrow.weight");
    refused(unscaled, "prior.embed");
    refused(thinning, "trunk");
    refused(clairvoyant, "lookahead of 3");
    refused(longer, "trunk");
}
