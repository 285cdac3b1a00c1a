/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance/decisions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ravel_decisions_free(ravel_decisions *decisions)
{
    free(decisions->values);
    *decisions = (ravel_decisions){0};
}

ravel_codes ravel_decisions_codes(const ravel_decisions *d)
{
    ravel_codes codes = {d->n_frames, d->per_frame, d->n_codebooks, NULL};
    size_t n = (size_t)d->n_frames * (size_t)d->per_frame;
    codes.codes = calloc(n + 1, sizeof *codes.codes);
    for (size_t i = 0; i < n; i++)
        codes.codes[i] = (uint16_t)d->values[i];
    return codes;
}

/* --- Arrays ----------------------------------------------------------------------------------- */

/* Makes room for n_codebooks of the model in as many frames as one of them has steps for. */
static ravel_decisions empty(const ravel_model *model, int n_codebooks, size_t steps)
{
    ravel_decisions d = {.n_codebooks = n_codebooks};
    if (n_codebooks < 1 || n_codebooks > model->info.n_codebooks)
        return (ravel_decisions){0};
    d.per_frame = ravel_model_codes_per_frame(model, n_codebooks);
    d.n_frames = (int)steps / model->info.steps_per_frame[0];
    d.values = calloc((size_t)d.n_frames * (size_t)d.per_frame + 1, sizeof *d.values);
    return d;
}

/* Codebook k of the decisions from an array, whose steps are `stride` values apart. */
static void fill(ravel_decisions *d, const ravel_model *model, int k, const float *values,
                 size_t stride)
{
    int steps = model->info.steps_per_frame[k];
    int first = k ? ravel_model_codes_per_frame(model, k) : 0;
    for (int t = 0; t < d->n_frames; t++)
        for (int j = 0; j < steps; j++)
            d->values[t * d->per_frame + first + j] = values[(size_t)(t * steps + j) * stride];
}

/* NAME_0.npy, NAME_1.npy ...; all of them must have the steps of as many frames. */
static ravel_decisions load_apart(ravel_set *set, const ravel_model *model, const char *name)
{
    ravel_decisions d = {0};
    int n = 0;
    while (ravel_set_has(set, "%s_%d.npy", name, n))
        n++;
    for (int k = 0; k < n; k++) {
        ravel_npy array = ravel_set_array(set, "%s_%d", name, k);
        if (k == 0)
            d = empty(model, n, array.count);
        if (d.values && array.count == (size_t)d.n_frames * (size_t)model->info.steps_per_frame[k])
            fill(&d, model, k, array.values, 1);
        else
            ravel_decisions_free(&d);
        ravel_npy_free(&array);
    }
    return d;
}

ravel_decisions ravel_decisions_load(ravel_set *set, const ravel_model *model, const char *name,
                                     bool time_first)
{
    if (ravel_set_has(set, "%s_0.npy", name))
        return load_apart(set, model, name);
    ravel_npy array = ravel_set_array(set, "%s", name);
    if (!array.values)
        return (ravel_decisions){0};
    size_t last = array.shape[array.rank - 1], other = array.count / (last ? last : 1);
    size_t steps = time_first ? other : last, n = time_first ? last : other;
    ravel_decisions d = empty(model, (int)n, steps);
    for (int k = 0; k < d.n_codebooks; k++)
        fill(&d, model, k, array.values + (size_t)k * (time_first ? 1 : steps), time_first ? n : 1);
    ravel_npy_free(&array);
    return d;
}

/* --- Comparison ------------------------------------------------------------------------------- */

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - (b ? (double)b[i] : 0.0);
        sum += d * d;
    }
    return sqrt(sum);
}

/*
 * What margin of a decision an error of the latents can turn. Where x moves by e, the squared
 * distances to two codewords a and b move apart by 2 e . (a - b), at most 2 |e| (d1 + d2) with d1
 * and d2 the distances; relative to d2^2, and with d1 near d2, that is 4 |e| / d2. d2 is what the
 * decision leaves of x, nearly. To the error of the latents come a few roundings of x itself in
 * the search; and a quantiser may project x, so that the bound is doubled.
 */
static double excusable(const ravel_decision_check *check, const ravel_signal *stands_for, size_t t)
{
    size_t dim = check->reference->width;
    const float *x = check->reference->values + t * dim;
    double error = distance(x, check->latents->values + t * dim, dim);
    double rounding = 4.0 * 0x1p-24 * distance(x, NULL, dim);
    double left = distance(x, stands_for->values + t * dim, dim);
    double bound = 8.0 * (error + rounding) / left;
    return bound < 1e-3 ? bound : 1e-3;
}

typedef struct {
    int different, excused;
    bool turned; /* an excused code in this frame: those after it quantise something else */
} tally;

/* The codes of codebook k in frame t; `first` is where they begin. */
static void count(const ravel_decision_check *check, int t, int first, int steps, double bound,
                  tally *sum)
{
    bool turned = false;
    for (int i = first; i < first + steps; i++) {
        int at = t * check->theirs->per_frame + i;
        if (check->ours->codes[at] == check->theirs->codes[at])
            continue;
        bool near = check->margin &&
                    (double)check->margin->values[t * check->margin->per_frame + i] < bound;
        sum->different++;
        sum->excused += near || sum->turned;
        turned = turned || near;
    }
    sum->turned = sum->turned || turned;
}

static tally compare(const ravel_model *model, const ravel_decision_check *check)
{
    tally sum = {0};
    const ravel_codes *theirs = check->theirs;
    bool *turned = calloc((size_t)theirs->n_frames + 1, sizeof *turned);
    for (int k = 0, first = 0; k < theirs->n_codebooks; k++) {
        int steps = model->info.steps_per_frame[k];
        ravel_codes prefix = {theirs->n_frames, theirs->per_frame, k + 1, theirs->codes};
        ravel_signal stands_for = ravel_run_dequantize(model, &prefix);
        for (int t = 0; t < theirs->n_frames; t++) {
            sum.turned = turned[t];
            count(check, t, first, steps,
                  check->margin ? excusable(check, &stands_for, (size_t)t) : 0.0, &sum);
            turned[t] = sum.turned;
        }
        ravel_signal_free(&stands_for);
        first += steps;
    }
    free(turned);
    return sum;
}

static bool same_shape(const ravel_decision_check *check)
{
    const ravel_decisions *margin = check->margin;
    return check->ours->n_frames == check->theirs->n_frames &&
           check->ours->per_frame == check->theirs->per_frame &&
           (!margin || (margin->n_frames == check->theirs->n_frames &&
                        margin->per_frame >= check->theirs->per_frame));
}

void ravel_decisions_check(ravel_set *set, const char *what, const ravel_model *model,
                           const ravel_decision_check *check)
{
    if (!same_shape(check)) {
        ravel_set_check(set, false, what, "%d frames of %d, not %d of %d", check->ours->n_frames,
                        check->ours->per_frame, check->theirs->n_frames, check->theirs->per_frame);
        return;
    }
    tally sum = compare(model, check);
    int n = check->theirs->n_frames * check->theirs->per_frame;
    set->n_excused += sum.excused;
    ravel_set_check(set, n > 0 && sum.different == sum.excused, what,
                    "%d codes, %d differ, %d of them excused", n, sum.different, sum.excused);
}
