/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Graphs of all nodes in each other, at random. What is not refused keeps what a model promises:
 * the frames and samples announced, in any pieces, in a batch, and by any kernels, for streams of any
 * length from none on. Memory is as large as was asked for, so that a sanitizer sees what is not.
 */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"

enum { GRAPHS = 600, STREAMS = 3 };

/* What a stream is made to, and by which model. */
typedef struct {
    ravel_model *model;
    ravel_scratch *scratch;
    int channels, n_codebooks, per_frame;
} codec;

typedef struct {
    int n_frames, n_samples;
    uint16_t *codes;
    float *pcm;
} coded;

/* n_codebooks: modulo those of the model, and one */
static codec open_codec(const ravel_kernels *kernels, const void *file, size_t size,
                        int n_codebooks, ravel_error *error)
{
    codec c = {.model = ravel_model_open_with(kernels, file, size, error)};
    if (c.model) {
        const ravel_model_info *info = ravel_model_get_info(c.model);
        c.scratch = ravel_scratch_new(c.model, 1);
        c.channels = info->channels;
        c.n_codebooks = 1 + n_codebooks % info->n_codebooks;
        c.per_frame = ravel_model_codes_per_frame(c.model, c.n_codebooks);
    }
    return c;
}

static void close_codec(codec *c)
{
    ravel_scratch_free(c->scratch);
    ravel_model_free(c->model);
}

static void *room(int n, size_t size)
{
    void *memory = calloc((size_t)n + 1, size);
    cr_assert_not_null(memory);
    return memory;
}

/* most 0: at once. */
static int piece(uint64_t *seed, int left, int most)
{
    const int n = most > 0 ? ravel_random_below(seed, most + 1) : left;
    return n < left ? n : left;
}

/* One push, or the end (pcm NULL), into memory of exactly the size announced. */
static int encode_some(const codec *c, ravel_encoder *encoder, const float *pcm, int n,
                       uint16_t *codes)
{
    const int announced = ravel_encoder_frames(encoder, n, pcm == NULL);
    uint16_t *own = malloc((size_t)announced * (size_t)c->per_frame * sizeof *own + 1);
    const int made = pcm != NULL ? ravel_encoder_push(encoder, c->scratch, pcm, n, own, announced)
                                 : ravel_encoder_finish(encoder, c->scratch, own, announced);
    cr_assert(made >= 0 && made <= announced, "%d frames, %d announced", made, announced);
    cr_assert_leq(made, ravel_model_frames_room(c->model, n));
    memcpy(codes, own, (size_t)made * (size_t)c->per_frame * sizeof *own);
    free(own);
    return made;
}

static void encode(const codec *c, const float *pcm, int n, int most, uint64_t *seed, coded *to)
{
    ravel_encoder *encoder = ravel_encoder_new(c->model, c->n_codebooks);
    const int expected = ravel_encoder_frames(encoder, n, 1);
    to->codes = room(expected * c->per_frame, sizeof *to->codes);
    for (int at = 0, now; at < n; at += now) {
        now = piece(seed, n - at, most);
        to->n_frames += encode_some(c, encoder, pcm + at * c->channels, now,
                                    to->codes + to->n_frames * c->per_frame);
    }
    to->n_frames += encode_some(c, encoder, NULL, 0, to->codes + to->n_frames * c->per_frame);
    cr_assert_eq(to->n_frames, expected, "%d samples: %d frames, not %d", n, to->n_frames,
                 expected);
    ravel_encoder_free(encoder);
}

static int decode_some(const codec *c, ravel_decoder *decoder, const uint16_t *codes, int n,
                       float *pcm)
{
    const int announced = ravel_decoder_samples(decoder, n, codes == NULL);
    float *own = malloc((size_t)announced * (size_t)c->channels * sizeof *own + 1);
    const int made = codes != NULL ? ravel_decoder_push(decoder, c->scratch, codes, n,
                                                        c->n_codebooks, own, announced)
                                   : ravel_decoder_finish(decoder, c->scratch, own, announced);
    cr_assert(made >= 0 && made <= announced, "%d samples, %d announced", made, announced);
    cr_assert_leq(made, ravel_model_samples_room(c->model, n));
    memcpy(pcm, own, (size_t)made * (size_t)c->channels * sizeof *own);
    free(own);
    return made;
}

static void decode(const codec *c, int most, uint64_t *seed, coded *to)
{
    ravel_decoder *decoder = ravel_decoder_new(c->model);
    const int expected = ravel_decoder_samples(decoder, to->n_frames, 1);
    to->pcm = room(expected * c->channels, sizeof *to->pcm);
    for (int at = 0, now; at < to->n_frames; at += now) {
        now = piece(seed, to->n_frames - at, most);
        to->n_samples += decode_some(c, decoder, to->codes + at * c->per_frame, now,
                                     to->pcm + to->n_samples * c->channels);
    }
    to->n_samples += decode_some(c, decoder, NULL, 0, to->pcm + to->n_samples * c->channels);
    cr_assert_eq(to->n_samples, expected, "%d frames: %d samples, not %d", to->n_frames,
                 to->n_samples, expected);
    ravel_decoder_free(decoder);
}

static void check_equal(const codec *c, const coded *a, const coded *b, const char *what)
{
    cr_assert(a->n_frames == b->n_frames && a->n_samples == b->n_samples, "%s: other lengths",
              what);
    cr_assert_eq(
        memcmp(a->codes, b->codes, (size_t)a->n_frames * (size_t)c->per_frame * sizeof *a->codes),
        0, "%s: other codes", what);
    cr_assert_eq(
        memcmp(a->pcm, b->pcm, (size_t)a->n_samples * (size_t)c->channels * sizeof *a->pcm), 0,
        "%s: other samples", what);
}

static void release(coded *c)
{
    free(c->codes);
    free(c->pcm);
}

static coded run(const codec *c, const float *pcm, int n, int most, uint64_t *seed)
{
    coded made = {0};
    encode(c, pcm, n, most, seed, &made);
    decode(c, most > 0 ? 3 : 0, seed, &made);
    return made;
}

/* All of a stream, into as much memory as it takes alone. */
static ravel_encoder_job encode_job(const codec *c, const float *pcm, int n, const coded *alone,
                                    coded *to)
{
    to->codes = malloc((size_t)alone->n_frames * (size_t)c->per_frame * sizeof *to->codes + 1);
    return (ravel_encoder_job){.encoder = ravel_encoder_new(c->model, c->n_codebooks),
                               .pcm = pcm,
                               .n_samples = n,
                               .finish = 1,
                               .codes = to->codes,
                               .capacity = alone->n_frames};
}

static ravel_decoder_job decode_job(const codec *c, const coded *alone, coded *to)
{
    to->pcm = malloc((size_t)alone->n_samples * (size_t)c->channels * sizeof *to->pcm + 1);
    return (ravel_decoder_job){.decoder = ravel_decoder_new(c->model),
                               .codes = to->codes,
                               .n_frames = to->n_frames,
                               .n_codebooks = c->n_codebooks,
                               .finish = 1,
                               .pcm = to->pcm,
                               .capacity = alone->n_samples};
}

static void check_stream(const codec *c, const codec *plain, const float *pcm, int n,
                         uint64_t *seed)
{
    coded whole = run(c, pcm, n, 0, seed), cut = run(c, pcm, n, 9, seed);
    coded other = run(plain, pcm, n, 0, seed);
    check_equal(c, &cut, &whole, "in pieces");
    check_equal(c, &other, &whole, "by plain C");
    release(&whole);
    release(&cut);
    release(&other);
}

/* Streams of several lengths, each a single job, all of them together. */
static void check_batch(const codec *c, const float *pcm, const int *lengths, uint64_t *seed)
{
    ravel_scratch *scratch = ravel_scratch_new(c->model, STREAMS);
    ravel_encoder_job encode_jobs[STREAMS];
    ravel_decoder_job decode_jobs[STREAMS];
    coded alone[STREAMS], together[STREAMS] = {{0}};
    for (int i = 0; i < STREAMS; i++) {
        alone[i] = run(c, pcm, lengths[i], 0, seed);
        encode_jobs[i] = encode_job(c, pcm, lengths[i], &alone[i], &together[i]);
    }
    cr_assert_eq(ravel_encoder_push_many(encode_jobs, STREAMS, scratch), 0);
    for (int i = 0; i < STREAMS; i++) {
        together[i].n_frames = encode_jobs[i].n_frames;
        decode_jobs[i] = decode_job(c, &alone[i], &together[i]);
    }
    cr_assert_eq(ravel_decoder_push_many(decode_jobs, STREAMS, scratch), 0);
    for (int i = 0; i < STREAMS; i++) {
        together[i].n_samples = decode_jobs[i].n_samples;
        check_equal(c, &together[i], &alone[i], "in a batch");
        ravel_encoder_free(encode_jobs[i].encoder);
        ravel_decoder_free(decode_jobs[i].decoder);
        release(&alone[i]);
        release(&together[i]);
    }
    ravel_scratch_free(scratch);
}

static void check_streams(const codec *c, const codec *plain, uint64_t *seed)
{
    const int hop = ravel_model_get_info(c->model)->hop_samples;
    const int lengths[] = {0, 1, hop - 1, hop, hop + 1, ravel_random_below(seed, 12 * hop)};
    const int n = 12 * hop * c->channels;
    float *pcm = room(n, sizeof *pcm);
    for (int i = 0; i < n; i++)
        pcm[i] = ravel_random_float(seed);
    for (int i = 0; i < 6; i++)
        check_stream(c, plain, pcm, lengths[i], seed);
    check_batch(c, pcm, lengths + 6 - STREAMS, seed);
    free(pcm);
}

/* return    whether the graph was not refused */
static bool check_graph(uint64_t number)
{
    size_t size;
    ravel_error error = {0};
    uint64_t seed = number;
    const int n_codebooks = ravel_random_below(&seed, RAVEL_MAX_CODEBOOKS);
    void *file = ravel_test_random_model(number, &size);
    codec c = open_codec(ravel_kernels_select(), file, size, n_codebooks, &error);
    if (c.model) {
        codec plain = open_codec(ravel_kernels_named("c"), file, size, n_codebooks, &error);
        check_streams(&c, &plain, &seed);
        close_codec(&plain);
        close_codec(&c);
    } else {
        cr_expect_str_not_empty(error.text);
    }
    free(file);
    return c.model != NULL;
}

Test(random_graphs, keep_their_promises)
{
    int n_good = 0;
    for (uint64_t i = 0; i < GRAPHS; i++)
        n_good += check_graph(i);
    cr_assert_gt(n_good, GRAPHS / 2);
    cr_assert_lt(n_good, GRAPHS);
}
