/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "codec/import/draft.h"
#include "codec/model_write.h"

static const struct {
    const char *name;
    bool (*recognise)(const ravel_draft *draft);
    void (*convert)(ravel_draft *draft);
} kinds[] = {
    /* First, as its tensors may have kept the names of another kind. */
    {"ravel", ravel_import_is_ravel, ravel_import_ravel},
    {"dac", ravel_import_is_dac, ravel_import_dac},
    {"dualcodec", ravel_import_is_dualcodec, ravel_import_dualcodec},
    {"encodec", ravel_import_is_encodec, ravel_import_encodec},
    {"focalcodec", ravel_import_is_focalcodec, ravel_import_focalcodec},
    {"hificodec", ravel_import_is_hificodec, ravel_import_hificodec},
    {"languagecodec", ravel_import_is_languagecodec, ravel_import_languagecodec},
    {"lyra", ravel_import_is_lyra, ravel_import_lyra},
    {"mimi", ravel_import_is_mimi, ravel_import_mimi},
    {"nemo", ravel_import_is_nemo, ravel_import_nemo},
    {"snac", ravel_import_is_snac, ravel_import_snac},
    {"sqcodec", ravel_import_is_sqcodec, ravel_import_sqcodec},
    {"wavtokenizer", ravel_import_is_wavtokenizer, ravel_import_wavtokenizer},
};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

const char *ravel_import_kind(int i)
{
    return i >= 0 && i < N_KINDS ? kinds[i].name : NULL;
}

static int find_kind(const ravel_draft *draft, const char *name)
{
    for (int i = 0; i < N_KINDS; i++) {
        if (name ? strcmp(name, kinds[i].name) == 0 : kinds[i].recognise(draft))
            return i;
    }
    return -1;
}

static void convert(ravel_draft *draft, const char *kind, const ravel_import_source *source)
{
    if (source->config)
        ravel_draft_read_config(draft, source->config, source->config_size);
    if (!draft->failed)
        ravel_draft_set_config(draft, source->settings, source->n_settings);
    int i = find_kind(draft, kind);
    if (i < 0 && kind)
        ravel_draft_fail(draft, "unknown kind of checkpoint '%.40s'", kind);
    else if (i < 0)
        ravel_draft_fail(draft, "no known kind of checkpoint has such tensors");
    if (!draft->failed)
        kinds[i].convert(draft);
    if (!draft->failed)
        ravel_draft_check_all_used(draft);
    ravel_draft_check_all_set(draft);
}

static void narrow(ravel_draft *draft, ravel_narrowing *narrowing)
{
    ravel_draft_narrow(draft, narrowing);
    if (!draft->failed && narrowing->n_narrowed > 0)
        ravel_draft_retarget(draft);
}

static void release(ravel_draft *draft)
{
    for (size_t i = 0; i < draft->n_tensors; i++) {
        free((void *)draft->tensors[i].name);
        free((void *)draft->tensors[i].data);
    }
    free(draft->tensors);
    cJSON_Delete(draft->graph);
    cJSON_Delete(draft->config);
    ravel_safetensors_free(&draft->st);
}

/* What the converters cannot see, the opener does: shapes that do not fit to each other. */
static int write_checked(ravel_draft *draft, void **file, size_t *size, ravel_error *error)
{
    int status =
        ravel_model_write(draft->graph, draft->tensors, draft->n_tensors, file, size, error);
    if (status)
        return status;
    ravel_model *model = ravel_model_open_memory(*file, *size, error);
    ravel_model_free(model);
    if (model)
        return RAVEL_OK;
    free(*file);
    *file = NULL;
    return error->status;
}

int ravel_import(const char *kind, const ravel_import_source *source, void **file, size_t *size,
                 ravel_error *error)
{
    ravel_error own = {RAVEL_OK, ""};
    ravel_draft draft = {.error = error ? error : &own};
    *file = NULL;
    *size = 0;
    int status =
        ravel_safetensors_parse(&draft.st, source->weights, source->weights_size, draft.error);
    if (status)
        return status;
    convert(&draft, kind, source);
    if (source->narrowing && !draft.failed)
        narrow(&draft, source->narrowing);
    status = draft.failed ? draft.error->status : write_checked(&draft, file, size, draft.error);
    release(&draft);
    return status;
}
