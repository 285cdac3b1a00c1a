/* SPDX-License-Identifier: BSD-3-Clause */
/* safetensors and JSON lines. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/tokens/pack_inside.h"

static int to_outfile(void *context, const void *bytes, size_t n, ravel_error *error)
{
    return ravel_outfile_write(context, bytes, n, error);
}

/* --- safetensors ------------------------------------------------------------------------------ */

static void add_tensor(cJSON *header, const ravel_pack *pack, int64_t i, int64_t *offset)
{
    const ravel_token_layout *layout = &pack->meta->layout;
    const int64_t n_frames = pack->entries[i].n_frames;
    cJSON *tensor = cJSON_AddObjectToObject(header, pack->entries[i].name);
    cJSON_AddStringToObject(tensor, "dtype", ravel_token_bytes(layout) == 2 ? "U16" : "U32");
    cJSON *shape = cJSON_AddArrayToObject(tensor, "shape");
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)ravel_token_rows(layout, n_frames)));
    if (layout->row_tokens > 1)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber(layout->row_tokens));
    cJSON *offsets = cJSON_AddArrayToObject(tensor, "data_offsets");
    cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)*offset));
    *offset += ravel_pack_token_bytes(layout, n_frames);
    cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)*offset));
}

static char *safetensors_header(const ravel_pack *pack)
{
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, "__metadata__");
    char *text = ravel_pack_metadata(pack, -1, false);
    int64_t offset = 0;
    if (text != NULL)
        cJSON_AddStringToObject(metadata, "ravel", text);
    for (int64_t i = 0; i < pack->n_entries; i++)
        add_tensor(header, pack, i, &offset);
    free(text);
    text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    return text;
}

int ravel_pack_write_safetensors(const ravel_pack *pack, ravel_outfile *out, ravel_error *error)
{
    char *header = safetensors_header(pack);
    if (header == NULL)
        return ravel_error_memory(error);
    const size_t n = strlen(header), padding = (8 - n % 8) % 8; /* data are aligned */
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)(n + padding) >> 8 * i);
    int status = ravel_outfile_write(out, length, sizeof length, error);
    if (status == 0)
        status = ravel_outfile_write(out, header, n, error);
    if (status == 0)
        status = ravel_outfile_write(out, "       ", padding, error);
    free(header);
    for (int64_t i = 0; status == 0 && i < pack->n_entries; i++)
        status = ravel_pack_tokens(pack, i, to_outfile, out, error);
    return status;
}

/* --- JSON lines ------------------------------------------------------------------------------- */

typedef struct {
    ravel_outfile *out;
    int bytes, row_tokens; /* of a token, of a row */
    int64_t n;             /* tokens so far */
    char text[1 << 16];
    size_t n_text;
} json_tokens;

static int flush(json_tokens *json, ravel_error *error)
{
    const int status = ravel_outfile_write(json->out, json->text, json->n_text, error);
    json->n_text = 0;
    return status;
}

static void add_token(json_tokens *json, unsigned long token)
{
    const bool rows = json->row_tokens > 1;
    const bool first = json->n % json->row_tokens == 0;
    const char *before = json->n == 0 ? (rows ? "[" : "") : !rows ? "," : first ? "],[" : ",";
    json->n_text += (size_t)snprintf(json->text + json->n_text, 16, "%s%lu", before, token);
    json->n++;
}

static int to_json(void *context, const void *bytes, size_t n, ravel_error *error)
{
    json_tokens *json = context;
    const uint8_t *at = bytes, *end = at + n;
    int status = 0;
    while (status == 0 && at < end) {
        unsigned long token = 0;
        for (int k = 0; k < json->bytes; k++)
            token |= (unsigned long)*at++ << 8 * k;
        add_token(json, token);
        if (json->n_text > sizeof json->text - 16)
            status = flush(json, error);
    }
    return status;
}

/* {"name":...,"samples":...,"frames":...,"ravel":{...},"tokens": */
static char *line_head(const ravel_pack *pack, int64_t entry)
{
    const ravel_pack_entry *of = &pack->entries[entry];
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "name", of->name);
    cJSON_AddNumberToObject(line, "samples", (double)of->n_samples);
    cJSON_AddNumberToObject(line, "frames", (double)of->n_frames);
    cJSON_AddItemToObject(line, "ravel", ravel_token_meta_json(pack->meta));
    cJSON_AddArrayToObject(line, "tokens");
    char *text = cJSON_PrintUnformatted(line);
    cJSON_Delete(line);
    if (text != NULL)
        text[strlen(text) - 2] = '\0'; /* without "]}" */
    return text;
}

static int write_line(const ravel_pack *pack, json_tokens *json, int64_t entry, ravel_error *error)
{
    char *head = line_head(pack, entry);
    if (head == NULL)
        return ravel_error_memory(error);
    int status = ravel_outfile_write(json->out, head, strlen(head), error);
    free(head);
    json->n = 0;
    if (status == 0)
        status = ravel_pack_tokens(pack, entry, to_json, json, error);
    if (status == 0)
        status = flush(json, error);
    const char *tail = json->row_tokens > 1 && json->n > 0 ? "]]}\n" : "]}\n";
    return status < 0 ? status : ravel_outfile_write(json->out, tail, strlen(tail), error);
}

int ravel_pack_write_jsonl(const ravel_pack *pack, ravel_outfile *out, ravel_error *error)
{
    json_tokens *json = calloc(1, sizeof *json);
    if (json == NULL)
        return ravel_error_memory(error);
    json->out = out;
    json->bytes = ravel_token_bytes(&pack->meta->layout);
    json->row_tokens = pack->meta->layout.row_tokens;
    int status = 0;
    for (int64_t i = 0; status == 0 && i < pack->n_entries; i++)
        status = write_line(pack, json, i, error);
    free(json);
    return status;
}
