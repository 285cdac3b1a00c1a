/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streaming equals offline: however samples and frames are cut into pushes, alone or in a batch,
 * the codes and the samples are the same bits. Every buffer is exactly as large as the library asks
 * for, so that a sanitizer sees a bound that is too low.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { TRIALS = 200 };

/* A whole stream: what went in and what came out. */
typedef struct {
    int n_samples, n_frames, n_out, channels, n_codebooks;
    int codes_per_frame;
    float *pcm;      /* [n_samples][channels] */
    uint16_t *codes; /* [n_frames][codes_per_frame] */
    float *out;      /* [n_out][channels] */
} recording;

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes ? bytes : 1);
    cr_assert_not_null(memory);
    return memory;
}

static void release(recording *r)
{
    free(r->pcm);
    free(r->codes);
    free(r->out);
}

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Room for n more elements behind those that are used. */
static void *extend(void *array, int used, int n, size_t size)
{
    void *longer = realloc(array, (size_t)(used + n + 1) * size);
    cr_assert_not_null(longer);
    return longer;
}

static void extend_codes(recording *r, int n)
{
    r->codes = extend(r->codes, r->n_frames, n, (size_t)r->codes_per_frame * sizeof *r->codes);
}

static void extend_out(recording *r, int n)
{
    r->out = extend(r->out, r->n_out, n, (size_t)r->channels * sizeof *r->out);
}

/* Pushes n samples with room for exactly what was announced; n < 0 ends the stream. */
static void push_samples(ravel_encoder *encoder, ravel_scratch *scratch, recording *r, int at,
                         int n)
{
    int room = ravel_encoder_frames(encoder, n < 0 ? 0 : n, n < 0);
    cr_assert_geq(room, 0);
    uint16_t *codes = allocate((size_t)room * (size_t)r->codes_per_frame * sizeof *codes);
    int made = n < 0
                   ? ravel_encoder_finish(encoder, scratch, codes, room)
                   : ravel_encoder_push(encoder, scratch, r->pcm + (size_t)at * (size_t)r->channels,
                                        n, codes, room);
    cr_assert(made >= 0 && made <= room, "%d frames where %d were announced", made, room);
    size_t row = (size_t)r->codes_per_frame;
    extend_codes(r, made);
    memcpy(r->codes + (size_t)r->n_frames * row, codes, (size_t)made * row * sizeof *codes);
    r->n_frames += made;
    free(codes);
}

/* Pushes n frames; n < 0 ends the stream. */
static void push_frames(ravel_decoder *decoder, ravel_scratch *scratch, recording *r, int at, int n)
{
    int room = ravel_decoder_samples(decoder, n < 0 ? 0 : n, n < 0);
    cr_assert_geq(room, 0);
    size_t row = (size_t)r->channels;
    float *out = allocate((size_t)room * row * sizeof *out);
    int made = n < 0 ? ravel_decoder_finish(decoder, scratch, out, room)
                     : ravel_decoder_push(decoder, scratch,
                                          r->codes + (size_t)at * (size_t)r->codes_per_frame, n,
                                          r->n_codebooks, out, room);
    cr_assert(made >= 0 && made <= room, "%d samples where %d were announced", made, room);
    extend_out(r, made);
    memcpy(r->out + (size_t)r->n_out * row, out, (size_t)made * row * sizeof *out);
    r->n_out += made;
    free(out);
}

/* Lengths of pieces: up to `most`, which differs from trial to trial. */
static int piece(uint64_t *seed, int left, int most)
{
    int n = ravel_random_below(seed, most + 1);
    return n < left ? n : left;
}

static void encode(const ravel_model *model, ravel_scratch *scratch, recording *r, int most,
                   uint64_t *seed)
{
    ravel_encoder *encoder = ravel_encoder_new(model, r->n_codebooks);
    for (int at = 0, n; at < r->n_samples; at += n) {
        n = most ? piece(seed, r->n_samples - at, most) : r->n_samples;
        push_samples(encoder, scratch, r, at, n);
    }
    push_samples(encoder, scratch, r, 0, -1);
    ravel_encoder_free(encoder);
}

static void decode(const ravel_model *model, ravel_scratch *scratch, recording *r, int most,
                   uint64_t *seed)
{
    ravel_decoder *decoder = ravel_decoder_new(model);
    for (int at = 0, n; at < r->n_frames; at += n) {
        n = most ? piece(seed, r->n_frames - at, most) : r->n_frames;
        push_frames(decoder, scratch, r, at, n);
    }
    push_frames(decoder, scratch, r, 0, -1);
    ravel_decoder_free(decoder);
}

static recording record(const ravel_model *model, int n_samples, int n_codebooks, uint64_t *seed)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    recording r = {.n_samples = n_samples, .channels = info->channels, .n_codebooks = n_codebooks};
    r.codes_per_frame = ravel_model_codes_per_frame(model, n_codebooks);
    size_t n = (size_t)n_samples * (size_t)info->channels;
    r.pcm = allocate(n * sizeof *r.pcm);
    for (size_t i = 0; i < n; i++)
        r.pcm[i] = ravel_random_float(seed);
    return r;
}

static void check_equal(const recording *a, const recording *b)
{
    cr_assert_eq(a->n_frames, b->n_frames, "%d frames, %d at once", a->n_frames, b->n_frames);
    size_t codes = (size_t)a->n_frames * (size_t)a->codes_per_frame * sizeof *a->codes;
    cr_assert_arr_eq(a->codes, b->codes, codes);
    cr_assert_eq(a->n_out, b->n_out, "%d samples, %d at once", a->n_out, b->n_out);
    cr_assert_eq(memcmp(a->out, b->out, (size_t)a->n_out * (size_t)a->channels * sizeof *a->out),
                 0);
}

static void try_cuts(const ravel_model *model, ravel_scratch *scratch, uint64_t *seed)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    const int mosts[] = {1, info->hop_samples, 7 * info->hop_samples, 60 * info->hop_samples};
    int n_samples = ravel_random_below(seed, 60 * info->hop_samples);
    recording whole =
        record(model, n_samples, 1 + ravel_random_below(seed, info->n_codebooks), seed);
    encode(model, scratch, &whole, 0, seed);
    decode(model, scratch, &whole, 0, seed);
    int frames = n_samples ? ceil_div(n_samples + info->tail_samples, info->hop_samples) : 0;
    int least = n_samples + (info->end_samples < 0 ? info->end_samples : 0);
    if (info->drops_last_frame) {
        frames = n_samples / info->hop_samples;
        least = frames * info->hop_samples;
    }
    cr_assert_eq(whole.n_frames, frames, "%d samples make %d frames, not %d", n_samples,
                 whole.n_frames, frames);
    int samples = frames ? frames * info->hop_samples + info->end_samples : 0;
    cr_assert_eq(whole.n_out, samples, "%d frames make %d samples, not %d", frames, whole.n_out,
                 samples);
    cr_assert_geq(whole.n_out, least);
    recording cut = whole;
    cut.codes = NULL, cut.out = NULL, cut.n_frames = 0, cut.n_out = 0;
    encode(model, scratch, &cut, mosts[ravel_random_below(seed, 4)], seed);
    decode(model, scratch, &cut, 1 + ravel_random_below(seed, 40), seed);
    check_equal(&cut, &whole);
    cut.pcm = NULL;
    release(&cut);
    release(&whole);
}

static void try_model(ravel_tiny_kind kind)
{
    ravel_model *model = ravel_test_model_open(kind);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint64_t seed = 1000 + (uint64_t)kind;
    for (int i = 0; i < TRIALS; i++)
        try_cuts(model, scratch, &seed);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}

Test(cuts, default_like)
{
    try_model(RAVEL_TINY_DEFAULT);
}
Test(cuts, seanet_zero)
{
    try_model(RAVEL_TINY_SEANET_ZERO);
}
Test(cuts, seanet_reflect)
{
    try_model(RAVEL_TINY_SEANET_REFLECT);
}
Test(cuts, transformer)
{
    try_model(RAVEL_TINY_TRANSFORMER);
}
Test(cuts, early)
{
    try_model(RAVEL_TINY_EARLY);
}
Test(cuts, lookahead)
{
    try_model(RAVEL_TINY_LOOKAHEAD);
}

Test(cuts, source_filter)
{
    try_model(RAVEL_TINY_SOURCE_FILTER);
}

Test(cuts, segments)
{
    try_model(RAVEL_TINY_SEGMENTS);
}

Test(cuts, whole)
{
    try_model(RAVEL_TINY_WHOLE);
}

Test(cuts, rates)
{
    try_model(RAVEL_TINY_RATES);
}

Test(cuts, builtin)
{
    const ravel_model *model = ravel_model_builtin();
    cr_assert_not_null(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint64_t seed = 99;
    for (int i = 0; i < 6; i++)
        try_cuts(model, scratch, &seed);
    ravel_scratch_free(scratch);
}

/* A live loop needs room for one frame only: the bound is not merely safe. */
Test(bounds, one_hop_one_frame)
{
    const ravel_model *model = ravel_model_builtin();
    ravel_encoder *encoder = ravel_encoder_new(model, 6);
    ravel_decoder *decoder = ravel_decoder_new(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    float pcm[480] = {0.5f}, out[480];
    uint16_t codes[6];
    cr_assert_eq(ravel_encoder_frames(encoder, 480, 0), 1);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, pcm, 480, codes, 1), 1);
    cr_assert_eq(ravel_encoder_frames(encoder, 479, 0), 0);
    cr_assert_eq(ravel_decoder_samples(decoder, 1, 0), 240);
    cr_assert_eq(ravel_decoder_push(decoder, scratch, codes, 1, 6, out, 480), 240);
    cr_assert_eq(ravel_decoder_push(decoder, scratch, codes, 1, 6, out, 480), 480);
    ravel_encoder_free(encoder);
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
}

/* --- Batches ---------------------------------------------------------------------------------- */

enum { STREAMS = 5 };

/* A stream of a batch on its way. */
typedef struct {
    recording *r;
    int at, done;
} member;

static ravel_encoder_job encoder_job(member *m, ravel_encoder *encoder, uint64_t *seed)
{
    int n = piece(seed, m->r->n_samples - m->at, 100);
    int finish = m->at + n == m->r->n_samples && ravel_random_below(seed, 2);
    int room = ravel_encoder_frames(encoder, n, finish);
    extend_codes(m->r, room);
    ravel_encoder_job job = {.encoder = encoder,
                             .pcm = m->r->pcm + (size_t)m->at * (size_t)m->r->channels,
                             .n_samples = n,
                             .finish = finish,
                             .codes = m->r->codes + m->r->n_frames * m->r->codes_per_frame,
                             .capacity = room};
    m->at += n;
    m->done = finish;
    return job;
}

static ravel_decoder_job decoder_job(member *m, ravel_decoder *decoder, uint64_t *seed)
{
    int n = piece(seed, m->r->n_frames - m->at, 9);
    int finish = m->at + n == m->r->n_frames && ravel_random_below(seed, 2);
    int room = ravel_decoder_samples(decoder, n, finish);
    extend_out(m->r, room);
    ravel_decoder_job job = {.decoder = decoder,
                             .codes = m->r->codes + m->at * m->r->codes_per_frame,
                             .n_frames = n,
                             .n_codebooks = m->r->n_codebooks,
                             .finish = finish,
                             .pcm = m->r->out + m->r->n_out * m->r->channels,
                             .capacity = room};
    m->at += n;
    m->done = finish;
    return job;
}

/* The members that take part in the next push: some of those that are not done. */
static int choose(const member *members, int *who, uint64_t *seed)
{
    int n = 0;
    for (int i = 0; i < STREAMS; i++) {
        if (!members[i].done && ravel_random_below(seed, 4) > 0)
            who[n++] = i;
    }
    return n;
}

static int all_done(const member *members)
{
    int n = 0;
    for (int i = 0; i < STREAMS; i++)
        n += members[i].done;
    return n == STREAMS;
}

static void batch_encode(const ravel_model *model, ravel_scratch *scratch, recording *r,
                         uint64_t *seed)
{
    ravel_encoder *encoders[STREAMS];
    member members[STREAMS];
    int who[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        encoders[i] = ravel_encoder_new(model, r[i].n_codebooks);
        members[i] = (member){.r = &r[i]};
    }
    while (!all_done(members)) {
        ravel_encoder_job jobs[STREAMS];
        int n_jobs = choose(members, who, seed);
        for (int j = 0; j < n_jobs; j++)
            jobs[j] = encoder_job(&members[who[j]], encoders[who[j]], seed);
        if (n_jobs == 0)
            continue;
        cr_assert_eq(ravel_encoder_push_many(jobs, n_jobs, scratch), 0);
        for (int j = 0; j < n_jobs; j++) {
            cr_assert_geq(jobs[j].n_frames, 0);
            r[who[j]].n_frames += jobs[j].n_frames;
        }
    }
    for (int i = 0; i < STREAMS; i++)
        ravel_encoder_free(encoders[i]);
}

static void batch_decode(const ravel_model *model, ravel_scratch *scratch, recording *r,
                         uint64_t *seed)
{
    ravel_decoder *decoders[STREAMS];
    member members[STREAMS];
    int who[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        decoders[i] = ravel_decoder_new(model);
        members[i] = (member){.r = &r[i]};
    }
    while (!all_done(members)) {
        ravel_decoder_job jobs[STREAMS];
        int n_jobs = choose(members, who, seed);
        for (int j = 0; j < n_jobs; j++)
            jobs[j] = decoder_job(&members[who[j]], decoders[who[j]], seed);
        if (n_jobs == 0)
            continue;
        cr_assert_eq(ravel_decoder_push_many(jobs, n_jobs, scratch), 0);
        for (int j = 0; j < n_jobs; j++) {
            cr_assert_geq(jobs[j].n_samples, 0);
            r[who[j]].n_out += jobs[j].n_samples;
        }
    }
    for (int i = 0; i < STREAMS; i++)
        ravel_decoder_free(decoders[i]);
}

static void try_batch(const ravel_model *model, ravel_scratch *many, ravel_scratch *one,
                      uint64_t *seed)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    recording alone[STREAMS], batch[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        int n = ravel_random_below(seed, 30 * info->hop_samples);
        alone[i] = record(model, n, 1 + ravel_random_below(seed, info->n_codebooks), seed);
        batch[i] = alone[i];
        encode(model, one, &alone[i], 0, seed);
        decode(model, one, &alone[i], 0, seed);
    }
    batch_encode(model, many, batch, seed);
    batch_decode(model, many, batch, seed);
    for (int i = 0; i < STREAMS; i++) {
        check_equal(&batch[i], &alone[i]);
        batch[i].pcm = NULL;
        release(&batch[i]);
        release(&alone[i]);
    }
}

Test(batches, equal_each_alone)
{
    uint64_t seed = 5;
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        ravel_model *model = ravel_test_model_open((ravel_tiny_kind)kind);
        ravel_scratch *one = ravel_scratch_new(model, 1), *many = ravel_scratch_new(model, STREAMS);
        for (int i = 0; i < 10; i++)
            try_batch(model, many, one, &seed);
        ravel_scratch_free(one);
        ravel_scratch_free(many);
        ravel_model_free(model);
    }
}

/* --- Forks ------------------------------------------------------------------------------------ */

Test(forks, a_copied_encoder_goes_on_alike)
{
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        ravel_model *model = ravel_test_model_open((ravel_tiny_kind)kind);
        ravel_scratch *scratch = ravel_scratch_new(model, 1);
        uint64_t seed = 77;
        recording r = record(model, 40 * 32, 2, &seed), fork = r;
        ravel_encoder *encoder = ravel_encoder_new(model, 2), *copy = ravel_encoder_new(model, 2);
        push_samples(encoder, scratch, &r, 0, 501);
        memcpy(copy, encoder, ravel_encoder_size(model));
        r.n_frames = 0;
        push_samples(encoder, scratch, &r, 501, r.n_samples - 501);
        push_samples(encoder, scratch, &r, 0, -1);
        push_samples(copy, scratch, &fork, 501, r.n_samples - 501);
        push_samples(copy, scratch, &fork, 0, -1);
        cr_assert_eq(r.n_frames, fork.n_frames);
        cr_assert_gt(r.n_frames, 0);
        cr_assert_arr_eq(r.codes, fork.codes, (size_t)r.n_frames * 2 * sizeof *r.codes);
        fork.pcm = NULL;
        release(&fork);
        release(&r);
        ravel_encoder_free(encoder);
        ravel_encoder_free(copy);
        ravel_scratch_free(scratch);
        ravel_model_free(model);
    }
}

/* With all that a decoder remembers: of a source, its phase and its place in the noise. */
Test(forks, a_copied_decoder_goes_on_alike)
{
    enum { N_FRAMES = 60, CUT = 23 };
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_SOURCE_FILTER);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint64_t seed = 78;
    recording r = {.n_frames = N_FRAMES, .channels = 1, .n_codebooks = 4, .codes_per_frame = 4};
    r.codes = allocate(N_FRAMES * 4 * sizeof *r.codes);
    for (int i = 0; i < N_FRAMES * 4; i++)
        r.codes[i] = (uint16_t)ravel_random_below(&seed, 32);
    recording fork = r;
    ravel_decoder *decoder = ravel_decoder_new(model), *copy = ravel_decoder_new(model);
    push_frames(decoder, scratch, &r, 0, CUT);
    memcpy(copy, decoder, ravel_decoder_size(model));
    r.n_out = 0;
    push_frames(decoder, scratch, &r, CUT, N_FRAMES - CUT);
    push_frames(copy, scratch, &fork, CUT, N_FRAMES - CUT);
    cr_assert_eq(r.n_out, (N_FRAMES - CUT) * 32);
    check_equal(&fork, &r);
    fork.codes = NULL;
    release(&fork);
    release(&r);
    ravel_decoder_free(decoder);
    ravel_decoder_free(copy);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}

/* --- Arguments and bad samples ---------------------------------------------------------------- */

Test(arguments, are_refused_without_consuming)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_encoder *encoder = ravel_encoder_new(model, 4);
    ravel_decoder *decoder = ravel_decoder_new(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    float pcm[128] = {0};
    uint16_t codes[16] = {0};
    cr_assert_null(ravel_encoder_new(model, 0));
    cr_assert_null(ravel_encoder_new(model, 5));
    cr_assert_eq(ravel_encoder_set_codebooks(encoder, 5), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, pcm, -1, codes, 4), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, NULL, 32, codes, 4), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, pcm, 128, codes, 3), RAVEL_ERR_SPACE);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, pcm, 128, codes, 4), 4);
    cr_assert_eq(ravel_decoder_push(decoder, scratch, codes, 2, 5, pcm, 128), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_decoder_push(decoder, scratch, codes, 2, 4, pcm, 47), RAVEL_ERR_SPACE);
    codes[7] = 32;
    cr_assert_eq(ravel_decoder_push(decoder, scratch, codes, 2, 4, pcm, 128), RAVEL_ERR_DATA);
    codes[7] = 31;
    cr_assert_eq(ravel_decoder_push(decoder, scratch, codes, 2, 4, pcm, 128), 48);
    cr_assert_eq(ravel_encoder_finish(encoder, scratch, codes, 4), 1);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, pcm, 1, codes, 4), RAVEL_ERR_ARGUMENT);
    ravel_encoder_reset(encoder);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, pcm, 128, codes, 4), 4);
    ravel_encoder_free(encoder);
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}

Test(bad_samples, count_as_silence)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint64_t seed = 3;
    recording r = record(model, 320, 4, &seed), clean = r;
    clean.pcm = allocate(320 * sizeof *clean.pcm);
    r.pcm[5] = r.pcm[100] = (float)(0.0 / strtod("0", NULL));
    r.pcm[200] = (float)strtod("inf", NULL);
    r.pcm[319] = (float)strtod("-inf", NULL);
    memcpy(clean.pcm, r.pcm, 320 * sizeof *clean.pcm);
    clean.pcm[5] = clean.pcm[100] = clean.pcm[200] = clean.pcm[319] = 0.0f;
    ravel_encoder *encoder = ravel_encoder_new(model, 4);
    push_samples(encoder, scratch, &r, 0, 320);
    cr_assert_eq(ravel_encoder_bad_samples(encoder), 4);
    ravel_encoder_reset(encoder);
    push_samples(encoder, scratch, &clean, 0, 320);
    cr_assert_eq(ravel_encoder_bad_samples(encoder), 0);
    cr_assert_arr_eq(r.codes, clean.codes, (size_t)r.n_frames * 4 * sizeof *r.codes);
    release(&r);
    release(&clean);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}

/* A prefix of the codes is what an encoder of fewer codebooks would have made. */
Test(prefixes, are_codes_of_fewer_codebooks)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint64_t seed = 8;
    recording four = record(model, 999, 4, &seed), two = four;
    two.n_codebooks = two.codes_per_frame = 2;
    encode(model, scratch, &four, 0, &seed);
    encode(model, scratch, &two, 0, &seed);
    cr_assert_eq(four.n_frames, two.n_frames);
    for (int t = 0; t < four.n_frames; t++) {
        cr_assert_arr_eq(four.codes + 4 * t, two.codes + 2 * t, 2 * sizeof(uint16_t));
    }
    two.pcm = NULL;
    release(&two);
    release(&four);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}

Test(prefixes, codebooks_change_from_frame_to_frame)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint64_t seed = 9;
    uint16_t all[10 * 4], some[10 * 4], *at = some;
    recording r = record(model, 10 * 32, 4, &seed);
    ravel_encoder *encoder = ravel_encoder_new(model, 4);
    cr_assert_eq(ravel_encoder_push(encoder, scratch, r.pcm, 320, all, 10), 10);
    ravel_encoder_reset(encoder);
    for (int t = 0; t < 10; t++) {
        int n = 1 + t % 4;
        cr_assert_eq(ravel_encoder_set_codebooks(encoder, n), RAVEL_OK);
        cr_assert_eq(ravel_encoder_push(encoder, scratch, r.pcm + (size_t)t * 32, 32, at, 1), 1);
        cr_assert_arr_eq(at, all + (size_t)t * 4, (size_t)n * sizeof *at);
        at += n;
    }
    release(&r);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    ravel_model_free(model);
}
