/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     bench_conceal [-m MODEL] [-b CODEBOOKS] FILE...
 *
 * What becomes of speech when packets are lost, by several ways to conceal it: means over the files
 * of ESTOI and of the mel distance to the original, and the 95th percentile over the seams by how
 * much the second difference exceeds that of the sound without losses within 40 ms of it: what is
 * above 0 dB may be heard as a click.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ravel/io.h"
#include "ravel/ravel.h"
#include "tests/support/random.h"
#include "tools/measure/measure.h"

enum { MAX_SEAMS = 1 << 16, FIRST_LOSS = 5 /* frames: something has been heard by then */ };

/* Packets are lost each by itself; or all of a burst are, 0.5 to 1.5 s after the burst before. */
typedef struct {
    const char *name;
    int packet_ms, loss_percent, burst_ms;
} network;

static const network networks[] = {
    {"5 % of 20 ms", 20, 5, 0},       {"10 % of 20 ms", 20, 10, 0},
    {"20 % of 20 ms", 20, 20, 0},     {"30 % of 20 ms", 20, 30, 0},
    {"5 % of 40 ms", 40, 5, 0},       {"10 % of 40 ms", 40, 10, 0},
    {"20 % of 40 ms", 40, 20, 0},     {"30 % of 40 ms", 40, 30, 0},
    {"bursts of 100 ms", 20, 0, 100}, {"bursts of 300 ms", 20, 0, 300},
};

typedef enum { NO_LOSS, SILENCE, REPEAT, PRIOR, CONCEAL, BRIDGE_NEXT, BRIDGE_ALL, WAYS } way;

static const char *const way_names[WAYS] = {
    "nothing lost",
    "silence",
    "last codes again",
    "likely codes (prior)",
    "ravel_decoder_conceal",
    "ravel_decoder_bridge, next frame known",
    "ravel_decoder_bridge, end always known",
};

typedef struct {
    double estoi, mel_db;
    int n_files, n_seams;
    float seams_db[MAX_SEAMS];
} result;

typedef struct {
    ravel_model *opened; /* NULL: model is the built-in one */
    const ravel_model *model;
    const ravel_model_info *info;
    int n_codebooks, n_codes; /* of a frame */
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    ravel_predictor *predictor; /* NULL where the model has no prior */
} bench;

typedef struct {
    int n_samples, n_frames;
    float *pcm;      /* at the model's rate */
    uint16_t *codes; /* [n_frames][n_codes] */
    bool *lost;      /* [n_frames] */
} clip;

static void die(const char *what)
{
    fprintf(stderr, "bench_conceal: %s\n", what);
    exit(1);
}

static void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n + 1, size);
    if (!memory)
        die("no memory");
    return memory;
}

/* --- Sound ------------------------------------------------------------------------------------ */

/* Mono; the caller frees it. *n: samples, before and after. */
static float *resample(const float *pcm, int *n, int from_hz, int to_hz)
{
    ravel_resampler *resampler = ravel_resampler_new(from_hz, to_hz, 1);
    if (!resampler)
        die("the rate is refused");
    const int room = ravel_resampler_samples(resampler, *n, 1);
    float *out = allocate((size_t)room, sizeof *out);
    const int made = ravel_resampler_push(resampler, pcm, *n, out, room);
    *n = made + ravel_resampler_finish(resampler, out + made, room - made);
    ravel_resampler_free(resampler);
    return out;
}

/* The first channel. */
static float *read_mono(const char *path, int *n, int *rate_hz)
{
    ravel_error error;
    ravel_audio_reader *reader = ravel_audio_reader_open(path, NULL, &error);
    if (!reader)
        die(error.text);
    const int channels = ravel_audio_reader_channels(reader);
    int room = 1 << 20;
    float *pcm = allocate((size_t)room * (size_t)channels, sizeof *pcm);
    *rate_hz = ravel_audio_reader_rate(reader);
    *n = ravel_audio_reader_read(reader, pcm, room, &error);
    if (*n < 0)
        die(error.text);
    for (int i = 0; i < *n; i++)
        pcm[i] = pcm[(ptrdiff_t)i * channels];
    ravel_audio_reader_close(reader);
    return pcm;
}

static clip open_clip(const bench *b, const char *path)
{
    clip c = {0};
    int rate_hz;
    float *pcm = read_mono(path, &c.n_samples, &rate_hz);
    c.pcm = resample(pcm, &c.n_samples, rate_hz, b->info->sample_rate_hz);
    free(pcm);
    ravel_encoder_reset(b->encoder);
    const int room = ravel_encoder_frames(b->encoder, c.n_samples, 1);
    c.codes = allocate((size_t)room * (size_t)b->n_codes, sizeof *c.codes);
    c.lost = allocate((size_t)room, sizeof *c.lost);
    c.n_frames = ravel_encoder_push(b->encoder, b->scratch, c.pcm, c.n_samples, c.codes, room);
    c.n_frames += ravel_encoder_finish(
        b->encoder, b->scratch, c.codes + (ptrdiff_t)c.n_frames * b->n_codes, room - c.n_frames);
    return c;
}

static void close_clip(clip *c)
{
    free(c->pcm);
    free(c->codes);
    free(c->lost);
}

/* --- Losses ----------------------------------------------------------------------------------- */

static int frames_of(const bench *b, int ms)
{
    const int n = (int)((int64_t)b->info->sample_rate_hz * ms / 1000) / b->info->hop_samples;
    return n > 1 ? n : 1;
}

static void lose(const bench *b, clip *c, const network *net, uint64_t seed)
{
    const int packet = frames_of(b, net->packet_ms), burst = frames_of(b, net->burst_ms);
    const int second = frames_of(b, 1000);
    int next_burst = FIRST_LOSS + ravel_random_below(&seed, second);
    memset(c->lost, 0, (size_t)c->n_frames * sizeof *c->lost);
    for (int f = FIRST_LOSS; f < c->n_frames; f += packet) {
        bool lost = ravel_random_below(&seed, 100) < net->loss_percent;
        if (net->burst_ms > 0) {
            lost = f >= next_burst;
            if (f == next_burst + burst - 1)
                next_burst += second / 2 + ravel_random_below(&seed, second);
        }
        for (int i = f; i < f + packet && i < c->n_frames; i++)
            c->lost[i] = lost;
    }
}

/* Frames from a lost one to the next good one, 0 where there is none. */
static int distance_of(const clip *c, int f)
{
    int next = f;
    while (next < c->n_frames && c->lost[next])
        next++;
    return next < c->n_frames ? next - f : 0;
}

/* --- Decoding --------------------------------------------------------------------------------- */

/* One lost frame. return    samples */
static int make_up(const bench *b, const clip *c, int f, way how, float *pcm, int room)
{
    const uint16_t *codes = c->codes + (ptrdiff_t)f * b->n_codes;
    const int reach = how == BRIDGE_ALL ? c->n_frames : how == BRIDGE_NEXT ? 1 : 0;
    const int distance = distance_of(c, f);
    uint16_t likely[RAVEL_MAX_CODEBOOKS];
    if (how == REPEAT) {
        while (f > 0 && c->lost[f])
            f--;
        return ravel_decoder_push(b->decoder, b->scratch, c->codes + (ptrdiff_t)f * b->n_codes, 1,
                                  b->n_codebooks, pcm, room);
    }
    if (how == PRIOR) {
        ravel_predictor_push(b->predictor, codes, 1, 0, b->n_codebooks, likely);
        return ravel_decoder_push(b->decoder, b->scratch, likely, 1, b->n_codebooks, pcm, room);
    }
    if (distance >= 1 && distance <= reach)
        return ravel_decoder_bridge(b->decoder, b->scratch,
                                    codes + (ptrdiff_t)distance * b->n_codes, b->n_codebooks,
                                    distance, pcm, room);
    const int n = ravel_decoder_conceal(b->decoder, b->scratch, 1, pcm, room);
    if (how == SILENCE)
        memset(pcm, 0, (size_t)n * sizeof *pcm);
    return n;
}

static int play_frame(const bench *b, const clip *c, int f, way how, float *pcm, int room)
{
    const uint16_t *codes = c->codes + (ptrdiff_t)f * b->n_codes;
    uint16_t known[RAVEL_MAX_CODEBOOKS];
    if (how != NO_LOSS && c->lost[f])
        return make_up(b, c, f, how, pcm, room);
    if (how == PRIOR)
        ravel_predictor_push(b->predictor, codes, 1, b->n_codebooks, b->n_codebooks, known);
    return ravel_decoder_push(b->decoder, b->scratch, codes, 1, b->n_codebooks, pcm, room);
}

/* As long as the clip; the caller frees it. */
static float *play(const bench *b, const clip *c, way how)
{
    ravel_decoder_reset(b->decoder);
    if (b->predictor)
        ravel_predictor_reset(b->predictor);
    const int room = ravel_decoder_samples(b->decoder, c->n_frames, 1);
    float *pcm = allocate((size_t)(room > c->n_samples ? room : c->n_samples), sizeof *pcm);
    int n = 0;
    for (int f = 0; f < c->n_frames; f++)
        n += play_frame(b, c, f, how, pcm + n, room - n);
    ravel_decoder_finish(b->decoder, b->scratch, pcm + n, room - n);
    return pcm;
}

/* --- Measuring -------------------------------------------------------------------------------- */

/* The largest second difference from ... to, as far as they lie in the clip. */
static float bend(const float *pcm, int n, int from, int to)
{
    float most = 1e-4f;
    for (int i = from > 0 ? from : 0; i < to && i + 2 < n; i++)
        most = fmaxf(most, fabsf(pcm[i] - 2.0f * pcm[i + 1] + pcm[i + 2]));
    return most;
}

static void measure_seams(const bench *b, const clip *c, const float *whole, const float *pcm,
                          result *r)
{
    const int ms = b->info->sample_rate_hz / 1000;
    for (int f = 1; f < c->n_frames; f++) {
        if (c->lost[f] == c->lost[f - 1] || r->n_seams == MAX_SEAMS)
            continue;
        const int seam = f * b->info->hop_samples - b->info->decoder_lookahead_samples;
        const float usual = bend(whole, c->n_samples, seam - 40 * ms, seam + 40 * ms);
        const float there = bend(pcm, c->n_samples, seam - 5 * ms, seam + 15 * ms);
        r->seams_db[r->n_seams++] = 20.0f * log10f(there / usual);
    }
}

static void measure(const bench *b, const clip *c, const float *pcm, result *r)
{
    const int rate_hz = b->info->sample_rate_hz;
    int n = c->n_samples, m = c->n_samples;
    float *original = resample(c->pcm, &n, rate_hz, RAVEL_MEASURE_RATE_HZ);
    float *degraded = resample(pcm, &m, rate_hz, RAVEL_MEASURE_RATE_HZ);
    ravel_measures measures;
    if (ravel_measure_all(original, degraded, n, &measures) == RAVEL_OK) {
        r->estoi += measures.estoi;
        r->mel_db += measures.mel_db;
        r->n_files++;
    }
    free(original);
    free(degraded);
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_result(const char *name, result *r)
{
    if (r->n_files == 0)
        return;
    qsort(r->seams_db, (size_t)r->n_seams, sizeof *r->seams_db, by_size);
    const float seam = r->n_seams > 0 ? r->seams_db[(r->n_seams - 1) * 95 / 100] : 0.0f;
    printf("    %-40s %6.3f %8.2f %9.1f\n", name, r->estoi / r->n_files, r->mel_db / r->n_files,
           (double)seam);
}

/* --- All -------------------------------------------------------------------------------------- */

static void try_network(const bench *b, const network *net, clip *clips, int n_clips,
                        result *results)
{
    memset(results, 0, WAYS * sizeof *results);
    for (int i = 0; i < n_clips; i++) {
        clip *c = &clips[i];
        lose(b, c, net, (uint64_t)i + 1);
        float *whole = play(b, c, NO_LOSS);
        measure(b, c, whole, &results[NO_LOSS]);
        for (int how = SILENCE; how < WAYS; how++) {
            if (how == PRIOR && !b->predictor)
                continue;
            float *pcm = play(b, c, (way)how);
            measure(b, c, pcm, &results[how]);
            measure_seams(b, c, whole, pcm, &results[how]);
            free(pcm);
        }
        free(whole);
    }
    printf("%-44s %6s %8s %9s\n", net->name, "ESTOI", "mel, dB", "seam, dB");
    for (int how = NO_LOSS; how < WAYS; how++)
        print_result(way_names[how], &results[how]);
    fflush(stdout);
}

static bench open_bench(const char *path, int n_codebooks)
{
    ravel_error error;
    bench b = {.opened = path ? ravel_model_open(path, &error) : NULL};
    if (path && !b.opened)
        die(error.text);
    b.model = b.opened ? b.opened : ravel_model_builtin();
    b.info = ravel_model_get_info(b.model);
    b.n_codebooks = n_codebooks < b.info->n_codebooks ? n_codebooks : b.info->n_codebooks;
    b.n_codes = ravel_model_codes_per_frame(b.model, b.n_codebooks);
    if (b.info->channels != 1 || b.n_codes < 1 || b.n_codes > RAVEL_MAX_CODEBOOKS)
        die("not a model for calls: one channel, one rate of codebooks");
    b.scratch = ravel_scratch_new(b.model, 1);
    b.encoder = ravel_encoder_new(b.model, b.n_codebooks);
    b.decoder = ravel_decoder_new(b.model);
    b.predictor = ravel_predictor_new(b.model, 0);
    if (!b.scratch || !b.encoder || !b.decoder)
        die("no memory");
    return b;
}

int main(int argc, char **argv)
{
    const char *model = NULL;
    int n_codebooks = 6, at = 1;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "-m") == 0)
            model = argv[at + 1];
        else if (strcmp(argv[at], "-b") == 0)
            n_codebooks = atoi(argv[at + 1]);
        else
            at = argc;
    }
    if (at >= argc)
        die("[-m MODEL] [-b CODEBOOKS] FILE...");
    const int n_clips = argc - at;
    bench b = open_bench(model, n_codebooks);
    clip *clips = allocate((size_t)n_clips, sizeof *clips);
    result *results = allocate(WAYS, sizeof *results);
    for (int i = 0; i < n_clips; i++)
        clips[i] = open_clip(&b, argv[at + i]);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        try_network(&b, &networks[i], clips, n_clips, results);
    for (int i = 0; i < n_clips; i++)
        close_clip(&clips[i]);
    free(results);
    free(clips);
    ravel_predictor_free(b.predictor);
    ravel_decoder_free(b.decoder);
    ravel_encoder_free(b.encoder);
    ravel_scratch_free(b.scratch);
    ravel_model_free(b.opened);
    return 0;
}
