/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The measurements of ravel bench. The parts take turns with each other and with the loop that
 * reaches the core's peak, so that what happens to the machine meanwhile happens to all of them.
 */
#include <stdlib.h>
#include <time.h>

#include "codec/model.h"
#include "tools/bench.h"
#include "tools/peak.h"
#include "tools/tool.h"

enum {
    PIECE_CHUNKS = 8,    /* rounds of the encoder in an offline push */
    PEAK_ROUNDS = 20000, /* about 0.1 ms with AVX-512 */
    PEAK_OFFLINE = 20,   /* times as many between pieces, which are long */
    PEAK_EVERY = 16,     /* steps */
    READ_PASSES = 31,
    WARM_STEPS = 16, /* not counted, with those of the delay; streams are over their start then */
    MAX_DELAY_S = 1  /* a call bears no more: there are no steps to be timed */
};

/* What is needed to run the parts. */
typedef struct {
    const ravel_model *model;
    ravel_scratch *scratch;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    void *layers_state; /* of the encoder's layers, run alone */
    int hop, n_codebooks;
    int piece_frames; /* pushed at once offline */
    int most_latents; /* that such a piece makes, or the end after it */
    int most_samples; /* that these make */
    int n_frames;     /* of the whole signal */
    float *pcm;       /* [n_frames * hop][channels] */
    float *latents;   /* [those of a chunk][latent_dim] */
    uint16_t *codes;  /* [most_latents, or those of a chunk][codes of a frame] */
    float *out;       /* [most_samples][channels] */
    /* As many as a step reads, to measure how fast they can be read at all. */
    ravel_matrix weights;
} bench_rig;

static ravel_bench_time now(void)
{
    struct timespec cpu, wall;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    clock_gettime(CLOCK_MONOTONIC, &wall);
    return (ravel_bench_time){(double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec,
                              (double)wall.tv_sec + 1e-9 * (double)wall.tv_nsec};
}

static ravel_bench_time since(ravel_bench_time begin)
{
    const ravel_bench_time end = now();
    return (ravel_bench_time){end.cpu_s - begin.cpu_s, end.wall_s - begin.wall_s};
}

static void add(ravel_bench_time *sum, ravel_bench_time time)
{
    sum->cpu_s += time.cpu_s;
    sum->wall_s += time.wall_s;
}

/* A sawtooth of 100 to 200 Hz, swelling, and noise (xorshift, Marsaglia 2003). */
static void make_signal(float *pcm, int n_samples, int channels, int rate_hz)
{
    uint32_t random = 1;
    float phase = 0.0f;
    for (int i = 0; i < n_samples; i++) {
        const float sweep = (float)(i % rate_hz) / (float)rate_hz;
        phase += (100.0f + 100.0f * sweep) / (float)rate_hz;
        phase -= phase >= 1.0f ? 1.0f : 0.0f;
        for (int c = 0; c < channels; c++) {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            const float noise = (float)(int32_t)random / 2147483648.0f;
            pcm[(size_t)i * (size_t)channels + (size_t)c] =
                sweep * (phase - 0.5f) * 0.8f + 0.05f * noise;
        }
    }
}

static void close_rig(bench_rig *rig)
{
    ravel_scratch_free(rig->scratch);
    ravel_encoder_free(rig->encoder);
    ravel_decoder_free(rig->decoder);
    free(rig->layers_state);
    free(rig->pcm);
    free(rig->latents);
    free(rig->codes);
    free(rig->out);
    ravel_matrix_free(&rig->weights);
}

static ptrdiff_t no_element(const void *context, int k, int n)
{
    (void)context, (void)k, (void)n;
    return -1;
}

/*
 * One panel of zeros of the size of the larger half of a step: in such pages of memory as a model's
 * matrices are in. A multiple of 64 floats.
 */
static int make_weights(ravel_matrix *weights, const ravel_model_info *info)
{
    const size_t encode = info->encoder_weight_bytes + info->quantizer_weight_bytes;
    const size_t most = encode > info->decoder_weight_bytes ? encode : info->decoder_weight_bytes;
    const size_t pairs = most / sizeof(float) / (2 * RAVEL_PANEL) + 1;
    const ravel_tensor none = {.dtype = RAVEL_F32};
    return ravel_matrix_pack(weights, 2 * (int)pairs, RAVEL_PANEL, &none, no_element, NULL, NULL,
                             NULL, NULL);
}

static int open_rig(bench_rig *rig, const ravel_model *model, double seconds)
{
    const ravel_model_info *info = &model->info;
    const size_t channels = (size_t)info->channels;
    *rig = (bench_rig){.model = model, .hop = info->hop_samples, .n_codebooks = info->n_codebooks};
    rig->piece_frames = PIECE_CHUNKS * model->chunk_frames;
    rig->n_frames = (int)(seconds * info->sample_rate_hz / info->hop_samples) + 1;
    rig->most_latents = ravel_model_frames_room(model, rig->piece_frames * rig->hop);
    rig->most_samples = ravel_model_samples_room(model, rig->most_latents);
    const size_t n_latents =
        (size_t)ravel_layer_max_out(model->encoder, model->chunk_frames * rig->hop);
    const size_t n_samples = (size_t)rig->n_frames * (size_t)rig->hop;
    const size_t n_codes = (size_t)ravel_model_codes_per_frame(model, rig->n_codebooks);
    rig->scratch = ravel_scratch_new(model, 1);
    rig->encoder = ravel_encoder_new(model, rig->n_codebooks);
    rig->decoder = ravel_decoder_new(model);
    rig->layers_state = malloc(model->encoder->state_size + 1); /* it may be 0 */
    rig->pcm = malloc(n_samples * channels * sizeof(float));
    rig->latents = malloc(n_latents * (size_t)info->latent_dim * sizeof(float));
    const size_t most_coded =
        n_latents > (size_t)rig->most_latents ? n_latents : (size_t)rig->most_latents;
    rig->codes = malloc(most_coded * n_codes * sizeof(uint16_t));
    rig->out = malloc((size_t)rig->most_samples * channels * sizeof(float));
    if (!rig->scratch || !rig->encoder || !rig->decoder || !rig->layers_state || !rig->pcm ||
        !rig->latents || !rig->codes || !rig->out || make_weights(&rig->weights, info))
        return RAVEL_ERR_MEMORY;
    make_signal(rig->pcm, (int)n_samples, info->channels, info->sample_rate_hz);
    return RAVEL_OK;
}

static void restart(bench_rig *rig)
{
    ravel_encoder_reset(rig->encoder);
    ravel_decoder_reset(rig->decoder);
    ravel_layer_reset(rig->model->encoder, rig->layers_state);
}

static const float *frame_at(const bench_rig *rig, int frame)
{
    return rig->pcm + (size_t)frame * (size_t)rig->hop * (size_t)rig->model->info.channels;
}

/* Frames of the signal that are given at once; with finish its last ones, and all that is held back. */
typedef struct {
    int first, n;
    bool finish;
} bench_piece;

/* Through encoder and decoder, as a program does it. */
static void run_codec(bench_rig *rig, bench_piece piece, ravel_bench_time times[RAVEL_BENCH_PARTS])
{
    ravel_encoder_job encode = {.encoder = rig->encoder,
                                .pcm = frame_at(rig, piece.first),
                                .n_samples = piece.n * rig->hop,
                                .finish = piece.finish,
                                .codes = rig->codes,
                                .capacity = rig->most_latents};
    ravel_bench_time begin = now();
    ravel_encoder_push_many(&encode, 1, rig->scratch);
    times[RAVEL_BENCH_ENCODE] = since(begin);
    ravel_decoder_job decode = {.decoder = rig->decoder,
                                .codes = rig->codes,
                                .n_frames = encode.n_frames,
                                .n_codebooks = rig->n_codebooks,
                                .finish = piece.finish,
                                .pcm = rig->out,
                                .capacity = rig->most_samples};
    begin = now();
    ravel_decoder_push_many(&decode, 1, rig->scratch);
    times[RAVEL_BENCH_DECODE] = since(begin);
}

/* Latents to codes, as many at once as the scratch is for. */
static void run_quantizer(bench_rig *rig, int n)
{
    const ravel_model *model = rig->model;
    const ravel_quantizer *quantizer = model->quantizer;
    const int n_codes = ravel_quantizer_codes(quantizer, rig->n_codebooks);
    for (int done = 0, chunk; done < n; done += chunk) {
        chunk = n - done < model->chunk_frames ? n - done : model->chunk_frames;
        ravel_arena arena = ravel_scratch_arena(rig->scratch);
        quantizer->ops->encode(quantizer, rig->latents + (ptrdiff_t)done * quantizer->dim, chunk,
                               rig->n_codebooks, rig->codes + (ptrdiff_t)done * n_codes, n_codes,
                               NULL, &arena);
    }
}

/* The same frames through the encoder's layers and the quantiser, each alone, in chunks. */
static void run_parts(bench_rig *rig, bench_piece piece, ravel_bench_time times[RAVEL_BENCH_PARTS])
{
    const ravel_model *model = rig->model;
    times[RAVEL_BENCH_ENCODER] = times[RAVEL_BENCH_QUANTIZER] = (ravel_bench_time){0};
    for (int done = 0, chunk; done < piece.n; done += chunk) {
        chunk = piece.n - done < model->chunk_frames ? piece.n - done : model->chunk_frames;
        ravel_arena arena = ravel_scratch_arena(rig->scratch);
        ravel_lane lane = {.state = rig->layers_state,
                           .in = frame_at(rig, piece.first + done),
                           .n_in = chunk * rig->hop,
                           .out = rig->latents,
                           .finish = piece.finish && done + chunk == piece.n};
        ravel_bench_time begin = now();
        ravel_layer_push(model->encoder, &lane, 1, &arena);
        add(&times[RAVEL_BENCH_ENCODER], since(begin));
        begin = now();
        run_quantizer(rig, lane.n_out);
        add(&times[RAVEL_BENCH_QUANTIZER], since(begin));
    }
}

typedef struct {
    double macs, cpu_s;
} bench_peak;

static void run_peak(bench_peak *peak, const char *kernels, int n_rounds)
{
    const ravel_bench_time begin = now();
    peak->macs += ravel_peak_run(kernels, n_rounds);
    peak->cpu_s += since(begin).cpu_s;
}

/* What is done first is not counted: it brings the memory in. */
static void run_offline(ravel_bench *bench, bench_rig *rig)
{
    bench_peak peak = {0};
    ravel_bench_time times[RAVEL_BENCH_PARTS];
    const int n_all = rig->n_frames, n_most = rig->piece_frames;
    const bench_piece warm = {.n = n_all < n_most ? n_all : n_most, .finish = true};
    restart(rig);
    run_codec(rig, warm, times);
    run_parts(rig, warm, times);
    restart(rig);
    for (int first = 0, n; first < n_all && !ravel_tool_stopped(); first += n) {
        n = n_all - first < n_most ? n_all - first : n_most;
        const bench_piece piece = {.first = first, .n = n, .finish = first + n == n_all};
        run_peak(&peak, bench->kernels, PEAK_OFFLINE * PEAK_ROUNDS);
        run_codec(rig, piece, times);
        run_parts(rig, piece, times);
        for (int i = 0; i < RAVEL_BENCH_PARTS; i++)
            add(&bench->parts[i].offline, times[i]);
    }
    bench->peak_offline = peak.macs / peak.cpu_s;
}

typedef void bench_step(bench_rig *rig, bench_piece piece,
                        ravel_bench_time times[RAVEL_BENCH_PARTS]);

/* Frame by frame; `kept` are the two parts that `step` times. */
static void run_steps(ravel_bench *bench, bench_rig *rig, bench_step *step, bench_peak *peak,
                      const ravel_bench_part_id kept[2])
{
    const int n_warm = WARM_STEPS + rig->model->info.delay_samples / rig->hop;
    restart(rig);
    for (int i = -n_warm; i < bench->n_steps && !ravel_tool_stopped(); i++) {
        ravel_bench_time times[RAVEL_BENCH_PARTS];
        step(rig, (bench_piece){.first = (i + n_warm) % rig->n_frames, .n = 1}, times);
        for (int p = 0; p < 2 && i >= 0; p++) {
            bench->parts[kept[p]].step_cpu_s[i] = times[kept[p]].cpu_s;
            bench->parts[kept[p]].step_wall_s[i] = times[kept[p]].wall_s;
        }
        if ((i + n_warm) % PEAK_EVERY == 0)
            run_peak(peak, bench->kernels, PEAK_ROUNDS);
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * Encoder and decoder in turns, as in a call, where each drives the other's weights out of the
 * nearest cache; then the encoder's parts, which are neighbours in the encoder too.
 */
static void run_all_steps(ravel_bench *bench, bench_rig *rig)
{
    bench_peak peak = {0};
    run_steps(bench, rig, run_codec, &peak,
              (const ravel_bench_part_id[]){RAVEL_BENCH_ENCODE, RAVEL_BENCH_DECODE});
    run_steps(bench, rig, run_parts, &peak,
              (const ravel_bench_part_id[]){RAVEL_BENCH_ENCODER, RAVEL_BENCH_QUANTIZER});
    bench->peak_steps = peak.macs / peak.cpu_s;
    for (int i = 0; i < RAVEL_BENCH_PARTS; i++) {
        qsort(bench->parts[i].step_cpu_s, (size_t)bench->n_steps, sizeof(double), by_size);
        qsort(bench->parts[i].step_wall_s, (size_t)bench->n_steps, sizeof(double), by_size);
    }
}

static int open_bench(ravel_bench *bench, const bench_rig *rig)
{
    const ravel_model_info *info = &rig->model->info;
    *bench = (ravel_bench){
        .kernels = rig->model->kernels->name,
        .audio_s = (double)rig->n_frames * info->hop_samples / info->sample_rate_hz,
        .n_steps = info->delay_samples <= MAX_DELAY_S * info->sample_rate_hz ? rig->n_frames : 0,
        .parts = {{.name = "encode",
                   .macs_per_s = info->encoder_macs + info->quantizer_macs,
                   .weight_bytes = info->encoder_weight_bytes + info->quantizer_weight_bytes},
                  {.name = "encoder",
                   .macs_per_s = info->encoder_macs,
                   .weight_bytes = info->encoder_weight_bytes},
                  {.name = "quantizer",
                   .macs_per_s = info->quantizer_macs,
                   .weight_bytes = info->quantizer_weight_bytes},
                  {.name = "decode",
                   .macs_per_s = info->decoder_macs,
                   .weight_bytes = info->decoder_weight_bytes}}};
    for (int i = 0; i < RAVEL_BENCH_PARTS; i++) {
        bench->parts[i].step_cpu_s = calloc((size_t)bench->n_steps + 1, sizeof(double));
        bench->parts[i].step_wall_s = calloc((size_t)bench->n_steps + 1, sizeof(double));
        if (!bench->parts[i].step_cpu_s || !bench->parts[i].step_wall_s)
            return RAVEL_ERR_MEMORY;
    }
    return RAVEL_OK;
}

/*
 * Over and over, as a call reads its weights: caches let bytes in that were asked for several times.
 * The first passes are slow ones; the median is none of them.
 */
static void run_read(ravel_bench *bench, const bench_rig *rig)
{
    const size_t n = (size_t)rig->weights.n_in * RAVEL_PANEL;
    double pass_s[READ_PASSES];
    for (int i = 0; i < READ_PASSES; i++) {
        const ravel_bench_time begin = now();
        volatile float sum = ravel_peak_read(bench->kernels, rig->weights.panels, n);
        pass_s[i] = since(begin).cpu_s;
        (void)sum;
    }
    qsort(pass_s, READ_PASSES, sizeof pass_s[0], by_size);
    bench->peak_read = (double)(n * sizeof(float)) / pass_s[READ_PASSES / 2];
}

int ravel_bench_run(ravel_bench *bench, const ravel_model *model, double seconds)
{
    bench_rig rig;
    int status = open_rig(&rig, model, seconds);
    *bench = (ravel_bench){0};
    if (!status)
        status = open_bench(bench, &rig);
    if (!status) {
        run_offline(bench, &rig);
        if (bench->n_steps > 0)
            run_all_steps(bench, &rig);
        run_read(bench, &rig);
    }
    close_rig(&rig);
    return status;
}

void ravel_bench_free(ravel_bench *bench)
{
    for (int i = 0; i < RAVEL_BENCH_PARTS; i++) {
        free(bench->parts[i].step_cpu_s);
        free(bench->parts[i].step_wall_s);
    }
}
