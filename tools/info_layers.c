/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/info_layers.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "codec/model.h"
#include "tools/tool.h"

enum { INDENT = 2, TITLE_BYTES = 2 * RAVEL_NODE_NAME, LINE_BYTES = TITLE_BYTES + 200 };

static void add_layer(cJSON *one, const ravel_listed_node *node)
{
    cJSON_AddNumberToObject(one, "channels_in", node->channels_in);
    cJSON_AddNumberToObject(one, "channels_out", node->channels_out);
    ravel_tool_add_number(one, "rows_per_s", node->rows_hz);
    ravel_tool_add_number(one, "mmac_per_s", node->macs_hz / 1e6);
    cJSON_AddNumberToObject(one, "weight_bytes", (double)node->weight_bytes);
    cJSON_AddNumberToObject(one, "state_bytes", (double)node->state_bytes);
    ravel_tool_add_number(one, "lookahead_ms", 1e3 * node->lookahead_s);
}

static void add_quantizer(cJSON *one, const ravel_listed_node *node)
{
    cJSON_AddNumberToObject(one, "dimensions", node->channels_in);
    cJSON_AddNumberToObject(one, "codebooks", node->n_codebooks);
    if (node->n_codewords > 0)
        cJSON_AddNumberToObject(one, "codewords", node->n_codewords);
    ravel_tool_add_number(one, "vectors_per_s", node->rows_hz);
    ravel_tool_add_number(one, "mmac_per_s", node->macs_hz / 1e6);
    cJSON_AddNumberToObject(one, "weight_bytes", (double)node->weight_bytes);
}

cJSON *ravel_info_layers(const ravel_model *model)
{
    cJSON *layers = cJSON_CreateObject();
    cJSON *encoder = cJSON_AddArrayToObject(layers, "encoder");
    cJSON *quantizer = cJSON_AddArrayToObject(layers, "quantizer");
    cJSON *decoder = cJSON_AddArrayToObject(layers, "decoder");
    for (int i = 0; i < model->listing.n; i++) {
        const ravel_listed_node *node = &model->listing.nodes[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "type", node->type);
        if (node->name[0] != '\0')
            cJSON_AddStringToObject(one, "name", node->name);
        cJSON_AddNumberToObject(one, "depth", node->depth);
        if (node->is_shortcut)
            cJSON_AddBoolToObject(one, "shortcut", 1);
        (node->part == RAVEL_PART_QUANTIZER ? add_quantizer : add_layer)(one, node);
        cJSON_AddItemToArray(node->part == RAVEL_PART_QUANTIZER ? quantizer
                             : node->part == RAVEL_PART_ENCODER ? encoder
                                                                : decoder,
                             one);
    }
    return layers;
}

/* --- Words ------------------------------------------------------------------------------------ */

static double number(const cJSON *node, const char *name)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(node, name));
}

/* "conv encoder.0", as deep as it lies. return    bytes */
static int write_title(const cJSON *node, char text[TITLE_BYTES])
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(node, "name");
    const bool shortcut = cJSON_GetObjectItemCaseSensitive(node, "shortcut") != NULL;
    return snprintf(text, TITLE_BYTES, "%*s%s%s%s%s", INDENT * (1 + (int)number(node, "depth")), "",
                    shortcut ? "+ " : "",
                    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "type")),
                    name != NULL ? " " : "", name != NULL ? name->valuestring : "");
}

static int widest_title(const cJSON *part)
{
    char text[TITLE_BYTES];
    int widest = 0;
    for (const cJSON *node = part->child; node != NULL; node = node->next) {
        const int n = write_title(node, text);
        widest = n > widest ? n : widest;
    }
    return widest;
}

/* Nothing for zero: most nodes have none of most things. */
static const char *size_or_none(double bytes, char text[RAVEL_TOOL_TEXT])
{
    return bytes > 0.0 ? ravel_tool_size(bytes, text) : "";
}

static const char *number_or_none(double value, char text[RAVEL_TOOL_TEXT])
{
    text[0] = '\0';
    if (value != 0.0)
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%.3f", value);
    return text;
}

/* Of columns, the last of which may be empty. */
static void print_line(char line[LINE_BYTES])
{
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == ' ')
        line[--n] = '\0';
    (void)puts(line);
}

static void print_layer(const cJSON *node, int width)
{
    char line[LINE_BYTES], title[TITLE_BYTES], channels[RAVEL_TOOL_TEXT];
    char macs[RAVEL_TOOL_TEXT], weights[RAVEL_TOOL_TEXT], state[RAVEL_TOOL_TEXT];
    char ahead[RAVEL_TOOL_TEXT];
    const double in = number(node, "channels_in"), out = number(node, "channels_out");
    (void)write_title(node, title);
    (void)snprintf(channels, sizeof channels, in == out ? "%.0f" : "%.0f > %.0f", in, out);
    (void)snprintf(line, sizeof line, "%-*s %12s %9.6g %10s %10s %10s %10s", width, title, channels,
                   number(node, "rows_per_s"), number_or_none(number(node, "mmac_per_s"), macs),
                   size_or_none(number(node, "weight_bytes"), weights),
                   size_or_none(number(node, "state_bytes"), state),
                   number_or_none(number(node, "lookahead_ms"), ahead));
    print_line(line);
}

static void print_quantizer(const cJSON *node, int width)
{
    char title[TITLE_BYTES], macs[RAVEL_TOOL_TEXT], weights[RAVEL_TOOL_TEXT];
    char codes[RAVEL_TOOL_TEXT];
    const bool is_leaf = cJSON_GetObjectItemCaseSensitive(node, "codewords") != NULL;
    (void)write_title(node, title);
    (void)snprintf(codes, sizeof codes, is_leaf ? "of %.0f" : "%.0f",
                   number(node, is_leaf ? "codewords" : "codebooks"));
    (void)printf("%-*s %12.0f %9.6g %10s %10s %10s\n", width, title, number(node, "dimensions"),
                 number(node, "vectors_per_s"), number_or_none(number(node, "mmac_per_s"), macs),
                 size_or_none(number(node, "weight_bytes"), weights), codes);
}

void ravel_info_print_layers(const cJSON *layers)
{
    for (const cJSON *part = layers->child; part != NULL; part = part->next) {
        const bool quantizer = strcmp(part->string, "quantizer") == 0;
        const int width = widest_title(part);
        if (part->child == NULL)
            continue;
        (void)printf("\n%-*s %12s %9s %10s %10s %10s%s\n", width, part->string,
                     quantizer ? "dimensions" : "channels", quantizer ? "vectors/s" : "rows/s",
                     "MMAC/s", "weights", quantizer ? "codebooks" : "state",
                     quantizer ? "" : "  ahead, ms");
        for (const cJSON *node = part->child; node != NULL; node = node->next)
            (quantizer ? print_quantizer : print_layer)(node, width);
    }
}
