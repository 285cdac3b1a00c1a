/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel tokens --stats: what is in files of tokens. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "nn/error.h"
#include "tools/tokens/statistics.h"
#include "tools/tokens/token_inputs.h"
#include "tools/tool.h"

/* return    utterances that could not be read */
static int64_t read_all(ravel_statistics *statistics, ravel_token_inputs *inputs)
{
    int64_t n_failed = 0;
    while (!ravel_tool_stopped()) {
        ravel_error error = {0};
        ravel_utterance utterance;
        int got = ravel_token_inputs_next(inputs, &utterance, &error);
        if (got == 0)
            break;
        if (got > 0) {
            got = ravel_statistics_add(statistics, &utterance, &error);
            ravel_utterance_clear(&utterance);
        }
        if (got < 0) {
            (void)fprintf(stderr, "ravel: %s\n", error.text);
            n_failed++;
        }
    }
    return n_failed;
}

static int draw(const ravel_statistics *statistics, const char *picture, ravel_error *error)
{
#ifdef RAVEL_PICTURE
    return ravel_statistics_draw(statistics, picture, error);
#else
    (void)statistics;
    return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s': built without libpng", picture);
#endif
}

static int print(const ravel_statistics *statistics, bool json)
{
    if (!json) {
        ravel_statistics_print(statistics);
        return RAVEL_OK;
    }
    cJSON *facts = ravel_statistics_json(statistics);
    const int status = ravel_tool_print_json(facts);
    cJSON_Delete(facts);
    return status;
}

static int finish(const ravel_statistics *statistics, int64_t n_failed, const char *picture,
                  bool json)
{
    ravel_error error = {0};
    if (statistics->n_frames == 0) {
        (void)fputs("ravel: no tokens\n", stderr);
        return RAVEL_EXIT_INPUT;
    }
    int status = print(statistics, json);
    if (status < 0)
        ravel_error_memory(&error);
    else if (picture != NULL)
        status = draw(statistics, picture, &error);
    if (status < 0) {
        (void)fprintf(stderr, "ravel: %s\n", error.text);
        return ravel_tool_exit_code((int)error.status);
    }
    return n_failed > 0 ? RAVEL_EXIT_BATCH : RAVEL_EXIT_DONE;
}

int ravel_tool_tokens_stats(const ravel_model *model, int n_names, char **names,
                            const char *picture, bool json)
{
    ravel_statistics *statistics = calloc(1, sizeof *statistics);
    ravel_token_inputs *inputs = ravel_token_inputs_open(names, n_names, model);
    int code = RAVEL_EXIT_INPUT;
    if (statistics != NULL && inputs != NULL)
        code = finish(statistics, read_all(statistics, inputs), picture, json);
    ravel_token_inputs_close(inputs);
    if (statistics != NULL)
        ravel_statistics_free(statistics);
    free(statistics);
    return code;
}
