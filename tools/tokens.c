/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel tokens: sounds -> codes -> tokens in a layout, on all cores. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tokens/pipeline.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel tokens [OPTION]... -d DIR IN...\n"
    "       ravel tokens [OPTION]... [IN [OUT]]\n"
    "       ravel tokens --stats [--picture FILE.png] [--json] TOKENS...\n"
    "\n"
    "Tokens for language models. IN is a sound file, a folder, whose tree is mirrored, or a tar\n"
    "of sounds (webdataset). DIR/ravel.json says what the tokens are. The same sound gives the\n"
    "same tokens on every machine, with any number of jobs.\n"
    "\n"
    "  -f, --format FORMAT     npy (usual), rvl: a file each; npz, safetensors, jsonl, tar:\n"
    "                          many in a file. Without -d the suffix of OUT tells\n"
    "  -l, --layout LAYOUT     parallel (usual), delay, flat, coarse-first, interleaved\n"
    "      --delays D,D...     frames that each codebook is late; 0,1,2... without\n"
    "      --base N            number of the first token, 0 without\n"
    "      --numbers HOW       shared: the same tokens for all codebooks, as parallel and delay\n"
    "                          have it without; apart: none in two codebooks, as the others;\n"
    "                          places: none at two places of a frame\n"
    "      --begin             a special token before each utterance\n"
    "      --end               another one after it\n"
    "  -k, --codebooks N       so many codebooks; all of the model's without\n"
    "  -m, --model FILE        instead of RAVEL_MODEL or the built-in model\n"
    "\n"
    "      --files-from FILE   more inputs: a path a line; - is standard input\n"
    "  -0, --null              paths in FILE end with a zero byte\n"
    "      --manifest FILE     JSON lines with audio_filepath, and maybe offset and duration\n"
    "      --kaldi DIR         a folder with wav.scp, and maybe segments\n"
    "      --tar               IN is a tar whatever its name; - is standard input\n"
    "\n"
    "  -d, --directory DIR     of the outputs\n"
    "  -j, --jobs N            at once; as many as cores without\n"
    "      --batch N           utterances that a job encodes together, 4 without\n"
    "      --shard I/N         every N-th input from the I-th on, 0 <= I < N\n"
    "      --per-file N        utterances in one file of many, 10000 without\n"
    "      --resume            leave out what an earlier run has done\n"
    "      --report FILE       what failed and why, as JSON lines; DIR/failed.jsonl has the same\n"
    "      --progress HOW      none, bar (usual on a terminal) or json, on standard error\n"
    "  -q, --quiet             no bar and no summary\n"
    "\n"
    "      --stats             hours, use of the codebooks and entropy of files of tokens\n"
    "      --picture FILE.png  a picture of that\n"
    "      --json              one JSON object on standard output\n"
    "  -h, --help              this\n";

typedef struct {
    ravel_tool_options common;
    ravel_pack_format format;
    bool format_given, numbers_given;
    ravel_token_options layout;
    int delays[RAVEL_MAX_CODEBOOKS], n_delays;
    ravel_input *inputs; /* lists first, then names */
    int n_inputs;
    bool null, tar;
    int n_jobs, n_batch;
    int shard, n_shards, per_file;
    bool resume;
    const char *report;
    bool stats, json;
    const char *picture;
} tokens_options;

/* --- The run ---------------------------------------------------------------------------------- */

typedef struct {
    const tokens_options *options;
    const ravel_model *model;
    ravel_token_meta meta;
    ravel_inputs_options inputs;
    ravel_outputs_options outputs;
} tokens_run;

/* Takes the place of the bar. */
static void tell(void *context, const char *line)
{
    const tokens_run *run = context;
    const bool bar = run->options->common.progress == RAVEL_PROGRESS_BAR;
    (void)fprintf(stderr, "%sravel: %s\n", bar ? "\r\033[K" : "", line);
}

static int64_t items_of(const ravel_pipeline_state *state)
{
    return state->n_done + state->n_skipped + state->n_failed;
}

/* Watches the pipeline until it has finished. return    seconds that it took */
static double watch(const tokens_run *run, ravel_pipeline *pipeline, ravel_pipeline_state *state)
{
    const int64_t n_items = ravel_inputs_count(&run->inputs);
    ravel_progress progress = ravel_progress_begin(run->options->common.progress, "tokens", 0.0);
    progress.n_items = n_items > 0 ? n_items : 0;
    do {
        *state = ravel_pipeline_wait(pipeline, 100);
        progress.items_done = items_of(state);
        ravel_progress_update(&progress, state->seconds);
        if (ravel_tool_stopped())
            ravel_pipeline_stop(pipeline);
    } while (!state->finished);
    return ravel_progress_end(&progress, state->seconds);
}

static void report(const tokens_run *run, const ravel_pipeline_state *state, double took_s)
{
    char length[RAVEL_TOOL_TEXT];
    if (run->options->common.quiet)
        return;
    (void)fprintf(stderr, "%lld utterances, %s in %.2f s (%.1f times real time)",
                  (long long)state->n_done, ravel_tool_duration(state->seconds, length), took_s,
                  state->seconds / took_s);
    if (state->n_skipped > 0)
        (void)fprintf(stderr, ", %lld were done before", (long long)state->n_skipped);
    (void)fputc('\n', stderr);
}

static int start(tokens_run *run, ravel_inputs *inputs, ravel_outputs *outputs,
                 ravel_pipeline_state *state, double *took_s, ravel_error *error)
{
    const ravel_pipeline_options options = {.model = run->model,
                                            .n_codebooks = run->meta.layout.n_codebooks,
                                            .n_jobs = run->options->n_jobs,
                                            .n_batch = run->options->n_batch,
                                            .inputs = inputs,
                                            .outputs = outputs,
                                            .stopped = ravel_tool_stopped,
                                            .listen = tell,
                                            .listen_context = run};
    ravel_pipeline *pipeline = ravel_pipeline_start(&options, error);
    if (pipeline == NULL)
        return (int)error->status;
    *took_s = watch(run, pipeline, state);
    ravel_pipeline_free(pipeline);
    return 0;
}

static int run_all(tokens_run *run, ravel_error *error)
{
    ravel_pipeline_state state = {0};
    double took_s = 0.0;
    int64_t n_failed;
    ravel_outputs *outputs = ravel_outputs_open(&run->outputs, error);
    if (outputs == NULL)
        return ravel_tool_exit_code((int)error->status);
    ravel_inputs *inputs = ravel_inputs_open(&run->inputs);
    int status = inputs != NULL ? start(run, inputs, outputs, &state, &took_s, error)
                                : ravel_error_memory(error);
    ravel_inputs_close(inputs);
    ravel_error closing = {0};
    if (ravel_outputs_close(outputs, state.stopped || status < 0, &n_failed, &closing) < 0 &&
        status == 0) {
        status = (int)closing.status;
        *error = closing;
    }
    if (status < 0)
        return ravel_tool_exit_code(status);
    report(run, &state, took_s);
    if (n_failed == 0)
        return RAVEL_EXIT_DONE;
    if (run->outputs.directory == NULL)
        return RAVEL_EXIT_INPUT;
    (void)fprintf(stderr, "ravel: %lld inputs failed: see the list in '%s'\n", (long long)n_failed,
                  run->outputs.directory);
    return RAVEL_EXIT_BATCH;
}

/* --- What is asked for ------------------------------------------------------------------------ */

static int choose_layout(tokens_run *run, tokens_options *options, ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(run->model);
    const int n = options->layout.n_codebooks > 0 ? options->layout.n_codebooks : info->n_codebooks;
    if (n < info->least_codebooks)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "-k %d: of the model '%s' that holds no sound; %d at least", n,
                               info->name, info->least_codebooks);
    const bool columns = options->layout.order == RAVEL_TOKENS_PARALLEL ||
                         options->layout.order == RAVEL_TOKENS_DELAY;
    if (!options->numbers_given)
        options->layout.numbers = columns ? RAVEL_TOKENS_SHARED : RAVEL_TOKENS_APART;
    if (options->n_delays > 0) {
        if (options->n_delays != n)
            return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%d delays for %d codebooks",
                                   options->n_delays, n);
        if (options->layout.order != RAVEL_TOKENS_DELAY)
            return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "--delays without --layout delay");
        options->layout.delay_frames = options->delays;
    }
    return ravel_token_meta_make(&run->meta, info, &options->layout, error);
}

/* A .rvl has the codes and no tokens. */
static int check_rvl(const tokens_options *options, ravel_error *error)
{
    const ravel_token_options *layout = &options->layout;
    if (options->format == RAVEL_PACK_RVL && (layout->order != RAVEL_TOKENS_PARALLEL ||
                                              layout->base > 0 || layout->begin || layout->end))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "a .rvl holds parallel codes; layouts and special tokens need "
                               "another format");
    return 0;
}

/* One input and one output. return    RAVEL_EXIT_DONE or that of a usage error */
static int plan_one(tokens_run *run, tokens_options *options, int n_names, char **names)
{
    const char *out = n_names > 1 ? names[1] : "-", *dot = strrchr(out, '.');
    if (n_names > 2 || options->n_inputs > 0 || options->tar || options->resume ||
        options->n_shards > 1)
        return ravel_tool_usage_error("tokens", "more than one input and one output need -d DIR");
    if (!options->format_given && dot != NULL && !ravel_pack_find(dot + 1, &options->format))
        return ravel_tool_usage_error("tokens", "no format of tokens ends in '%s': name one by -f",
                                      dot);
    if (n_names == 0 && isatty(STDIN_FILENO))
        return ravel_tool_usage_error("tokens", "the input is a terminal: name a file");
    if (strcmp(out, "-") == 0 && isatty(STDOUT_FILENO) && options->format != RAVEL_PACK_JSONL)
        return ravel_tool_usage_error("tokens", "the output is a terminal: name a file");
    options->inputs[options->n_inputs++] =
        (ravel_input){RAVEL_INPUT_NAME, n_names > 0 ? names[0] : "-"};
    options->n_jobs = options->n_batch = 1;
    run->outputs.path = out;
    return RAVEL_EXIT_DONE;
}

static int plan_many(tokens_run *run, tokens_options *options, int n_names, char **names)
{
    for (int i = 0; i < n_names; i++)
        options->inputs[options->n_inputs++] = (ravel_input){RAVEL_INPUT_NAME, names[i]};
    if (options->n_inputs == 0)
        return ravel_tool_usage_error("tokens", "-d without an input");
    run->outputs.directory = options->common.directory;
    return RAVEL_EXIT_DONE;
}

static int plan(tokens_run *run, tokens_options *options, int n_names, char **names)
{
    for (int i = 0; options->null && i < options->n_inputs; i++)
        if (options->inputs[i].kind == RAVEL_INPUT_LIST)
            options->inputs[i].kind = RAVEL_INPUT_NUL_LIST;
    const int code = options->common.directory != NULL ? plan_many(run, options, n_names, names)
                                                       : plan_one(run, options, n_names, names);
    run->inputs = (ravel_inputs_options){.inputs = options->inputs,
                                         .n_inputs = options->n_inputs,
                                         .shard = options->shard,
                                         .n_shards = options->n_shards,
                                         .tars_only = options->tar};
    run->outputs.format = options->format;
    run->outputs.model = run->model;
    run->outputs.meta = &run->meta;
    run->outputs.shard = options->shard;
    run->outputs.n_shards = options->n_shards;
    run->outputs.per_file = options->per_file;
    run->outputs.resume = options->resume;
    run->outputs.report = options->report;
    return code;
}

static int run_tokens(tokens_options *options, int n_names, char **names)
{
    ravel_error error = {0};
    tokens_run run = {.options = options};
    run.model = options->stats ? ravel_tool_need_model(&options->common)
                               : ravel_tool_need_encoding_model(&options->common);
    if (run.model == NULL)
        return RAVEL_EXIT_MODEL;
    if (options->stats)
        return n_names > 0 ? ravel_tool_tokens_stats(run.model, n_names, names, options->picture,
                                                     options->json)
                           : ravel_tool_usage_error("tokens", "--stats of what? name files");
    if (options->picture != NULL || options->json)
        return ravel_tool_usage_error("tokens", "--picture and --json are for --stats");
    int code = plan(&run, options, n_names, names);
    if (code != RAVEL_EXIT_DONE)
        return code;
    if (choose_layout(&run, options, &error) < 0 || check_rvl(options, &error) < 0)
        return ravel_tool_usage_error("tokens", "%s", error.text);
    code = run_all(&run, &error);
    if (error.status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return code;
}

/* --- Options ---------------------------------------------------------------------------------- */

enum {
    OPT_DELAYS = RAVEL_TOOL_OWN,
    OPT_BASE,
    OPT_NUMBERS,
    OPT_BEGIN,
    OPT_END,
    OPT_FILES_FROM,
    OPT_MANIFEST,
    OPT_KALDI,
    OPT_TAR,
    OPT_BATCH,
    OPT_SHARD,
    OPT_PER_FILE,
    OPT_RESUME,
    OPT_REPORT,
    OPT_STATS,
    OPT_PICTURE,
    OPT_JSON
};

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"layout", required_argument, NULL, 'l'},
    {"delays", required_argument, NULL, OPT_DELAYS},
    {"base", required_argument, NULL, OPT_BASE},
    {"numbers", required_argument, NULL, OPT_NUMBERS},
    {"begin", no_argument, NULL, OPT_BEGIN},
    {"end", no_argument, NULL, OPT_END},
    {"codebooks", required_argument, NULL, 'k'},
    {"files-from", required_argument, NULL, OPT_FILES_FROM},
    {"null", no_argument, NULL, '0'},
    {"manifest", required_argument, NULL, OPT_MANIFEST},
    {"kaldi", required_argument, NULL, OPT_KALDI},
    {"tar", no_argument, NULL, OPT_TAR},
    {"jobs", required_argument, NULL, 'j'},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"shard", required_argument, NULL, OPT_SHARD},
    {"per-file", required_argument, NULL, OPT_PER_FILE},
    {"resume", no_argument, NULL, OPT_RESUME},
    {"report", required_argument, NULL, OPT_REPORT},
    {"stats", no_argument, NULL, OPT_STATS},
    {"picture", required_argument, NULL, OPT_PICTURE},
    {"json", no_argument, NULL, OPT_JSON},
    RAVEL_TOOL_LONG,
    {NULL, 0, NULL, 0}};

static bool set_layout(tokens_options *options, const char *value)
{
    for (int order = 0; ravel_token_order_name(order) != NULL; order++) {
        if (strcmp(value, ravel_token_order_name(order)) == 0) {
            options->layout.order = (ravel_token_order)order;
            return true;
        }
    }
    return false;
}

static bool set_delays(tokens_options *options, const char *value)
{
    options->n_delays = 0;
    for (const char *at = value; at != NULL;) {
        char number[16];
        const char *comma = strchr(at, ',');
        const size_t n = comma != NULL ? (size_t)(comma - at) : strlen(at);
        if (n >= sizeof number || options->n_delays == RAVEL_MAX_CODEBOOKS)
            return false;
        (void)snprintf(number, sizeof number, "%.*s", (int)n, at);
        if (!ravel_tool_int(number, 0, RAVEL_TOKENS_MAX_DELAY,
                            &options->delays[options->n_delays++]))
            return false;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}

static bool set_numbers(tokens_options *options, const char *value)
{
    options->numbers_given = true;
    for (int numbers = 0; ravel_token_numbers_name(numbers) != NULL; numbers++) {
        if (strcmp(value, ravel_token_numbers_name(numbers)) == 0) {
            options->layout.numbers = (ravel_token_numbers)numbers;
            return true;
        }
    }
    return false;
}

static bool set_base(tokens_options *options, const char *value)
{
    double base;
    if (!ravel_tool_double(value, 0.0, 4294967295.0, &base) || base != (double)(uint32_t)base)
        return false;
    options->layout.base = (uint32_t)base;
    return true;
}

/* "I/N" */
static bool set_shard(tokens_options *options, const char *value)
{
    char first[16];
    const char *slash = strchr(value, '/');
    const size_t n = slash != NULL ? (size_t)(slash - value) : sizeof first;
    if (n >= sizeof first)
        return false;
    (void)snprintf(first, sizeof first, "%.*s", (int)n, value);
    return ravel_tool_int(slash + 1, 1, 99999, &options->n_shards) &&
           ravel_tool_int(first, 0, options->n_shards - 1, &options->shard);
}

static bool add_input(tokens_options *options, ravel_input_kind kind, const char *path)
{
    options->inputs[options->n_inputs++] = (ravel_input){kind, path};
    return true;
}

static bool set_flag(bool *flag)
{
    *flag = true;
    return true;
}

static bool set_int_flag(int *flag)
{
    *flag = 1;
    return true;
}

static bool set_text(const char **text, const char *value)
{
    *text = value;
    return true;
}

static bool set_format(tokens_options *options, const char *value)
{
    options->format_given = true;
    return ravel_pack_find(value, &options->format);
}

/* What the tokens are. return    1 taken, 0 not one of these, -1 a bad value */
static int layout_option(tokens_options *options, int letter, const char *value)
{
    switch (letter) {
    case 'f':
        return set_format(options, value) ? 1 : -1;
    case 'l':
        return set_layout(options, value) ? 1 : -1;
    case 'k':
        return ravel_tool_int(value, 1, RAVEL_MAX_CODEBOOKS, &options->layout.n_codebooks) ? 1 : -1;
    case OPT_DELAYS:
        return set_delays(options, value) ? 1 : -1;
    case OPT_BASE:
        return set_base(options, value) ? 1 : -1;
    case OPT_NUMBERS:
        return set_numbers(options, value) ? 1 : -1;
    case OPT_BEGIN:
        return set_int_flag(&options->layout.begin);
    case OPT_END:
        return set_int_flag(&options->layout.end);
    default:
        return 0;
    }
}

/* Where sounds are from, and how the work is done; likewise. */
static int work_option(tokens_options *options, int letter, const char *value)
{
    switch (letter) {
    case OPT_FILES_FROM:
        return add_input(options, RAVEL_INPUT_LIST, value);
    case '0':
        return set_flag(&options->null);
    case OPT_MANIFEST:
        return add_input(options, RAVEL_INPUT_MANIFEST, value);
    case OPT_KALDI:
        return add_input(options, RAVEL_INPUT_KALDI, value);
    case OPT_TAR:
        return set_flag(&options->tar);
    case 'j':
        return ravel_tool_int(value, 1, 1024, &options->n_jobs) ? 1 : -1;
    case OPT_BATCH:
        return ravel_tool_int(value, 1, 64, &options->n_batch) ? 1 : -1;
    case OPT_SHARD:
        return set_shard(options, value) ? 1 : -1;
    case OPT_PER_FILE:
        return ravel_tool_int(value, 1, 1000000000, &options->per_file) ? 1 : -1;
    case OPT_RESUME:
        return set_flag(&options->resume);
    case OPT_REPORT:
        return set_text(&options->report, value);
    case OPT_STATS:
        return set_flag(&options->stats);
    case OPT_PICTURE:
        return set_text(&options->picture, value);
    case OPT_JSON:
        return set_flag(&options->json);
    default:
        return 0;
    }
}

static int own_option(void *context, int letter, const char *value)
{
    const int taken = layout_option(context, letter, value);
    return taken != 0 ? taken : work_option(context, letter, value);
}

static const ravel_tool_own_options own_options = {RAVEL_TOOL_LETTERS "f:l:k:0j:", long_options,
                                                   usage, own_option};

int ravel_tool_tokens(int argc, char **argv)
{
    tokens_options options = {.common = ravel_tool_options_new(),
                              .inputs = calloc((size_t)argc + 1, sizeof *options.inputs),
                              .n_jobs = ravel_tool_processors(),
                              .n_batch = 4,
                              .n_shards = 1,
                              .per_file = 10000};
    if (options.inputs == NULL) {
        (void)fputs("ravel: no memory\n", stderr);
        return RAVEL_EXIT_INPUT;
    }
    int code = ravel_tool_read_options(&options.common, &own_options, &options, argc, argv);
    if (code < 0)
        code = run_tokens(&options, argc - optind, argv + optind);
    ravel_tool_options_free(&options.common);
    free(options.inputs);
    return code;
}
