/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/identity.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* Changes whenever a bit of the resampler's output does: tokens depend on it. */
static const char RESAMPLER[] = "1";

static void hash_text(ravel_sha256 *sha, const char *text)
{
    ravel_sha256_update(sha, text, strlen(text));
}

static void hash_string(ravel_sha256 *sha, const char *text)
{
    hash_text(sha, "\"");
    for (; *text; text++) {
        char escape[8];
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            (void)snprintf(escape, sizeof escape, "\\%c", c);
        } else if (c < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", c);
        } else {
            (void)snprintf(escape, sizeof escape, "%c", c);
        }
        hash_text(sha, escape);
    }
    hash_text(sha, "\"");
}

/* 17 significant digits tell every double from its neighbours. */
static void hash_number(ravel_sha256 *sha, double number)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.17g", number);
    char *comma = strchr(text, ','); /* the program's locale */
    if (comma)
        *comma = '.';
    hash_text(sha, text);
}

/* The item of the least key above `last` (NULL: of all), NULL after the greatest. Keys are few. */
static const cJSON *next_key(const cJSON *object, const char *last)
{
    const cJSON *item, *least = NULL;
    cJSON_ArrayForEach(item, object)
    {
        if (last && strcmp(item->string, last) <= 0)
            continue;
        if (!least || strcmp(item->string, least->string) < 0)
            least = item;
    }
    return least;
}

static void hash_json(ravel_sha256 *sha, const cJSON *json);

static void hash_members(ravel_sha256 *sha, const cJSON *object)
{
    const cJSON *item = next_key(object, NULL);
    while (item) {
        hash_string(sha, item->string);
        hash_text(sha, ":");
        hash_json(sha, item);
        item = next_key(object, item->string);
        if (item)
            hash_text(sha, ",");
    }
}

/* The graph was checked: its depth is bounded, and its leaves are of the types below. */
static void hash_json(ravel_sha256 *sha, const cJSON *json)
{
    if (cJSON_IsString(json)) {
        hash_string(sha, json->valuestring);
    } else if (cJSON_IsNumber(json)) {
        hash_number(sha, json->valuedouble);
    } else if (cJSON_IsBool(json)) {
        hash_text(sha, cJSON_IsTrue(json) ? "true" : "false");
    } else if (cJSON_IsObject(json)) {
        hash_text(sha, "{");
        hash_members(sha, json);
        hash_text(sha, "}");
    } else {
        hash_text(sha, "[");
        for (const cJSON *item = json->child; item; item = item->next) {
            hash_json(sha, item);
            if (item->next)
                hash_text(sha, ",");
        }
        hash_text(sha, "]");
    }
}

static void hash_tensor(ravel_sha256 *sha, const ravel_entry *entry)
{
    hash_text(sha, entry->tensor.name);
    hash_text(sha, "\n");
    hash_text(sha, entry->type);
    for (int i = 0; i < entry->tensor.rank; i++) {
        char extent[16];
        (void)snprintf(extent, sizeof extent, "%c%d", i == 0 ? '\n' : ',', entry->tensor.shape[i]);
        hash_text(sha, extent);
    }
    hash_text(sha, "\n");
    ravel_sha256_update(sha, entry->tensor.data, entry->bytes);
}

/* Keys in byte order, as everywhere in the text; one that is missing is left out. NULL ends. */
static void identify(const cJSON *graph, const char *const *keys, const char *extra,
                     const ravel_safetensors *st, unsigned parts,
                     uint8_t identity[RAVEL_IDENTITY_BYTES])
{
    ravel_sha256 sha;
    ravel_sha256_init(&sha);
    hash_text(&sha, extra);
    const char *comma = "{";
    for (int i = 0; keys[i]; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(graph, keys[i]);
        if (!item)
            continue;
        hash_text(&sha, comma);
        hash_string(&sha, keys[i]);
        hash_text(&sha, ":");
        hash_json(&sha, item);
        comma = ",";
    }
    hash_text(&sha, "}\n");
    for (size_t i = 0; i < st->n_entries; i++) {
        if (st->entries[i].parts & parts)
            hash_tensor(&sha, &st->entries[i]);
    }
    ravel_sha256_final(&sha, identity);
}

void ravel_identity_tokenizer(const cJSON *graph, const ravel_safetensors *st,
                              uint8_t identity[RAVEL_IDENTITY_BYTES])
{
    static const char *const keys[] = {"channels",  "encoder",     "hop",  "last_frame",
                                       "quantizer", "sample_rate", "tail", NULL};
    char extra[60];
    (void)snprintf(extra, sizeof extra, "ravel tokenizer, resampler %s\n", RESAMPLER);
    identify(graph, keys, extra, st, RAVEL_PART_ENCODER | RAVEL_PART_QUANTIZER, identity);
}

void ravel_identity_decoder(const cJSON *graph, const ravel_safetensors *st,
                            uint8_t identity[RAVEL_IDENTITY_BYTES])
{
    static const char *const keys[] = {"channels", "decoder", "hop", "sample_rate", NULL};
    identify(graph, keys, "ravel decoder\n", st, RAVEL_PART_DECODER, identity);
}

void ravel_identity_prior(const cJSON *graph, const ravel_safetensors *st,
                          uint8_t identity[RAVEL_IDENTITY_BYTES])
{
    static const char *const keys[] = {"prior", "tables", NULL};
    identify(graph, keys, "ravel prior\n", st, RAVEL_PART_PRIOR, identity);
}
