/* SPDX-License-Identifier: BSD-3-Clause */
#include <cjson/cJSON.h>
#include <string.h>

#include "tests/fuzz/mutate.h"
#include "tests/support/random.h"

unsigned ravel_fuzz_below(uint64_t *state, unsigned n)
{
    return (unsigned)ravel_random_below(state, (int)n);
}

static unsigned count_values(const cJSON *value)
{
    unsigned n = 1;
    for (const cJSON *child = value->child; child; child = child->next)
        n += count_values(child);
    return n;
}

/* The i-th value of a tree, parents first; NULL and a smaller *i where there are fewer. */
static cJSON *find_value(cJSON *value, unsigned *i, cJSON *parent, cJSON **parent_found)
{
    if (*i == 0) {
        *parent_found = parent;
        return value;
    }
    (*i)--;
    for (cJSON *child = value->child; child; child = child->next) {
        cJSON *found = find_value(child, i, value, parent_found);
        if (found)
            return found;
    }
    return NULL;
}

static cJSON *any_value(cJSON *root, cJSON **parent, uint64_t *state)
{
    unsigned i = ravel_fuzz_below(state, count_values(root));
    return find_value(root, &i, NULL, parent);
}

/* What the JSON reader's limit of nesting leaves no room for would only be refused there. */
static unsigned depth_of(const cJSON *value)
{
    unsigned most = 0;
    for (const cJSON *child = value->child; child; child = child->next) {
        unsigned d = depth_of(child);
        most = d > most ? d : most;
    }
    return most + 1;
}

static void change_number(cJSON *value, uint64_t *state)
{
    static const double numbers[] = {0,     1,       -1,         2,          3,    64,
                                     65536, 1 << 24, 2147483647, 4294967296, 1e15, 1e300};
    double x = value->valuedouble;
    switch (ravel_fuzz_below(state, 5)) {
    case 0:
        x += 1;
        break;
    case 1:
        x -= 1;
        break;
    case 2:
        x *= 2;
        break;
    case 3:
        x /= 2;
        break;
    default:
        x = numbers[ravel_fuzz_below(state, sizeof numbers / sizeof numbers[0])];
    }
    cJSON_SetNumberValue(value, x);
}

/* The value within a new node of some type. */
static cJSON *wrapped(const cJSON *value, const char *const *types, uint64_t *state)
{
    static const char *const keys[] = {"inner", "branch", "shortcut", "stages", "parts"};
    unsigned n_types = 0;
    cJSON *node = cJSON_CreateObject();
    while (types[n_types])
        n_types++;
    cJSON_AddStringToObject(node, "type", types[ravel_fuzz_below(state, n_types)]);
    cJSON_AddItemToObject(node, keys[ravel_fuzz_below(state, 5)], cJSON_Duplicate(value, 1));
    if (ravel_fuzz_below(state, 2))
        cJSON_AddNumberToObject(node, ravel_fuzz_below(state, 2) ? "rows" : "steps",
                                1 + ravel_fuzz_below(state, 100));
    return node;
}

static cJSON *other_kind(uint64_t *state)
{
    switch (ravel_fuzz_below(state, 6)) {
    case 0:
        return cJSON_CreateNull();
    case 1:
        return cJSON_CreateBool(0);
    case 2:
        return cJSON_CreateBool(1);
    case 3:
        return cJSON_CreateString("x");
    case 4:
        return cJSON_CreateArray();
    default:
        return cJSON_CreateNumber(ravel_fuzz_below(state, 9));
    }
}

/* What stands in the place of a value; NULL: nothing. */
static cJSON *instead(cJSON *root, const cJSON *value, const char *const *types, uint64_t *state)
{
    cJSON *parent;
    switch (ravel_fuzz_below(state, 8)) {
    case 0:
        return NULL;
    case 1:
        return other_kind(state);
    case 2:
        return types[0] ? wrapped(value, types, state) : other_kind(state);
    case 3:
    case 4:
        return cJSON_Duplicate(any_value(root, &parent, state), 1);
    default: {
        cJSON *copy = cJSON_Duplicate(value, 1);
        if (cJSON_IsNumber(copy))
            change_number(copy, state);
        else if (cJSON_IsBool(copy))
            copy->type = cJSON_IsTrue(copy) ? cJSON_False : cJSON_True;
        else if (cJSON_IsArray(copy) && copy->child)
            cJSON_AddItemToArray(copy, cJSON_Duplicate(copy->child, 1));
        return copy;
    }
    }
}

void ravel_fuzz_mutate_json(cJSON **root, const char *const *types, uint64_t *state)
{
    cJSON *parent = NULL, *value = any_value(*root, &parent, state);
    cJSON *other = instead(*root, value, types, state);
    if (other && (depth_of(*root) + depth_of(other) > 200 || count_values(*root) > 20000)) {
        cJSON_Delete(other);
        other = cJSON_CreateNull();
    }
    if (!parent) {
        cJSON_Delete(*root);
        *root = other ? other : cJSON_CreateObject();
    } else if (!other) {
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, value));
    } else if (cJSON_IsArray(parent)) {
        cJSON_ReplaceItemViaPointer(parent, value, other);
    } else {
        /* The key goes with the value that it names. */
        char key[200];
        strncpy(key, value->string ? value->string : "", sizeof key - 1);
        key[sizeof key - 1] = '\0';
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, value));
        cJSON_AddItemToObject(parent, key, other);
    }
}
