/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Golden hashes: the bits of codes and samples, the same on every machine.
 *
 *     golden                   prints the hashes; so is tests/golden.txt made
 *     golden [--ftz] FILE      compares them with FILE
 *
 * --ftz sets flush-to-zero and denormals-are-zero first, as a host program may. The instruction set
 * is chosen by RAVEL_CPU. Exit code 77, for ctest "skipped", where this machine does not have it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "codec/model.h"
#include "nn/fpenv.h"
#include "ravel/ravel.h"
#include "tests/support/coded_blocks.h"
#include "tests/support/random.h"
#include "tests/support/sound.h"
#include "tests/support/tiny_model.h"

enum { CLIP_MS = 2000, BLOCKS_RATE = 16000, SKIPPED = 77, LINE = 128, MAX_LINES = 32 };

typedef struct {
    char text[MAX_LINES][LINE];
    int n_lines;
} report;

/* FNV-1a, 64 bits, of numbers in little-endian order (all machines that Ravel runs on). */
static uint64_t hash(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) {
        h = (h ^ bytes[i]) * 0x100000001b3u;
    }
    return h;
}

static void *buffer(int n, size_t size)
{
    void *memory = malloc(((size_t)n + 1) * size);
    if (memory == NULL) {
        fputs("golden: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void flush_denormals(void)
{
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040u);
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | 1u << 24));
#endif
}

/* A clip at rate_hz, resampled to the rate of the model, with its channels: [*n][channels]. */
static float *input(int rate_hz, const ravel_model_info *info, int *n)
{
    int n_clip = rate_hz / 100 * CLIP_MS / 10;
    float *clip = buffer(n_clip, sizeof *clip);
    ravel_test_speech(clip, n_clip, rate_hz, (uint32_t)rate_hz);
    float *channels = buffer(n_clip * info->channels, sizeof *channels);
    for (int i = 0; i < n_clip * info->channels; i++) {
        channels[i] = clip[i / info->channels] / (float)(1 + i % info->channels);
    }
    ravel_resampler *resampler = ravel_resampler_new(rate_hz, info->sample_rate_hz, info->channels);
    int capacity = ravel_resampler_samples(resampler, n_clip, 1);
    float *pcm = buffer(capacity * info->channels, sizeof *pcm);
    *n = ravel_resampler_push(resampler, channels, n_clip, pcm, capacity);
    *n += ravel_resampler_finish(resampler, pcm + *n * info->channels, capacity - *n);
    ravel_resampler_free(resampler);
    free(channels);
    free(clip);
    return pcm;
}

/* return: frames in *codes */
static int encode(const ravel_model *model, ravel_scratch *scratch, const float *pcm, int n,
                  uint16_t **codes)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_encoder *encoder = ravel_encoder_new(model, info->n_codebooks);
    int per_frame = ravel_model_codes_per_frame(model, info->n_codebooks);
    int capacity = ravel_encoder_frames(encoder, n, 1);
    *codes = buffer(capacity * per_frame, sizeof **codes);
    int n_frames = ravel_encoder_push(encoder, scratch, pcm, n, *codes, capacity);
    n_frames +=
        ravel_encoder_finish(encoder, scratch, *codes + n_frames * per_frame, capacity - n_frames);
    ravel_encoder_free(encoder);
    return n_frames;
}

/* return: samples in *pcm, [samples][channels] */
static int decode(const ravel_model *model, ravel_scratch *scratch, const uint16_t *codes,
                  int n_frames, float **pcm)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_decoder *decoder = ravel_decoder_new(model);
    int capacity = ravel_decoder_samples(decoder, n_frames, 1);
    *pcm = buffer(capacity * info->channels, sizeof **pcm);
    int n =
        ravel_decoder_push(decoder, scratch, codes, n_frames, info->n_codebooks, *pcm, capacity);
    n += ravel_decoder_finish(decoder, scratch, *pcm + n * info->channels, capacity - n);
    ravel_decoder_free(decoder);
    return n;
}

/*
 * Adds a line for each way in which the model tells codes in advance. 500 blocks, but few of a model
 * that takes long in emulation.
 */
static void add_block_lines(report *r, const char *name, const ravel_model *model,
                            const uint16_t *codes, int n_frames)
{
    static const char *const names[] = {"packed", "static", "prior"};
    const ravel_code_models models = ravel_model_code_models(model);
    const bool has[] = {false, models.tables != NULL, models.prior != NULL};
    const int n_blocks = model->info.parameters < 1000000 ? 500 : 2;
    for (int kind = RAVEL_PAYLOAD_STATIC; kind < RAVEL_PAYLOADS; kind++) {
        if (!has[kind])
            continue;
        const ravel_coded_blocks blocks =
            ravel_test_coded_blocks(model, (ravel_payload)kind, codes, n_frames, n_blocks);
        snprintf(r->text[r->n_lines++], LINE, "%s %s blocks %d bytes %ld %016llx\n", name,
                 names[kind], blocks.n_blocks, blocks.n_bytes, (unsigned long long)blocks.hash);
    }
}

/* Adds the line of one model and one input rate. */
static void add_line(report *r, const char *name, const ravel_model *model, int rate_hz)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    uint16_t *codes = NULL;
    float *decoded = NULL;
    int n;
    float *pcm = input(rate_hz, info, &n);
    int n_frames = encode(model, scratch, pcm, n, &codes);
    int n_decoded = decode(model, scratch, codes, n_frames, &decoded);
    int n_codes = n_frames * ravel_model_codes_per_frame(model, info->n_codebooks);
    snprintf(
        r->text[r->n_lines++], LINE, "%s %d input %016llx codes %d %016llx samples %d %016llx\n",
        name, rate_hz, (unsigned long long)hash(pcm, (size_t)(n * info->channels) * sizeof *pcm),
        n_codes, (unsigned long long)hash(codes, (size_t)n_codes * sizeof *codes), n_decoded,
        (unsigned long long)hash(decoded, (size_t)(n_decoded * info->channels) * sizeof *decoded));
    if (rate_hz == BLOCKS_RATE)
        add_block_lines(r, name, model, codes, n_frames);
    free(pcm);
    free(codes);
    free(decoded);
    ravel_scratch_free(scratch);
}

/* The line of the tiny prior: logits of a block of arbitrary codes, all frames at once. */
static void add_prior_line(report *r)
{
    enum { FRAMES = 100, CODEBOOKS = 4, SIZE = 32, WIDTH = 24 };
    static float contexts[FRAMES * WIDTH], logits[CODEBOOKS][FRAMES * SIZE];
    static uint16_t codes[FRAMES * CODEBOOKS];
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    const ravel_prior *prior = model->prior;
    size_t push = ravel_prior_push_scratch(prior, FRAMES, 1);
    size_t head = ravel_prior_logits_scratch(prior, FRAMES);
    ravel_arena arena = {.size = (push > head ? push : head) + 64};
    void *memory = buffer((int)arena.size, 1), *state = buffer(1, ravel_prior_state_size(prior));
    arena.base = memory;
    uint64_t seed = 1;
    for (int i = 0; i < FRAMES * CODEBOOKS; i++) {
        codes[i] = (uint16_t)ravel_random_below(&seed, SIZE);
    }
    ravel_prior_reset(prior, state);
    ravel_prior_lane lane = {state, codes, CODEBOOKS, CODEBOOKS, FRAMES, contexts};
    uint64_t control = ravel_fpenv_enter();
    ravel_prior_push(prior, &lane, 1, &arena);
    for (int k = 0; k < CODEBOOKS; k++) {
        ravel_prior_logits(prior, k, contexts, FRAMES, logits[k], &arena);
        if (k + 1 < CODEBOOKS) {
            ravel_prior_add(prior, k, codes + k, CODEBOOKS, FRAMES, contexts);
        }
    }
    ravel_fpenv_leave(control);
    snprintf(r->text[r->n_lines++], LINE, "prior logits %d %016llx\n", CODEBOOKS * FRAMES * SIZE,
             (unsigned long long)hash(logits, sizeof logits));
    free(memory);
    free(state);
    ravel_model_free(model);
}

static void make(report *r)
{
    static const int rates[] = {16000, 24000, 44100, 48000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        add_line(r, "built-in", ravel_model_builtin(), rates[i]);
    }
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        ravel_model *model = ravel_test_model_open((ravel_tiny_kind)kind);
        add_line(r, ravel_tiny_name((ravel_tiny_kind)kind), model, 16000);
        ravel_model_free(model);
    }
    add_prior_line(r);
}

/* return: lines that differ from the file's; its lines that begin with '#' are passed over. */
static int compare(const report *r, FILE *file)
{
    char expected[LINE];
    int differences = 0, line = 0;
    while (fgets(expected, sizeof expected, file) != NULL) {
        if (expected[0] == '#') {
            continue;
        }
        const char *here = line < r->n_lines ? r->text[line] : "(nothing)\n";
        if (strcmp(here, expected) != 0) {
            printf("expected %sgot      %s", expected, here);
            differences++;
        }
        line++;
    }
    return differences + (line < r->n_lines ? r->n_lines - line : 0);
}

static int check(const report *r, const char *path, const char *cpu)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    int differences = compare(r, file);
    fclose(file);
    printf("%s: %d lines, %d differ\n", cpu, r->n_lines, differences);
    return differences != 0;
}

int main(int argc, char **argv)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    if (kernels == NULL) {
        printf("SKIPPED: no %s here\n", getenv("RAVEL_CPU"));
        return SKIPPED;
    }
    static report r;
    if (argc > 1 && strcmp(argv[1], "--ftz") == 0) {
        flush_denormals();
        argc--;
        argv++;
    }
    make(&r);
    if (argc > 1) {
        return check(&r, argv[1], kernels->name);
    }
    puts("# Made by \"build/golden > tests/golden.txt\", to be done where the built-in model "
         "changes.\n"
         "# A change that is not that of a model is a mistake, or needs a line in CHANGELOG.md.");
    for (int i = 0; i < r.n_lines; i++) {
        fputs(r.text[i], stdout);
    }
    return 0;
}
