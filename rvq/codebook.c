/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One codebook. The search is a matrix product and an argmax:
 *
 *    Euclidean    |x - e|^2 is least where x.e - |e|^2 / 2 is greatest; the second term is the bias
 *    cosine       x.e / |e|, codewords brought to length 1 beforehand; |x| scales every score alike
 *
 * Many vectors share one pass over the matrix. Few are bound by reading it, so of a large codebook
 * they are given a shortlist first (rvq/shortlist.h).
 */
#include <stdlib.h>

#include "nn/error.h"
#include "rvq/codewords.h"
#include "rvq/layout.h"
#include "rvq/shortlist.h"

enum {
    MAX_SLICE = 32,           /* vectors searched at once */
    SLICE_SCORES = 32 * 1024, /* most scores of a slice of more than one vector: 128 KiB */
    MAX_DIM = 65536
};

/* Where a shortlist pays: measured with AVX-512 and AVX2, with codebooks out of the cache. */
enum {
    SHORTLIST_VECTORS = 4,       /* at most: more are bound by arithmetic */
    SHORTLIST_WEIGHTS = 1 << 16, /* at least: fewer stay in the cache */
    SHORTLIST_DIM = 128          /* at least: picking looks at each codeword several times */
};

typedef struct {
    ravel_quantizer base;
    ravel_codewords codewords;
    ravel_matrix scores;       /* [dim][size]: what is searched */
    ravel_shortlist shortlist; /* of the same, or none */
} codebook;

/* Of a slice. */
typedef struct {
    float *scores;   /* [vector][size] */
    float *room;     /* [2][size], with a shortlist */
    float *codeword; /* [dim], with a shortlist */
} workspace;

static int slice_vectors(int size)
{
    const int fit = SLICE_SCORES / size;
    return fit < 1 ? 1 : fit > MAX_SLICE ? MAX_SLICE : fit;
}

/* scores [n][size] of x [n][dim], n at most MAX_SLICE, by the codebook's matrix or its rough one */
static void score(const codebook *self, const ravel_matrix *matrix, const float *x, int n,
                  float *scores)
{
    const float *row[MAX_SLICE];
    for (int i = 0; i < n; i++) {
        row[i] = x + (ptrdiff_t)i * self->base.dim;
    }
    const ravel_rows rows = {.row = row, .n_rows = n, .taps = 1, .width = self->base.dim};
    self->base.kernels->matmul(matrix, &rows, scores, matrix->n_out, 0);
}

static void search_all(const codebook *self, const float *x, int n, const workspace *w,
                       uint16_t *codes)
{
    const int size = self->scores.n_out;
    score(self, &self->scores, x, n, w->scores);
    for (int i = 0; i < n; i++) {
        codes[i] = (uint16_t)self->base.kernels->argmax(w->scores + (ptrdiff_t)i * size, size);
    }
}

/*
 * One score as the matrix product computes it: a depthwise convolution of one channel has the same
 * order of the same multiply-adds.
 */
static float score_alone(const codebook *self, const float *x, int code, float *codeword)
{
    float sum;
    ravel_codeword_searched(&self->codewords, code, codeword);
    self->base.kernels->depthwise(codeword, self->scores.bias + code, self->base.dim, 1, x, 1, 0,
                                  &sum, 1, 1);
    return sum;
}

/* return    whether all codes are found */
static bool search_shortlist(const codebook *self, const float *x, int n, const workspace *w,
                             uint16_t *codes)
{
    const int size = self->scores.n_out;
    score(self, &self->shortlist.rough, x, n, w->scores);
    for (int i = 0; i < n; i++, x += self->base.dim) {
        int candidates[RAVEL_SHORTLIST_MAX];
        float scores[RAVEL_SHORTLIST_MAX];
        const int left = ravel_shortlist_pick(&self->shortlist, self->base.kernels, x,
                                              w->scores + (ptrdiff_t)i * size, w->room, candidates);
        for (int c = 0; c < left; c++) {
            scores[c] = score_alone(self, x, candidates[c], w->codeword);
        }
        if (left == 0)
            return false;
        codes[i] = (uint16_t)candidates[self->base.kernels->argmax(scores, left)];
    }
    return true;
}

static workspace take_workspace(const codebook *self, ravel_arena *scratch)
{
    const size_t size = (size_t)self->scores.n_out, dim = (size_t)self->base.dim;
    const size_t slice = (size_t)slice_vectors(self->scores.n_out);
    workspace w = {.scores = ravel_arena_take(scratch, slice * size * sizeof(float))};
    if (ravel_shortlist_exists(&self->shortlist)) {
        w.room = ravel_arena_take(scratch, 2 * size * sizeof(float));
        w.codeword = ravel_arena_take(scratch, dim * sizeof(float));
    }
    return w;
}

static void codebook_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                            uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const codebook *self = (const codebook *)q;
    const int slice = slice_vectors(q->codebook_size[0]);
    const ravel_arena mark = *scratch;
    const workspace w = take_workspace(self, scratch);
    (void)n_codebooks;

    for (int done = 0; done < n; done += slice) {
        uint16_t found[MAX_SLICE];
        const int now = n - done < slice ? n - done : slice;
        const float *some = x + (ptrdiff_t)done * q->dim;
        const bool few = ravel_shortlist_exists(&self->shortlist) && now <= SHORTLIST_VECTORS;
        if (!few || !search_shortlist(self, some, now, &w, found))
            search_all(self, some, now, &w, found);
        for (int i = 0; i < now; i++) {
            codes[(ptrdiff_t)(done + i) * code_stride] = found[i];
            if (y)
                ravel_codeword(&self->codewords, found[i], y + (ptrdiff_t)(done + i) * q->dim);
        }
    }
    *scratch = mark;
}

static void codebook_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                            int n_codebooks, float *y, ravel_arena *scratch)
{
    (void)n_codebooks;
    (void)scratch;
    for (ptrdiff_t i = 0; i < n; i++) {
        ravel_codeword(&((const codebook *)q)->codewords, codes[i * code_stride], y + i * q->dim);
    }
}

static size_t codebook_scratch_size(const ravel_quantizer *q, int n)
{
    const codebook *self = (const codebook *)q;
    const size_t size = (size_t)self->scores.n_out, dim = (size_t)q->dim;
    const size_t slice = (size_t)slice_vectors(self->scores.n_out);
    size_t bytes = ravel_arena_bytes(slice * size * sizeof(float));
    (void)n;
    if (ravel_shortlist_exists(&self->shortlist))
        bytes +=
            ravel_arena_bytes(2 * size * sizeof(float)) + ravel_arena_bytes(dim * sizeof(float));
    return bytes;
}

static void codebook_destroy(ravel_quantizer *q)
{
    codebook *self = (codebook *)q;
    ravel_codewords_free(&self->codewords);
    ravel_matrix_free(&self->scores);
    ravel_shortlist_free(&self->shortlist);
    free(self);
}

static const ravel_quantizer_ops codebook_ops = {codebook_encode, codebook_decode,
                                                 codebook_scratch_size, codebook_destroy};

/* --- Construction --------------------------------------------------------------------------- */

static int check(const ravel_tensor *t, ravel_error *error)
{
    if (t->dtype == RAVEL_I8) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: I8 is not supported", t->name);
    }
    if (t->rank != 2) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: rank %d, not [size, dim]",
                               t->name, t->rank);
    }
    if (t->shape[0] < 2 || t->shape[0] > RAVEL_MAX_CODEBOOK_SIZE) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: %d codewords, not 2 to %d",
                               t->name, (int)t->shape[0], RAVEL_MAX_CODEBOOK_SIZE);
    }
    if (t->shape[1] < 1 || t->shape[1] > MAX_DIM) {
        return ravel_error_set(error, RAVEL_ERR_MODEL, "codebook %s: %d dimensions, not 1 to %d",
                               t->name, (int)t->shape[1], MAX_DIM);
    }
    return RAVEL_OK;
}

/* Codewords as they are searched, and their biases, while a codebook is built. */
typedef struct {
    int size, dim;
    float *rows; /* [size][dim] */
    float *bias; /* [size] */
} searched;

static int list_searched(const ravel_codewords *codewords, searched *s)
{
    const size_t size = (size_t)s->size, dim = (size_t)s->dim;
    s->rows = malloc(size * dim * sizeof(float));
    s->bias = malloc(size * sizeof(float));
    if (!s->rows || !s->bias)
        return RAVEL_ERR_MEMORY;
    for (int n = 0; n < s->size; n++) {
        float *e = s->rows + (size_t)n * dim;
        ravel_codeword_searched(codewords, n, e);
        s->bias[n] = ravel_codeword_bias(codewords, e);
    }
    return RAVEL_OK;
}

/* context: the tensor [size, dim] */
static ptrdiff_t codeword_element(const void *context, int k, int n)
{
    const ravel_tensor *t = context;
    return (ptrdiff_t)n * t->shape[1] + k;
}

/* Euclidean: the codewords in the type they are stored in. */
static int pack(codebook *self, const searched *s)
{
    const ravel_tensor bias = {.data = s->bias, .dtype = RAVEL_F32, .rank = 1, .shape = {s->size}};
    ravel_tensor t = self->codewords.stored;
    if (self->codewords.search == RAVEL_SEARCH_COSINE) {
        t.data = s->rows;
        t.dtype = RAVEL_F32;
    }
    return ravel_matrix_pack(&self->scores, s->dim, s->size, &t, codeword_element, &t, NULL, &bias,
                             NULL);
}

static bool shortlist_pays(const searched *s)
{
    return s->dim >= SHORTLIST_DIM && (double)s->size * s->dim >= SHORTLIST_WEIGHTS;
}

static int build(codebook *self, const ravel_tensor *codewords, ravel_search search)
{
    searched s = {.size = codewords->shape[0], .dim = codewords->shape[1]};
    int status = ravel_codewords_copy(&self->codewords, codewords, search);
    if (!status)
        status = list_searched(&self->codewords, &s);
    if (!status)
        status = pack(self, &s);
    if (!status && shortlist_pays(&s))
        status = ravel_shortlist_make(&self->shortlist, s.rows, s.bias, s.size, s.dim);
    free(s.rows);
    free(s.bias);
    return status;
}

/* What the search of a single vector reads; candidates are a few in a thousand. */
static size_t read_bytes(const codebook *self)
{
    return ravel_shortlist_exists(&self->shortlist) ? ravel_shortlist_bytes(&self->shortlist)
                                                    : ravel_matrix_bytes(&self->scores);
}

static size_t held_bytes(const codebook *self)
{
    const ravel_tensor *t = &self->codewords.stored;
    return ravel_tensor_count(t) * ravel_dtype_size(t->dtype) + ravel_matrix_bytes(&self->scores) +
           ravel_shortlist_bytes(&self->shortlist);
}

ravel_quantizer *ravel_codebook_new(const ravel_kernels *kernels, const ravel_tensor *codewords,
                                    ravel_search search, ravel_error *error)
{
    if (check(codewords, error))
        return NULL;
    codebook *self = calloc(1, sizeof *self);
    if (!self || build(self, codewords, search)) {
        if (self)
            codebook_destroy(&self->base);
        ravel_error_memory(error);
        return NULL;
    }
    self->base = (ravel_quantizer){
        .ops = &codebook_ops,
        .kernels = kernels,
        .dim = codewords->shape[1],
        .width = codewords->shape[1],
        .n_codebooks = 1,
        .codebook_size = {codewords->shape[0]},
        .steps = {1},
        .weight_bytes = read_bytes(self),
        .held_bytes = held_bytes(self),
        .macs = (double)codewords->shape[0] * (double)codewords->shape[1],
    };
    return &self->base;
}
