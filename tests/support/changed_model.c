/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/changed_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "codec/model_write.h"
#include "codec/safetensors.h"

ravel_model *ravel_test_changed(ravel_tiny_kind kind, ravel_test_change *change, ravel_error *error)
{
    size_t size, n = 0;
    void *file = ravel_test_model(kind, &size), *changed;
    ravel_safetensors st;
    ravel_tensor tensors[200];
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, NULL), 0);
    cJSON *graph = cJSON_Parse(ravel_safetensors_metadata(&st, "ravel"));
    cJSON_DeleteItemFromObject(graph, "sha256");
    change(graph);
    for (; n < st.n_entries; n++)
        tensors[n] = st.entries[n].tensor;
    cr_assert_eq(ravel_model_write(graph, tensors, n, &changed, &size, NULL), 0);
    ravel_model *model = ravel_model_open_memory(changed, size, error);
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    free(file);
    free(changed);
    return model;
}

cJSON *ravel_test_node(cJSON *graph, const char *part, int i)
{
    return cJSON_GetArrayItem(cJSON_GetObjectItem(graph, part), i);
}

void ravel_test_set_number(cJSON *object, const char *key, double value)
{
    cJSON_DeleteItemFromObject(object, key);
    cJSON_AddNumberToObject(object, key, value);
}

void ravel_test_set_string(cJSON *object, const char *key, const char *value)
{
    cJSON_DeleteItemFromObject(object, key);
    cJSON_AddStringToObject(object, key, value);
}
