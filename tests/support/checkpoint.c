/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/checkpoint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/safetensors.h"
#include "tests/support/random.h"
#include "tests/support/small_checkpoints.h"

enum { NAME = RAVEL_CHECKPOINT_NAME };

ravel_checkpoint *ravel_checkpoint_new(ravel_norm_spelling how)
{
    ravel_checkpoint *c = calloc(1, sizeof *c);
    c->how = how;
    return c;
}

void ravel_checkpoint_free(ravel_checkpoint *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->data[i]);
    free(c);
}

ravel_checkpoint *ravel_checkpoint_small(const char *small)
{
    int i = 0;
    size_t size;
    ravel_safetensors st;
    while (strcmp(ravel_small_name(i), small) != 0)
        i++;
    void *file = ravel_small_checkpoint(i, &size);
    ravel_checkpoint *c = ravel_checkpoint_new(RAVEL_OLD_NORM);
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, NULL), 0);
    for (size_t k = 0; k < st.n_entries; k++) {
        const ravel_tensor *tensor = &st.entries[k].tensor;
        float *values = ravel_checkpoint_add(c, tensor->name, tensor->shape[0],
                                             tensor->rank > 1 ? tensor->shape[1] : 0,
                                             tensor->rank > 2 ? tensor->shape[2] : 0);
        memcpy(values, tensor->data, ravel_tensor_count(tensor) * sizeof *values);
    }
    ravel_safetensors_free(&st);
    free(file);
    return c;
}

float *ravel_checkpoint_add(ravel_checkpoint *c, const char *name, int a, int b, int k)
{
    cr_assert_lt(c->n, RAVEL_CHECKPOINT_TENSORS);
    ravel_tensor *tensor = &c->tensors[c->n];
    const int shape[3] = {a, b, k};
    (void)snprintf(c->names[c->n], NAME, "%s", name);
    *tensor = (ravel_tensor){.name = c->names[c->n], .dtype = RAVEL_F32};
    while (tensor->rank < 3 && shape[tensor->rank] > 0) {
        tensor->shape[tensor->rank] = shape[tensor->rank];
        tensor->rank++;
    }
    size_t n = ravel_tensor_count(tensor);
    c->data[c->n] = malloc(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        c->data[c->n][i] = ravel_random_float(&c->seed);
    tensor->data = c->data[c->n];
    return c->data[c->n++];
}

void ravel_checkpoint_add_conv(ravel_checkpoint *c, const char *prefix, int a, int b, int k,
                               int n_out)
{
    static const char *const suffixes[3][2] = {
        {"weight_g", "weight_v"},
        {"parametrizations.weight.original0", "parametrizations.weight.original1"},
        {NULL, "weight"}};
    char name[NAME];
    (void)snprintf(name, sizeof name, "%s.%s", prefix, suffixes[c->how][1]);
    float *v = ravel_checkpoint_add(c, name, a, b, k);
    memset(v, 0, (size_t)(a * b * k) * sizeof *v);
    for (int row = 0; row < a; row++)
        v[row * b * k + row % (b * k)] = c->how == RAVEL_FOLDED ? 0.75f : 2.0f;
    if (c->how != RAVEL_FOLDED) {
        (void)snprintf(name, sizeof name, "%s.%s", prefix, suffixes[c->how][0]);
        float *g = ravel_checkpoint_add(c, name, a, 1, 1);
        for (int row = 0; row < a; row++)
            g[row] = 0.75f;
    }
    c->seed = 1; /* of equal biases in all spellings */
    (void)snprintf(name, sizeof name, "%s.bias", prefix);
    ravel_checkpoint_add(c, name, n_out, 0, 0);
}

void ravel_checkpoint_leave_out(ravel_checkpoint *c, const char *word)
{
    for (size_t i = c->n; i-- > 0;) {
        if (!strstr(c->names[i], word))
            continue;
        free(c->data[i]);
        c->n--;
        c->tensors[i] = c->tensors[c->n];
        c->data[i] = c->data[c->n];
        memcpy(c->names[i], c->names[c->n], NAME);
        c->tensors[i].name = c->names[i];
    }
}

void ravel_checkpoint_rename(ravel_checkpoint *c, const char *from, const char *to)
{
    for (size_t i = 0; i < c->n; i++) {
        char renamed[NAME];
        const char *at = strstr(c->names[i], from);
        if (!at)
            continue;
        (void)snprintf(renamed, NAME, "%.*s%s%s", (int)(at - c->names[i]), c->names[i], to,
                       at + strlen(from));
        memcpy(c->names[i], renamed, NAME);
    }
}

void *ravel_checkpoint_file(const ravel_checkpoint *c, size_t *size)
{
    char *header;
    ravel_tensor tensors[RAVEL_CHECKPOINT_TENSORS];
    memcpy(tensors, c->tensors, sizeof tensors);
    size_t data_size = ravel_safetensors_data_size(tensors, c->n);
    char *data = malloc(data_size);
    ravel_safetensors_write_data(tensors, c->n, data);
    size_t header_size = ravel_safetensors_header(tensors, c->n, "format", "pt", &header);
    char *file = malloc(header_size + data_size);
    memcpy(file, header, header_size);
    memcpy(file + header_size, data, data_size);
    free(header);
    free(data);
    *size = header_size + data_size;
    return file;
}

int ravel_checkpoint_import(const ravel_checkpoint *c, const char *config,
                            const char *const *settings, int n_settings, void **model, size_t *size,
                            ravel_error *error)
{
    ravel_import_source source = {.config = config, .config_size = config ? strlen(config) : 0};
    source.settings = settings;
    source.n_settings = n_settings;
    void *file = ravel_checkpoint_file(c, &source.weights_size);
    source.weights = file;
    int status = ravel_import(NULL, &source, model, size, error);
    free(file);
    return status;
}

void *ravel_checkpoint_imported(ravel_checkpoint *c, const char *config, size_t *size)
{
    ravel_error error = {RAVEL_OK, ""};
    void *file;
    int status = ravel_checkpoint_import(c, config, NULL, 0, &file, size, &error);
    cr_assert_eq(status, 0, "%s", error.text);
    ravel_checkpoint_free(c);
    return file;
}

ravel_model *ravel_checkpoint_opened(ravel_checkpoint *c, const char *config)
{
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    void *file = ravel_checkpoint_imported(c, config, &size);
    ravel_model *model = ravel_model_open_memory(file, size, &error);
    cr_assert_not_null(model, "%s", error.text);
    free(file);
    return model;
}

void ravel_checkpoint_expect_equal(void *a, size_t a_size, void *b, size_t b_size)
{
    cr_expect(a_size == b_size && memcmp(a, b, a_size) == 0);
    free(a);
    free(b);
}

void ravel_checkpoint_refused(const ravel_checkpoint *c, const char *config, const char *word)
{
    ravel_error error = {RAVEL_OK, ""};
    void *model;
    size_t size;
    int status = ravel_checkpoint_import(c, config, NULL, 0, &model, &size, &error);
    cr_expect_lt(status, 0, "accepted, but should name '%s'", word);
    cr_expect_null(model);
    cr_expect_not_null(strstr(error.text, word), "'%s' is not in '%s'", word, error.text);
}

void ravel_checkpoint_refused_without(ravel_checkpoint *c, size_t i, const char *config,
                                      const char *word)
{
    const ravel_tensor kept = c->tensors[i];
    c->tensors[i] = c->tensors[--c->n];
    ravel_checkpoint_refused(c, config, word);
    c->tensors[c->n++] = c->tensors[i];
    c->tensors[i] = kept;
}

void ravel_checkpoint_refused_with(ravel_checkpoint *c, const char *name, const int shape[3],
                                   const char *config, const char *word)
{
    ravel_checkpoint_leave_out(c, name);
    ravel_checkpoint_add(c, name, shape[0], shape[1], shape[2]);
    ravel_checkpoint_refused(c, config, word);
    ravel_checkpoint_free(c);
}
