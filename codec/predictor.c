/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codes that were not received, from the prior: the finer codebooks of frames whose coarse ones are
 * there (LMCodec, arXiv 2303.12984), or whole frames. The prior goes on over the whole stream: its
 * window slides.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "nn/fpenv.h"
#include "nn/layer_impl.h"

struct ravel_predictor {
    const ravel_model *model;
    uint64_t seed, random;                /* 0: not drawn; the generator's state */
    uint16_t before[RAVEL_MAX_CODEBOOKS]; /* codes of the last frame */
    void *state;                          /* of the prior */
    float *context, *logits;              /* [width], [greatest codebook] */
    ravel_arena scratch;
};

enum { STATE, CONTEXT, LOGITS, SCRATCH, PARTS };

static void find_sizes(const ravel_prior *prior, size_t bytes[PARTS])
{
    int greatest = 0;
    for (int k = 0; k < ravel_prior_codebooks(prior); k++) {
        const int size = ravel_prior_codebook_size(prior, k);
        greatest = size > greatest ? size : greatest;
    }
    const size_t push = ravel_prior_push_scratch(prior, 1, 1);
    const size_t head = ravel_prior_logits_scratch(prior, 1);
    bytes[STATE] = ravel_prior_state_size(prior);
    bytes[CONTEXT] = (size_t)ravel_prior_width(prior) * sizeof(float);
    bytes[LOGITS] = (size_t)greatest * sizeof(float);
    bytes[SCRATCH] = push > head ? push : head;
}

/* One allocation; NULL without memory. The arena must begin aligned as its parts are. */
static ravel_predictor *allocate(const ravel_prior *prior)
{
    size_t bytes[PARTS], size = ravel_arena_bytes(sizeof(ravel_predictor));
    void *part[PARTS];
    find_sizes(prior, bytes);
    for (int i = 0; i < PARTS; i++) {
        size = ravel_size_add(size, ravel_arena_bytes(bytes[i]));
    }
    ravel_arena arena = {.base = size < SIZE_MAX ? aligned_alloc(64, size) : NULL, .size = size};
    if (!arena.base)
        return NULL;
    ravel_predictor *predictor = ravel_arena_take(&arena, sizeof *predictor);
    for (int i = 0; i < PARTS; i++) {
        part[i] = ravel_arena_take(&arena, bytes[i]);
    }
    *predictor = (ravel_predictor){.state = part[STATE],
                                   .context = part[CONTEXT],
                                   .logits = part[LOGITS],
                                   .scratch = {.base = part[SCRATCH], .size = bytes[SCRATCH]}};
    return predictor;
}

ravel_predictor *ravel_predictor_new(const ravel_model *model, uint64_t seed)
{
    ravel_predictor *predictor = model && model->prior ? allocate(model->prior) : NULL;
    if (!predictor)
        return NULL;
    predictor->model = model;
    predictor->seed = seed;
    ravel_predictor_reset(predictor);
    return predictor;
}

void ravel_predictor_free(ravel_predictor *predictor)
{
    free(predictor);
}

void ravel_predictor_reset(ravel_predictor *predictor)
{
    predictor->random = predictor->seed;
    memset(predictor->before, 0, sizeof predictor->before);
    ravel_prior_reset(predictor->model->prior, predictor->state);
}

/* 0 ... 1, without 1, by splitmix64 (Steele et al., OOPSLA 2014). */
static float draw(ravel_predictor *predictor)
{
    uint64_t x = predictor->random += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (float)((x ^ x >> 31) >> 40) * 0x1p-24f;
}

static int choose(ravel_predictor *predictor, int size)
{
    const ravel_kernels *kernels = predictor->model->kernels;
    float *p = predictor->logits;
    if (predictor->seed == 0)
        return kernels->argmax(p, size);
    kernels->softmax(p, p, size);
    const float target = draw(predictor);
    float sum = 0.0f;
    int code = 0;
    while (code + 1 < size && (sum += p[code]) <= target)
        code++;
    return code;
}

/* One frame [n_codebooks], of which the first n_given are there. */
static void predict_frame(ravel_predictor *predictor, int n_given, int n_codebooks, uint16_t *codes)
{
    const ravel_prior *prior = predictor->model->prior;
    ravel_prior_lane lane = {.state = predictor->state,
                             .codes = predictor->before, /* each time the frame before */
                             .n_codebooks = n_codebooks,
                             .n_frames = 1,
                             .contexts = predictor->context};
    ravel_prior_push(prior, &lane, 1, &predictor->scratch);
    for (int k = 0; k < n_codebooks; k++) {
        if (k >= n_given) {
            ravel_prior_logits(prior, k, predictor->context, 1, predictor->logits,
                               &predictor->scratch);
            codes[k] = (uint16_t)choose(predictor, ravel_prior_codebook_size(prior, k));
        }
        if (k + 1 < n_codebooks)
            ravel_prior_add(prior, k, codes + k, 0, 1, predictor->context);
        predictor->before[k] = codes[k];
    }
}

static int check(const ravel_predictor *predictor, const uint16_t *codes, int n_frames, int n_given,
                 int n_codebooks)
{
    const ravel_layout *layout = &predictor->model->layout;
    if (n_frames < 0 || n_given < 0 || n_given > n_codebooks || n_codebooks < 1 ||
        n_codebooks > layout->n_codebooks)
        return RAVEL_ERR_ARGUMENT;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n_frames * n_given; i++) {
        if (codes[i] >= layout->codebook_size[i % n_given])
            return RAVEL_ERR_DATA;
    }
    return RAVEL_OK;
}

int ravel_predictor_push(ravel_predictor *predictor, const uint16_t *codes, int n_frames,
                         int n_given, int n_codebooks, uint16_t *out)
{
    const int status = check(predictor, codes, n_frames, n_given, n_codebooks);
    if (status < 0)
        return status;
    const uint64_t control = ravel_fpenv_enter();
    for (ptrdiff_t t = 0; t < n_frames; t++) {
        uint16_t *frame = out + t * n_codebooks;
        if (n_given > 0)
            memcpy(frame, codes + t * n_given, (size_t)n_given * sizeof *frame);
        predict_frame(predictor, n_given, n_codebooks, frame);
    }
    ravel_fpenv_leave(control);
    return n_frames;
}
