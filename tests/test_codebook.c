/* SPDX-License-Identifier: BSD-3-Clause */
/* The search of a large codebook passes over most of it and ends with the code of the full one. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/half.h"
#include "rvq/shortlist.h"
#include "tests/support/quantizers.h"
#include "tests/support/random.h"

/* Large enough for a shortlist; sizes that are no multiple of anything. */
enum { SIZE = 517, DIM = 131, N = 24 };

static const char *const cpus[] = {"c", "avx2", "avx512", "neon"};

/* About normal, variance 1. */
static float random_normal(uint64_t *seed)
{
    float sum = 0.0f;
    for (int i = 0; i < 3; i++) {
        sum += ravel_random_float(seed);
    }
    return sum;
}

static float *random_rows(int n, int dim, uint64_t seed)
{
    float *rows = malloc((size_t)n * (size_t)dim * sizeof *rows);
    for (int i = 0; i < n * dim; i++) {
        rows[i] = random_normal(&seed);
    }
    return rows;
}

/* --- The definition (docs/format.md) ---------------------------------------------------------- */

static float sum_of_products(float sum, const float *a, const float *b, int dim)
{
    for (int k = 0; k < dim; k++) {
        sum = fmaf(a[k], b[k], sum);
    }
    return sum;
}

static float score(ravel_search search, const float *x, const float *e, int dim)
{
    const float squared = sum_of_products(0.0f, e, e, dim);
    if (search == RAVEL_SEARCH_EUCLIDEAN)
        return sum_of_products(-0.5f * squared, x, e, dim);
    float *unit = malloc((size_t)dim * sizeof *unit);
    for (int k = 0; k < dim; k++) {
        unit[k] = e[k] / fmaxf(sqrtf(squared), 1e-12f);
    }
    const float sum = sum_of_products(0.0f, x, unit, dim);
    free(unit);
    return sum;
}

static int defined_code(ravel_search search, const float *x, const float *codewords, int size,
                        int dim)
{
    int best = 0;
    float greatest = -INFINITY;
    for (int n = 0; n < size; n++) {
        const float s = score(search, x, codewords + (ptrdiff_t)n * dim, dim);
        if (s > greatest) {
            greatest = s;
            best = n;
        }
    }
    return best;
}

/* --- Codes ------------------------------------------------------------------------------------ */

static ravel_quantizer *new_codebook(const ravel_kernels *kernels, const float *codewords, int size,
                                     int dim, ravel_search search)
{
    const ravel_tensor t = {
        .name = "c", .data = codewords, .dtype = RAVEL_F32, .rank = 2, .shape = {size, dim}};
    ravel_quantizer *q = ravel_codebook_new(kernels, &t, search, NULL);
    cr_assert_not_null(q);
    return q;
}

/* x [N][DIM] against codewords [SIZE][DIM]: one by one, a few and all together, on each machine. */
static void check_codes(const float *codewords, const float *x)
{
    for (int search = RAVEL_SEARCH_EUCLIDEAN; search <= RAVEL_SEARCH_COSINE; search++) {
        uint16_t expected[N], codes[N];
        for (int i = 0; i < N; i++) {
            expected[i] = (uint16_t)defined_code((ravel_search)search, x + (ptrdiff_t)i * DIM,
                                                 codewords, SIZE, DIM);
        }
        for (size_t c = 0; c < sizeof cpus / sizeof cpus[0]; c++) {
            const ravel_kernels *kernels = ravel_kernels_named(cpus[c]);
            if (!kernels)
                continue;
            ravel_quantizer *q = new_codebook(kernels, codewords, SIZE, DIM, (ravel_search)search);
            for (int step = 1; step <= N; step = step == 1 ? 3 : step == 3 ? N : N + 1) {
                memset(codes, 0xff, sizeof codes);
                for (int i = 0; i < N; i += step) {
                    ravel_test_encode(q, x + (ptrdiff_t)i * DIM, step, 1, codes + i, NULL);
                }
                for (int i = 0; i < N; i++) {
                    cr_assert_eq(codes[i], expected[i],
                                 "%s, search %d, vector %d by %d: %d, not %d", cpus[c], search, i,
                                 step, codes[i], expected[i]);
                }
            }
            ravel_quantizer_destroy(q);
        }
    }
}

Test(codebook, finds_what_the_full_search_finds)
{
    float *codewords = random_rows(SIZE, DIM, 1), *x = random_rows(N, DIM, 2);
    for (int k = 0; k < 8 * DIM; k++) {
        x[k] = 0.2f * x[k] + codewords[100 * DIM + k];
        x[8 * DIM + k] *= 1e-3f;
    }
    check_codes(codewords, x);
    free(codewords);
    free(x);
}

/* Codewords a few ulps apart, near to the vectors: far more than a shortlist holds, and fewer. */
static void check_near_ties(int first, int n)
{
    uint64_t seed = 3;
    float *codewords = random_rows(SIZE, DIM, 4), *x = random_rows(N, DIM, 5);
    for (int c = first; c < first + n; c++) {
        for (int k = 0; k < DIM; k++) {
            const float ulps = (float)ravel_random_below(&seed, 5) - 2.0f;
            codewords[c * DIM + k] = codewords[k] * (1.0f + ulps * FLT_EPSILON);
        }
    }
    for (int i = 0; i < N * DIM; i++) {
        x[i] = codewords[i % DIM] + 0.3f * x[i];
    }
    check_codes(codewords, x);
    free(codewords);
    free(x);
}

Test(codebook, decides_between_codewords_a_few_ulps_apart)
{
    check_near_ties(200, 20);
    check_near_ties(3, SIZE - 3);
}

/* e becomes +/- 127: in each run of `run` dimensions half of them +127, in random order. */
static void fill_signs(float *e, int run, uint64_t *seed)
{
    for (int k = 0; k < DIM; k++) {
        e[k] = k % run < run / 2 && k < DIM / run * run ? 127.0f : -127.0f;
    }
    for (int first = 0; first < DIM / run * run; first += run) {
        for (int k = run - 1; k > 0; k--) {
            const int other = ravel_random_below(seed, k + 1);
            const float swapped = e[first + k];
            e[first + k] = e[first + other];
            e[first + other] = swapped;
        }
    }
}

/*
 * Codewords that whole numbers hold exactly, and whose exact scores are equal: rounding alone
 * decides, and nothing but its bound finds the winner.
 */
Test(codebook, decides_where_scores_differ_by_rounding_alone)
{
    enum { RUN = 16 };
    uint64_t seed = 6;
    float *codewords = malloc(SIZE * DIM * sizeof *codewords), *x = malloc(N * DIM * sizeof *x);
    for (int i = 0; i < SIZE * DIM; i++) {
        codewords[i] = -127.0f;
    }
    for (int c = 7; c < SIZE; c += 25) {
        fill_signs(codewords + c * DIM, RUN, &seed);
    }
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < DIM; k++) {
            const int run = k / RUN;
            x[i * DIM + k] = (1.0f + (float)i / 7.0f) / (float)(run + 3);
        }
    }
    check_codes(codewords, x);
    free(codewords);
    free(x);
}

/* As codebooks have them that were trained: entries that nothing ever hit. */
static void add_dead(float *codewords)
{
    for (int c = 20; c < SIZE; c += 2) {
        memset(codewords + c * DIM, 0, DIM * sizeof *codewords);
    }
    memcpy(codewords + 311 * DIM, codewords + 41 * DIM, DIM * sizeof *codewords);
    memcpy(codewords + 99 * DIM, codewords + 41 * DIM, DIM * sizeof *codewords);
    for (int k = 0; k < DIM; k++) {
        codewords[55 * DIM + k] *= 1e5f;
        codewords[57 * DIM + k] *= 1e-40f;
    }
}

Test(codebook, dead_codewords_do_no_harm)
{
    float *codewords = random_rows(SIZE, DIM, 8), *x = random_rows(N, DIM, 9);
    add_dead(codewords);
    for (int i = 0; i < N * DIM; i++) {
        x[i] = i < 4 * DIM ? x[i] * 0.01f : i < 8 * DIM ? codewords[41 * DIM + i % DIM] : x[i];
    }
    check_codes(codewords, x);
    free(codewords);
    free(x);
}

/* One each: in all dimensions, in every other, in one alone. */
static void fill_vector(float *x, float value, int form)
{
    for (int k = 0; k < DIM; k++) {
        if (form == 0 || (form == 1 && k % 2 == 0) || k == 77)
            x[k] = form == 0 && k % 3 == 0 ? -value : value;
    }
}

Test(codebook, odd_vectors_are_searched_as_all_others)
{
    static const float values[] = {0.0f,   NAN,   INFINITY,  -INFINITY, 1e-45f,  1e-40f,
                                   1e30f,  3e38f, 0x1.fp49f, 0x1p50f,   FLT_MIN, -0.0f,
                                   1e-20f, 1e20f, FLT_MAX,   1e-38f};
    float *codewords = random_rows(SIZE, DIM, 10);
    for (int first = 0; first < 48; first += N) {
        float *x = random_rows(N, DIM, 11);
        for (int i = 0; i < N; i++) {
            fill_vector(x + i * DIM, values[(first + i) % 16], (first + i) / 16);
        }
        check_codes(codewords, x);
        free(x);
    }
    free(codewords);
}

Test(codebook, odd_codewords_are_searched_as_all_others)
{
    static const float values[] = {NAN, INFINITY, 3e38f, 1e18f, 1e16f, 1e-40f, 1e-20f};
    float *x = random_rows(N, DIM, 12);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        float *codewords = random_rows(SIZE, DIM, 13);
        for (int form = 0; form < 3; form++) {
            fill_vector(codewords + (7 + 100 * form) * DIM, values[i], form);
        }
        check_codes(codewords, x);
        for (int k = 0; k < SIZE * DIM; k++) {
            codewords[k] *= values[i];
        }
        check_codes(codewords, x);
        free(codewords);
    }
    free(x);
}

Test(codebook, sixteen_bits_are_searched_as_their_values)
{
    uint64_t seed = 14;
    uint16_t *halves = malloc(SIZE * DIM * sizeof *halves);
    float *floats = malloc(SIZE * DIM * sizeof *floats), *x = random_rows(N, DIM, 15);
    for (int i = 0; i < SIZE * DIM; i++) {
        halves[i] = (uint16_t)(ravel_random_bits(&seed) & 0xbfff); /* below 2 */
        floats[i] = ravel_widen_f16(halves[i]);
    }
    const ravel_tensor t = {
        .name = "c", .data = halves, .dtype = RAVEL_F16, .rank = 2, .shape = {SIZE, DIM}};
    ravel_quantizer *q =
        ravel_codebook_new(ravel_kernels_select(), &t, RAVEL_SEARCH_EUCLIDEAN, NULL);
    for (int i = 0; i < N; i++) {
        uint16_t code;
        float y[DIM];
        ravel_test_encode(q, x + i * DIM, 1, 1, &code, y);
        cr_assert_eq(code, defined_code(RAVEL_SEARCH_EUCLIDEAN, x + i * DIM, floats, SIZE, DIM));
        cr_assert_arr_eq(y, floats + code * DIM, sizeof y);
    }
    ravel_quantizer_destroy(q);
    free(halves);
    free(floats);
    free(x);
}

/* --- What is read ----------------------------------------------------------------------------- */

static struct {
    const ravel_kernels *kernels;
    int rough, full; /* products */
} watched;

static void watched_matmul(const ravel_matrix *w, const ravel_rows *x, float *y, ptrdiff_t y_stride,
                           int accumulate)
{
    *(w->dtype == RAVEL_I8 ? &watched.rough : &watched.full) += 1;
    watched.kernels->matmul(w, x, y, y_stride, accumulate);
}

/* Searches x [n][dim] at once. */
static void watch_search(const float *codewords, int size, int dim, const float *x, int n)
{
    uint16_t codes[N];
    watched.kernels = ravel_kernels_select();
    watched.rough = watched.full = 0;
    ravel_kernels kernels = *watched.kernels;
    kernels.matmul = watched_matmul;
    ravel_quantizer *q = new_codebook(&kernels, codewords, size, dim, RAVEL_SEARCH_EUCLIDEAN);
    ravel_test_encode(q, x, n, 1, codes, NULL);
    ravel_quantizer_destroy(q);
}

static void assert_products(int rough, int full)
{
    cr_assert_eq(watched.rough, rough, "%d products with the rough copy", watched.rough);
    cr_assert_eq(watched.full, full, "%d products with the codebook", watched.full);
}

Test(codebook, few_vectors_do_without_the_full_search)
{
    float *codewords = random_rows(SIZE, DIM, 16), *x = random_rows(N, DIM, 17);
    watch_search(codewords, SIZE, DIM, x, 1);
    assert_products(1, 0);
    watch_search(codewords, SIZE, DIM, x, 4);
    assert_products(1, 0);
    watch_search(codewords, SIZE, DIM, x, N);
    assert_products(0, 1);
    watch_search(codewords, SIZE, 8, x, 1);
    assert_products(0, 1);
    x[2 * DIM + 5] = NAN;
    watch_search(codewords, SIZE, DIM, x, 4);
    assert_products(1, 1);
    free(codewords);
    free(x);
}

/* Equal ones are no ties to be settled, however near they all are. */
Test(codebook, dead_codewords_do_not_bring_back_the_full_search)
{
    float *codewords = random_rows(SIZE, DIM, 18), *x = random_rows(N, DIM, 19);
    add_dead(codewords);
    for (int i = 0; i < N * DIM; i++) {
        x[i] *= i < 2 * DIM ? 0.01f : 1.0f;
    }
    watch_search(codewords, SIZE, DIM, x, 4);
    assert_products(1, 0);
    free(codewords);
    free(x);
}

Test(codebook, tells_what_it_reads_and_holds)
{
    float *codewords = random_rows(SIZE, DIM, 20);
    const ravel_kernels *kernels = ravel_kernels_select();
    ravel_quantizer *large = new_codebook(kernels, codewords, SIZE, DIM, RAVEL_SEARCH_EUCLIDEAN);
    ravel_quantizer *small = new_codebook(kernels, codewords, SIZE, 8, RAVEL_SEARCH_EUCLIDEAN);
    cr_assert_geq(large->weight_bytes, SIZE * DIM);
    cr_assert_leq(large->weight_bytes, SIZE * DIM * 5 / 4);
    cr_assert_geq(large->held_bytes, SIZE * DIM * (2 * sizeof(float) + 1));
    cr_assert_geq(small->weight_bytes, SIZE * 8 * sizeof(float));
    cr_assert_geq(small->held_bytes, SIZE * 8 * 2 * sizeof(float));
    ravel_quantizer_destroy(large);
    ravel_quantizer_destroy(small);
    free(codewords);
}

/* --- The shortlist alone ---------------------------------------------------------------------- */

/* Of Mimi's size. */
enum { WIDE_SIZE = 2048, WIDE_DIM = 256, WIDE_N = 30 };

/* A codebook, the biases of a Euclidean search, and its shortlist. */
typedef struct {
    float *codewords, *bias;
    ravel_shortlist list;
} wide;

/* codewords: taken over */
static wide new_wide(float *codewords)
{
    wide w = {.codewords = codewords, .bias = malloc(WIDE_SIZE * sizeof(float))};
    for (int n = 0; n < WIDE_SIZE; n++) {
        const float *e = codewords + n * WIDE_DIM;
        w.bias[n] = -0.5f * sum_of_products(0.0f, e, e, WIDE_DIM);
    }
    cr_assert_eq(ravel_shortlist_make(&w.list, codewords, w.bias, WIDE_SIZE, WIDE_DIM), 0);
    cr_assert(ravel_shortlist_exists(&w.list));
    return w;
}

static void free_wide(wide *w)
{
    ravel_shortlist_free(&w->list);
    free(w->codewords);
    free(w->bias);
}

static void score_roughly(const wide *w, const float *x, float scores[WIDE_SIZE])
{
    const ravel_rows rows = {.row = &x, .n_rows = 1, .taps = 1, .width = WIDE_DIM};
    ravel_kernels_select()->matmul(&w->list.rough, &rows, scores, WIDE_SIZE, 0);
}

static int pick(const wide *w, const float *x, int candidates[RAVEL_SHORTLIST_MAX])
{
    float scores[WIDE_SIZE], room[2 * WIDE_SIZE];
    score_roughly(w, x, scores);
    return ravel_shortlist_pick(&w->list, ravel_kernels_select(), x, scores, room, candidates);
}

Test(shortlist, leaves_few_codewords_and_the_winner)
{
    wide w = new_wide(random_rows(WIDE_SIZE, WIDE_DIM, 21));
    float *x = random_rows(WIDE_N, WIDE_DIM, 22);
    int all = 0;
    for (int i = 0; i < WIDE_N; i++) {
        int candidates[RAVEL_SHORTLIST_MAX];
        const int n = pick(&w, x + i * WIDE_DIM, candidates);
        const int code = defined_code(RAVEL_SEARCH_EUCLIDEAN, x + i * WIDE_DIM, w.codewords,
                                      WIDE_SIZE, WIDE_DIM);
        bool found = false;
        for (int c = 0; c < n; c++) {
            found = found || candidates[c] == code;
            cr_assert(c == 0 || candidates[c] > candidates[c - 1]);
        }
        cr_assert(found);
        all += n;
    }
    cr_assert_leq(all, 5 * WIDE_N, "%d candidates for %d vectors", all, WIDE_N);
    free_wide(&w);
    free(x);
}

/* The greatest share of its bound by which a rough score of x is wrong. */
static double worst_share(const wide *w, const float *x)
{
    float scores[WIDE_SIZE];
    double worst = 0.0, square = 0.0;
    score_roughly(w, x, scores);
    for (int k = 0; k < WIDE_DIM; k++) {
        square += (double)x[k] * (double)x[k];
    }
    for (int n = 0; n < WIDE_SIZE; n++) {
        const float *e = w->codewords + n * WIDE_DIM;
        const double exact = (double)sum_of_products(w->bias[n], x, e, WIDE_DIM);
        const double bound = (double)w->list.slope[n] * sqrt(square) + (double)w->list.offset[n];
        worst = fmax(worst, fabs(exact - (double)scores[n]) / bound);
    }
    return worst;
}

/* What the bytes of codeword n leave out, times a gain. */
static void rest_of(const wide *w, int n, float gain, float rest[WIDE_DIM])
{
    const int8_t *panel = (const int8_t *)w->list.rough.panels +
                          (ptrdiff_t)(n / RAVEL_PANEL) * WIDE_DIM * RAVEL_PANEL;
    for (int k = 0; k < WIDE_DIM; k++) {
        const float rough = w->list.rough.scale[n] * panel[k * RAVEL_PANEL + n % RAVEL_PANEL];
        rest[k] = gain * (w->codewords[n * WIDE_DIM + k] - rough);
    }
}

/* A vector that has the direction of what is left out meets the bound; none goes beyond it. */
Test(shortlist, bounds_are_met_but_not_exceeded)
{
    wide w = new_wide(random_rows(WIDE_SIZE, WIDE_DIM, 23));
    for (int n = 0; n < WIDE_SIZE; n += 111) {
        float x[WIDE_DIM];
        rest_of(&w, n, 1000.0f, x);
        const double share = worst_share(&w, x);
        cr_assert(share > 0.98 && share <= 1.0, "%g of the bound", share);
    }
    free_wide(&w);
}

/* Scores of whole numbers are wrong by rounding alone, with large biases and with small ones. */
Test(shortlist, bounds_hold_for_rounding)
{
    static const float gains[] = {1e-2f, 0.1f, 1.0f, 1e4f, 1e9f};
    uint64_t seed = 24;
    float *codewords = malloc(WIDE_SIZE * WIDE_DIM * sizeof *codewords);
    for (int i = 0; i < WIDE_SIZE * WIDE_DIM; i++) {
        const int number = i % WIDE_DIM == 0 ? 127 : ravel_random_below(&seed, 255) - 127;
        codewords[i] = (float)number;
    }
    wide w = new_wide(codewords);
    float *x = random_rows(5, WIDE_DIM, 25);
    for (int g = 0; g < 5; g++) {
        for (int k = 0; k < WIDE_DIM; k++) {
            x[g * WIDE_DIM + k] *= gains[g];
        }
        const double share = worst_share(&w, x + g * WIDE_DIM);
        cr_assert(share > 1e-4 && share <= 1.0, "gain %g: %g of the bound", (double)gains[g],
                  share);
    }
    free_wide(&w);
    free(x);
}

Test(shortlist, is_not_asked_for_vectors_that_could_overflow)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 0x1p50f, 1e30f};
    wide w = new_wide(random_rows(WIDE_SIZE, WIDE_DIM, 26));
    for (int i = 0; i < 5; i++) {
        float x[WIDE_DIM] = {0.0f};
        int candidates[RAVEL_SHORTLIST_MAX];
        cr_assert_neq(pick(&w, x, candidates), 0);
        x[200] = values[i];
        cr_assert_eq(pick(&w, x, candidates), 0);
    }
    free_wide(&w);
}

Test(shortlist, is_not_made_of_what_could_overflow)
{
    static const float values[] = {NAN, INFINITY, 0x1p50f, 0.0f}, biases[] = {0.0f, -INFINITY};
    for (int i = 0; i < 4; i++) {
        const float codewords[4] = {1.0f, 2.0f, 3.0f, values[i]};
        ravel_shortlist list;
        cr_assert_eq(ravel_shortlist_make(&list, codewords, i == 3 ? biases : NULL, 2, 2), 0);
        cr_assert_not(ravel_shortlist_exists(&list));
        cr_assert_eq(ravel_shortlist_bytes(&list), 0);
        ravel_shortlist_free(&list);
    }
}
