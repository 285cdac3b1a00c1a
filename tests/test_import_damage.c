/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints that are not what they should be, of every kind: cut off, renamed, of other shapes and
 * types, with numbers that are none, and beside configurations that make no sense. Each is refused in
 * words that name the tensor or the key, or makes a model that opens.
 */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/import.h"
#include "tests/support/small_checkpoints.h"

enum { LENGTH_BYTES = 8, NAME = 200 };

/* A checkpoint that can be changed: its header apart. */
typedef struct {
    const char *name, *config;
    cJSON *header;
    uint8_t *data;
    size_t n_data;
} checkpoint;

static checkpoint open_small(int i)
{
    checkpoint c = {.name = ravel_small_name(i), .config = ravel_small_config(i)};
    size_t size;
    uint64_t length;
    uint8_t *file = ravel_small_checkpoint(i, &size);
    memcpy(&length, file, LENGTH_BYTES);
    c.header = cJSON_ParseWithLength((const char *)file + LENGTH_BYTES, (size_t)length);
    c.n_data = size - LENGTH_BYTES - (size_t)length;
    c.data = malloc(c.n_data + 8);
    memcpy(c.data, file + LENGTH_BYTES + length, c.n_data);
    free(file);
    cr_assert_not_null(c.header);
    return c;
}

static void close_small(checkpoint *c)
{
    cJSON_Delete(c->header);
    free(c->data);
}

static uint8_t *to_file(const checkpoint *c, size_t *size)
{
    char *text = cJSON_PrintUnformatted(c->header);
    const uint64_t length = strlen(text);
    *size = LENGTH_BYTES + (size_t)length + c->n_data;
    uint8_t *file = malloc(*size);
    memcpy(file, &length, LENGTH_BYTES);
    memcpy(file + LENGTH_BYTES, text, (size_t)length);
    memcpy(file + LENGTH_BYTES + length, c->data, c->n_data);
    cJSON_free(text);
    return file;
}

/* What came of an import; a model that was made must open. */
static int import_bytes(const void *file, size_t size, const char *config, ravel_error *error)
{
    void *model;
    size_t model_size;
    const ravel_import_source source = {
        .weights = file, .weights_size = size, .config = config, .config_size = strlen(config)};
    *error = (ravel_error){RAVEL_OK, ""};
    int status = ravel_import(NULL, &source, &model, &model_size, error);
    cr_assert_eq(status == 0, model != NULL);
    cr_assert(status == 0 || error->text[0] != '\0');
    if (model) {
        ravel_error later = {RAVEL_OK, ""};
        ravel_model *opened = ravel_model_open_memory(model, model_size, &later);
        cr_assert_not_null(opened, "%s", later.text);
        ravel_model_free(opened);
    }
    free(model);
    return status;
}

static int import_changed(const checkpoint *c, ravel_error *error)
{
    size_t size;
    uint8_t *file = to_file(c, &size);
    int status = import_bytes(file, size, c->config, error);
    free(file);
    return status;
}

/*
 * The beginning of a tensor's name that a message about it must have: its module, without what says
 * how its weight is spelled.
 */
static void module_of(const char *name, char module[NAME])
{
    static const char *const ends[] = {
        ".parametrizations", "._codebook",  ".codebook",   ".self_attn",      ".lstm.",
        ".linear.",          ".norm.",      ".conv.conv.", ".convtr.convtr.", ".to_qkv",
        ".output_proj.",     ".input_proj."};
    /* Whose encoder it is says the model's graph by itself. */
    const char *own = strstr(name, "encodec.encoder.");
    (void)snprintf(module, NAME, "%s", own ? own + 8 : name);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char *end = strstr(module, ends[i]);
        if (end)
            *end = '\0';
    }
    char *last = strrchr(module, '.');
    if (last && strcmp(module, own ? own + 8 : name) == 0)
        *last = '\0';
}

static void expect_refused(const checkpoint *c, const char *what, const char *tensor)
{
    char module[NAME];
    ravel_error error;
    module_of(tensor, module);
    int status = import_changed(c, &error);
    cr_expect_lt(status, 0, "%s: %s of '%s' was accepted", c->name, what, tensor);
    /*
     * The one tensor that a kind is recognised by may be this. What only shows when the model is put
     * together is told in its names, which are the authors'.
     */
    bool other_names = strstr(c->name, "Hugging Face") && strncmp(error.text, "model:", 6) == 0;
    cr_expect(status >= 0 || strstr(error.text, module) || other_names ||
                  strstr(error.text, "no known kind"),
              "%s: %s of '%s': %s", c->name, what, tensor, error.text);
}

Test(small, checkpoints_are_of_every_kind)
{
    for (int k = 0; ravel_import_kind(k); k++) {
        if (strcmp(ravel_import_kind(k), "ravel") == 0) /* damaged by test_model and fuzz_model */
            continue;
        int found = 0;
        for (int i = 0; ravel_small_name(i); i++)
            found += strncmp(ravel_small_name(i), ravel_import_kind(k),
                             strlen(ravel_import_kind(k))) == 0;
        cr_expect_gt(found, 0, "no small checkpoint of %s", ravel_import_kind(k));
    }
    for (int i = 0; ravel_small_name(i); i++) {
        ravel_error error;
        checkpoint c = open_small(i);
        cr_expect_eq(import_changed(&c, &error), 0, "%s: %s", c.name, error.text);
        close_small(&c);
    }
}

Test(damage, every_cut_is_refused)
{
    for (int i = 0; ravel_small_name(i); i++) {
        size_t size;
        ravel_error error;
        uint8_t *file = ravel_small_checkpoint(i, &size);
        for (size_t n = 0; n < size; n += n < 200 ? 1 : 997) {
            uint8_t *cut = malloc(n + 1); /* so that a sanitizer sees the end */
            memcpy(cut, file, n);
            cr_expect_lt(import_bytes(cut, n, ravel_small_config(i), &error), 0);
            free(cut);
        }
        free(file);
    }
}

/* Tensors that a converter knows but does not read: they may hold anything. */
static bool is_unread(const char *name)
{
    return strstr(name, "inv_freq") || strstr(name, "dim_base_index") ||
           strncmp(name, "convnext_encoder.", 17) == 0 || strncmp(name, "dac.encoder.", 12) == 0 ||
           strncmp(name, "compressor.", 11) == 0;
}

Test(damage, every_tensor_of_another_name_is_named)
{
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (int t = 0; t < cJSON_GetArraySize(c.header); t++) {
            cJSON *tensor = cJSON_GetArrayItem(c.header, t);
            char kept[NAME], *end = tensor->string + strlen(tensor->string) - 1, letter = *end;
            (void)snprintf(kept, sizeof kept, "%s", tensor->string);
            *end = 'Z';
            if (!is_unread(kept))
                expect_refused(&c, "another name", kept);
            *end = letter;
        }
        close_small(&c);
    }
}

Test(damage, every_tensor_of_another_type_is_named)
{
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (int t = 0; t < cJSON_GetArraySize(c.header); t++) {
            cJSON *tensor = cJSON_GetArrayItem(c.header, t);
            cJSON *dtype = cJSON_GetObjectItemCaseSensitive(tensor, "dtype");
            const char *other = strcmp(dtype->valuestring, "I32") == 0 ? "F32" : "I32";
            char *kept = strdup(dtype->valuestring);
            cJSON_SetValuestring(dtype, other);
            if (!is_unread(tensor->string))
                expect_refused(&c, "another type", tensor->string);
            cJSON_SetValuestring(dtype, kept);
            free(kept);
        }
        close_small(&c);
    }
}

Test(damage, every_tensor_of_another_rank_is_named)
{
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (int t = 0; t < cJSON_GetArraySize(c.header); t++) {
            cJSON *tensor = cJSON_GetArrayItem(c.header, t);
            cJSON *shape = cJSON_GetObjectItemCaseSensitive(tensor, "shape");
            cJSON_InsertItemInArray(shape, 0, cJSON_CreateNumber(1));
            /* Levels are a list, whatever its shape. */
            if (!is_unread(tensor->string) && !strstr(tensor->string, "num_levels"))
                expect_refused(&c, "another rank", tensor->string);
            cJSON_DeleteItemFromArray(shape, 0);
        }
        close_small(&c);
    }
}

/* The extents in another order: as many values, but other ones. */
Test(damage, every_tensor_of_another_shape_is_named)
{
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (int t = 0; t < cJSON_GetArraySize(c.header); t++) {
            cJSON *tensor = cJSON_GetArrayItem(c.header, t);
            cJSON *shape = cJSON_GetObjectItemCaseSensitive(tensor, "shape");
            cJSON *first = shape->child, *second = first->next;
            /* Lists of levels and of codebooks make sense in any order. */
            if (is_unread(tensor->string) || strstr(tensor->string, "num_levels") ||
                strstr(tensor->string, "codebooks") || !second ||
                first->valueint == second->valueint)
                continue;
            int a = first->valueint, b = second->valueint;
            cJSON_SetNumberValue(first, b);
            cJSON_SetNumberValue(second, a);
            expect_refused(&c, "another shape", tensor->string);
            cJSON_SetNumberValue(first, a);
            cJSON_SetNumberValue(second, b);
        }
        close_small(&c);
    }
}

Test(damage, giant_shapes_are_named)
{
    static const double giants[] = {65536, 2147483647, 4294967297.0, 1e15, 1e300, -1, 0, 0.5};
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (int t = 0; t < cJSON_GetArraySize(c.header); t += 7) {
            cJSON *tensor = cJSON_GetArrayItem(c.header, t);
            cJSON *shape = cJSON_GetObjectItemCaseSensitive(tensor, "shape");
            cJSON *kept = cJSON_Duplicate(shape, true), *extent;
            for (size_t g = 0; g < sizeof giants / sizeof giants[0]; g++) {
                cJSON_ArrayForEach(extent, shape) cJSON_SetNumberValue(extent, giants[g]);
                expect_refused(&c, "a giant shape", tensor->string);
            }
            cJSON_ReplaceItemInObjectCaseSensitive(tensor, "shape", kept);
        }
        close_small(&c);
    }
}

/* A tensor's values; they need not be aligned. */
static void fill(const checkpoint *c, const cJSON *tensor, float x)
{
    const cJSON *place = cJSON_GetObjectItemCaseSensitive(tensor, "data_offsets")->child;
    for (size_t at = (size_t)place->valuedouble; at < (size_t)place->next->valuedouble; at += 4)
        memcpy(c->data + at, &x, 4);
}

/* Rows that a model does not read may hold anything: of those there is another one. */
Test(damage, values_that_are_no_numbers_are_named)
{
    for (int i = 0; ravel_small_name(i); i++) {
        for (int t = 0;; t++) {
            checkpoint c = open_small(i);
            const cJSON *tensor = cJSON_GetArrayItem(c.header, t);
            if (tensor && !is_unread(tensor->string) && !strstr(tensor->string, "num_levels")) {
                fill(&c, tensor, t % 2 ? NAN : INFINITY);
                expect_refused(&c, "not a number as a value", tensor->string);
            }
            close_small(&c);
            if (!tensor)
                break;
        }
    }
}

Test(damage, surplus_tensors_are_named)
{
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        cJSON *extra = cJSON_Duplicate(c.header->child, true);
        double size = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(extra, "data_offsets"), 1)
                          ->valuedouble;
        const double places[] = {(double)c.n_data, (double)c.n_data + size};
        c.data = realloc(c.data, c.n_data + (size_t)size);
        memset(c.data + c.n_data, 0, (size_t)size);
        c.n_data += (size_t)size;
        cJSON_ReplaceItemInObjectCaseSensitive(extra, "data_offsets",
                                               cJSON_CreateDoubleArray(places, 2));
        /* In a module that the converter reads; others may be of training. */
        char name[NAME];
        const char *last = cJSON_GetArrayItem(c.header, cJSON_GetArraySize(c.header) - 1)->string;
        (void)snprintf(name, sizeof name, "%.*s.surplus.weight", (int)strcspn(last, "."), last);
        cJSON_AddItemToObject(c.header, name, extra);
        expect_refused(&c, "a surplus", name);
        close_small(&c);
    }
}

/* --- Configurations --------------------------------------------------------------------------- */

static const char *const nonsense[] = {
    "0",     "-1",   "0.5", "3",  "65536", "2147483648", "1e300",  "null",   "true",
    "\"x\"", "\"\"", "[]",  "{}", "[1,2]", "[-1,0]",     "[[[]]]", "[null]", "[1e9,1e9,1e9]",
};

/* The i-th value below another, and in what it is; NULL where there are fewer. */
static cJSON *nth_value(cJSON *in, int *i, cJSON **parent)
{
    for (cJSON *child = in->child; child; child = child->next) {
        *parent = in;
        if ((*i)-- == 0)
            return child;
        cJSON *found = nth_value(child, i, parent);
        if (found)
            return found;
    }
    return NULL;
}

static void import_beside(const checkpoint *c, const cJSON *config)
{
    size_t size;
    ravel_error error;
    uint8_t *file = to_file(c, &size);
    char *text = cJSON_PrintUnformatted(config);
    (void)import_bytes(file, size, text, &error);
    cJSON_free(text);
    free(file);
}

Test(config, nonsense_in_the_place_of_any_value_is_survived)
{
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (int v = 0;; v++) {
            cJSON *parent, *config = cJSON_Parse(c.config);
            int left = v;
            bool last = nth_value(config, &left, &parent) == NULL;
            cJSON_Delete(config);
            if (last)
                break;
            for (size_t n = 0; n < sizeof nonsense / sizeof nonsense[0]; n++) {
                config = cJSON_Parse(c.config);
                left = v;
                cJSON *value = nth_value(config, &left, &parent), *other = cJSON_Parse(nonsense[n]);
                if (value->string)
                    cJSON_AddItemToObject(parent, value->string, other);
                else
                    cJSON_AddItemToArray(parent, other);
                cJSON_Delete(cJSON_DetachItemViaPointer(parent, value));
                import_beside(&c, config);
                cJSON_Delete(config);
            }
        }
        close_small(&c);
    }
}

/* What the converters ask for, as "transformer.context", by nonsense. */
Test(config, nonsense_under_any_key_is_survived)
{
    static const char *const keys[] = {"attn_window_size",
                                       "audio_decoder.pad_mode",
                                       "bandwidth_id",
                                       "causal",
                                       "channels",
                                       "chunk_length_s",
                                       "dilation_base",
                                       "dilation_growth_rate",
                                       "encoder",
                                       "frame_samples",
                                       "groupnorm_channels_per_group",
                                       "head.padding",
                                       "is_causal",
                                       "leaky_relu_alpha",
                                       "name",
                                       "noise",
                                       "norm",
                                       "normalize",
                                       "overlap",
                                       "pad_mode",
                                       "piece_seconds",
                                       "audio_encoder.resblock_dilation_sizes",
                                       "resblock_dilation_sizes",
                                       "sample_rate",
                                       "sampling_rate",
                                       "seed",
                                       "segment",
                                       "streaming",
                                       "transformer.context",
                                       "transformer.num_heads",
                                       "trim_right_ratio",
                                       "upsample_kernel_sizes",
                                       "upsample_rates",
                                       "use_causal_conv",
                                       "vq_strides"};
    for (int i = 0; ravel_small_name(i); i++) {
        checkpoint c = open_small(i);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            /* Each key by some of it, another part with each kind: all of it would take long. */
            for (size_t n = (k + (size_t)i) % 9; n < sizeof nonsense / sizeof *nonsense; n += 9) {
                cJSON *config = cJSON_Parse(c.config), *in = config;
                const char *dot = strchr(keys[k], '.');
                char outer[NAME];
                if (dot) {
                    (void)snprintf(outer, sizeof outer, "%.*s", (int)(dot - keys[k]), keys[k]);
                    cJSON_DeleteItemFromObjectCaseSensitive(config, outer);
                    in = cJSON_AddObjectToObject(config, outer);
                }
                const char *key = dot ? dot + 1 : keys[k];
                cJSON_DeleteItemFromObjectCaseSensitive(in, key);
                cJSON_AddItemToObject(in, key, cJSON_Parse(nonsense[n]));
                import_beside(&c, config);
                cJSON_Delete(config);
            }
        }
        close_small(&c);
    }
}

Test(config, deep_nesting_is_refused)
{
    enum { DEPTH = 100000 };
    ravel_error error;
    checkpoint c = open_small(0);
    size_t size;
    uint8_t *file = to_file(&c, &size);
    char *text = malloc(2 * DEPTH + 20);
    int n = sprintf(text, "{\"sample_rate\":");
    memset(text + n, '[', DEPTH);
    memset(text + n + DEPTH, ']', DEPTH);
    memcpy(text + n + 2 * DEPTH, "}", 2);
    cr_expect_lt(import_bytes(file, size, text, &error), 0);
    cr_expect_not_null(strstr(error.text, "configuration"), "%s", error.text);
    free(text);
    free(file);
    close_small(&c);
}
