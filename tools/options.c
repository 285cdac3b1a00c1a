/* SPDX-License-Identifier: BSD-3-Clause */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tool.h"

int ravel_tool_exit_code(int status)
{
    switch (status) {
    case RAVEL_OK:
        return RAVEL_EXIT_DONE;
    case RAVEL_ERR_ARGUMENT:
        return RAVEL_EXIT_USAGE;
    case RAVEL_ERR_MODEL:
    case RAVEL_ERR_CPU:
        return RAVEL_EXIT_MODEL;
    default:
        return RAVEL_EXIT_INPUT;
    }
}

ravel_tool_options ravel_tool_options_new(void)
{
    return (ravel_tool_options){.progress = isatty(STDERR_FILENO) ? RAVEL_PROGRESS_BAR
                                                                  : RAVEL_PROGRESS_NONE};
}

static bool set_progress(ravel_tool_options *options, const char *value)
{
    static const char *const names[] = {"none", "bar", "json"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->progress = (ravel_progress_kind)i;
            return true;
        }
    }
    (void)fprintf(stderr, "ravel: --progress is none, bar or json, not '%s'\n", value);
    return false;
}

bool ravel_tool_option(ravel_tool_options *options, int letter, const char *value,
                       const char *usage, int *exit_code)
{
    *exit_code = RAVEL_EXIT_USAGE;
    switch (letter) {
    case 'm':
        options->model_path = value;
        return true;
    case 'd':
        options->directory = value;
        return true;
    case 'q':
        options->quiet = true;
        options->progress = RAVEL_PROGRESS_NONE;
        return true;
    case RAVEL_TOOL_PROGRESS:
        return set_progress(options, value);
    case 'h':
        (void)fputs(usage, stdout);
        *exit_code = RAVEL_EXIT_DONE;
        return false;
    default: /* getopt_long has told */
        return false;
    }
}

int ravel_tool_read_options(ravel_tool_options *options, const ravel_tool_own_options *own,
                            void *context, int argc, char **argv)
{
    int letter, code;
    while ((letter = getopt_long(argc, argv, own->letters, own->names, NULL)) >= 0) {
        const int taken = own->take(context, letter, optarg);
        if (taken < 0)
            return ravel_tool_usage_error(argv[0], "'%s' is no value for this option", optarg);
        if (taken == 0 && !ravel_tool_option(options, letter, optarg, own->usage, &code))
            return code;
    }
    return -1;
}

int ravel_tool_usage_error(const char *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "ravel %s: ", verb);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\nTry 'ravel %s -h'.\n", verb);
    va_end(arguments);
    return RAVEL_EXIT_USAGE;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

bool ravel_tool_double(const char *text, double low, double high, double *value)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(number >= low && number <= high))
        return false;
    *value = number;
    return true;
}

bool ravel_tool_int(const char *text, int low, int high, int *value)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < low || number > high)
        return false;
    *value = (int)number;
    return true;
}

bool ravel_tool_bits(const char *text, int *bits)
{
    if (strcmp(text, "f32") == 0) {
        *bits = -32;
        return true;
    }
    return ravel_tool_int(text, 16, 32, bits) && *bits % 8 == 0;
}

bool ravel_tool_time(const char *text, double *seconds)
{
    const char *last = strrchr(text, ':');
    if (!ravel_tool_double(last != NULL ? last + 1 : text, 0.0, 1e9, seconds))
        return false;
    double unit = 60.0;
    while (last != NULL) {
        const char *begin = last;
        while (begin > text && begin[-1] != ':')
            begin--;
        char field[16];
        int n = (int)(last - begin), count;
        if (n >= (int)sizeof field || unit > 3600.0)
            return false;
        (void)snprintf(field, sizeof field, "%.*s", n, begin);
        if (!ravel_tool_int(field, 0, 99999, &count))
            return false;
        *seconds += unit * count;
        unit *= 60.0;
        last = begin > text ? begin - 1 : NULL;
    }
    return true;
}

/* --- The model -------------------------------------------------------------------------------- */

static const ravel_model *builtin(ravel_error *error)
{
    const ravel_model *model = ravel_model_builtin();
    const char *cpu = getenv("RAVEL_CPU");
    if (model == NULL)
        ravel_error_set(error, RAVEL_ERR_MODEL, "the built-in model cannot be used%s%s",
                        cpu != NULL ? ": no such instruction set here: RAVEL_CPU=" : "",
                        cpu != NULL ? cpu : "");
    return model;
}

const ravel_model *ravel_tool_model(ravel_tool_options *options, ravel_error *error)
{
    const char *path = options->model_path != NULL ? options->model_path : getenv("RAVEL_MODEL");
    if (path == NULL || path[0] == '\0')
        return builtin(error);
    if (options->opened == NULL)
        options->opened = ravel_model_open(path, error);
    if (options->opened == NULL)
        error->status = RAVEL_ERR_MODEL; /* whatever it was, it is the model that is missing */
    return options->opened;
}

const ravel_model *ravel_tool_encoding_model(ravel_tool_options *options, ravel_error *error)
{
    const ravel_model *model = ravel_tool_model(options, error);
    if (model == NULL || !ravel_model_get_info(model)->decodes_only)
        return model;
    ravel_error_set(error, RAVEL_ERR_MODEL, "the model '%s' only decodes: it has no encoder",
                    ravel_model_get_info(model)->name);
    return NULL;
}

const ravel_model *ravel_tool_need_model(ravel_tool_options *options)
{
    ravel_error error = {0};
    const ravel_model *model = ravel_tool_model(options, &error);
    if (model == NULL)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return model;
}

const ravel_model *ravel_tool_need_encoding_model(ravel_tool_options *options)
{
    ravel_error error = {0};
    const ravel_model *model = ravel_tool_encoding_model(options, &error);
    if (model == NULL)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return model;
}

void ravel_tool_options_free(ravel_tool_options *options)
{
    ravel_model_free(options->opened);
    options->opened = NULL;
}

int ravel_tool_codebooks(const char *verb, const ravel_model *model, double kbps, int *n_codebooks)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    const double least = ravel_model_bitrate(model, info->least_codebooks) / 1e3;
    if (kbps > 0.0 && kbps < least * 0.9999)
        return ravel_tool_usage_error(verb, "-b %g: the model '%s' needs at least %g kb/s", kbps,
                                      info->name, least);
    int n = info->n_codebooks;
    while (kbps > 0.0 && n > info->least_codebooks && ravel_model_bitrate(model, n) > kbps * 1000.1)
        n--;
    *n_codebooks = n;
    return RAVEL_EXIT_DONE;
}

int ravel_tool_piece_frames(const ravel_model_info *info)
{
    enum { FRAMES = 32, LEAST_SAMPLES = 8192, MOST_SAMPLES = 1 << 17, LONG_FRAMES = 8 };
    const int hop = info->hop_samples;
    const int least = LEAST_SAMPLES / hop > FRAMES ? LEAST_SAMPLES / hop : FRAMES;
    const int most = MOST_SAMPLES / hop > LONG_FRAMES ? MOST_SAMPLES / hop : LONG_FRAMES;
    return least < most ? least : most;
}

int ravel_tool_processors(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* --- Words ------------------------------------------------------------------------------------ */

const char *ravel_tool_duration(double seconds, char text[RAVEL_TOOL_TEXT])
{
    int64_t hundredths = (int64_t)floor(seconds * 100.0 + 0.5);
    long long minutes = hundredths / 6000, rest = hundredths % 6000;
    if (minutes >= 60)
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%lld:%02lld:%02lld.%02lld", minutes / 60,
                       minutes % 60, rest / 100, rest % 100);
    else if (minutes > 0)
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%lld:%02lld.%02lld", minutes, rest / 100,
                       rest % 100);
    else
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%.2f s", seconds);
    return text;
}

const char *ravel_tool_size(double bytes, char text[RAVEL_TOOL_TEXT])
{
    if (bytes < 1e3)
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%.0f bytes", bytes);
    else if (bytes < 1e6)
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%.1f kB", bytes / 1e3);
    else
        (void)snprintf(text, RAVEL_TOOL_TEXT, "%.1f MB", bytes / 1e6);
    return text;
}

void ravel_tool_add_number(cJSON *object, const char *name, double value)
{
    cJSON_AddNumberToObject(object, name, floor(value * 1000.0 + 0.5) / 1000.0);
}

int ravel_tool_print_json(const cJSON *json)
{
    char *text = json != NULL ? cJSON_Print(json) : NULL;
    if (text == NULL)
        return RAVEL_ERR_MEMORY;
    (void)puts(text);
    free(text);
    return RAVEL_OK;
}
