/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance/points.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/graph.h"
#include "tests/support/conformance/run.h"

enum { ROOM = 1 << 28 };

static const char *text_of(const cJSON *node, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, key));
    return text ? text : "";
}

static bool is_of(const char *name, const char *module)
{
    size_t length = strlen(module);
    return strncmp(name, module, length) == 0 && (name[length] == '.' || name[length] == '\0');
}

/* Named nodes in a subtree: all, and those of the module. */
typedef struct {
    int all, own;
} names;

static names count_names(const cJSON *node, const char *module)
{
    names sum = {0, 0};
    const cJSON *child;
    const char *name = text_of(node, "name"); /* of NULL, too: then there is none */
    sum.all += name[0] != '\0';
    sum.own += name[0] != '\0' && is_of(name, module);
    cJSON_ArrayForEach(child, node)
    {
        names inner = count_names(child, module);
        sum.all += inner.all;
        sum.own += inner.own;
    }
    return sum;
}

/* --- Cutting a graph -------------------------------------------------------------------------- */

static cJSON *cut(const cJSON *graph, const char *module, bool after);

/* Where a node has the module inside: the way to it goes on in there. */
static cJSON *cut_inside(const cJSON *node, const char *module, bool after)
{
    static const char *const insides[] = {"branch", "shortcut", "inner"};
    if (cJSON_IsArray(node))
        return cut(node, module, after);
    for (int i = 0; node && i < 3; i++) {
        const cJSON *inside = cJSON_GetObjectItemCaseSensitive(node, insides[i]);
        if (inside && count_names(inside, module).own)
            return cut(inside, module, after);
    }
    return NULL;
}

/* The last item of a sequence that has the module inside; NULL where none has. */
static const cJSON *last_with(const cJSON *sequence, const char *module)
{
    const cJSON *item, *last = NULL;
    cJSON_ArrayForEach(item, sequence) last = count_names(item, module).own ? item : last;
    return last;
}

/*
 * A sequence that ends with the module's output: what stands before it, and what of the node in
 * which it is leads there. `after`: and the next node, which has no name.
 */
static cJSON *cut_sequence(const cJSON *sequence, const char *module, bool after)
{
    const cJSON *last = last_with(sequence, module);
    names inside = count_names(last, module);
    cJSON *way = cJSON_CreateArray(), *end;
    for (const cJSON *item = sequence->child; last && item != last; item = item->next)
        cJSON_AddItemToArray(way, cJSON_Duplicate(item, true));
    if (!last || inside.own < inside.all) {
        end = cut_inside(last, module, after);
    } else if (!after) {
        end = cJSON_Duplicate(last, true);
    } else {
        bool named = !last->next || count_names(last->next, module).all > 0;
        cJSON_AddItemToArray(way, cJSON_Duplicate(last, true));
        end = named ? NULL : cJSON_Duplicate(last->next, true);
    }
    if (end && cJSON_AddItemToArray(way, end))
        return way;
    cJSON_Delete(way);
    return NULL;
}

/* A node by itself is a sequence of one. */
static cJSON *cut(const cJSON *graph, const char *module, bool after)
{
    if (cJSON_IsArray(graph))
        return cut_sequence(graph, module, after);
    cJSON *one = cJSON_CreateArray();
    cJSON_AddItemToArray(one, cJSON_Duplicate(graph, true));
    cJSON *way = cut_sequence(one, module, after);
    cJSON_Delete(one);
    return way;
}

/* The module before it in its list: "encoder.model.13" of "encoder.model.14". */
static bool module_before(const char *module, char before[RAVEL_SET_NAME])
{
    const char *dot = strrchr(module, '.');
    int number = dot ? atoi(dot + 1) : 0;
    if (number < 1)
        return false;
    (void)snprintf(before, RAVEL_SET_NAME, "%.*s.%d", (int)(dot - module), module, number - 1);
    return true;
}

/* --- Running it ------------------------------------------------------------------------------- */

/* The layers of a cut graph. They get all rows at once, so they may be such as need that. */
static ravel_layer *build(const ravel_subject *subject, cJSON *way, size_t n_rows, int channels)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_safetensors st = subject->st;
    ravel_reader reader = {.st = &st, .error = &error};
    ravel_builder builder = {.kernels = subject->model->kernels,
                             .weight_budget = ROOM,
                             .sample_rate_hz = subject->model->info.sample_rate_hz,
                             .piece_rows = (int)n_rows};
    ravel_flow flow = {.channels = channels, .up = 1, .down = 1};
    ravel_node node = {.reader = &reader, .json = way, .key = "graph"};
    return ravel_graph_layers(&builder, &node, &flow);
}

ravel_signal ravel_point_run(const ravel_subject *subject, ravel_point_part part,
                             const char *module, const ravel_signal *in, const char **why)
{
    char before[RAVEL_SET_NAME];
    const cJSON *graph = cJSON_GetObjectItemCaseSensitive(
        subject->graph, part == RAVEL_POINT_ENCODER ? "encoder" : "decoder");
    cJSON *way = cut(graph, module, false);
    if (!way && module_before(module, before))
        way = cut(graph, before, true);
    *why = "no such point in the graph";
    if (!way)
        return (ravel_signal){0};
    ravel_layer *layer = build(subject, way, in->n, (int)in->width);
    *why = "the graph up to there does not build";
    ravel_signal out = layer ? ravel_run_layer(layer, in, RAVEL_AT_ONCE) : (ravel_signal){0};
    ravel_layer_destroy(layer);
    cJSON_Delete(way);
    return out;
}
