/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/token_inputs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nn/error.h"
#include "tools/tokens/feed.h"
#include "tools/tokens/names.h"
#include "tools/tokens/pack.h"

struct ravel_token_inputs {
    char *const *paths;
    int n_paths, next;
    const ravel_model *model;
    ravel_feed *feed;       /* of a folder, or NULL */
    ravel_item item;        /* the file that is open */
    ravel_token_file *file; /* or NULL */
};

ravel_token_inputs *ravel_token_inputs_open(char *const *paths, int n_paths,
                                            const ravel_model *model)
{
    ravel_token_inputs *inputs = calloc(1, sizeof *inputs);
    if (inputs != NULL) {
        inputs->paths = paths;
        inputs->n_paths = n_paths;
        inputs->model = model;
        inputs->item.fd = -1;
    }
    return inputs;
}

static void close_file(ravel_token_inputs *inputs)
{
    ravel_token_file_close(inputs->file);
    inputs->file = NULL;
    ravel_item_clear(&inputs->item);
}

void ravel_token_inputs_close(ravel_token_inputs *inputs)
{
    if (inputs == NULL)
        return;
    close_file(inputs);
    if (inputs->feed != NULL)
        inputs->feed->close(inputs->feed);
    free(inputs);
}

/* Lists of failures lie among the tokens. */
static bool is_wanted(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    return ravel_token_file_known(path) && strcmp(name, "failed.jsonl") != 0 &&
           fnmatch("failed-*-of-*.jsonl", name, 0) != 0;
}

/* The next path: of the folder that is walked, or of the arguments. return    1, 0, or negative */
static int next_path(ravel_token_inputs *inputs, ravel_error *error)
{
    struct stat status;
    if (inputs->feed != NULL) {
        if (inputs->feed->next(inputs->feed, &inputs->item))
            return 1;
        inputs->feed->close(inputs->feed);
        inputs->feed = NULL;
    }
    if (inputs->next == inputs->n_paths)
        return 0;
    const char *path = inputs->paths[inputs->next++], *slash = strrchr(path, '/');
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        inputs->feed = ravel_feed_folder(path, is_wanted, error);
        return inputs->feed != NULL ? next_path(inputs, error) : (int)error->status;
    }
    char *name = ravel_name_of_path(slash != NULL ? slash + 1 : path);
    const int set =
        name != NULL ? ravel_item_set(&inputs->item, name, path, error) : ravel_error_memory(error);
    free(name);
    return set < 0 ? set : 1;
}

/* return    1 with a file open, 0 at the end, or a negative status */
static int open_next(ravel_token_inputs *inputs, ravel_error *error)
{
    const int got = next_path(inputs, error);
    if (got <= 0)
        return got;
    if (inputs->item.refused.status < 0)
        *error = inputs->item.refused;
    else
        inputs->file = ravel_token_file_open(inputs->item.path, inputs->model, error);
    if (inputs->file != NULL)
        return 1;
    ravel_item_clear(&inputs->item);
    return (int)error->status;
}

/* By the path below the folder, and never out of the folder of the outputs. */
static int name_utterance(const ravel_token_inputs *inputs, ravel_utterance *utterance,
                          ravel_error *error)
{
    ravel_pack_format format = RAVEL_PACK_NPY;
    const char *dot = strrchr(inputs->item.path, '.');
    const bool single =
        dot != NULL && ravel_pack_find(dot + 1, &format) && ravel_pack_is_single(format);
    char *name = ravel_name_of_path(single ? inputs->item.name : utterance->name);
    free(utterance->name);
    utterance->name = name;
    return name != NULL ? 1 : ravel_error_memory(error);
}

int ravel_token_inputs_next(ravel_token_inputs *inputs, ravel_utterance *utterance,
                            ravel_error *error)
{
    for (;;) {
        bool lost;
        if (inputs->file == NULL) {
            const int opened = open_next(inputs, error);
            if (opened <= 0)
                return opened;
        }
        const int got = ravel_token_file_next(inputs->file, utterance, &lost, error);
        if (got > 0)
            return name_utterance(inputs, utterance, error);
        if (got == 0 || lost)
            close_file(inputs);
        if (got < 0)
            return got;
    }
}
