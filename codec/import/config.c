/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration beside a checkpoint, and what the user sets in its place. */
#include <stdlib.h>
#include <string.h>

#include "codec/import/draft.h"

enum { MAX_SETTINGS = 64 }; /* bits of settings_read */

/* --- Reading ---------------------------------------------------------------------------------- */

/* Whether one is the other, or an object that holds it: "a" and "a.b". */
static bool overlap(const char *key, const char *other, size_t length)
{
    size_t own = strlen(key), shorter = own < length ? own : length;
    if (strncmp(key, other, shorter) != 0)
        return false;
    return own == length || (own < length ? other[own] : key[length]) == '.';
}

static void mark_settings(ravel_draft *draft, const char *key)
{
    for (int i = 0; i < draft->n_settings && i < MAX_SETTINGS; i++) {
        size_t length = strcspn(draft->settings[i], "=");
        if (overlap(key, draft->settings[i], length))
            draft->settings_read |= (uint64_t)1 << i;
    }
}

/* The member of an object that a dotted key begins with; *rest is what follows, "" at its end. */
static cJSON *member(const cJSON *object, const char *key, char name[RAVEL_DRAFT_NAME],
                     const char **rest)
{
    size_t length = strcspn(key, ".");
    *rest = key[length] == '.' ? key + length + 1 : key + length;
    if (length >= RAVEL_DRAFT_NAME)
        return NULL;
    memcpy(name, key, length);
    name[length] = '\0';
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const cJSON *ravel_draft_config(ravel_draft *draft, const char *key)
{
    char name[RAVEL_DRAFT_NAME];
    const cJSON *item = draft->config;
    mark_settings(draft, key);
    while (item && key[0] != '\0')
        item = member(item, key, name, &key);
    return cJSON_IsNull(item) ? NULL : item;
}

int ravel_draft_config_int(ravel_draft *draft, const char *key, int fallback, int min, int max)
{
    const cJSON *item = ravel_draft_config(draft, key);
    if (!item)
        return fallback;
    if (cJSON_IsNumber(item) && item->valuedouble >= min && item->valuedouble <= max &&
        (double)item->valueint == item->valuedouble)
        return item->valueint;
    ravel_draft_fail(draft, "configuration: '%s' is not a whole number from %d to %d", key, min,
                     max);
    return fallback;
}

double ravel_draft_config_number(ravel_draft *draft, const char *key, double fallback, double min,
                                 double max)
{
    const cJSON *item = ravel_draft_config(draft, key);
    if (!item)
        return fallback;
    if (cJSON_IsNumber(item) && item->valuedouble >= min && item->valuedouble <= max)
        return item->valuedouble;
    ravel_draft_fail(draft, "configuration: '%s' is not a number from %g to %g", key, min, max);
    return fallback;
}

bool ravel_draft_config_bool(ravel_draft *draft, const char *key, bool fallback)
{
    const cJSON *item = ravel_draft_config(draft, key);
    if (!item)
        return fallback;
    if (!cJSON_IsBool(item))
        ravel_draft_fail(draft, "configuration: '%s' is neither true nor false", key);
    return cJSON_IsTrue(item);
}

const char *ravel_draft_config_string(ravel_draft *draft, const char *key, const char *fallback)
{
    const cJSON *item = ravel_draft_config(draft, key);
    if (!item)
        return fallback;
    if (cJSON_IsString(item))
        return item->valuestring;
    ravel_draft_fail(draft, "configuration: '%s' is not a string", key);
    return fallback;
}

/* --- Setting ---------------------------------------------------------------------------------- */

/* Puts a value into an object in the place of what was there. NULL on failure, value freed. */
static cJSON *put(ravel_draft *draft, cJSON *object, const char *name, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (cJSON_AddItemToObject(object, name, value))
        return value;
    cJSON_Delete(value);
    ravel_draft_fail(draft, "no memory for the configuration");
    return NULL;
}

/* The object that the last part of a dotted key belongs into, made where there is none. */
static cJSON *parent(ravel_draft *draft, const char *key, char name[RAVEL_DRAFT_NAME])
{
    const char *rest;
    cJSON *object = draft->config, *item = member(object, key, name, &rest);
    while (object && rest[0] != '\0') {
        object = cJSON_IsObject(item) ? item : put(draft, object, name, cJSON_CreateObject());
        item = member(object, rest, name, &rest);
    }
    return object;
}

static void apply(ravel_draft *draft, const char *setting)
{
    char key[RAVEL_DRAFT_NAME], name[RAVEL_DRAFT_NAME];
    size_t length = strcspn(setting, "=");
    if (length == 0 || length >= RAVEL_DRAFT_NAME || setting[length] != '=') {
        ravel_draft_fail(draft, "'%.80s' is not KEY=VALUE", setting);
        return;
    }
    memcpy(key, setting, length);
    key[length] = '\0';
    const char *text = setting + length + 1;
    cJSON *object = parent(draft, key, name), *value = cJSON_ParseWithOpts(text, NULL, 1);
    (void)put(draft, object, name, value ? value : cJSON_CreateString(text));
}

void ravel_draft_read_config(ravel_draft *draft, const char *config, size_t size)
{
    char *text = malloc(size + 1); /* a copy that ends */
    if (!text) {
        ravel_draft_fail(draft, "no memory for the configuration");
        return;
    }
    memcpy(text, config, size);
    text[size] = '\0';
    draft->config = cJSON_ParseWithOpts(text, NULL, 1);
    free(text);
    if (!cJSON_IsObject(draft->config))
        ravel_draft_fail(draft, "the configuration is not a JSON object");
}

void ravel_draft_set_config(ravel_draft *draft, const char *const *settings, int n_settings)
{
    if (n_settings > MAX_SETTINGS)
        ravel_draft_fail(draft, "more than %d settings", MAX_SETTINGS);
    if (!draft->config && n_settings > 0)
        draft->config = cJSON_CreateObject();
    draft->settings = settings;
    draft->n_settings = n_settings;
    for (int i = 0; i < n_settings && !draft->failed; i++)
        apply(draft, settings[i]);
}

void ravel_draft_check_all_set(ravel_draft *draft)
{
    for (int i = 0; i < draft->n_settings && !draft->failed; i++) {
        if (!(draft->settings_read >> i & 1))
            ravel_draft_fail(draft, "this kind of model knows no '%.*s' to set",
                             (int)strcspn(draft->settings[i], "="), draft->settings[i]);
    }
}
