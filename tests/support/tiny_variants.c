/* SPDX-License-Identifier: BSD-3-Clause */
/* Small models with another graph and the same weights (tiny_model.h). */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/model_write.h"
#include "codec/safetensors.h"
#include "tests/support/tiny_model.h"

/* The model file of that kind, its graph changed; tensors that no node names any longer are left out. */
static void *changed(ravel_tiny_kind kind, void (*change)(cJSON *graph), const char *unused,
                     size_t *size)
{
    ravel_safetensors st;
    ravel_tensor tensors[100];
    size_t n = 0;
    void *whole = ravel_test_model(kind, size), *file = NULL;
    if (ravel_safetensors_parse(&st, whole, *size, NULL))
        abort();
    cJSON *graph = cJSON_Parse(ravel_safetensors_metadata(&st, "ravel"));
    cJSON_DeleteItemFromObject(graph, "sha256");
    change(graph);
    for (size_t i = 0; i < st.n_entries && n < 100; i++)
        if (strncmp(st.entries[i].tensor.name, unused, strlen(unused)) != 0)
            tensors[n++] = st.entries[i].tensor;
    (void)ravel_model_write(graph, tensors, n, &file, size, NULL);
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    free(whole);
    return file;
}

static void take_encoder_away(cJSON *graph)
{
    cJSON_DeleteItemFromObject(graph, "encoder");
}

void *ravel_test_decoder(size_t *size)
{
    return changed(RAVEL_TINY_EARLY, take_encoder_away, "e.", size);
}

static void lengthen_pieces(cJSON *graph)
{
    cJSON *encoder = cJSON_GetObjectItemCaseSensitive(graph, "encoder");
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(encoder, "rows"), 18000);
}

void *ravel_test_late(size_t *size)
{
    return changed(RAVEL_TINY_WHOLE, lengthen_pieces, "none", size);
}
