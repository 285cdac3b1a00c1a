/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/quantizers.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

ravel_test_weights *ravel_test_weights_new(const char *name, int a, int b, uint64_t seed)
{
    ravel_test_weights *w = calloc(1, sizeof *w);
    w->t = (ravel_tensor){
        .name = name, .data = w->values, .dtype = RAVEL_F32, .rank = b ? 2 : 1, .shape = {a, b}};
    cr_assert_leq(ravel_tensor_count(&w->t), RAVEL_TEST_MAX_WEIGHTS);
    for (size_t i = 0; i < ravel_tensor_count(&w->t); i++) {
        w->values[i] = ravel_random_float(&seed);
    }
    return w;
}

float *ravel_test_vectors(int n, int dim, uint64_t seed)
{
    float *x = malloc((size_t)n * (size_t)dim * sizeof *x);
    for (int i = 0; i < n * dim; i++) {
        x[i] = ravel_random_float(&seed);
    }
    return x;
}

ravel_quantizer *ravel_test_codebook(int size, int dim, ravel_search search, uint64_t seed)
{
    ravel_error error = {0};
    ravel_test_weights *w = ravel_test_weights_new("c", size, dim, seed);
    ravel_quantizer *q = ravel_codebook_new(ravel_kernels_select(), &w->t, search, &error);
    cr_assert_not_null(q, "%s", error.text);
    free(w); /* a quantiser keeps what it needs */
    return q;
}

ravel_test_planned ravel_test_planned_new(const ravel_quantizer *q, int n)
{
    ravel_test_planned p = {.size = q->ops->scratch_size(q, n)};
    p.arena.size = p.size;
    p.arena.base = aligned_alloc(64, (p.size + 64 + 63) / 64 * 64);
    memset(p.arena.base, 0x5a, p.size + 64);
    return p;
}

void ravel_test_planned_free(ravel_test_planned *p)
{
    cr_assert_eq(p->arena.used, 0, "the arena is handed back as it was");
    for (size_t i = 0; i < 64; i++) {
        cr_assert_eq(p->arena.base[p->size + i], 0x5a, "written beyond the plan");
    }
    free(p->arena.base);
}

void ravel_test_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                       uint16_t *codes, float *y)
{
    ravel_test_planned p = ravel_test_planned_new(q, n);
    q->ops->encode(q, x, n, n_codebooks, codes, ravel_quantizer_codes(q, n_codebooks), y, &p.arena);
    ravel_test_planned_free(&p);
}

void ravel_test_decode(const ravel_quantizer *q, const uint16_t *codes, int n, int n_codebooks,
                       float *y)
{
    ravel_test_planned p = ravel_test_planned_new(q, n);
    q->ops->decode(q, codes, ravel_quantizer_codes(q, n_codebooks), n, n_codebooks, y, &p.arena);
    ravel_test_planned_free(&p);
}
