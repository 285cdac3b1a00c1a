/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/import.h"
#include "codec/model.h"
#include "tests/support/npy.h"

enum { PATH = 600, PIECE_SAMPLES = 457, PIECE_FRAMES = 3 };

/* --- Files ------------------------------------------------------------------------------------ */

static void *read_file(const char *dir, const char *name, size_t *size)
{
    char path[PATH];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    long length = -1;
    if (file && fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0)
        data = malloc((size_t)length + 1);
    if (data) {
        rewind(file);
        *size = fread(data, 1, (size_t)length, file);
    }
    if (file)
        (void)fclose(file);
    return data;
}

int ravel_conformance_present(const char *dir)
{
    size_t size;
    void *readme = read_file(dir, "README.md", &size);
    free(readme);
    return readme != NULL;
}

/* --- Comparisons ------------------------------------------------------------------------------ */

static void report(ravel_conformance *c, const char *what, double value, double bar, int good)
{
    c->n_checks++;
    c->n_failed += !good;
    (void)fprintf(c->report, "%-6s %-34s %10.3g  (bar %g)\n", good ? "ok" : "FAILED", what, value,
                  bar);
}

static void missing(ravel_conformance *c, const char *what)
{
    c->n_checks++;
    c->n_failed++;
    (void)fprintf(c->report, "FAILED %s\n", what);
}

static ravel_npy load(ravel_conformance *c, const char *dir, const char *prefix, const char *name)
{
    char path[PATH];
    ravel_npy array;
    (void)snprintf(path, sizeof path, "%s/%s%s.npy", dir, prefix, name);
    if (ravel_npy_read(path, &array))
        missing(c, path);
    return array;
}

static double deviation(const ravel_npy *a)
{
    double sum = 0.0, squares = 0.0, n = (double)a->count;
    for (size_t i = 0; i < a->count; i++) {
        sum += (double)a->values[i];
        squares += (double)a->values[i] * (double)a->values[i];
    }
    return sqrt(squares / n - sum / n * (sum / n));
}

/*
 * Greatest difference between rows [n][width] of ours and an array that is the same or, transposed,
 * [width][n]; infinite where the sizes differ.
 */
static double difference(const float *ours, size_t n, size_t width, const ravel_npy *theirs,
                         int transposed)
{
    double most = 0.0;
    if (theirs->count != n * width || !ours)
        return HUGE_VAL;
    for (size_t t = 0; t < n; t++) {
        for (size_t c = 0; c < width; c++) {
            float other = theirs->values[transposed ? c * n + t : t * width + c];
            double d = fabs((double)ours[t * width + c] - (double)other);
            most = d > most ? d : most;
        }
    }
    return most;
}

/* --- Running a model -------------------------------------------------------------------------- */

static ravel_model *import_model(ravel_conformance *c, const char *kind, const char *dir,
                                 const char *weights, const char *config_text,
                                 const char *config_file)
{
    ravel_import_source source = {.config = config_text};
    ravel_error error = {RAVEL_OK, "cannot read the checkpoint"};
    ravel_model *model = NULL;
    void *file = NULL, *config = NULL;
    size_t size = 0;
    void *checkpoint = read_file(dir, weights, &source.weights_size);
    source.weights = checkpoint;
    if (config_file)
        source.config = config = read_file(dir, config_file, &source.config_size);
    else if (config_text)
        source.config_size = strlen(config_text);
    if (checkpoint && !ravel_import(kind, &source, &file, &size, &error))
        model = ravel_model_open_memory(file, size, &error);
    if (!model)
        missing(c, error.text);
    free(file);
    free(config);
    free(checkpoint);
    return model;
}

/* Latents before quantisation, [n_frames][latent_dim], which the public functions do not show. */
static float *encode_latents(const ravel_model *model, const ravel_npy *pcm, size_t *n_frames)
{
    const ravel_layer *encoder = model->encoder;
    int n = (int)pcm->count;
    size_t rows = (size_t)ravel_layer_max_out(encoder, n);
    ravel_arena arena = {.size = ravel_layer_scratch_size(encoder, n, 1)};
    arena.base = aligned_alloc(64, (arena.size + 127) / 64 * 64);
    void *state = aligned_alloc(16, encoder->state_size + 16);
    float *latents = malloc(rows * (size_t)encoder->out_channels * sizeof *latents + 1);
    ravel_lane lane = {state, pcm->values, latents, n, 0, true};
    ravel_layer_reset(encoder, state);
    ravel_layer_push(encoder, &lane, 1, &arena);
    *n_frames = (size_t)lane.n_out;
    free(arena.base);
    free(state);
    return latents;
}

/*
 * All codes of a recording through the public functions, [n_frames][n_codebooks], in pushes of a
 * size that fits to nothing: the references know whole files only.
 */
static uint16_t *encode_codes(const ravel_model *model, const ravel_npy *pcm, int n_codebooks,
                              int *n_frames)
{
    ravel_encoder *encoder = ravel_encoder_new(model, n_codebooks);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    int room = ravel_encoder_frames(encoder, (int)pcm->count, 1), n = 0;
    uint16_t *codes = malloc((size_t)(room * n_codebooks) * sizeof *codes + 1);
    for (int at = 0; at < (int)pcm->count; at += PIECE_SAMPLES) {
        int left = (int)pcm->count - at;
        n += ravel_encoder_push(encoder, scratch, pcm->values + at,
                                left < PIECE_SAMPLES ? left : PIECE_SAMPLES,
                                codes + n * n_codebooks, room - n);
    }
    *n_frames = n + ravel_encoder_finish(encoder, scratch, codes + n * n_codebooks, room - n);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    return codes;
}

static float *decode_codes(const ravel_model *model, const uint16_t *codes, int n_frames,
                           int n_codebooks, int *n_samples)
{
    ravel_decoder *decoder = ravel_decoder_new(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    int room = ravel_decoder_samples(decoder, n_frames, 1);
    float *pcm = malloc((size_t)room * sizeof *pcm + 1);
    int n = 0;
    for (int at = 0; at < n_frames; at += PIECE_FRAMES) {
        int left = n_frames - at;
        n += ravel_decoder_push(decoder, scratch, codes + at * n_codebooks,
                                left < PIECE_FRAMES ? left : PIECE_FRAMES, n_codebooks, pcm + n,
                                room - n);
    }
    *n_samples = n + ravel_decoder_finish(decoder, scratch, pcm + n, room - n);
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
    return pcm;
}

/* --- EnCodec ---------------------------------------------------------------------------------- */

typedef struct {
    const char *dir, *variant; /* beginning of the names of the vectors: "", "short_", "zeropad_" */
    const ravel_model *model;
    ravel_npy codes, margin; /* [codebooks][frames] */
    int n_codebooks;
    int n_frames;
} encodec_case;

/*
 * Codes that differ without excuse. A code may differ only where the two nearest codewords are as
 * near as rounding (relative gap below 1e-4), and after such a one those of the later stages.
 */
static int unexcused_codes(const encodec_case *e, const uint16_t *ours)
{
    int n = 0;
    for (int t = 0; t < e->n_frames; t++) {
        for (int k = 0, excused = 0; k < e->n_codebooks; k++) {
            size_t at = (size_t)k * (size_t)e->n_frames + (size_t)t;
            excused |= e->margin.values && e->margin.values[at] < 1e-4f;
            n += !excused && (float)ours[t * e->n_codebooks + k] != e->codes.values[at];
        }
    }
    return n;
}

static void line(ravel_conformance *c, const encodec_case *e, const char *what, double value,
                 double bar)
{
    char text[80];
    (void)snprintf(text, sizeof text, "encodec %s%s", e->variant, what);
    report(c, text, value, bar, value <= bar);
}

static void check_encoder(ravel_conformance *c, const encodec_case *e, const ravel_npy *pcm)
{
    size_t n_latents;
    int n_frames;
    ravel_npy latent = load(c, e->dir, e->variant, "latent");
    float *latents = encode_latents(e->model, pcm, &n_latents);
    uint16_t *codes = encode_codes(e->model, pcm, e->n_codebooks, &n_frames);
    size_t dim = (size_t)e->model->info.latent_dim;
    line(c, e, "latents", difference(latents, n_latents, dim, &latent, 1) / deviation(&latent),
         1e-4);
    int wrong = n_frames == e->n_frames ? unexcused_codes(e, codes) : n_frames;
    line(c, e, "codes that differ", wrong, 0.0);
    free(latents);
    free(codes);
    ravel_npy_free(&latent);
}

static void check_decoder(ravel_conformance *c, const encodec_case *e)
{
    int n_samples;
    ravel_npy output = load(c, e->dir, e->variant, "output");
    uint16_t *codes = malloc(e->codes.count * sizeof *codes + 1);
    for (int t = 0; t < e->n_frames; t++)
        for (int k = 0; k < e->n_codebooks; k++)
            codes[t * e->n_codebooks + k] = (uint16_t)e->codes.values[k * e->n_frames + t];
    float *pcm = decode_codes(e->model, codes, e->n_frames, e->n_codebooks, &n_samples);
    double d = difference(pcm, (size_t)n_samples, 1, &output, 0);
    line(c, e, "samples", d / deviation(&output), 1e-4);
    free(codes);
    free(pcm);
    ravel_npy_free(&output);
}

static void check_encodec(ravel_conformance *c, const char *dir, const ravel_model *model,
                          const char *variant, const char *input, const char *margin)
{
    encodec_case e = {.dir = dir, .variant = variant, .model = model};
    ravel_npy pcm = load(c, dir, "", input);
    e.codes = load(c, dir, variant, "codes");
    if (margin)
        e.margin = load(c, dir, "", margin);
    if (pcm.values && e.codes.values) {
        e.n_frames = (int)e.codes.shape[e.codes.rank - 1];
        e.n_codebooks = (int)e.codes.count / e.n_frames;
        check_encoder(c, &e, &pcm);
        check_decoder(c, &e);
    }
    ravel_npy_free(&pcm);
    ravel_npy_free(&e.codes);
    ravel_npy_free(&e.margin);
}

void ravel_conformance_encodec(ravel_conformance *c, const char *dir)
{
    static const char zero[] = "{\"pad_mode\":\"constant\"}";
    const char *weights = "model.safetensors";
    ravel_model *reflect = import_model(c, "encodec", dir, weights, NULL, NULL);
    ravel_model *constant = import_model(c, NULL, dir, weights, zero, NULL);
    if (reflect && constant) {
        check_encodec(c, dir, reflect, "", "input", "margin");
        check_encodec(c, dir, reflect, "short_", "short_input", "short_margin");
        check_encodec(c, dir, constant, "zeropad_", "input", NULL);
    }
    ravel_model_free(reflect);
    ravel_model_free(constant);
}

/* --- Lyra ------------------------------------------------------------------------------------- */

static void check_lyra_encoder(ravel_conformance *c, const ravel_model *model, const char *speaker,
                               const ravel_npy *pcm, const ravel_npy *feat, const ravel_npy *idx)
{
    char text[80];
    size_t n_latents;
    int n_frames;
    float *latents = encode_latents(model, pcm, &n_latents);
    double d = difference(latents, n_latents, (size_t)model->info.latent_dim, feat, 0);
    (void)snprintf(text, sizeof text, "lyra %sfeatures", speaker);
    report(c, text, d, 1e-3, d < 1e-3);

    uint16_t *codes = encode_codes(model, pcm, model->info.n_codebooks, &n_frames);
    size_t equal = 0, n = (size_t)n_frames * (size_t)model->info.n_codebooks;
    for (size_t i = 0; i < idx->count && n == idx->count; i++)
        equal += (float)codes[i] == idx->values[i];
    double share = (double)equal / (double)idx->count;
    (void)snprintf(text, sizeof text, "lyra %sequal indices", speaker);
    report(c, text, share, 0.999, share >= 0.999);
    free(codes);
    free(latents);
}

static void check_lyra_decoder(ravel_conformance *c, const ravel_model *model, const char *dir,
                               const char *speaker, const ravel_npy *idx, int n_codebooks)
{
    char name[40], text[80];
    int n_samples, all = model->info.n_codebooks, n_frames = (int)idx->count / all;
    (void)snprintf(name, sizeof name, "float_dec%d", 4 * n_codebooks);
    ravel_npy output = load(c, dir, speaker, name);
    uint16_t *codes = malloc(idx->count * sizeof *codes + 1);
    for (int t = 0; t < n_frames; t++)
        for (int k = 0; k < n_codebooks; k++)
            codes[t * n_codebooks + k] = (uint16_t)idx->values[t * all + k];
    float *pcm = decode_codes(model, codes, n_frames, n_codebooks, &n_samples);
    double d = difference(pcm, (size_t)n_samples, 1, &output, 0);
    (void)snprintf(text, sizeof text, "lyra %ssamples of %d codebooks", speaker, n_codebooks);
    report(c, text, d, 2e-5, d < 2e-5);
    free(codes);
    free(pcm);
    ravel_npy_free(&output);
}

static void check_lyra(ravel_conformance *c, const ravel_model *model, const char *dir,
                       const char *speaker)
{
    ravel_npy pcm = load(c, dir, speaker, "pcm16");
    ravel_npy feat = load(c, dir, speaker, "float_feat");
    ravel_npy idx = load(c, dir, speaker, "float_idx");
    for (size_t i = 0; i < pcm.count; i++)
        pcm.values[i] /= 32768.0f;
    if (pcm.values && feat.values && idx.values) {
        check_lyra_encoder(c, model, speaker, &pcm, &feat, &idx);
        check_lyra_decoder(c, model, dir, speaker, &idx, 16);
        check_lyra_decoder(c, model, dir, speaker, &idx, 30);
        check_lyra_decoder(c, model, dir, speaker, &idx, 46);
    }
    ravel_npy_free(&pcm);
    ravel_npy_free(&feat);
    ravel_npy_free(&idx);
}

void ravel_conformance_lyra(ravel_conformance *c, const char *dir)
{
    char ref[PATH];
    (void)snprintf(ref, sizeof ref, "%s/ref", dir);
    ravel_model *model =
        import_model(c, NULL, dir, "lyra_v2.safetensors", NULL, "lyra_v2_graph.json");
    if (model) {
        check_lyra(c, model, ref, "s1_");
        check_lyra(c, model, ref, "s2_");
    }
    ravel_model_free(model);
}
