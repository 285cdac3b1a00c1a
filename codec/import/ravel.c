/* SPDX-License-Identifier: BSD-3-Clause */
/* Models of Ravel itself: what was imported, or trained, comes again, to be made narrower. */
#include <stdlib.h>
#include <string.h>

#include "codec/graph/node.h"
#include "codec/import/draft.h"
#include "codec/model.h"
#include "codec/model_write.h"
#include "codec/sha256.h"

bool ravel_import_is_ravel(const ravel_draft *draft)
{
    return ravel_safetensors_metadata(&draft->st, "ravel") != NULL;
}

/* Opening it checks it, and marks which tensor is whose. */
static void check(ravel_draft *draft)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    ravel_model *model =
        kernels ? ravel_model_open_parsed(kernels, &draft->st, draft->graph, draft->error) : NULL;
    if (!kernels)
        (void)ravel_error_set(draft->error, RAVEL_ERR_CPU, "%s", ravel_strerror(RAVEL_ERR_CPU));
    draft->failed = !model;
    ravel_model_free(model);
}

void ravel_import_ravel(ravel_draft *draft)
{
    draft->graph = ravel_model_parse_graph(&draft->st, draft->error);
    draft->failed = !draft->graph;
    if (!draft->failed)
        check(draft);
    for (size_t i = 0; i < draft->st.n_entries; i++) {
        const ravel_tensor *tensor = &draft->st.entries[i].tensor;
        ravel_draft_add(draft, tensor->name, tensor);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(draft->graph, "sha256"); /* the writer's to say */
}

/* --- Tables and priors of a tokenizer that has changed ------------------------------------------ */

/* Moves the tensors that only tell codes in advance behind the others. return    how many others */
static size_t put_codec_first(ravel_draft *draft)
{
    size_t n = 0;
    for (size_t i = 0; i < draft->n_tensors; i++) {
        const ravel_tensor tensor = draft->tensors[i];
        const ravel_entry *entry = ravel_safetensors_find(&draft->st, tensor.name);
        if (entry && entry->parts == RAVEL_PART_PRIOR)
            continue;
        draft->tensors[i] = draft->tensors[n];
        draft->tensors[n++] = tensor;
    }
    return n;
}

/* The identity that the codec has by itself: that of a model of nothing else. */
static void find_identity(ravel_draft *draft, char identity[RAVEL_SHA256_HEX])
{
    void *file;
    size_t size, n = put_codec_first(draft);
    int status = ravel_model_write(draft->graph, draft->tensors, n, &file, &size, draft->error);
    ravel_model *model = status ? NULL : ravel_model_open_memory(file, size, draft->error);
    draft->failed = !model;
    if (model)
        ravel_sha256_hex(ravel_model_get_info(model)->tokenizer_identity, identity);
    ravel_model_free(model);
    free(file);
    cJSON_DeleteItemFromObjectCaseSensitive(draft->graph, "sha256");
}

void ravel_draft_retarget(ravel_draft *draft)
{
    static const char *const keys[] = {"tables", "prior"};
    char identity[RAVEL_SHA256_HEX];
    cJSON *parts[2] = {NULL};
    for (int i = 0; i < 2 && !draft->failed; i++)
        parts[i] = cJSON_DetachItemFromObjectCaseSensitive(draft->graph, keys[i]);
    if (parts[0] || parts[1])
        find_identity(draft, identity);
    for (int i = 0; i < 2; i++) {
        if (!parts[i])
            continue;
        cJSON *name = cJSON_CreateString(draft->failed ? "" : identity);
        if (!cJSON_ReplaceItemInObjectCaseSensitive(parts[i], "tokenizer", name))
            cJSON_Delete(name);
        ravel_draft_child(draft, draft->graph, keys[i], parts[i]);
    }
}
