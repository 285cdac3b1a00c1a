/* SPDX-License-Identifier: BSD-3-Clause */
/* Codes that were not received, from the prior. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { FRAMES = 30, CODEBOOKS = 4, SIZE = 32, GIVEN = 2 };

static void fill(uint16_t *codes, int n)
{
    uint64_t seed = 1;
    for (int i = 0; i < n; i++) {
        codes[i] = (uint16_t)ravel_random_below(&seed, SIZE);
    }
}

/* Codes of the whole of `given`, in pieces of at most `step` frames. */
static void predict(ravel_predictor *predictor, const uint16_t *given, int n_given, int step,
                    uint16_t out[FRAMES][CODEBOOKS])
{
    for (int t = 0; t < FRAMES; t += step) {
        const int n = step < FRAMES - t ? step : FRAMES - t;
        cr_assert_eq(
            ravel_predictor_push(predictor, given + t * n_given, n, n_given, CODEBOOKS, out[t]), n);
    }
}

static ravel_predictor *new_predictor(const ravel_model *model, uint64_t seed)
{
    ravel_predictor *predictor = ravel_predictor_new(model, seed);
    cr_assert_not_null(predictor);
    return predictor;
}

/* Logits of codebook k of frame t, where all codes before are those. */
static void logits_of(const ravel_model *model, uint16_t codes[FRAMES][CODEBOOKS], int t, int k,
                      float logits[SIZE])
{
    const ravel_prior *prior = model->prior;
    static float contexts[FRAMES * 64];
    float context[64];
    const size_t push = ravel_prior_push_scratch(prior, FRAMES, 1);
    const size_t head = ravel_prior_logits_scratch(prior, 1);
    ravel_arena arena = {.size = (push > head ? push : head) / 64 * 64 + 64};
    void *state = malloc(ravel_prior_state_size(prior));
    arena.base = aligned_alloc(64, arena.size);
    ravel_prior_reset(prior, state);
    ravel_prior_lane lane = {state, codes[0], CODEBOOKS, CODEBOOKS, t + 1, contexts};
    ravel_prior_push(prior, &lane, 1, &arena);
    memcpy(context, contexts + t * ravel_prior_width(prior),
           (size_t)ravel_prior_width(prior) * sizeof *context);
    for (int j = 0; j < k; j++) {
        ravel_prior_add(prior, j, codes[t] + j, 0, 1, context);
    }
    ravel_prior_logits(prior, k, context, 1, logits, &arena);
    free(state);
    free(arena.base);
}

Test(predictor, keeps_what_is_given_and_takes_the_most_likely)
{
    uint16_t given[FRAMES * GIVEN], out[FRAMES][CODEBOOKS];
    float logits[SIZE];
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    ravel_predictor *predictor = new_predictor(model, 0);
    fill(given, FRAMES * GIVEN);
    predict(predictor, given, GIVEN, FRAMES, out);
    for (int t = 0; t < FRAMES; t++) {
        cr_assert_arr_eq(out[t], given + t * GIVEN, GIVEN * sizeof *given);
        for (int k = GIVEN; k < CODEBOOKS; k++) {
            logits_of(model, out, t, k, logits);
            cr_assert_eq(out[t][k], model->kernels->argmax(logits, SIZE), "frame %d", t);
        }
    }
    ravel_predictor_free(predictor);
    ravel_model_free(model);
}

Test(predictor, any_chunking_and_reset_give_the_same_codes)
{
    uint16_t given[FRAMES * GIVEN], whole[FRAMES][CODEBOOKS], part[FRAMES][CODEBOOKS];
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    fill(given, FRAMES * GIVEN);
    for (uint64_t seed = 0; seed < 3; seed++) {
        ravel_predictor *predictor = new_predictor(model, seed);
        predict(predictor, given, GIVEN, FRAMES, whole);
        for (int step = 1; step < 12; step += 5) {
            ravel_predictor_reset(predictor);
            predict(predictor, given, GIVEN, step, part);
            cr_assert_arr_eq(whole, part, sizeof whole, "seed %d", (int)seed);
        }
        ravel_predictor_free(predictor);
    }
    ravel_model_free(model);
}

/* Whole frames, drawn: how often each code comes first is how likely it is. */
Test(predictor, draws_by_probability)
{
    enum { DRAWS = 4000 };
    int count[SIZE] = {0};
    float logits[SIZE], p[SIZE];
    uint16_t codes[FRAMES][CODEBOOKS] = {{0}};
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        ravel_predictor *predictor = new_predictor(model, seed * 0x9e3779b9u);
        cr_assert_eq(ravel_predictor_push(predictor, NULL, 1, 0, CODEBOOKS, codes[0]), 1);
        count[codes[0][0]]++;
        ravel_predictor_free(predictor);
    }
    logits_of(model, codes, 0, 0, logits);
    model->kernels->softmax(logits, p, SIZE);
    for (int i = 0; i < SIZE; i++) {
        const double expected = DRAWS * (double)p[i];
        cr_assert_float_eq(count[i], expected, 4.0 * sqrt(expected) + 1.0, "code %d: %d of %g", i,
                           count[i], expected);
    }
    ravel_model_free(model);
}

Test(predictor, refuses_what_makes_no_sense)
{
    uint16_t codes[CODEBOOKS] = {0, SIZE, 0, 0}, out[CODEBOOKS];
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    ravel_model *without = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_predictor *predictor = new_predictor(model, 0);
    cr_assert_null(ravel_predictor_new(without, 0));
    cr_assert_null(ravel_predictor_new(NULL, 0));
    cr_assert_eq(ravel_predictor_push(predictor, codes, 1, 2, 4, out), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_predictor_push(predictor, codes, 1, 1, 5, out), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_predictor_push(predictor, codes, 1, 3, 2, out), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_predictor_push(predictor, codes, 1, -1, 2, out), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_predictor_push(predictor, codes, -1, 1, 2, out), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_predictor_push(predictor, codes, 1, 0, 0, out), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_predictor_push(predictor, codes, 0, 1, 2, out), 0);
    ravel_predictor_free(predictor);
    ravel_predictor_free(NULL);
    ravel_model_free(without);
    ravel_model_free(model);
}
