/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/pack_inside.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

int64_t ravel_pack_token_bytes(const ravel_token_layout *layout, int64_t n_frames)
{
    return ravel_token_rows(layout, n_frames) * layout->row_tokens * ravel_token_bytes(layout);
}

/* Numbers to little-endian ones of `bytes` bytes, in place: a narrower one never overtakes. */
static void narrow(uint32_t *tokens, size_t n, int bytes)
{
    uint8_t *out = (uint8_t *)tokens;
    for (size_t i = 0; i < n; i++) {
        const uint32_t token = tokens[i];
        for (int k = 0; k < bytes; k++)
            *out++ = (uint8_t)(token >> 8 * k);
    }
}

const ravel_spool *ravel_pack_spool(const ravel_pack *pack, int64_t entry, ravel_spool *own,
                                    ravel_error *error)
{
    *own = ravel_spool_new();
    if (pack->spool != NULL)
        return pack->spool;
    return pack->open(pack->context, entry, own, error) == 0 ? own : NULL;
}

int ravel_pack_tokens(const ravel_pack *pack, int64_t entry, ravel_pack_sink *sink, void *context,
                      ravel_error *error)
{
    const ravel_token_layout *layout = &pack->meta->layout;
    const int bytes = ravel_token_bytes(layout);
    ravel_spool own;
    ravel_token_blocks blocks = {0};
    const ravel_spool *spool = ravel_pack_spool(pack, entry, &own, error);
    int status = spool != NULL ? ravel_token_blocks_begin(&blocks, layout, spool, error)
                               : (int)error->status;
    while (status == 0) {
        const int n_rows = ravel_token_blocks_next(&blocks, error);
        if (n_rows <= 0) {
            status = n_rows;
            break;
        }
        const size_t n = (size_t)n_rows * (size_t)layout->row_tokens;
        narrow(blocks.tokens, n, bytes);
        status = sink(context, blocks.tokens, n * (size_t)bytes, error);
    }
    ravel_token_blocks_free(&blocks);
    ravel_spool_free(&own);
    return status;
}

static void add_samples(cJSON *json, const ravel_pack *pack, int64_t entry)
{
    if (entry >= 0) {
        cJSON_AddNumberToObject(json, "samples", (double)pack->entries[entry].n_samples);
        return;
    }
    cJSON *samples = cJSON_AddObjectToObject(json, "samples");
    for (int64_t i = 0; i < pack->n_entries; i++)
        cJSON_AddNumberToObject(samples, pack->entries[i].name, (double)pack->entries[i].n_samples);
}

char *ravel_pack_metadata(const ravel_pack *pack, int64_t entry, bool indented)
{
    cJSON *json = ravel_token_meta_json(pack->meta);
    add_samples(json, pack, entry);
    char *text = indented ? cJSON_Print(json) : cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}
