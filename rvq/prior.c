/* SPDX-License-Identifier: BSD-3-Clause */
/* The prior at work; rvq/prior_new.c makes one of weights. */
#include <string.h>

#include "nn/layer_impl.h"
#include "rvq/prior_impl.h"

enum {
    SLICE = 64
}; /* rows that a head works on at once: scratch is bounded, weights are read seldom */

static const float norm_eps = 1e-5f;

int ravel_prior_codebooks(const ravel_prior *prior)
{
    return prior->n_codebooks;
}

int ravel_prior_codebook_size(const ravel_prior *prior, int codebook)
{
    return prior->head[codebook].logits.n_out;
}

int ravel_prior_width(const ravel_prior *prior)
{
    return prior->width;
}

size_t ravel_prior_state_size(const ravel_prior *prior)
{
    return sizeof(ravel_prior_state) + prior->trunk->state_size;
}

void ravel_prior_reset(const ravel_prior *prior, void *state)
{
    ravel_prior_state *at = state;
    *at = (ravel_prior_state){0};
    ravel_layer_reset(prior->trunk, at + 1);
}

/* --- Over time ------------------------------------------------------------------------------ */

/* The codes of one frame, feature after feature; codebooks that are not used stay zero. */
static void gather_features(const ravel_prior *prior, const uint16_t *codes, int n_codebooks,
                            float *x)
{
    const size_t rank = (size_t)prior->rank;
    memset(x, 0, (size_t)prior->embed.n_in * sizeof *x);
    for (int k = 0; k < n_codebooks; k++) {
        memcpy(x + (size_t)k * rank, prior->head[k].features + codes[k] * rank, rank * sizeof *x);
    }
}

/* Features of the frames before those of all lanes, [rows][embed.n_in]; zeros before the first. */
static void gather_lanes(const ravel_prior *prior, const ravel_prior_lane *lanes, int n_lanes,
                         float *x)
{
    for (int l = 0; l < n_lanes; l++) {
        const int64_t first = ((const ravel_prior_state *)lanes[l].state)->n_frames;
        for (int t = 0; t < lanes[l].n_frames; t++, x += prior->embed.n_in) {
            const int64_t before = first + t - 1;
            gather_features(prior,
                            before >= 0 ? lanes[l].codes + before * lanes[l].code_stride : NULL,
                            before >= 0 ? lanes[l].n_codebooks : 0, x);
        }
    }
}

/* x [rows][x's width] through the map to y, row pointers from the arena. */
static void multiply(const ravel_prior *prior, const ravel_matrix *map, const float *x, int n_rows,
                     float *y, ravel_arena *scratch)
{
    const ravel_arena mark = *scratch;
    const float **row = ravel_arena_take(scratch, (size_t)n_rows * sizeof *row);
    for (int i = 0; i < n_rows; i++) {
        row[i] = x + (ptrdiff_t)i * map->n_in;
    }
    const ravel_rows rows = {.row = row, .n_rows = n_rows, .taps = 1, .width = map->n_in};
    prior->kernels->matmul(map, &rows, y, map->n_out, 0);
    *scratch = mark;
}

/* Puts the start in its place and adds what says how many codebooks there are. */
static void complete_rows(const ravel_prior *prior, const ravel_prior_lane *lanes, int n_lanes,
                          float *rows)
{
    for (int l = 0; l < n_lanes; l++) {
        const bool starts = ((const ravel_prior_state *)lanes[l].state)->n_frames == 0;
        const float *rate = prior->rate + (ptrdiff_t)(lanes[l].n_codebooks - 1) * prior->width;
        for (int t = 0; t < lanes[l].n_frames; t++, rows += prior->width) {
            const float *row = starts && t == 0 ? prior->start : rows;
            prior->kernels->add(row, rate, rows, prior->width);
        }
    }
}

static int count_frames(const ravel_prior_lane *lanes, int n_lanes)
{
    int n = 0;
    for (int l = 0; l < n_lanes; l++) {
        n += lanes[l].n_frames;
    }
    return n;
}

static void push_trunk(const ravel_prior *prior, ravel_prior_lane *lanes, int n_lanes,
                       const float *rows, ravel_arena *scratch)
{
    ravel_lane *inner = ravel_arena_take(scratch, (size_t)n_lanes * sizeof *inner);
    for (int l = 0; l < n_lanes; l++) {
        ravel_prior_state *state = lanes[l].state;
        inner[l] = (ravel_lane){
            .state = state + 1, .in = rows, .out = lanes[l].contexts, .n_in = lanes[l].n_frames};
        rows += (ptrdiff_t)lanes[l].n_frames * prior->width;
        state->n_frames += lanes[l].n_frames;
    }
    ravel_layer_push(prior->trunk, inner, n_lanes, scratch);
}

void ravel_prior_push(const ravel_prior *prior, ravel_prior_lane *lanes, int n_lanes,
                      ravel_arena *scratch)
{
    const ravel_arena mark = *scratch;
    const size_t n = (size_t)count_frames(lanes, n_lanes);
    if (n > 0) {
        float *rows = ravel_arena_take(scratch, n * (size_t)prior->width * sizeof *rows);
        const ravel_arena before = *scratch;
        float *features = ravel_arena_take(scratch, n * (size_t)prior->embed.n_in * sizeof *rows);
        gather_lanes(prior, lanes, n_lanes, features);
        multiply(prior, &prior->embed, features, (int)n, rows, scratch);
        *scratch = before;
        complete_rows(prior, lanes, n_lanes, rows);
        push_trunk(prior, lanes, n_lanes, rows, scratch);
    }
    *scratch = mark;
}

size_t ravel_prior_push_scratch(const ravel_prior *prior, int max_frames, int n_lanes)
{
    const size_t n = ravel_size_mul((size_t)max_frames, (size_t)n_lanes);
    const size_t rows = ravel_rows_bytes(n_lanes, max_frames, prior->width);
    const size_t embed =
        ravel_size_add(ravel_rows_bytes(n_lanes, max_frames, prior->embed.n_in),
                       ravel_arena_bytes(ravel_size_mul(n, sizeof(const float *))));
    const size_t trunk =
        ravel_size_add(ravel_arena_bytes(ravel_size_mul((size_t)n_lanes, sizeof(ravel_lane))),
                       ravel_layer_scratch_size(prior->trunk, max_frames, n_lanes));
    return ravel_size_add(rows, embed > trunk ? embed : trunk);
}

/* --- Within the frame ------------------------------------------------------------------------- */

/*
 * NaN and what lies far out come of absurd weights only; here they become numbers that exp and a
 * sum can bear.
 */
static void bound(float *x, size_t n)
{
    const float limit = 1e4f;
    for (size_t i = 0; i < n; i++) {
        const float low = x[i] > -limit ? x[i] : -limit;
        x[i] = low < limit ? low : limit;
    }
}

static void logits_of_slice(const ravel_prior *prior, const ravel_prior_net *head,
                            const float *contexts, int n, float *logits, ravel_arena *scratch)
{
    const ravel_kernels *kernels = prior->kernels;
    const ravel_arena mark = *scratch;
    const size_t rows = (size_t)n * sizeof(float);
    float *normed = ravel_arena_take(scratch, rows * (size_t)prior->width);
    float *hidden = ravel_arena_take(scratch, rows * (size_t)head->hidden.n_out);
    float *narrow = ravel_arena_take(scratch, rows * (size_t)head->narrow.n_out);
    kernels->layer_norm(contexts, NULL, NULL, norm_eps, normed, n, prior->width);
    multiply(prior, &head->hidden, normed, n, hidden, scratch);
    kernels->gelu(hidden, hidden, n * head->hidden.n_out);
    multiply(prior, &head->narrow, hidden, n, narrow, scratch);
    multiply(prior, &head->logits, narrow, n, logits, scratch);
    bound(logits, (size_t)n * (size_t)head->logits.n_out);
    *scratch = mark;
}

void ravel_prior_logits(const ravel_prior *prior, int codebook, const float *contexts, int n,
                        float *logits, ravel_arena *scratch)
{
    const ravel_prior_net *head = &prior->head[codebook];
    for (int done = 0; done < n; done += SLICE) {
        logits_of_slice(prior, head, contexts + (ptrdiff_t)done * prior->width,
                        n - done < SLICE ? n - done : SLICE,
                        logits + (ptrdiff_t)done * head->logits.n_out, scratch);
    }
}

static size_t head_scratch(const ravel_prior *prior, const ravel_prior_net *head, int rows)
{
    size_t size = ravel_rows_bytes(1, rows, prior->width);
    size = ravel_size_add(size, ravel_rows_bytes(1, rows, head->hidden.n_out));
    size = ravel_size_add(size, ravel_rows_bytes(1, rows, head->narrow.n_out));
    return ravel_size_add(size, ravel_arena_bytes((size_t)rows * sizeof(const float *)));
}

size_t ravel_prior_logits_scratch(const ravel_prior *prior, int n)
{
    size_t most = 0;
    for (int k = 0; k < prior->n_codebooks; k++) {
        const size_t size = head_scratch(prior, &prior->head[k], n < SLICE ? n : SLICE);
        most = size > most ? size : most;
    }
    return most;
}

void ravel_prior_add(const ravel_prior *prior, int codebook, const uint16_t *codes,
                     ptrdiff_t code_stride, int n, float *contexts)
{
    const ravel_prior_net *head = &prior->head[codebook];
    const float *row[SLICE];
    for (int done = 0; done < n; done += SLICE) {
        const int now = n - done < SLICE ? n - done : SLICE;
        for (int i = 0; i < now; i++) {
            row[i] = head->features + (ptrdiff_t)codes[(done + i) * code_stride] * prior->rank;
        }
        const ravel_rows rows = {.row = row, .n_rows = now, .taps = 1, .width = prior->rank};
        prior->kernels->matmul(&head->within, &rows, contexts + (ptrdiff_t)done * prior->width,
                               prior->width, 1);
    }
}

/* --- What it costs ---------------------------------------------------------------------------- */

static double map_macs(const ravel_matrix *map)
{
    return (double)map->n_in * map->n_out;
}

double ravel_prior_macs(const ravel_prior *prior, int n_codebooks)
{
    double macs = map_macs(&prior->embed) + prior->trunk->macs;
    for (int k = 0; k < n_codebooks; k++) {
        const ravel_prior_net *head = &prior->head[k];
        macs += map_macs(&head->hidden) + map_macs(&head->narrow) + map_macs(&head->logits);
        macs += k + 1 < n_codebooks ? map_macs(&head->within) : 0.0;
    }
    return macs;
}

size_t ravel_prior_weight_bytes(const ravel_prior *prior)
{
    size_t bytes = ravel_matrix_bytes(&prior->embed) + prior->trunk->weight_bytes;
    for (int k = 0; k < prior->n_codebooks; k++) {
        const ravel_prior_net *head = &prior->head[k];
        bytes += ravel_matrix_bytes(&head->hidden) + ravel_matrix_bytes(&head->narrow) +
                 ravel_matrix_bytes(&head->logits);
        bytes += k + 1 < prior->n_codebooks ? ravel_matrix_bytes(&head->within) : 0;
    }
    return bytes;
}
