/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     first_look
 *
 * Speed of the built-in model on one core: a file, all at once, and a call, 20 ms at a time. CPU time
 * of the thread, so that what else runs on the machine does not count (but its use of caches and of
 * the other hyperthread does). Exit code 1 where a bar is missed.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "nn/kernels.h"
#include "ravel/ravel.h"
#include "tests/support/sound.h"

enum { SECONDS = 30, N_STEPS = 3000, MAX_OUT = 4096 };

typedef struct {
    const ravel_model *model;
    const ravel_model_info *info;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    int n_samples, n_frames, room;
    float *pcm;      /* [n_samples] */
    uint16_t *codes; /* [room][codebooks] */
    float *out;      /* [samples of room frames] */
} bench;

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bench open_bench(void)
{
    bench b = {.model = ravel_model_builtin()};
    b.info = ravel_model_get_info(b.model);
    b.scratch = ravel_scratch_new(b.model, 1);
    b.encoder = ravel_encoder_new(b.model, b.info->n_codebooks);
    b.decoder = ravel_decoder_new(b.model);
    b.n_samples = SECONDS * b.info->sample_rate_hz;
    b.room = ravel_encoder_frames(b.encoder, b.n_samples, 1);
    b.pcm = malloc((size_t)b.n_samples * sizeof *b.pcm);
    b.codes = malloc((size_t)(b.room * b.info->n_codebooks) * sizeof *b.codes);
    b.out = malloc((size_t)ravel_decoder_samples(b.decoder, b.room, 1) * sizeof *b.out);
    ravel_test_speech(b.pcm, b.n_samples, b.info->sample_rate_hz, 1);
    return b;
}

static void close_bench(bench *b)
{
    free(b->pcm);
    free(b->codes);
    free(b->out);
    ravel_encoder_free(b->encoder);
    ravel_decoder_free(b->decoder);
    ravel_scratch_free(b->scratch);
}

/* return: 1 where the bar is missed */
static int report(const char *what, double value, const char *unit, double bar, int at_least)
{
    int missed = at_least ? value < bar : value > bar;
    printf("%-34s %8.2f %-16s bar %s %g%s\n", what, value, unit, at_least ? ">=" : "<=", bar,
           missed ? "   MISSED" : "");
    return missed;
}

static int offline(bench *b)
{
    double begin = cpu_ms();
    b->n_frames =
        ravel_encoder_push(b->encoder, b->scratch, b->pcm, b->n_samples, b->codes, b->room);
    double encoded = cpu_ms();
    ravel_decoder_push(b->decoder, b->scratch, b->codes, b->n_frames, b->info->n_codebooks, b->out,
                       ravel_decoder_samples(b->decoder, b->room, 1));
    double decoded = cpu_ms();
    return report("encode a file", SECONDS * 1e3 / (encoded - begin), "x real time", 60, 1) +
           report("decode a file", SECONDS * 1e3 / (decoded - encoded), "x real time", 60, 1);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int report_steps(const char *what, double *ms)
{
    char name[64];
    qsort(ms, N_STEPS, sizeof *ms, by_size);
    snprintf(name, sizeof name, "%s 20 ms, median", what);
    int missed = report(name, ms[N_STEPS / 2], "ms of CPU", 1, 0);
    snprintf(name, sizeof name, "%s 20 ms, 99th percentile", what);
    return missed + report(name, ms[N_STEPS * 99 / 100], "ms of CPU", 2, 0);
}

static int live(bench *b)
{
    static double encode_ms[N_STEPS], decode_ms[N_STEPS];
    int hop = b->info->hop_samples, n_codebooks = b->info->n_codebooks;
    ravel_encoder_reset(b->encoder);
    ravel_decoder_reset(b->decoder);
    for (int i = 0; i < N_STEPS; i++) {
        const float *in = b->pcm + (i * hop) % (b->n_samples - hop + 1) / hop * hop;
        double begin = cpu_ms();
        int n = ravel_encoder_push(b->encoder, b->scratch, in, hop, b->codes, 1);
        double encoded = cpu_ms();
        ravel_decoder_push(b->decoder, b->scratch, b->codes, n, n_codebooks, b->out, MAX_OUT);
        encode_ms[i] = encoded - begin;
        decode_ms[i] = cpu_ms() - encoded;
    }
    return report_steps("encode", encode_ms) + report_steps("decode", decode_ms);
}

int main(void)
{
    bench b = open_bench();
    printf(
        "%s, %d codebooks, %s; %.0f + %.0f + %.0f million multiply-adds a second, %.1f + %.1f MB "
        "of weights a step\n",
        b.info->name, b.info->n_codebooks, ravel_kernels_select()->name, b.info->encoder_macs / 1e6,
        b.info->quantizer_macs / 1e6, b.info->decoder_macs / 1e6,
        (double)(b.info->encoder_weight_bytes + b.info->quantizer_weight_bytes) / 1e6,
        (double)b.info->decoder_weight_bytes / 1e6);
    int missed = offline(&b) + live(&b);
    close_bench(&b);
    return missed != 0;
}
