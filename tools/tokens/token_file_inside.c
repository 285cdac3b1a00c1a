/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/token_file_inside.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "nn/error.h"
#include "rvq/tokens.h"

int64_t ravel_token_whole(const cJSON *item)
{
    if (!cJSON_IsNumber(item) ||
        !(item->valuedouble >= 0.0 && item->valuedouble <= 9007199254740992.0))
        return -1;
    const int64_t number = (int64_t)item->valuedouble;
    return (double)number == item->valuedouble ? number : -1;
}

/* --- Undoing a layout ------------------------------------------------------------------------- */

/* Elements as tokens; what is no number of 32 bits becomes one that no layout has. */
static void widen(const ravel_token_array *array, int64_t first, int64_t n, uint32_t *tokens)
{
    const uint8_t *at = array->data + (size_t)first * (size_t)array->bytes;
    for (int64_t i = 0; i < n; i++) {
        uint64_t value = 0;
        for (int k = 0; k < array->bytes; k++)
            value |= (uint64_t)*at++ << 8 * k;
        const bool negative = array->is_signed && value >> (8 * array->bytes - 1) != 0;
        tokens[i] = negative || value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    }
}

static int take_rows(ravel_utterance *utterance, const ravel_token_array *array, ravel_error *error)
{
    enum { BLOCK = 4096 };
    const ravel_token_layout *layout = &utterance->meta.layout;
    uint32_t tokens[BLOCK];
    const int64_t most = BLOCK / layout->row_tokens;
    int status =
        most > 0 ? 0
                 : ravel_error_set(error, RAVEL_ERR_DATA, "rows of %d tokens", layout->row_tokens);
    for (int64_t row = 0; status == 0 && row < array->rows; row += most) {
        const int64_t n = array->rows - row < most ? array->rows - row : most;
        widen(array, row * layout->row_tokens, n * layout->row_tokens, tokens);
        status =
            ravel_tokens_take(layout, utterance->n_frames, row, n, tokens, utterance->codes, error);
    }
    return status;
}

/* Codes that say nothing about themselves: as many codebooks as there are columns. */
static void fit_codebooks(ravel_token_layout *layout, int64_t width)
{
    while (layout->n_codebooks > 1 && layout->columns > width)
        layout->columns -= layout->steps_per_frame[--layout->n_codebooks];
    layout->row_tokens = layout->columns;
}

int ravel_token_undo(ravel_utterance *utterance, const ravel_token_array *array, ravel_error *error)
{
    ravel_token_layout *layout = &utterance->meta.layout;
    const int64_t width = array->row_elements > 0 ? array->row_elements : 1;
    if (utterance->assumed)
        fit_codebooks(layout, width);
    if (width != layout->row_tokens)
        return ravel_error_set(error, RAVEL_ERR_DATA, "rows of %lld tokens; the layout has %d",
                               (long long)width, layout->row_tokens);
    utterance->n_frames = ravel_token_frames(layout, array->rows);
    if (utterance->n_frames < 0)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "%lld rows of tokens are no whole number of frames in the layout %s",
                               (long long)array->rows, ravel_token_order_name((int)layout->order));
    utterance->codes =
        calloc((size_t)utterance->n_frames * (size_t)layout->columns + 1, sizeof(uint16_t));
    if (utterance->codes == NULL)
        return ravel_error_memory(error);
    return take_rows(utterance, array, error);
}

/* --- Metadata --------------------------------------------------------------------------------- */

int ravel_token_describe(ravel_token_file *file, const char *json_text, ravel_error *error)
{
    cJSON *json = cJSON_Parse(json_text);
    const int status = ravel_token_meta_parse(&file->meta, json, error);
    if (status == 0) {
        file->described = true;
        cJSON_Delete(file->samples);
        file->samples = cJSON_DetachItemFromObjectCaseSensitive(json, "samples");
    }
    cJSON_Delete(json);
    return status;
}

int ravel_token_describe_usual(const ravel_token_file *file, ravel_utterance *utterance,
                               ravel_error *error)
{
    utterance->assumed = !file->described;
    if (!file->described)
        return ravel_token_meta_make(&utterance->meta, ravel_model_get_info(file->model), NULL,
                                     error);
    utterance->meta = file->meta;
    return 0;
}

void ravel_token_find_length(const ravel_token_file *file, ravel_utterance *utterance)
{
    const cJSON *length = cJSON_IsNumber(file->samples)
                              ? file->samples
                              : cJSON_GetObjectItemCaseSensitive(file->samples, utterance->name);
    utterance->n_samples = ravel_token_whole(length);
}
