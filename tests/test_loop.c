/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ravel live` does without devices: the network that loses packets, the codec, the recording. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audio_io/live/loop.h"
#include "audio_io/live/recorder.h"
#include "tests/support/sound.h"
#include "tests/support/tiny_model.h"

enum { FRAMES = 60, CODEBOOKS = 3, SEED = 11 };

/* --- The network ------------------------------------------------------------------------------ */

/* Share and mean burst of 400,000 packets. */
static void measure(ravel_loss loss, double *share, double *burst)
{
    enum { N = 400000 };
    int n_lost = 0, n_bursts = 0;
    bool before = false;
    for (int i = 0; i < N; i++) {
        const bool lost = ravel_loss_next(&loss);
        n_lost += lost;
        n_bursts += lost && !before;
        before = lost;
    }
    *share = (double)n_lost / N;
    *burst = n_bursts > 0 ? (double)n_lost / n_bursts : 0.0;
}

Test(loss, gives_the_share_and_the_bursts_that_were_asked_for)
{
    static const struct {
        double share, burst;
    } cases[] = {{0.01, 1.0}, {0.05, 2.0}, {0.2, 1.25}, {0.2, 5.0}, {0.3, 10.0}, {0.6, 1.5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double share, burst;
        measure(ravel_loss_new(cases[i].share, cases[i].burst, SEED), &share, &burst);
        cr_expect_lt(fabs(share / cases[i].share - 1.0), 0.05, "share %g", share);
        cr_expect_lt(fabs(burst / cases[i].burst - 1.0), 0.03, "burst %g", burst);
    }
}

Test(loss, without_bursts_is_independent)
{
    double share, burst;
    measure(ravel_loss_new(0.25, ravel_loss_independent(0.25), SEED), &share, &burst);
    cr_expect_lt(fabs(burst - 1.0 / 0.75), 0.02, "burst %g", burst);
    ravel_loss loss = ravel_loss_new(0.25, ravel_loss_independent(0.25), SEED);
    cr_expect_lt(fabs(loss.begin - loss.go_on), 1e-12);
}

Test(loss, none_is_none)
{
    double share, burst;
    measure(ravel_loss_new(0.0, ravel_loss_independent(0.0), SEED), &share, &burst);
    cr_expect_eq(share, 0.0);
}

Test(loss, the_seed_decides)
{
    ravel_loss a = ravel_loss_new(0.5, 2.0, 1), b = ravel_loss_new(0.5, 2.0, 1),
               c = ravel_loss_new(0.5, 2.0, 2);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        const bool lost = ravel_loss_next(&a);
        cr_assert_eq(lost, ravel_loss_next(&b));
        same += lost == ravel_loss_next(&c);
    }
    cr_expect_lt(same, 700);
}

/* --- The codec -------------------------------------------------------------------------------- */

typedef struct {
    ravel_model *model;
    int hop;
    float *pcm; /* FRAMES * hop samples */
    float *out; /* room for as many, and more */
} fixture;

static fixture begin(ravel_tiny_kind kind)
{
    fixture f = {.model = ravel_test_model_open(kind)};
    const ravel_model_info *info = ravel_model_get_info(f.model);
    f.hop = info->hop_samples;
    f.pcm = calloc((size_t)(FRAMES * f.hop), sizeof *f.pcm);
    f.out = calloc((size_t)((FRAMES + 16) * f.hop), sizeof *f.out);
    ravel_test_speech(f.pcm, FRAMES * f.hop, info->sample_rate_hz, SEED);
    return f;
}

static void end(fixture *f)
{
    free(f->pcm);
    free(f->out);
    ravel_model_free(f->model);
}

static ravel_loop *open_loop(const fixture *f, double share)
{
    ravel_error error = {0};
    const ravel_loss loss = ravel_loss_new(share, ravel_loss_independent(share), SEED);
    ravel_loop *loop = ravel_loop_new(f->model, CODEBOOKS, &loss, &error);
    cr_assert_not_null(loop, "%s", error.text);
    return loop;
}

/* return    samples */
static int run(const fixture *f, ravel_loop *loop, float *out)
{
    int made = 0;
    for (int i = 0; i < FRAMES; i++) {
        int n = ravel_loop_step(loop, f->pcm + i * f->hop, out + made);
        cr_assert_leq(n, ravel_loop_capacity(loop));
        made += n;
    }
    return made;
}

/* The same with the library alone; frames that the network loses are concealed. */
static int run_plainly(const fixture *f, double share, float *out)
{
    ravel_scratch *scratch = ravel_scratch_new(f->model, 1);
    ravel_encoder *encoder = ravel_encoder_new(f->model, CODEBOOKS);
    ravel_decoder *decoder = ravel_decoder_new(f->model);
    ravel_loss loss = ravel_loss_new(share, ravel_loss_independent(share), SEED);
    uint16_t codes[(FRAMES + 8) * CODEBOOKS];
    int made = 0,
        n_frames = ravel_encoder_push(encoder, scratch, f->pcm, FRAMES * f->hop, codes, FRAMES + 8);
    for (int i = 0; i < n_frames; i++) {
        int room = ravel_decoder_samples(decoder, 1, 0);
        made += ravel_loss_next(&loss)
                    ? ravel_decoder_conceal(decoder, scratch, 1, out + made, room)
                    : ravel_decoder_push(decoder, scratch, codes + i * CODEBOOKS, 1, CODEBOOKS,
                                         out + made, room);
    }
    ravel_scratch_free(scratch);
    ravel_encoder_free(encoder);
    ravel_decoder_free(decoder);
    return made;
}

/* n_unheard: samples that come too late, as the codec gives its first ones together. */
static void check_samples(ravel_tiny_kind kind, double share, int n_unheard)
{
    fixture f = begin(kind);
    ravel_loop *loop = open_loop(&f, share);
    ravel_loop_warm_up(loop, f.pcm, f.out);
    float *expected = calloc((size_t)((FRAMES + 16) * f.hop), sizeof *expected);
    const int n = run(&f, loop, f.out), n_expected = run_plainly(&f, share, expected);
    const ravel_loop_counts counts = ravel_loop_get_counts(loop);
    const int n_silent = n - n_expected + n_unheard;
    cr_expect_eq(n, FRAMES * f.hop);
    cr_assert_geq(n_silent, 0);
    for (int i = 0; i < n_silent; i++)
        cr_expect_eq(f.out[i], 0.0f);
    cr_expect_eq(memcmp(f.out + n_silent, expected + n_unheard,
                        (size_t)(n_expected - n_unheard) * sizeof *expected),
                 0);
    cr_expect_eq(counts.n_samples, FRAMES * f.hop);
    cr_expect_gt(counts.n_bytes, counts.n_frames);
    cr_expect_eq(counts.n_lost_frames > 0, share > 0.0);
    free(expected);
    ravel_loop_free(loop);
    end(&f);
}

Test(loop, gives_what_the_codec_gives)
{
    check_samples(RAVEL_TINY_DEFAULT, 0.0, 0);
}

Test(loop, waits_for_an_encoder_that_looks_ahead)
{
    check_samples(RAVEL_TINY_LOOKAHEAD, 0.0, 0);
}

/* Reflecting the begin of the stream, it waits for what comes after it: seven frames come at once. */
Test(loop, goes_on_with_the_newest_of_frames_that_come_together)
{
    fixture f = begin(RAVEL_TINY_SEANET_REFLECT);
    const int n_unheard = 6 * f.hop;
    end(&f);
    check_samples(RAVEL_TINY_SEANET_REFLECT, 0.0, n_unheard);
}

Test(loop, conceals_what_the_network_loses)
{
    check_samples(RAVEL_TINY_DEFAULT, 0.3, 0);
}

Test(loop, refuses_a_model_that_is_not_for_packets)
{
    ravel_error error = {0};
    const ravel_loss loss = ravel_loss_new(0.0, 1.0, SEED);
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    const int too_many = ravel_model_get_info(model)->n_codebooks + 1;
    cr_expect_null(ravel_loop_new(model, too_many, &loss, &error));
    cr_expect_eq(error.status, RAVEL_ERR_MODEL);
    cr_expect_not_null(strstr(error.text, "packets"), "%s", error.text);
    ravel_model_free(model);
}

Test(loop, refuses_a_stereo_model)
{
    ravel_error error = {0};
    const ravel_loss loss = ravel_loss_new(0.0, 1.0, SEED);
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_SEGMENTS);
    cr_expect_null(ravel_loop_new(model, 1, &loss, &error));
    cr_expect_eq(error.status, RAVEL_ERR_MODEL);
    cr_expect_not_null(strstr(error.text, "2 channels, not one"), "%s", error.text);
    ravel_model_free(model);
}

/* --- The recording ---------------------------------------------------------------------------- */

/* Codes of a whole run as they went by. return    frames */
static int record(const fixture *f, const char *path, uint16_t *codes, int64_t *n_samples)
{
    ravel_error error = {0};
    ravel_stream_rates rates;
    ravel_loop *loop = open_loop(f, 0.3);
    ravel_recorder *recorder = ravel_recorder_open(path, f->model, CODEBOOKS, &error);
    cr_assert_not_null(recorder, "%s", error.text);
    int n_frames = 0;
    for (int i = 0; i <= FRAMES; i++) {
        int n;
        if (i < FRAMES)
            ravel_loop_step(loop, f->pcm + i * f->hop, f->out);
        else
            ravel_loop_finish(loop);
        const uint16_t *now = ravel_loop_codes(loop, &n);
        ravel_recorder_write(recorder, now, n);
        memcpy(codes + n_frames * CODEBOOKS, now, (size_t)(n * CODEBOOKS) * sizeof *codes);
        n_frames += n;
    }
    *n_samples = ravel_loop_get_counts(loop).n_samples;
    cr_assert_eq(ravel_recorder_close(recorder, *n_samples, &rates, &error), 0, "%s", error.text);
    ravel_loop_free(loop);
    return n_frames;
}

Test(recorder, writes_the_codes_that_were_sent)
{
    fixture f = begin(RAVEL_TINY_DEFAULT);
    char path[] = "/tmp/ravel_test_loop_XXXXXX";
    close(mkstemp(path));
    uint16_t sent[(FRAMES + 8) * CODEBOOKS], codes[(FRAMES + 8) * 64];
    int64_t n_samples;
    int n_codebooks, lost, n_sent = record(&f, path, sent, &n_samples), n_read = 0;
    ravel_error error = {0};
    ravel_stream_reader *reader = ravel_stream_reader_open(path, f.model, &error);
    cr_assert_not_null(reader, "%s", error.text);
    cr_expect_eq(ravel_stream_reader_info(reader)->n_samples, n_samples);
    for (int n = 1; n > 0; n_read += n)
        n = ravel_stream_reader_read(reader, codes + n_read * CODEBOOKS, FRAMES + 8 - n_read,
                                     &n_codebooks, &lost, &error);
    cr_expect_eq(n_read, n_sent);
    cr_expect_eq(memcmp(codes, sent, (size_t)(n_sent * CODEBOOKS) * sizeof *sent), 0);
    ravel_stream_reader_close(reader);
    unlink(path);
    end(&f);
}

/* Criterion gives each test a process of its own: the limit ends with it. */
Test(recorder, tells_of_a_disk_that_is_full)
{
    fixture f = begin(RAVEL_TINY_DEFAULT);
    char path[] = "/tmp/ravel_test_loop_XXXXXX";
    close(mkstemp(path));
    uint16_t codes[CODEBOOKS] = {0};
    ravel_error error = {0};
    ravel_stream_rates rates;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 2000, .rlim_max = 2000});
    ravel_recorder *recorder = ravel_recorder_open(path, f.model, CODEBOOKS, &error);
    cr_assert_not_null(recorder, "%s", error.text);
    for (int i = 0; i < 4000; i++)
        ravel_recorder_write(recorder, codes, 1);
    cr_expect_eq(ravel_recorder_close(recorder, 4000 * f.hop, &rates, &error), RAVEL_ERR_IO);
    cr_expect_not_null(strstr(error.text, path), "%s", error.text);
    unlink(path);
    end(&f);
}
