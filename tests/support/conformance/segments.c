/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A codec whose frames are segments with a level of their own: the arrays of segment K end in
 * "_segK". In Ravel a frame is a segment: a row holds the latents of its steps, then how many there
 * are, then the level; its codes begin with those of the two numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"

enum { HEAD = 3 }; /* codebooks of the two numbers */

typedef struct {
    const ravel_case *c;
    int n;                   /* segments */
    int n_codebooks;         /* without the head */
    ravel_codes codes;       /* of the reference */
    ravel_decisions margins; /* the same shape, 1 where there is no decision */
    ravel_signal latents;    /* of the reference, a row a segment */
} segments;

static void name_of(const ravel_case *c, char name[RAVEL_SET_NAME], const char *what, int k)
{
    (void)snprintf(name, RAVEL_SET_NAME, "%s%s_seg%d", c->recording, what, k);
}

static ravel_npy load(const ravel_case *c, const char *what, int k)
{
    char name[RAVEL_SET_NAME];
    name_of(c, name, what, k);
    return ravel_set_array(c->set, "%s", name);
}

/* A line on an array of segment k; frees both. */
static void check(const ravel_case *c, const char *what, int k, ravel_signal ours,
                  ravel_signal theirs)
{
    char name[RAVEL_SET_NAME];
    name_of(c, name, what, k);
    ravel_signal_check(c->set, name, &ours, &theirs);
    ravel_signal_free(&ours);
    ravel_signal_free(&theirs);
}

/* Row k of [segments][...] as rows of `width` values, the first n of them. */
static ravel_signal rows_of(const ravel_signal *all, int k, size_t n, size_t width)
{
    ravel_signal one = {1, all->width, all->values + (size_t)k * all->width};
    return ravel_signal_cut(&one, n, width);
}

/* --- Arrays of the reference ------------------------------------------------------------------ */

/* Codes and margins of segment k, where they fit. */
static bool fill_codes(segments *s, int k, float level)
{
    ravel_npy codes = load(s->c, "codes", k), margin = load(s->c, "margin", k);
    size_t n_steps = codes.values ? codes.shape[codes.rank - 1] : 0;
    int room = s->c->subject->model->info.steps_per_frame[HEAD];
    bool good =
        n_steps > 0 && n_steps <= (size_t)room && codes.count == n_steps * (size_t)s->n_codebooks;
    uint16_t *frame = s->codes.codes + (size_t)k * (size_t)s->codes.per_frame;
    float *gaps = s->margins.values + (size_t)k * (size_t)s->codes.per_frame;
    uint32_t bits;
    memcpy(&bits, &level, sizeof bits);
    frame[0] = (uint16_t)n_steps;
    frame[1] = (uint16_t)(bits >> 16);
    frame[2] = (uint16_t)(bits & 0xffff);
    for (int i = 0; i < s->codes.per_frame; i++)
        gaps[i] = 1.0f;
    for (size_t i = 0; good && i < codes.count; i++) {
        size_t at = HEAD + i / n_steps * (size_t)room + i % n_steps;
        frame[at] = (uint16_t)codes.values[i];
        gaps[at] = margin.count == codes.count ? margin.values[i] : 1.0f;
    }
    ravel_npy_free(&codes);
    ravel_npy_free(&margin);
    return good;
}

/* Latents of segment k, and the two numbers behind them. */
static void fill_latents(segments *s, int k, float level)
{
    ravel_npy array = load(s->c, "latent", k);
    ravel_signal latents = ravel_signal_take(&array, false);
    float *row = s->latents.values + (size_t)k * s->latents.width;
    if (latents.n * latents.width <= s->latents.width - 2)
        memcpy(row, latents.values, latents.n * latents.width * sizeof *row);
    row[s->latents.width - 2] = (float)latents.n;
    row[s->latents.width - 1] = level;
    ravel_signal_free(&latents);
}

static bool load_segments(segments *s)
{
    const ravel_model *model = s->c->subject->model;
    ravel_npy first = load(s->c, "codes", 0);
    size_t n_steps = first.values ? first.shape[first.rank - 1] : 0;
    s->n_codebooks = n_steps ? (int)(first.count / n_steps) : 0;
    ravel_npy_free(&first);
    int n_codebooks = HEAD + s->n_codebooks;
    if (n_codebooks == HEAD || n_codebooks > model->info.n_codebooks)
        return false;
    while (ravel_set_has(s->c->set, "%scodes_seg%d.npy", s->c->recording, s->n))
        s->n++;
    s->codes =
        (ravel_codes){s->n, ravel_model_codes_per_frame(model, n_codebooks), n_codebooks, NULL};
    size_t count = (size_t)s->n * (size_t)s->codes.per_frame;
    s->codes.codes = calloc(count, sizeof *s->codes.codes);
    s->margins = (ravel_decisions){s->n, s->codes.per_frame, n_codebooks,
                                   calloc(count, sizeof *s->margins.values)};
    s->latents = ravel_signal_new((size_t)s->n, (size_t)model->info.latent_dim);
    bool good = true;
    for (int k = 0; k < s->n; k++) {
        ravel_npy scale = load(s->c, "scale", k);
        float level = scale.values ? scale.values[0] : 1.0f;
        ravel_npy_free(&scale);
        good = fill_codes(s, k, level) && good;
        fill_latents(s, k, level);
    }
    return good;
}

static void free_segments(segments *s)
{
    ravel_codes_free(&s->codes);
    ravel_decisions_free(&s->margins);
    ravel_signal_free(&s->latents);
}

/* --- Checks ----------------------------------------------------------------------------------- */

static void check_latents(const segments *s, const ravel_signal *ours)
{
    for (int k = 0; k < s->n; k++) {
        ravel_npy latents = load(s->c, "latent", k), scale = load(s->c, "scale", k);
        ravel_signal level = ravel_signal_new(1, 1), theirs = ravel_signal_take(&latents, false);
        level.values[0] = ours->values[((size_t)k + 1) * ours->width - 1];
        check(s->c, "scale", k, level, ravel_signal_take(&scale, false));
        check(s->c, "latent", k, rows_of(ours, k, theirs.n, theirs.width), theirs);
    }
}

/* The level is a float, which the lines on it compare; so its codes are taken to be right. */
static void check_codes(const segments *s, const ravel_signal *latents)
{
    char name[RAVEL_SET_NAME];
    const ravel_model *model = s->c->subject->model;
    ravel_codes ours = ravel_run_encoder(model, &s->c->pcm, s->codes.n_codebooks, RAVEL_IN_PIECES);
    for (int k = 0; k < s->n && ours.n_frames == s->n; k++)
        memcpy(s->codes.codes + (size_t)k * (size_t)ours.per_frame + 1,
               ours.codes + (size_t)k * (size_t)ours.per_frame + 1, 2 * sizeof *ours.codes);
    ravel_decision_check what = {.ours = &ours,
                                 .theirs = &s->codes,
                                 .margin = &s->margins,
                                 .latents = latents,
                                 .reference = &s->latents};
    (void)snprintf(name, sizeof name, "%scodes_seg0 ... %d", s->c->recording, s->n - 1);
    ravel_decisions_check(s->c->set, name, model, &what);
    ravel_codes_free(&ours);
}

static void check_decoder(const segments *s)
{
    const ravel_model *model = s->c->subject->model;
    ravel_signal stand_for = ravel_run_dequantize(model, &s->codes);
    for (int k = 0; k < s->n; k++) {
        ravel_npy quantized = load(s->c, "quantized", k), decoded = load(s->c, "decoded", k);
        ravel_signal theirs = ravel_signal_take(&quantized, false);
        check(s->c, "quantized", k, rows_of(&stand_for, k, theirs.n, theirs.width), theirs);
        /* One segment alone has nothing to fade into. */
        ravel_codes one = {1, s->codes.per_frame, s->codes.n_codebooks,
                           s->codes.codes + (size_t)k * (size_t)s->codes.per_frame};
        ravel_signal pcm = ravel_run_decoder(model, &one, RAVEL_IN_PIECES);
        theirs = ravel_signal_take(&decoded, false);
        theirs.n = theirs.n < pcm.n ? theirs.n : pcm.n;
        check(s->c, "decoded", k, ravel_signal_cut(&pcm, theirs.n, pcm.width), theirs);
        ravel_signal_free(&pcm);
    }
    ravel_signal_free(&stand_for);
}

/*
 * Ours is a whole number of hops, with silence behind the last segment's rows; those rows may reach
 * beyond it, but then they do beyond the end of the recording, too.
 */
static void check_output(const segments *s)
{
    char name[RAVEL_SET_NAME];
    ravel_npy array = ravel_set_array(s->c->set, "%soutput", s->c->recording);
    ravel_signal theirs = ravel_signal_take(&array, false);
    ravel_signal pcm = ravel_run_decoder(s->c->subject->model, &s->codes, RAVEL_IN_PIECES);
    if (theirs.n > pcm.n && pcm.n >= s->c->pcm.n)
        theirs.n = pcm.n;
    ravel_signal ours = ravel_signal_cut(&pcm, theirs.n, pcm.width);
    (void)snprintf(name, sizeof name, "%soutput", s->c->recording);
    ravel_signal_check(s->c->set, name, &ours, &theirs);
    ravel_signal_free(&ours);
    ravel_signal_free(&pcm);
    ravel_signal_free(&theirs);
}

void ravel_check_segments(const ravel_case *c)
{
    segments s = {.c = c};
    if (!ravel_set_has(c->set, "%scodes_seg0.npy", c->recording))
        return;
    ravel_signal latents = ravel_run_latents(c->subject->model, &c->pcm, RAVEL_AT_ONCE);
    if (load_segments(&s) && latents.n == (size_t)s.n) {
        check_latents(&s, &latents);
        check_decoder(&s);
        check_output(&s);
        ravel_check_ecdc(c, &s.codes);
        check_codes(&s, &latents);
    } else {
        ravel_set_check(c->set, false, "segments", "%zu of them, or codes of other shapes than %d",
                        latents.n, s.n);
    }
    free_segments(&s);
    ravel_signal_free(&latents);
}
