/* SPDX-License-Identifier: BSD-3-Clause */
/* What the stages of a residual quantiser search in, where each projects what is left to it. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"

enum { NAME = 200 };

/* The tensor NODE.SUFFIX of the model; NULL where there is none. */
static const ravel_tensor *tensor_of(const ravel_case *c, const cJSON *node, const char *suffix)
{
    char name[NAME];
    const char *prefix = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "name"));
    (void)snprintf(name, sizeof name, "%s.%s", prefix ? prefix : "", suffix);
    const ravel_entry *entry = ravel_safetensors_find(&c->subject->st, name);
    return entry ? &entry->tensor : NULL;
}

/* y [n][to->width] from column `first` on: weight x + bias. return    columns; 0 where they do not fit */
static size_t project(const ravel_tensor *weight, const ravel_tensor *bias, const ravel_signal *x,
                      ravel_signal *y, size_t first)
{
    size_t n_out = weight ? (size_t)weight->shape[0] : 0;
    if (n_out == 0 || (size_t)weight->shape[1] != x->width || first + n_out > y->width)
        return 0;
    for (size_t t = 0; t < x->n; t++) {
        for (size_t o = 0; o < n_out; o++) {
            double sum = bias ? (double)ravel_tensor_get(bias, o) : 0.0;
            for (size_t i = 0; i < x->width; i++)
                sum += (double)ravel_tensor_get(weight, o * x->width + i) *
                       (double)x->values[t * x->width + i];
            y->values[t * y->width + first + o] = (float)sum;
        }
    }
    return n_out;
}

/* The latents less what the first k codebooks of the reference say. */
static ravel_signal left_over(const ravel_case *c, const ravel_signal *latents,
                              const ravel_codes *codes, int k)
{
    ravel_codes first = {codes->n_frames, codes->per_frame, k, codes->codes};
    ravel_signal rest = ravel_signal_cut(latents, latents->n, latents->width);
    if (k == 0)
        return rest;
    ravel_signal said = ravel_run_dequantize(c->subject->model, &first);
    for (size_t i = 0; i < rest.n * rest.width && said.n == rest.n; i++)
        rest.values[i] -= said.values[i];
    ravel_signal_free(&said);
    return rest;
}

/* All stages side by side, as wide as theirs; rows are missing where the quantiser is another. */
static ravel_signal project_all(const ravel_case *c, const ravel_signal *latents,
                                const ravel_codes *codes, size_t width)
{
    const cJSON *quantizer = cJSON_GetObjectItemCaseSensitive(c->subject->graph, "quantizer");
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(quantizer, "stages");
    ravel_signal all = ravel_signal_new(latents->n, width);
    size_t at = 0;
    for (int k = 0; k < codes->n_codebooks; k++) {
        const cJSON *node = cJSON_GetArrayItem(stages, k);
        ravel_signal x = left_over(c, latents, codes, k);
        at += project(tensor_of(c, node, "in_proj.weight"), tensor_of(c, node, "in_proj.bias"), &x,
                      &all, at);
        ravel_signal_free(&x);
    }
    all.n = at == width ? all.n : 0;
    return all;
}

void ravel_check_projections(const ravel_case *c)
{
    char name[RAVEL_SET_NAME], array[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    (void)snprintf(array, sizeof array, "%s%sproj_latents", c->recording, c->form);
    ravel_npy read = ravel_set_array(c->set, "%s", array);
    ravel_signal theirs = ravel_signal_take(&read, false);
    if (!theirs.values)
        return;
    (void)snprintf(name, sizeof name, "%s%scodes", c->recording, c->form);
    ravel_decisions given = ravel_decisions_load(c->set, model, name, c->time_first);
    ravel_codes codes = ravel_decisions_codes(&given);
    ravel_signal latents = ravel_run_latents(model, &c->pcm, RAVEL_AT_ONCE);
    ravel_signal ours = project_all(c, &latents, &codes, theirs.width);
    ravel_signal_check(c->set, array, &ours, &theirs);
    ravel_signal_free(&ours);
    ravel_signal_free(&latents);
    ravel_signal_free(&theirs);
    ravel_codes_free(&codes);
    ravel_decisions_free(&given);
}
