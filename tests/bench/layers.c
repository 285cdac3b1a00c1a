/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much of the kernels' speed a model gets out of them.
 *
 *     bench_layers [--json] [--seconds S] MODEL
 *
 * Encodes and decodes S (4) seconds of noise at once. A line for each matrix product of a layer and
 * each number of rows that it is given: what its calls take in the running model, and what the same
 * calls take alone, on rows and weights that the cache has, as far as it has room. The last line
 * holds the time of all of it against that of the products alone: what is missing to 100 % went into
 * other layers, copies, and waiting for memory. Both are taken in turns, in processor time, the best
 * of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model.h"
#include "tests/bench/products.h"
#include "tests/support/random.h"

enum { TURNS = 7, PARTS = 2, MAX_SECONDS = 60 };

static const char *const names[PARTS] = {"encode", "decode"};

typedef struct {
    ravel_model *model;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    float *pcm, *out;
    uint16_t *codes;
    int n_samples, n_frames, most_frames, most_samples;
    double best_s[PARTS];
    ravel_products products[PARTS];
} bench;

static ravel_model *open_model(const char *path)
{
    FILE *file = fopen(path, "rb");
    ravel_error error = {.text = "cannot be read"};
    ravel_model *model = NULL;
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0) {
        void *data = malloc((size_t)size);
        rewind(file);
        if (data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size) {
            model = ravel_model_open_with(ravel_products_watch(), data, (size_t)size, &error);
        }
        free(data);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (model == NULL) {
        fprintf(stderr, "bench_layers: %s: %s\n", path, error.text);
    }
    return model;
}

static bool open_bench(bench *b, double seconds)
{
    const ravel_model_info *info = ravel_model_get_info(b->model);
    uint64_t seed = 1;
    b->n_samples = (int)(seconds * info->sample_rate_hz);
    b->most_frames = ravel_model_frames_room(b->model, b->n_samples);
    b->most_samples = ravel_model_samples_room(b->model, b->most_frames);
    const size_t channels = (size_t)info->channels, n_pcm = (size_t)b->n_samples * channels;
    const int codes = ravel_model_codes_per_frame(b->model, info->n_codebooks);
    b->scratch = ravel_scratch_new(b->model, 1);
    b->encoder = ravel_encoder_new(b->model, info->n_codebooks);
    b->decoder = ravel_decoder_new(b->model);
    b->pcm = malloc(n_pcm * sizeof *b->pcm);
    b->out = malloc((size_t)b->most_samples * channels * sizeof *b->out);
    b->codes = malloc((size_t)b->most_frames * (size_t)codes * sizeof *b->codes);
    if (!b->scratch || !b->encoder || !b->decoder || !b->pcm || !b->out || !b->codes) {
        return false;
    }
    for (size_t i = 0; i < n_pcm; i++) {
        b->pcm[i] = 0.1f * ravel_random_float(&seed);
    }
    return true;
}

static void close_bench(bench *b)
{
    for (int part = 0; part < PARTS; part++) {
        ravel_products_free(&b->products[part]);
    }
    ravel_scratch_free(b->scratch);
    ravel_encoder_free(b->encoder);
    ravel_decoder_free(b->decoder);
    ravel_model_free(b->model);
    free(b->pcm);
    free(b->out);
    free(b->codes);
}

static double encode(bench *b)
{
    ravel_encoder_job job = {.encoder = b->encoder,
                             .pcm = b->pcm,
                             .n_samples = b->n_samples,
                             .finish = 1,
                             .codes = b->codes,
                             .capacity = b->most_frames};
    ravel_encoder_reset(b->encoder);
    const double begin = ravel_products_now_s();
    ravel_encoder_push_many(&job, 1, b->scratch);
    b->n_frames = job.n_frames;
    return ravel_products_now_s() - begin;
}

static double decode(bench *b)
{
    ravel_decoder_job job = {.decoder = b->decoder,
                             .codes = b->codes,
                             .n_frames = b->n_frames,
                             .n_codebooks = ravel_model_get_info(b->model)->n_codebooks,
                             .finish = 1,
                             .pcm = b->out,
                             .capacity = b->most_samples};
    ravel_decoder_reset(b->decoder);
    const double begin = ravel_products_now_s();
    ravel_decoder_push_many(&job, 1, b->scratch);
    return ravel_products_now_s() - begin;
}

/* What is noted takes longer, so it is no part of the contest. */
static bool run(bench *b)
{
    static double (*const ways[PARTS])(bench *) = {encode, decode};
    for (int turn = 0; turn < TURNS; turn++) {
        for (int part = 0; part < PARTS; part++) {
            ravel_products_note(turn == 1 ? &b->products[part] : NULL);
            const double seconds = ways[part](b);
            ravel_products_note(NULL);
            if (turn > 1 && (b->best_s[part] == 0.0 || seconds < b->best_s[part])) {
                b->best_s[part] = seconds;
            }
            if (!ravel_products_run(&b->products[part])) {
                return false;
            }
        }
    }
    return true;
}

/* --- Words ------------------------------------------------------------------------------------ */

/* Seconds that all products take alone, and their multiply-adds. */
static double kernels_s(const ravel_products *all, double *macs)
{
    double seconds = 0.0;
    *macs = 0.0;
    for (int i = 0; i < all->n; i++) {
        seconds += all->products[i].n_calls * all->products[i].kernel_s;
        *macs += all->products[i].n_calls * all->products[i].macs;
    }
    return seconds;
}

static int slowest_first(const void *a, const void *b)
{
    const double x = ((const ravel_product *)a)->model_s, y = ((const ravel_product *)b)->model_s;
    return (x < y) - (x > y);
}

static void print_product(const ravel_product *p)
{
    static const char *const types[] = {"f32", "f16", "bf16", "i8"};
    const double macs = p->n_calls * p->macs;
    printf("%6d %5d x %5d %5d  %-5s%6d %8d %9.1f %9.2f %8.1f %8.1f\n", p->n_rows, p->taps, p->width,
           p->n_out, p->depthwise ? "depth" : types[p->dtype], p->n_parts, p->n_calls, macs * 1e-6,
           p->model_s * 1e3, macs * 1e-9 / p->model_s, p->macs * 1e-9 / p->kernel_s);
}

static void print_part(bench *b, int part)
{
    ravel_products *all = &b->products[part];
    double macs;
    const double alone = kernels_s(all, &macs), model = b->best_s[part];
    qsort(all->products, (size_t)all->n, sizeof *all->products, slowest_first);
    printf("%s\n  rows  taps x width   out  type   parts    calls     MMACs  model ms   GMAC/s"
           "    alone\n",
           names[part]);
    for (int i = 0; i < all->n; i++) {
        print_product(&all->products[i]);
    }
    printf(
        "all: %.1f ms, %.1f GMAC/s; products alone: %.1f ms, %.1f GMAC/s; %.0f %% of the kernels'"
        " rate on those shapes\n\n",
        model * 1e3, macs * 1e-9 / model, alone * 1e3, macs * 1e-9 / alone, 100.0 * alone / model);
}

static void print_json(const bench *b)
{
    for (int part = 0; part < PARTS; part++) {
        double macs;
        const double alone = kernels_s(&b->products[part], &macs), model = b->best_s[part];
        printf("%s\"%s\": {\"gmac_per_s\": %.3f, \"kernels_gmac_per_s\": %.3f, \"share\": %.4f}",
               part == 0 ? "{" : ", ", names[part], macs * 1e-9 / model, macs * 1e-9 / alone,
               alone / model);
    }
    puts("}");
}

/* What the command line says; model NULL: nothing that makes sense. */
typedef struct {
    const char *model;
    bool json;
    double seconds;
} options;

static options read_options(int argc, char **argv)
{
    options o = {.seconds = 4.0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o.json = true;
        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            o.seconds = strtod(argv[++i], NULL);
        } else {
            o.model = argv[i];
        }
    }
    return o.seconds > 0.0 && o.seconds <= MAX_SECONDS ? o : (options){0};
}

int main(int argc, char **argv)
{
    const options o = read_options(argc, argv);
    if (o.model == NULL) {
        fputs("usage: bench_layers [--json] [--seconds S] MODEL\n", stderr);
        return 2;
    }
    bench b = {.model = open_model(o.model)};
    const bool done = b.model != NULL && open_bench(&b, o.seconds) && run(&b);
    for (int part = 0; part < PARTS && done && !o.json; part++) {
        print_part(&b, part);
    }
    if (done && o.json) {
        print_json(&b);
    }
    close_bench(&b);
    return done ? 0 : 1;
}
