/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/node.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_NODES = 4096, MAX_NAME = RAVEL_NODE_NAME - 1 };

/* Writes the way to the node, "encoder[3].branch[1]"; its end is what matters where it is long. */
static void write_path(const ravel_node *node, char *text, size_t size)
{
    const ravel_node *way[6] = {node};
    int n = 1;
    for (const ravel_node *at = node->parent; at && n < 6; at = at->parent)
        way[n++] = at;
    size_t length = (size_t)snprintf(text, size, "%s", way[n - 1]->parent ? "..." : "");
    for (int i = n - 1; i >= 0 && length < size; i--) {
        const char *dot = way[i]->parent ? "." : "";
        length +=
            (size_t)(way[i]->key ? snprintf(text + length, size - length, "%s%s", dot, way[i]->key)
                                 : snprintf(text + length, size - length, "[%d]", way[i]->index));
    }
}

void ravel_node_refuse(const ravel_node *node, const char *format, ...)
{
    char path[100], what[240];
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node->json, "type"));
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node->json, "name"));
    if (node->reader->failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    node->reader->failed = true;
    write_path(node, path, sizeof path);
    (void)ravel_error_set(node->reader->error, RAVEL_ERR_MODEL, "model: %s%s%.20s%s%.60s%s: %s",
                          path, type ? " " : "", type ? type : "", name && type ? " '" : "",
                          name && type ? name : "", name && type ? "'" : "", what);
}

void ravel_node_refuse_as(const ravel_node *node, const ravel_error *reason)
{
    if (node->reader->failed)
        return;
    ravel_node_refuse(node, "%s", reason->text);
    if (node->reader->error)
        node->reader->error->status = reason->status;
}

void ravel_node_enter(const ravel_node *node)
{
    if (node->depth > MAX_DEPTH) {
        ravel_node_refuse(node, "nested more than %d deep", MAX_DEPTH);
    } else if (++node->reader->n_nodes > MAX_NODES) {
        ravel_node_refuse(node, "more than %d nodes", MAX_NODES);
    }
}

const char *ravel_node_type(const ravel_node *node)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node->json, "type"));
    if (!type)
        ravel_node_refuse(node, "missing, or without a type");
    return node->reader->failed ? NULL : type;
}

void ravel_node_only(const ravel_node *node, const char *const *keys)
{
    const cJSON *item;
    if (!cJSON_IsObject(node->json)) {
        ravel_node_refuse(node, "no object");
        return;
    }
    cJSON_ArrayForEach(item, node->json)
    {
        int i = 0;
        while (keys[i] && strcmp(keys[i], item->string) != 0)
            i++;
        if (!keys[i] && strcmp(item->string, "type") != 0) {
            ravel_node_refuse(node, "unknown key '%.60s'", item->string);
            return; /* so that the list is short and the next search as well */
        }
        if (cJSON_GetObjectItemCaseSensitive(node->json, item->string) != item) {
            ravel_node_refuse(node, "key '%.60s' twice", item->string);
            return;
        }
    }
}

ravel_node ravel_node_child(const ravel_node *node, const char *key)
{
    return (ravel_node){.reader = node->reader,
                        .json = cJSON_GetObjectItemCaseSensitive(node->json, key),
                        .parent = node,
                        .key = key,
                        .depth = node->depth + 1};
}

ravel_node ravel_node_item(const ravel_node *node, const cJSON *json, int i)
{
    return (ravel_node){
        .reader = node->reader, .json = json, .parent = node, .index = i, .depth = node->depth + 1};
}

static bool whole_number(const cJSON *item, int min, int max, int *value)
{
    if (!item || !cJSON_IsNumber(item))
        return false;
    double number = item->valuedouble;
    if (!(number >= (double)min && number <= (double)max))
        return false;
    *value = (int)number;
    return (double)*value == number;
}

int ravel_node_int(const ravel_node *node, const char *key, int fallback, int min, int max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node->json, key);
    int value = fallback;
    if (!item && fallback >= min)
        return fallback;
    if (whole_number(item, min, max, &value))
        return value;
    ravel_node_refuse(node, "'%s' is not a whole number from %d to %d", key, min, max);
    return min;
}

float ravel_node_float(const ravel_node *node, const char *key, float fallback, float min,
                       float max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node->json, key);
    if (!item && fallback >= min)
        return fallback;
    if (item && cJSON_IsNumber(item) && item->valuedouble >= (double)min &&
        item->valuedouble <= (double)max) {
        return (float)item->valuedouble;
    }
    ravel_node_refuse(node, "'%s' is not a number from %g to %g", key, (double)min, (double)max);
    return min;
}

bool ravel_node_bool(const ravel_node *node, const char *key, bool fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node->json, key);
    if (!item)
        return fallback;
    if (!cJSON_IsBool(item))
        ravel_node_refuse(node, "'%s' is not true or false", key);
    return cJSON_IsTrue(item);
}

void ravel_node_pair(const ravel_node *node, const char *key, int pair[2], int max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node->json, key);
    pair[0] = pair[1] = 0;
    if (!item)
        return;
    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2 ||
        !whole_number(item->child, 0, max, &pair[0]) ||
        !whole_number(item->child->next, 0, max, &pair[1])) {
        ravel_node_refuse(node, "'%s' is not two whole numbers from 0 to %d", key, max);
    }
}

int ravel_node_ints(const ravel_node *node, const char *key, int *values, int room, int min,
                    int max)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(node->json, key);
    const cJSON *item = cJSON_IsArray(list) ? list->child : NULL;
    int n = 0;
    while (item && n < room && whole_number(item, min, max, &values[n])) {
        item = item->next;
        n++;
    }
    if (n > 0 && !item)
        return n;
    ravel_node_refuse(node, "'%s' is not a list of at most %d whole numbers from %d to %d", key,
                      room, min, max);
    return 0;
}

int ravel_node_choice(const ravel_node *node, const char *key, const char *const *names)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(node->json, key);
    if (!item)
        return 0;
    const char *value = cJSON_GetStringValue(item);
    for (int i = 0; value && names[i]; i++) {
        if (strcmp(value, names[i]) == 0)
            return i;
    }
    ravel_node_refuse(node, "'%s' is none of the words it may be", key);
    return 0;
}

const char *ravel_node_string(const ravel_node *node, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node->json, key));
    size_t length = value ? strlen(value) : 0;
    if (length >= 1 && length <= MAX_NAME)
        return value;
    ravel_node_refuse(node, "'%s' is not a string of 1 to %d bytes", key, MAX_NAME);
    return "";
}

const ravel_tensor *ravel_node_tensor(const ravel_node *node, const char *suffix, bool required)
{
    char name[MAX_NAME + 30];
    const char *prefix = ravel_node_string(node, "name");
    if (node->reader->failed)
        return NULL;
    (void)snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    ravel_entry *entry = ravel_safetensors_find(node->reader->st, name);
    if (!entry) {
        if (required)
            ravel_node_refuse(node, "tensor '%s' is missing", name);
        return NULL;
    }
    if (!entry->readable) {
        ravel_node_refuse(node, "tensor '%s' is of type %s; F32, F16, BF16, I8 are known", name,
                          entry->type);
    } else if (!entry->parts && !ravel_tensor_finite(&entry->tensor)) {
        ravel_node_refuse(node, "tensor '%s' has values that are infinite or not numbers", name);
    }
    entry->parts |= (unsigned)node->reader->part;
    return node->reader->failed ? NULL : &entry->tensor;
}
