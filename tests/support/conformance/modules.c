/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"
#include "tests/support/conformance/points.h"

enum { SEGMENT_HEAD = 3 }; /* codebooks before those of the steps of a segment */

/* What goes into the two parts. */
typedef struct {
    ravel_signal encoder, decoder;
} inputs;

/* Within a segment: its sound brought to level 1, and the latents of its steps alone. */
static void enter_segment(const ravel_case *c, inputs *in)
{
    ravel_signal row = ravel_run_latents(c->subject->model, &c->pcm, RAVEL_AT_ONCE);
    size_t width = row.width, n_steps = (size_t)row.values[width - 2];
    size_t most = (size_t)c->subject->model->info.steps_per_frame[SEGMENT_HEAD];
    for (size_t i = 0; i < in->encoder.n * in->encoder.width; i++)
        in->encoder.values[i] /= row.values[width - 1];
    ravel_signal steps = ravel_signal_cut(&in->decoder, n_steps, (width - 2) / most);
    ravel_signal_free(&in->decoder);
    in->decoder = steps;
    ravel_signal_free(&row);
}

/*
 * The reference's decoder got the codes of the reference, or what they stand for; where neither is
 * in the set, those that ours makes.
 */
static inputs make_inputs(const ravel_case *c)
{
    char name[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    (void)snprintf(name, sizeof name, "%s%scodes", c->recording, c->form);
    ravel_decisions given = ravel_decisions_load(c->set, model, name, c->time_first);
    bool encodes = !given.values && model->encoder;
    ravel_codes codes =
        encodes ? ravel_run_encoder(model, &c->pcm, model->info.n_codebooks, RAVEL_AT_ONCE)
                : ravel_decisions_codes(&given);
    inputs in = {.decoder = ravel_run_dequantize(model, &codes)};
    if (model->encoder)
        in.encoder = ravel_run_padded(model, &c->pcm);
    if (strcmp(ravel_subject_quantizer(c->subject), "segment") == 0)
        enter_segment(c, &in);
    ravel_codes_free(&codes);
    ravel_decisions_free(&given);
    return in;
}

static void check_module(const ravel_case *c, const char *line, const char *module,
                         const inputs *in, ravel_npy *array)
{
    const char *why = NULL;
    ravel_signal ours =
        ravel_point_run(c->subject, RAVEL_POINT_ENCODER, module, &in->encoder, &why);
    if (!ours.values)
        ours = ravel_point_run(c->subject, RAVEL_POINT_DECODER, module, &in->decoder, &why);
    if (!ours.values) {
        ravel_set_skip(c->set, line, why);
        ravel_npy_free(array);
        return;
    }
    /* Some modules of the references work on rows, most on columns. */
    size_t last = array->rank ? array->shape[array->rank - 1] : 0;
    ravel_signal theirs = ravel_signal_take(array, last == ours.width && last != ours.n);
    ravel_signal_check(c->set, line, &ours, &theirs);
    ravel_signal_free(&theirs);
    ravel_signal_free(&ours);
}

/* A tensor of a safetensors file as an array of floats. */
static ravel_npy array_of(const ravel_tensor *tensor)
{
    ravel_npy array = {.rank = tensor->rank, .count = ravel_tensor_count(tensor)};
    array.values = calloc(array.count + 1, sizeof *array.values);
    for (int i = 0; i < tensor->rank; i++)
        array.shape[i] = (size_t)tensor->shape[i];
    for (size_t i = 0; i < array.count; i++)
        array.values[i] = ravel_tensor_get(tensor, i);
    return array;
}

/*
 * RECORDINGlayers.safetensors, a tensor a module; where the recording is there for them alone,
 * layers_input.npy, layers.safetensors.
 */
static void check_file(const ravel_case *c, const inputs *in)
{
    char name[RAVEL_SET_NAME], line[2 * RAVEL_SET_NAME];
    bool own = strcmp(c->recording, "layers_") == 0;
    ravel_safetensors st;
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    (void)snprintf(name, sizeof name, "%slayers.safetensors", own ? "" : c->recording);
    bool other = !own && ravel_set_has(c->set, "%slayers_input.npy", c->recording);
    void *file = other ? NULL : ravel_set_bytes(c->set, name, &size);
    if (!file)
        return;
    if (ravel_safetensors_parse(&st, file, size, &error)) {
        ravel_set_check(c->set, false, name, "%s", error.text);
    } else {
        for (size_t i = 0; i < st.n_entries; i++) {
            ravel_npy array = array_of(&st.entries[i].tensor);
            (void)snprintf(line, sizeof line, "%s%s", c->recording, st.entries[i].tensor.name);
            check_module(c, line, st.entries[i].tensor.name, in, &array);
        }
        ravel_safetensors_free(&st);
    }
    free(file);
}

static void check_all(const ravel_case *c)
{
    /* Arrays that are a module's output, and the module. */
    static const char *const arrays[][2] = {{"encoder_conv", "encoder"},
                                            {"encoder_transformer", "encoder_transformer"},
                                            {"backbone", "backbone"},
                                            {"head_out", "head.out"}};
    char name[RAVEL_SET_NAME];
    inputs in = make_inputs(c);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "%s%s%s", c->recording, c->form, arrays[i][0]);
        ravel_npy array = ravel_set_array(c->set, "%s", name);
        if (array.values)
            check_module(c, name, arrays[i][1], &in, &array);
    }
    if (c->form[0] == '\0')
        check_file(c, &in);
    ravel_signal_free(&in.encoder);
    ravel_signal_free(&in.decoder);
}

/* The references saw to it that single modules were run without noise. */
void ravel_check_modules(const ravel_case *c)
{
    ravel_subject quiet;
    ravel_case without = *c;
    if (ravel_subject_noises(c->subject) == 0) {
        check_all(c);
    } else if (ravel_subject_import(&quiet, c->set, "model.safetensors", "config.json",
                                    "noise=false")) {
        without.subject = &quiet;
        check_all(&without);
        ravel_subject_close(&quiet);
    }
}
