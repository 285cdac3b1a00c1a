/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"

enum { MAX_NOISES = 16 };

static void name_of(const ravel_case *c, char name[RAVEL_SET_NAME], const char *what)
{
    (void)snprintf(name, RAVEL_SET_NAME, "%s%s%s", c->recording, c->form, what);
}

static bool has(const ravel_case *c, const char *what)
{
    return ravel_set_has(c->set, "%s%s%s.npy", c->recording, c->form, what) ||
           ravel_set_has(c->set, "%s%s%s_0.npy", c->recording, c->form, what);
}

static ravel_signal load_rows(const ravel_case *c, const char *what)
{
    ravel_npy array = ravel_set_array(c->set, "%s%s%s", c->recording, c->form, what);
    return ravel_signal_take(&array, false);
}

static ravel_decisions load_decisions(const ravel_case *c, const char *what, bool time_first)
{
    char name[RAVEL_SET_NAME];
    name_of(c, name, what);
    return ravel_decisions_load(c->set, c->subject->model, name, time_first);
}

/* A line on rows of ours, cut as wide as theirs; frees ours. */
static void check_rows(const ravel_case *c, const char *what, ravel_signal ours,
                       const ravel_signal *theirs)
{
    char name[RAVEL_SET_NAME];
    name_of(c, name, what);
    ravel_signal cut = ravel_signal_cut(&ours, SIZE_MAX, theirs->width);
    ravel_signal_check(c->set, name, &cut, theirs);
    ravel_signal_free(&cut);
    ravel_signal_free(&ours);
}

/* --- The encoder ------------------------------------------------------------------------------ */

/* Our latents and those of the reference, a row a frame. */
typedef struct {
    ravel_signal ours, theirs;
} latent_pair;

/* Whose latents and margins excuse codes: a form that is another file of the plain run has its. */
static ravel_case excuse_of(const ravel_case *c)
{
    ravel_case other = *c;
    other.form = strcmp(c->form, "whole_") == 0 ? "" : c->form;
    return other;
}

/* Where the latents are of other lengths no code is excused by them. */
static void check_codes(const ravel_case *c, const char *what, const latent_pair *latents)
{
    char name[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    ravel_decisions theirs = load_decisions(c, what, c->time_first);
    const ravel_case excuse = excuse_of(c);
    ravel_decisions margin = load_decisions(&excuse, "margin", false);
    ravel_codes codes = ravel_decisions_codes(&theirs), ours = {0};
    bool aligned =
        latents->ours.n == latents->theirs.n && latents->ours.n == (size_t)codes.n_frames;
    ravel_decision_check check = {.ours = &ours,
                                  .theirs = &codes,
                                  .margin = margin.values && aligned ? &margin : NULL,
                                  .latents = &latents->ours,
                                  .reference = &latents->theirs};
    name_of(c, name, what);
    if (theirs.values) {
        ours = ravel_run_encoder(model, &c->pcm, theirs.n_codebooks, RAVEL_IN_PIECES);
        ravel_decisions_check(c->set, name, model, &check);
    } else {
        ravel_set_check(c->set, false, name, "does not fit to %d codebooks",
                        model->info.n_codebooks);
    }
    ravel_codes_free(&ours);
    ravel_codes_free(&codes);
    ravel_decisions_free(&margin);
    ravel_decisions_free(&theirs);
}

/* WHAT of "PREFIXcodes_nqN.npy" for the next N that has one, from *n on; false after the last. */
static bool next_fewer(const ravel_case *c, const char *array, int *n, char what[RAVEL_SET_NAME])
{
    for (; *n <= c->subject->model->info.n_codebooks; (*n)++) {
        (void)snprintf(what, RAVEL_SET_NAME, "%s_nq%d", array, *n);
        if (has(c, what))
            return true;
    }
    return false;
}

static void check_encoder(const ravel_case *c)
{
    char what[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    latent_pair latents = {.ours = ravel_run_latents(model, &c->pcm, RAVEL_AT_ONCE)};
    const ravel_case excuse = excuse_of(c);
    ravel_signal reference = load_rows(&excuse, "latent");
    latents.theirs = ravel_signal_cut(&reference, SIZE_MAX, latents.ours.width);
    if (has(c, "latent"))
        check_rows(c, "latent", ravel_signal_cut(&latents.ours, SIZE_MAX, latents.ours.width),
                   &reference);
    ravel_signal_free(&reference);
    if (has(c, "codes"))
        check_codes(c, "codes", &latents);
    for (int n = 1; next_fewer(c, "codes", &n, what); n++)
        check_codes(c, what, &latents);
    ravel_signal_free(&latents.ours);
    ravel_signal_free(&latents.theirs);
}

/* --- The decoder ------------------------------------------------------------------------------ */

/* Samples of a model from the reference's codes. */
static void check_output(const ravel_case *c, const char *what, const ravel_model *model,
                         const ravel_codes *codes)
{
    ravel_signal theirs = load_rows(c, what);
    check_rows(c, what, ravel_run_decoder(model, codes, RAVEL_IN_PIECES), &theirs);
    ravel_signal_free(&theirs);
}

/* The arrays noise_0 ... of the recording, each [1, n]; how many there are. */
static int load_noise(const ravel_case *c, ravel_signal noise[MAX_NOISES])
{
    int n = 0;
    while (n < MAX_NOISES && ravel_set_has(c->set, "%snoise_%d.npy", c->recording, n)) {
        ravel_npy array = ravel_set_array(c->set, "%snoise_%d", c->recording, n);
        noise[n++] = ravel_signal_take(&array, false);
    }
    return n;
}

/* `output` of a model that adds noise, by that which the reference drew, and without any. */
static void check_noisy_output(const ravel_case *c, const ravel_codes *codes)
{
    ravel_signal noise[MAX_NOISES];
    ravel_subject other;
    int n = load_noise(c, noise);
    if (has(c, "output") && ravel_subject_with_noise(&other, c->set, c->subject, noise, n)) {
        check_output(c, "output", other.model, codes);
        ravel_subject_close(&other);
    }
    if (has(c, "output_nonoise") &&
        ravel_subject_import(&other, c->set, "model.safetensors", "config.json", "noise=false")) {
        check_output(c, "output_nonoise", other.model, codes);
        ravel_subject_close(&other);
    }
    for (int i = 0; i < n; i++)
        ravel_signal_free(&noise[i]);
}

static void check_fewer_outputs(const ravel_case *c)
{
    char what[RAVEL_SET_NAME], output[RAVEL_SET_NAME];
    for (int n = 1; next_fewer(c, "codes", &n, what); n++) {
        (void)snprintf(output, sizeof output, "output_nq%d", n);
        ravel_decisions given = load_decisions(c, what, c->time_first);
        ravel_codes codes = ravel_decisions_codes(&given);
        if (given.values && has(c, output))
            check_output(c, output, c->subject->model, &codes);
        ravel_codes_free(&codes);
        ravel_decisions_free(&given);
    }
}

/* Decoding, in this form of the model, codes that the plain form made. */
static void check_foreign_output(const ravel_case *c)
{
    ravel_case plain = *c;
    plain.form = "";
    ravel_decisions given = load_decisions(&plain, "codes", c->time_first);
    ravel_codes codes = ravel_decisions_codes(&given);
    if (given.values)
        check_output(c, "output_from_codes", c->subject->model, &codes);
    ravel_codes_free(&codes);
    ravel_decisions_free(&given);
}

/* What the reference's codes give. */
static void check_decoder(const ravel_case *c)
{
    ravel_decisions given = load_decisions(c, "codes", c->time_first);
    ravel_codes codes = ravel_decisions_codes(&given);
    if (given.values && has(c, "quantized")) {
        ravel_signal theirs = load_rows(c, "quantized");
        check_rows(c, "quantized", ravel_run_dequantize(c->subject->model, &codes), &theirs);
        ravel_signal_free(&theirs);
    }
    if (given.values && ravel_subject_noises(c->subject) > 0)
        check_noisy_output(c, &codes);
    else if (given.values && has(c, "output"))
        check_output(c, "output", c->subject->model, &codes);
    if (given.values)
        ravel_check_ecdc(c, &codes);
    ravel_codes_free(&codes);
    ravel_decisions_free(&given);
    check_fewer_outputs(c);
    if (has(c, "output_from_codes"))
        check_foreign_output(c);
}

void ravel_check_arrays(const ravel_case *c)
{
    if (ravel_set_has(c->set, "%s%scodes_seg0.npy", c->recording, c->form))
        return;
    if (c->subject->model->encoder) {
        check_encoder(c);
        ravel_check_projections(c);
    }
    check_decoder(c);
}
