/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/meta.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "nn/error.h"

static const char format_name[] = "ravel tokens";
enum { FORMAT_VERSION = 1 };

int ravel_token_bytes(const ravel_token_layout *layout)
{
    return layout->vocabulary <= 65536 ? 2 : 4;
}

int ravel_token_meta_make(ravel_token_meta *meta, const ravel_model_info *model,
                          const ravel_token_options *options, ravel_error *error)
{
    *meta = (ravel_token_meta){.n_identity = RAVEL_IDENTITY_BYTES,
                               .sample_rate_hz = model->sample_rate_hz,
                               .channels = model->channels,
                               .hop_samples = model->hop_samples};
    (void)snprintf(meta->model_name, sizeof meta->model_name, "%s", model->name);
    memcpy(meta->identity, model->tokenizer_identity, sizeof meta->identity);
    return ravel_token_layout_make(&meta->layout, model, options, error);
}

int ravel_token_meta_check(const ravel_token_meta *meta, const ravel_model_info *model,
                           ravel_error *error)
{
    if (memcmp(meta->identity, model->tokenizer_identity, (size_t)meta->n_identity) == 0)
        return 0;
    return ravel_error_set(error, RAVEL_ERR_MODEL,
                           "the tokens are of the model '%s' (tokeniser %02x%02x%02x%02x...), not "
                           "of '%s' (%02x%02x%02x%02x...)",
                           meta->model_name, meta->identity[0], meta->identity[1],
                           meta->identity[2], meta->identity[3], model->name,
                           model->tokenizer_identity[0], model->tokenizer_identity[1],
                           model->tokenizer_identity[2], model->tokenizer_identity[3]);
}

/* --- Out -------------------------------------------------------------------------------------- */

static void add_hex(cJSON *json, const char *key, const uint8_t *bytes, int n)
{
    char text[2 * RAVEL_IDENTITY_BYTES + 1] = "";
    for (int i = 0; i < n; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    cJSON_AddStringToObject(json, key, text);
}

/* What is added to codes: of each codebook, or of each column of a frame where these differ. */
static cJSON *offsets_json(const ravel_token_layout *layout)
{
    cJSON *offsets = cJSON_CreateArray();
    const bool each = layout->numbers == RAVEL_TOKENS_PLACES;
    for (int b = 0, column = 0; b < layout->n_codebooks; column += layout->steps_per_frame[b++]) {
        for (int s = 0; s < (each ? layout->steps_per_frame[b] : 1); s++)
            cJSON_AddItemToArray(offsets,
                                 cJSON_CreateNumber(ravel_token_offset(layout, column + s)));
    }
    return offsets;
}

static void add_layout(cJSON *json, const ravel_token_layout *layout)
{
    const int n = layout->n_codebooks;
    cJSON_AddNumberToObject(json, "codebooks", n);
    cJSON_AddItemToObject(json, "codebook_sizes", cJSON_CreateIntArray(layout->codebook_size, n));
    cJSON_AddItemToObject(json, "steps_per_frame",
                          cJSON_CreateIntArray(layout->steps_per_frame, n));
    cJSON_AddStringToObject(json, "layout", ravel_token_order_name((int)layout->order));
    if (layout->order == RAVEL_TOKENS_DELAY)
        cJSON_AddItemToObject(json, "delays", cJSON_CreateIntArray(layout->delay_frames, n));
    cJSON_AddNumberToObject(json, "base", layout->base);
    cJSON_AddItemToObject(json, "offsets", offsets_json(layout));
    if (layout->pad >= 0)
        cJSON_AddNumberToObject(json, "pad", (double)layout->pad);
    if (layout->begin >= 0)
        cJSON_AddNumberToObject(json, "begin", (double)layout->begin);
    if (layout->end >= 0)
        cJSON_AddNumberToObject(json, "end", (double)layout->end);
    cJSON_AddNumberToObject(json, "vocabulary", layout->vocabulary);
    cJSON_AddStringToObject(json, "dtype", ravel_token_bytes(layout) == 2 ? "uint16" : "uint32");
}

/* How sound became the model's samples; the identity vouches for its bits. */
static void add_sound(cJSON *json)
{
    cJSON *resampler = cJSON_AddObjectToObject(json, "resampler");
    cJSON_AddStringToObject(resampler, "kind", "windowed sinc");
    cJSON_AddNumberToObject(resampler, "passband", 0.9);
    cJSON_AddNumberToObject(resampler, "stopband_db", 90);
    cJSON_AddStringToObject(json, "downmix", "mean");
}

cJSON *ravel_token_meta_json(const ravel_token_meta *meta)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "format", format_name);
    cJSON_AddNumberToObject(json, "version", FORMAT_VERSION);
    cJSON_AddStringToObject(json, "model", meta->model_name);
    add_hex(json, "tokenizer_identity", meta->identity, meta->n_identity);
    cJSON_AddNumberToObject(json, "sample_rate_hz", meta->sample_rate_hz);
    cJSON_AddNumberToObject(json, "channels", meta->channels);
    cJSON_AddNumberToObject(json, "hop_samples", meta->hop_samples);
    add_layout(json, &meta->layout);
    add_sound(json);
    return json;
}

/* --- In --------------------------------------------------------------------------------------- */

static int refuse(const char *key, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA, "metadata of tokens: '%s' is missing or wrong",
                           key);
}

static bool whole(const cJSON *item, double low, double high, double *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= low && item->valuedouble <= high))
        return false;
    *value = item->valuedouble;
    return (double)(int64_t)*value == *value;
}

static bool get_int(const cJSON *json, const char *key, int low, int high, int *value)
{
    double number;
    if (!whole(cJSON_GetObjectItemCaseSensitive(json, key), low, high, &number))
        return false;
    *value = (int)number;
    return true;
}

static bool get_ints(const cJSON *json, const char *key, int n, int low, int high, int *values)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, key), *item;
    int i = 0;
    if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) != n)
        return false;
    cJSON_ArrayForEach(item, array)
    {
        double number;
        if (!whole(item, low, high, &number))
            return false;
        values[i++] = (int)number;
    }
    return true;
}

/* Hexadecimal; a prefix of an identity is as good as it is long. */
static bool get_identity(const cJSON *json, ravel_token_meta *meta)
{
    const char *text =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "tokenizer_identity"));
    const size_t n = text != NULL ? strlen(text) : 0;
    if (n < 16 || n > 2 * sizeof meta->identity || n % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, text[i]);
        if (digit == NULL)
            return false;
        meta->identity[i / 2] = (uint8_t)(meta->identity[i / 2] << 4 | (digit - digits));
    }
    meta->n_identity = (int)n / 2;
    return true;
}

static bool get_order(const cJSON *json, ravel_token_order *order)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "layout"));
    for (int o = 0; text != NULL && ravel_token_order_name(o) != NULL; o++) {
        if (strcmp(text, ravel_token_order_name(o)) == 0) {
            *order = (ravel_token_order)o;
            return true;
        }
    }
    return false;
}

/* Whether a special token is what the rules give; absent where there is none. */
static bool same_special(const cJSON *json, const char *key, int64_t value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);
    return value >= 0 ? cJSON_IsNumber(item) && item->valuedouble == (double)value : item == NULL;
}

/* Offsets, special tokens and vocabulary follow from the rest, or are of other rules. */
static int check_numbers(const ravel_token_layout *layout, const cJSON *json, ravel_error *error)
{
    cJSON *offsets = offsets_json(layout);
    const bool same =
        cJSON_Compare(cJSON_GetObjectItemCaseSensitive(json, "offsets"), offsets, true);
    cJSON_Delete(offsets);
    if (!same)
        return refuse("offsets", error);
    if (!same_special(json, "pad", layout->pad))
        return refuse("pad", error);
    if (!same_special(json, "begin", layout->begin))
        return refuse("begin", error);
    if (!same_special(json, "end", layout->end))
        return refuse("end", error);
    return same_special(json, "vocabulary", layout->vocabulary) ? 0 : refuse("vocabulary", error);
}

/*
 * Codebooks share tokens where the offset of the second is that of the first; with more offsets than
 * codebooks they are of places.
 */
static ravel_token_numbers get_numbers(const cJSON *json, int n)
{
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(json, "offsets");
    if (cJSON_GetArraySize(offsets) > n)
        return RAVEL_TOKENS_PLACES;
    const cJSON *first = cJSON_GetArrayItem(offsets, 0), *second = cJSON_GetArrayItem(offsets, 1);
    const bool shared = second != NULL && first->valuedouble == second->valuedouble;
    return shared ? RAVEL_TOKENS_SHARED : RAVEL_TOKENS_APART;
}

static int parse_layout(ravel_token_meta *meta, const cJSON *json, ravel_error *error)
{
    ravel_model_info shape = {0};
    ravel_token_options options = {0};
    int delays[RAVEL_MAX_CODEBOOKS];
    double base;
    if (!get_int(json, "codebooks", 1, RAVEL_MAX_CODEBOOKS, &shape.n_codebooks))
        return refuse("codebooks", error);
    const int n = shape.n_codebooks;
    if (!get_ints(json, "codebook_sizes", n, 2, 65536, shape.codebook_size))
        return refuse("codebook_sizes", error);
    if (!get_ints(json, "steps_per_frame", n, 1, 256, shape.steps_per_frame))
        return refuse("steps_per_frame", error);
    if (!get_order(json, &options.order))
        return refuse("layout", error);
    if (options.order == RAVEL_TOKENS_DELAY) {
        if (!get_ints(json, "delays", n, 0, RAVEL_TOKENS_MAX_DELAY, delays))
            return refuse("delays", error);
        options.delay_frames = delays;
    }
    if (!whole(cJSON_GetObjectItemCaseSensitive(json, "base"), 0, UINT32_MAX, &base))
        return refuse("base", error);
    options.base = (uint32_t)base;
    options.numbers = get_numbers(json, n);
    options.begin = cJSON_GetObjectItemCaseSensitive(json, "begin") != NULL;
    options.end = cJSON_GetObjectItemCaseSensitive(json, "end") != NULL;
    int status = ravel_token_layout_make(&meta->layout, &shape, &options, error);
    if (status < 0)
        return ravel_error_set(error, RAVEL_ERR_DATA, "metadata of tokens: impossible layout");
    return check_numbers(&meta->layout, json, error);
}

int ravel_token_meta_parse(ravel_token_meta *meta, const cJSON *json, ravel_error *error)
{
    const char *format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "format"));
    const char *model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "model"));
    int version;
    *meta = (ravel_token_meta){0};
    if (format == NULL || strcmp(format, format_name) != 0)
        return refuse("format", error);
    if (!get_int(json, "version", 1, INT32_MAX, &version))
        return refuse("version", error);
    if (version > FORMAT_VERSION)
        return ravel_error_set(error, RAVEL_ERR_VERSION,
                               "metadata of tokens: version %d; known are those up to %d", version,
                               FORMAT_VERSION);
    if (model == NULL)
        return refuse("model", error);
    (void)snprintf(meta->model_name, sizeof meta->model_name, "%s", model);
    if (!get_identity(json, meta))
        return refuse("tokenizer_identity", error);
    if (!get_int(json, "sample_rate_hz", 1000, 768000, &meta->sample_rate_hz))
        return refuse("sample_rate_hz", error);
    if (!get_int(json, "channels", 1, 64, &meta->channels))
        return refuse("channels", error);
    if (!get_int(json, "hop_samples", 1, 1 << 20, &meta->hop_samples))
        return refuse("hop_samples", error);
    return parse_layout(meta, json, error);
}
