/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance/subject.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/import.h"
#include "codec/model_write.h"

enum { MAX_NOISES = 16, NODE_NAME = 160 };

/* Opens subject->file; on failure the error is told as WHAT. */
static bool open_file(ravel_subject *subject, ravel_set *set, const char *what)
{
    ravel_error error = {RAVEL_OK, ""};
    subject->model = ravel_model_open_memory(subject->file, subject->size, &error);
    if (!subject->model ||
        ravel_safetensors_parse(&subject->st, subject->file, subject->size, &error) != RAVEL_OK) {
        ravel_set_check(set, false, what, "%s", error.text);
        ravel_subject_close(subject);
        return false;
    }
    subject->graph = cJSON_Parse(ravel_safetensors_metadata(&subject->st, "ravel"));
    return true;
}

bool ravel_subject_import(ravel_subject *subject, ravel_set *set, const char *weights,
                          const char *config, const char *setting)
{
    char what[RAVEL_SET_NAME];
    ravel_error error = {RAVEL_OK, "cannot be read"};
    ravel_import_source source = {.settings = &setting, .n_settings = setting != NULL};
    void *checkpoint = ravel_set_bytes(set, weights, &source.weights_size);
    void *text = ravel_set_bytes(set, config, &source.config_size);
    *subject = (ravel_subject){0};
    (void)snprintf(what, sizeof what, "import %s", setting ? setting : weights);
    source.weights = checkpoint;
    source.config = text;
    bool good = checkpoint &&
                ravel_import(NULL, &source, &subject->file, &subject->size, &error) == RAVEL_OK;
    if (!good)
        ravel_set_check(set, false, what, "%s", error.text);
    free(text);
    free(checkpoint);
    return good && open_file(subject, set, what);
}

void ravel_subject_close(ravel_subject *subject)
{
    ravel_model_free(subject->model);
    cJSON_Delete(subject->graph);
    ravel_safetensors_free(&subject->st);
    free(subject->file);
    *subject = (ravel_subject){0};
}

const char *ravel_subject_quantizer(const ravel_subject *subject)
{
    const cJSON *quantizer = cJSON_GetObjectItemCaseSensitive(subject->graph, "quantizer");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(quantizer, "type"));
}

/* Collects the names of the noise nodes below a node, in order; how many there are. */
static int find_noises(const cJSON *node, const char *names[MAX_NOISES], int n)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "type"));
    const cJSON *child;
    if (type && strcmp(type, "noise") == 0 && n < MAX_NOISES)
        names[n++] = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "name"));
    cJSON_ArrayForEach(child, node) n = find_noises(child, names, n);
    return n;
}

int ravel_subject_noises(const ravel_subject *subject)
{
    const char *names[MAX_NOISES];
    return find_noises(cJSON_GetObjectItemCaseSensitive(subject->graph, "decoder"), names, 0);
}

/* The tensors of a model, and behind them NAME.values of each noise; free() them. */
static ravel_tensor *add_values(const ravel_subject *plain, const ravel_signal *noise,
                                char (*names)[NODE_NAME], int n)
{
    size_t n_tensors = plain->st.n_entries;
    ravel_tensor *tensors = calloc(n_tensors + (size_t)n + 1, sizeof *tensors);
    for (size_t i = 0; i < n_tensors; i++)
        tensors[i] = plain->st.entries[i].tensor;
    for (int i = 0; i < n; i++)
        tensors[n_tensors + (size_t)i] = (ravel_tensor){.name = names[i],
                                                        .data = noise[i].values,
                                                        .dtype = RAVEL_F32,
                                                        .rank = 1,
                                                        .shape = {(int32_t)noise[i].n}};
    return tensors;
}

bool ravel_subject_with_noise(ravel_subject *subject, ravel_set *set, const ravel_subject *plain,
                              const ravel_signal *noise, int n)
{
    const char *names[MAX_NOISES];
    char values[MAX_NOISES][NODE_NAME];
    ravel_error error = {RAVEL_OK, ""};
    cJSON *graph = cJSON_Duplicate(plain->graph, true);
    int found = find_noises(cJSON_GetObjectItemCaseSensitive(graph, "decoder"), names, 0);
    *subject = (ravel_subject){0};
    if (found == n) {
        for (int i = 0; i < n; i++)
            (void)snprintf(values[i], NODE_NAME, "%s.values", names[i]);
        ravel_tensor *tensors = add_values(plain, noise, values, n);
        cJSON_DeleteItemFromObject(graph, "sha256");
        (void)ravel_model_write(graph, tensors, plain->st.n_entries + (size_t)n, &subject->file,
                                &subject->size, &error);
        free(tensors);
    } else {
        ravel_set_check(set, false, "noise", "%d arrays for %d noise nodes", n, found);
    }
    cJSON_Delete(graph);
    return found == n && open_file(subject, set, "noise of the vectors");
}
