/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lyra's vectors: made by its own programs, so they are named otherwise. SPEAKERpcm16 is a
 * recording; "float" is what the weights make of it in floats, "int8" what Lyra computes, with the
 * noise of activations of eight bits.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"
#include "tests/support/conformance/points.h"

/* Codes that may differ where rounding decides; the vectors tell no margins. */
#define INDICES_THAT_MAY_DIFFER 1e-3

typedef struct {
    ravel_set *set;      /* the folder "ref" */
    const char *speaker; /* "s1_" */
    const ravel_subject *subject;
    ravel_signal pcm;
    ravel_decisions indices; /* of the float chain */
} lyra_case;

static ravel_signal load(const lyra_case *c, const char *what)
{
    ravel_npy array = ravel_set_array(c->set, "%s%s", c->speaker, what);
    return ravel_signal_take(&array, true);
}

static ravel_decisions load_indices(const lyra_case *c, const char *what)
{
    char name[RAVEL_SET_NAME];
    (void)snprintf(name, sizeof name, "%s%s", c->speaker, what);
    return ravel_decisions_load(c->set, c->subject->model, name, true);
}

/* A line on an array of the speaker; frees both. */
static void check(const lyra_case *c, const char *what, ravel_signal ours, ravel_signal theirs)
{
    char name[RAVEL_SET_NAME];
    (void)snprintf(name, sizeof name, "%s%s", c->speaker, what);
    ravel_signal_check(c->set, name, &ours, &theirs);
    ravel_signal_free(&ours);
    ravel_signal_free(&theirs);
}

static void check_encoder(const lyra_case *c)
{
    char name[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    check(c, "float_feat", ravel_run_latents(model, &c->pcm, RAVEL_AT_ONCE), load(c, "float_feat"));
    ravel_codes ours = ravel_run_encoder(model, &c->pcm, model->info.n_codebooks, RAVEL_IN_PIECES);
    int n = c->indices.n_frames * c->indices.per_frame, different = 0;
    bool same_shape = ours.n_frames == c->indices.n_frames;
    for (int i = 0; same_shape && i < n; i++)
        different += (float)ours.codes[i] != c->indices.values[i];
    (void)snprintf(name, sizeof name, "%sfloat_idx", c->speaker);
    ravel_set_check(c->set, same_shape && different <= INDICES_THAT_MAY_DIFFER * n, name,
                    "%d codes, %d differ (bar %g)", n, different, INDICES_THAT_MAY_DIFFER);
    ravel_codes_free(&ours);
}

/* The first n codebooks of the codes of a frame. */
static ravel_codes prefix(const ravel_decisions *indices, int n)
{
    ravel_codes codes = {indices->n_frames, n, n, NULL};
    codes.codes = calloc((size_t)codes.n_frames * (size_t)n + 1, sizeof *codes.codes);
    for (int t = 0; t < codes.n_frames; t++)
        for (int k = 0; k < n; k++)
            codes.codes[t * n + k] = (uint16_t)indices->values[t * indices->per_frame + k];
    return codes;
}

/* Arrays "WHAT64" and so on, of as many bits a frame: samples, or what codes stand for. */
static void check_rates(const lyra_case *c, const char *what, const ravel_decisions *indices,
                        bool samples)
{
    char name[RAVEL_SET_NAME];
    for (int n = 1, bits = 0; n <= indices->n_codebooks; n++) {
        for (int size = 1; size < c->subject->model->info.codebook_size[n - 1]; size *= 2)
            bits++;
        (void)snprintf(name, sizeof name, "%s%d", what, bits);
        if (!ravel_set_has(c->set, "%s%s.npy", c->speaker, name))
            continue;
        ravel_codes codes = prefix(indices, n);
        ravel_signal theirs = load(c, name);
        if (samples) { /* [N] */
            theirs.n *= theirs.width;
            theirs.width = 1;
        }
        check(c, name,
              samples ? ravel_run_decoder(c->subject->model, &codes, RAVEL_IN_PIECES)
                      : ravel_run_dequantize(c->subject->model, &codes),
              theirs);
        ravel_codes_free(&codes);
    }
}

/* Lyra's packets of a chain, WHAT3200.lyra and so on, named by bits a second. */
static void check_packets(const lyra_case *c, const char *what, const ravel_decisions *indices)
{
    char name[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    for (int n = 1; n <= indices->n_codebooks; n++) {
        ravel_codes codes = prefix(indices, n);
        (void)snprintf(name, sizeof name, "%s%s%.0f.lyra", c->speaker, what,
                       ravel_model_bitrate(model, n));
        ravel_check_code_file(c->set, name, model, &codes,
                              (int64_t)codes.n_frames * model->info.hop_samples);
        ravel_codes_free(&codes);
    }
}

/* --- Outputs of layers ------------------------------------------------------------------------ */

/* [frames, steps, channels] of the first frames, before an addition or activation. */
static void check_layer(const lyra_case *c, const ravel_tensor *tensor, const ravel_signal *in,
                        ravel_point_part part)
{
    char line[RAVEL_SET_NAME];
    const char *slash = strchr(tensor->name, '/'), *why;
    const char *layer = slash ? slash + 1 : tensor->name;
    size_t width = (size_t)tensor->shape[tensor->rank - 1];
    (void)snprintf(line, sizeof line, "%s%.80s", c->speaker, layer);
    ravel_signal ours = ravel_point_run(c->subject, part, layer, in, &why);
    if (!ours.values) {
        ravel_set_skip(c->set, line, why);
        return;
    }
    ravel_signal theirs = ravel_signal_new(ravel_tensor_count(tensor) / width, width);
    for (size_t i = 0; i < theirs.n * width; i++)
        theirs.values[i] = ravel_tensor_get(tensor, i);
    ravel_signal first = ravel_signal_cut(&ours, theirs.n, ours.width);
    ravel_signal_check(c->set, line, &first, &theirs);
    ravel_signal_free(&first);
    ravel_signal_free(&ours);
    ravel_signal_free(&theirs);
}

static void check_trace(const lyra_case *c, const char *name, ravel_point_part part)
{
    ravel_safetensors st;
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    void *file = ravel_set_bytes(c->set, name, &size);
    if (ravel_safetensors_parse(&st, file, size, &error)) {
        ravel_set_check(c->set, false, name, "%s", error.text);
    } else {
        ravel_codes codes = prefix(&c->indices, c->indices.n_codebooks);
        ravel_signal in = part == RAVEL_POINT_ENCODER
                              ? ravel_run_padded(c->subject->model, &c->pcm)
                              : ravel_run_dequantize(c->subject->model, &codes);
        for (size_t i = 0; i < st.n_entries; i++)
            check_layer(c, &st.entries[i].tensor, &in, part);
        ravel_signal_free(&in);
        ravel_codes_free(&codes);
        ravel_safetensors_free(&st);
    }
    free(file);
}

static void check_traces(const lyra_case *c)
{
    char beginning[RAVEL_SET_NAME];
    (void)snprintf(beginning, sizeof beginning, "%sfloat_trace_", c->speaker);
    for (int i = 0; i < c->set->n_files; i++) {
        const char *name = c->set->files[i].name;
        if (strncmp(name, beginning, strlen(beginning)) == 0)
            check_trace(c, name, strstr(name, "_dec") ? RAVEL_POINT_DECODER : RAVEL_POINT_ENCODER);
    }
}

/* --- The folder ------------------------------------------------------------------------------- */

static void check_speaker(lyra_case *c)
{
    c->pcm = load(c, "pcm16");
    c->pcm.n *= c->pcm.width; /* [N] */
    c->pcm.width = 1;
    for (size_t i = 0; i < c->pcm.n; i++)
        c->pcm.values[i] /= 32768.0f;
    c->indices = load_indices(c, "float_idx");
    ravel_decisions int8 = load_indices(c, "int8_idx");
    check_encoder(c);
    check_rates(c, "float_dec", &c->indices, true);
    check_rates(c, "floatdec_on_int8idx", &int8, true);
    check_rates(c, "int8_qfeat", &int8, false);
    check_packets(c, "float_", &c->indices);
    check_packets(c, "int8_", &int8);
    check_traces(c);
    const ravel_case whole = {
        .set = c->set, .recording = c->speaker, .form = "", .subject = c->subject, .pcm = c->pcm};
    ravel_check_pieces(&whole);
    ravel_check_delay(&whole);
    ravel_decisions_free(&int8);
    ravel_decisions_free(&c->indices);
    ravel_signal_free(&c->pcm);
}

bool ravel_check_lyra(ravel_set *set)
{
    ravel_set ref;
    char path[RAVEL_SET_PATH + 8], speaker[RAVEL_SET_NAME];
    ravel_subject subject;
    (void)snprintf(path, sizeof path, "%s/ref", set->dir);
    if (!ravel_set_has(set, "lyra_v2_graph.json") || ravel_set_open(&ref, path, set->report))
        return false;
    ravel_set_settle(set, "ref");
    if (ravel_subject_import(&subject, set, "lyra_v2.safetensors", "lyra_v2_graph.json", NULL)) {
        for (int i = 0; ravel_set_next(&ref, "pcm16.npy", &i, speaker); i++) {
            lyra_case c = {.set = &ref, .speaker = speaker, .subject = &subject};
            check_speaker(&c);
        }
        ravel_subject_close(&subject);
    }
    ravel_set_skip_all(set, ".tflite", "what the checkpoint was made of");
    ravel_set_skip_all(&ref, "_int8_", "with the noise of Lyra's activations of eight bits");
    ravel_set_skip_all(&ref, "", "no check knows this file");
    ravel_set_close(&ref);
    set->n_checks += ref.n_checks;
    set->n_failed += ref.n_failed;
    set->n_skipped += ref.n_skipped;
    return true;
}
