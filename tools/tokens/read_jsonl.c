/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON lines. The array "tokens" may be long, and a tree of it would take forty times its bytes: its
 * numbers are read by hand, and cJSON gets the line without them.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/tokens/grow.h"
#include "tools/tokens/token_file_inside.h"

typedef struct {
    FILE *file;
    char *line;
    size_t room;
    int64_t number; /* of the line, from 1 */
    uint32_t *tokens;
    size_t n, tokens_room;
} jsonl_file;

static void close_jsonl(ravel_token_file *file)
{
    jsonl_file *state = file->state;
    if (state->file != NULL)
        fclose(state->file);
    free(state->line);
    free(state->tokens);
    free(state);
}

static int refuse(const jsonl_file *state, const char *what, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA, "line %lld: %s", (long long)state->number, what);
}

/* --- The array -------------------------------------------------------------------------------- */

static char *skip_blanks(char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at a quotation mark. */
static char *skip_string(char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

/* The value of "tokens" of the outermost object; NULL where there is none. */
static char *find_tokens(char *line)
{
    int depth = 0;
    for (char *at = line; *at != '\0';) {
        if (*at == '"') {
            char *end = skip_string(at), *value = skip_blanks(end);
            if (depth == 1 && *value == ':' && end - at == 8 && strncmp(at, "\"tokens\"", 8) == 0)
                return skip_blanks(value + 1);
            at = end;
            continue;
        }
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at++;
    }
    return NULL;
}

static int add_token(jsonl_file *state, uint32_t token)
{
    uint32_t *tokens = ravel_grow(state->tokens, state->n, &state->tokens_room, sizeof *tokens);
    if (tokens == NULL)
        return -1;
    state->tokens = tokens;
    tokens[state->n++] = token;
    return 0;
}

/* One whole number below 2^32. NULL where there is none or no memory. */
static char *take_number(jsonl_file *state, char *at)
{
    uint64_t value = 0;
    if (*at < '0' || *at > '9')
        return NULL;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = 10 * value + (uint64_t)(*at - '0');
        if (value > UINT32_MAX)
            return NULL;
    }
    return add_token(state, (uint32_t)value) == 0 ? skip_blanks(at) : NULL;
}

/* Numbers with commas between them, from a '[' to behind its ']'. NULL where it is not that. */
static char *take_row(jsonl_file *state, char *at)
{
    at = skip_blanks(at + 1);
    if (*at == ']')
        return at + 1;
    for (;;) {
        at = take_number(state, at);
        if (at == NULL || (*at != ',' && *at != ']'))
            return NULL;
        if (*at++ == ']')
            return at;
        at = skip_blanks(at);
    }
}

/* Rows of one length. */
static char *take_rows(jsonl_file *state, char *at, ravel_token_array *array)
{
    at = skip_blanks(at + 1);
    for (;;) {
        const size_t before = state->n;
        at = *at == '[' ? take_row(state, at) : NULL;
        const int64_t width = (int64_t)(state->n - before);
        if (at == NULL || width == 0 || (array->rows > 0 && width != array->row_elements))
            return NULL;
        array->row_elements = width;
        array->rows++;
        at = skip_blanks(at);
        if (*at == ']')
            return at + 1;
        if (*at++ != ',')
            return NULL;
        at = skip_blanks(at);
    }
}

/* [1,2,3] or [[1,2],[3,4]]; *array is set. return    where it ends, or NULL */
static char *take_array(jsonl_file *state, char *at, ravel_token_array *array)
{
    *array = (ravel_token_array){.bytes = 4};
    state->n = 0;
    if (*at != '[')
        return NULL;
    if (*skip_blanks(at + 1) == '[')
        return take_rows(state, at, array);
    at = take_row(state, at);
    array->rows = (int64_t)state->n;
    return at;
}

/* --- The line --------------------------------------------------------------------------------- */

/* Bytes of tokens are little-endian in every format but in memory. */
static void store_tokens(jsonl_file *state, ravel_token_array *array)
{
    uint8_t *bytes = (uint8_t *)state->tokens;
    for (size_t i = 0; i < state->n; i++) {
        const uint32_t token = state->tokens[i];
        for (int k = 0; k < 4; k++)
            *bytes++ = (uint8_t)(token >> 8 * k);
    }
    array->data = (const uint8_t *)state->tokens;
}

static int use_object(ravel_token_file *file, const cJSON *json, ravel_utterance *utterance,
                      ravel_error *error)
{
    const jsonl_file *state = file->state;
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(json, "ravel");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "name"));
    char number[32];
    (void)snprintf(number, sizeof number, "line-%lld", (long long)state->number);
    utterance->name = strdup(name != NULL ? name : number);
    utterance->n_samples = ravel_token_whole(cJSON_GetObjectItemCaseSensitive(json, "samples"));
    if (utterance->name == NULL)
        return ravel_error_memory(error);
    return own != NULL ? ravel_token_meta_parse(&utterance->meta, own, error)
                       : ravel_token_describe_usual(file, utterance, error);
}

static int use_line(ravel_token_file *file, ravel_utterance *utterance, ravel_error *error)
{
    jsonl_file *state = file->state;
    ravel_token_array array;
    char *begin = find_tokens(state->line);
    char *end = begin != NULL ? take_array(state, begin, &array) : NULL;
    if (end == NULL)
        return refuse(state, "no array 'tokens' of whole numbers, in rows of one length", error);
    begin[0] = '0'; /* a value in the place of the array */
    memmove(begin + 1, end, strlen(end) + 1);
    cJSON *json = cJSON_Parse(state->line);
    int status = cJSON_IsObject(json) ? use_object(file, json, utterance, error)
                                      : refuse(state, "no JSON object", error);
    cJSON_Delete(json);
    store_tokens(state, &array);
    if (status == 0)
        status = ravel_token_undo(utterance, &array, error);
    return status < 0 ? status : 1;
}

static int next_line(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                     ravel_error *error)
{
    jsonl_file *state = file->state;
    errno = 0;
    do {
        state->number++;
        if (getline(&state->line, &state->room, state->file) < 0) {
            *lost = ferror(state->file) || errno != 0;
            return *lost ? refuse(state, strerror(errno), error) : 0;
        }
    } while (*skip_blanks(state->line) == '\0');
    return use_line(file, utterance, error);
}

int ravel_token_open_jsonl(ravel_token_file *file, ravel_error *error)
{
    jsonl_file *state = calloc(1, sizeof *state);
    if (state == NULL)
        return ravel_error_memory(error);
    file->state = state;
    file->next = next_line;
    file->close = close_jsonl;
    state->file = fopen(file->path, "rbe");
    if (state->file == NULL)
        return ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", file->path,
                               strerror(errno));
    return 0;
}
