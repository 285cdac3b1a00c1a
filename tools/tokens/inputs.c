/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "nn/error.h"
#include "tools/tokens/feed.h"
#include "tools/tokens/names.h"

struct ravel_inputs {
    ravel_inputs_options options;
    int next;         /* input that is opened next */
    ravel_feed *feed; /* of the one before, or NULL */
    bool dealt;       /* the feed as a whole belongs to this shard */
    ravel_name_set names;
    int64_t n_units; /* dealt out so far */
    int64_t n_items; /* of this shard */
};

ravel_inputs *ravel_inputs_open(const ravel_inputs_options *options)
{
    ravel_inputs *inputs = calloc(1, sizeof *inputs);
    if (inputs != NULL)
        inputs->options = *options;
    return inputs;
}

static void close_feed(ravel_inputs *inputs)
{
    if (inputs->feed != NULL)
        inputs->feed->close(inputs->feed);
    inputs->feed = NULL;
}

void ravel_inputs_close(ravel_inputs *inputs)
{
    if (inputs == NULL)
        return;
    close_feed(inputs);
    ravel_name_set_free(&inputs->names);
    free(inputs);
}

/* --- Kinds of inputs -------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && strcasecmp(text + n - m, end) == 0;
}

static bool is_tar(const ravel_inputs_options *options, const ravel_input *input)
{
    static const char *const suffixes[] = {".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"};
    bool tar =
        input->kind == RAVEL_INPUT_TAR || (input->kind == RAVEL_INPUT_NAME && options->tars_only);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        tar = tar || (input->kind == RAVEL_INPUT_NAME && ends_in(input->path, suffixes[i]));
    return tar;
}

static bool is_folder(const ravel_input *input)
{
    struct stat status;
    return input->kind == RAVEL_INPUT_NAME && stat(input->path, &status) == 0 &&
           S_ISDIR(status.st_mode);
}

/* NULL with error->status 0 for a plain file. */
static ravel_feed *open_feed(const ravel_inputs *inputs, const ravel_input *input,
                             ravel_error *error)
{
    if (is_tar(&inputs->options, input))
        return ravel_feed_tar(input->path, error);
    if (is_folder(input))
        return ravel_feed_folder(input->path, ravel_name_is_audio, error);
    switch (input->kind) {
    case RAVEL_INPUT_LIST:
        return ravel_feed_list(input->path, '\n', error);
    case RAVEL_INPUT_NUL_LIST:
        return ravel_feed_list(input->path, '\0', error);
    case RAVEL_INPUT_MANIFEST:
        return ravel_feed_manifest(input->path, error);
    case RAVEL_INPUT_KALDI:
        return ravel_feed_kaldi(input->path, error);
    case RAVEL_INPUT_NAME:
    case RAVEL_INPUT_TAR:
        break;
    }
    return NULL;
}

/* --- Items ------------------------------------------------------------------------------------ */

/* A file that was named: its own name alone counts, as with cp. */
static void give_file(const char *path, ravel_item *item)
{
    const char *slash = strrchr(path, '/');
    char *name =
        strcmp(path, "-") == 0 ? strdup("stdin") : ravel_name_of_path(slash ? slash + 1 : path);
    if (name == NULL)
        *item = (ravel_item){.fd = -1, .refused = {RAVEL_ERR_MEMORY, "no memory"}};
    else
        (void)ravel_item_set(item, name, path, &item->refused);
    free(name);
}

static bool deal(ravel_inputs *inputs)
{
    return inputs->n_units++ % inputs->options.n_shards == inputs->options.shard;
}

/* return    whether the input made an item by itself: a file, or one that cannot be read */
static bool open_next(ravel_inputs *inputs, ravel_item *item)
{
    const ravel_input *input = &inputs->options.inputs[inputs->next++];
    ravel_error error = {0};
    inputs->dealt = is_tar(&inputs->options, input);
    if (inputs->dealt && !deal(inputs))
        return false;
    inputs->feed = open_feed(inputs, input, &error);
    if (inputs->feed != NULL)
        return false;
    give_file(input->path, item);
    if (error.status < 0)
        item->refused = error;
    return true;
}

/* The next item of any shard. */
static bool next_of_all(ravel_inputs *inputs, ravel_item *item)
{
    for (;;) {
        *item = (ravel_item){.fd = -1};
        if (inputs->feed != NULL && inputs->feed->next(inputs->feed, item))
            return true;
        close_feed(inputs);
        if (inputs->next == inputs->options.n_inputs)
            return false;
        if (open_next(inputs, item))
            return true;
    }
}

static void claim_name(ravel_inputs *inputs, ravel_item *item)
{
    if (item->refused.status < 0 || item->name == NULL)
        return;
    const int added = ravel_name_set_add(&inputs->names, item->name);
    if (added < 0)
        ravel_error_memory(&item->refused);
    if (added == 0)
        ravel_error_set(&item->refused, RAVEL_ERR_ARGUMENT,
                        "'%s' would take the place of an earlier input: both are named '%s'",
                        item->path, item->name);
}

bool ravel_inputs_next(ravel_inputs *inputs, ravel_item *item)
{
    while (next_of_all(inputs, item)) {
        claim_name(inputs, item);
        const bool whole = inputs->dealt && (inputs->feed != NULL || item->refused.status < 0);
        if (whole || deal(inputs)) {
            item->index = inputs->n_items++;
            return true;
        }
        ravel_item_clear(item);
    }
    return false;
}

static bool countable(const ravel_inputs_options *options)
{
    for (int i = 0; i < options->n_inputs; i++)
        if (strcmp(options->inputs[i].path, "-") == 0 || is_tar(options, &options->inputs[i]))
            return false;
    return true;
}

int64_t ravel_inputs_count(const ravel_inputs_options *options)
{
    if (!countable(options))
        return -1;
    ravel_inputs *inputs = ravel_inputs_open(options);
    int64_t n = 0;
    ravel_item item;
    while (inputs != NULL && next_of_all(inputs, &item)) {
        n += inputs->n_units++ % options->n_shards == options->shard;
        ravel_item_clear(&item);
    }
    ravel_inputs_close(inputs);
    return n;
}
