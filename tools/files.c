/* SPDX-License-Identifier: BSD-3-Clause */
/* One file, or many of them into a directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/error.h"
#include "tools/tool.h"

int ravel_tool_interrupted(ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_IO, "stopped by a signal");
}

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static int run_job(const char *in, const char *out, ravel_tool_job *job, void *context,
                   ravel_error *error)
{
    if (same_file(in, out))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s' would take the place of its input",
                               out);
    return job(context, in, out, error);
}

/* --- One -------------------------------------------------------------------------------------- */

static int run_one(const char *verb, int n_names, char **names, ravel_tool_job *job, void *context)
{
    const char *in = n_names > 0 ? names[0] : "-", *out = n_names > 1 ? names[1] : "-";
    ravel_error error = {0};
    if (n_names > 2)
        return ravel_tool_usage_error(verb, "more than one input and one output need -d DIR");
    if (strcmp(in, "-") == 0 && isatty(STDIN_FILENO))
        return ravel_tool_usage_error(verb, "the input is a terminal: name a file");
    if (strcmp(out, "-") == 0 && isatty(STDOUT_FILENO))
        return ravel_tool_usage_error(verb, "the output is a terminal: name a file");
    int status = run_job(in, out, job, context, &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}

/* --- Many ------------------------------------------------------------------------------------- */

typedef struct {
    const char *in;
    char *out;
    int status;
} entry;

/* DIR/name with another suffix */
static char *output_name(const char *directory, const char *in, const char *suffix)
{
    const char *slash = strrchr(in, '/');
    const char *name = slash != NULL ? slash + 1 : in;
    const char *dot = strrchr(name, '.');
    int n = dot != NULL && dot > name ? (int)(dot - name) : (int)strlen(name);
    size_t room = strlen(directory) + (size_t)n + strlen(suffix) + 2;
    char *out = malloc(room);
    if (out != NULL)
        (void)snprintf(out, room, "%s/%.*s%s", directory, n, name, suffix);
    return out;
}

static int check_entry(const entry *entries, int i, ravel_error *error)
{
    if (entries[i].out == NULL)
        return ravel_error_memory(error);
    if (strcmp(entries[i].in, "-") == 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "standard input has no name for -d");
    for (int k = 0; k < i; k++)
        if (entries[k].out != NULL && strcmp(entries[k].out, entries[i].out) == 0)
            return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                                   "'%s' would take the place of what '%s' became", entries[i].out,
                                   entries[k].in);
    return 0;
}

static int report_batch(const entry *entries, int n)
{
    int n_failed = 0;
    for (int i = 0; i < n; i++)
        n_failed += entries[i].status < 0;
    if (n_failed == 0)
        return RAVEL_EXIT_DONE;
    (void)fprintf(stderr, "ravel: %d of %d files failed:\n", n_failed, n);
    for (int i = 0; i < n; i++)
        if (entries[i].status < 0)
            (void)fprintf(stderr, "  %s\n", entries[i].in);
    return RAVEL_EXIT_BATCH;
}

static void run_entries(entry *entries, int n, ravel_tool_job *job, void *context)
{
    for (int i = 0; i < n && !ravel_tool_stopped(); i++) {
        ravel_error error = {0};
        entries[i].status = check_entry(entries, i, &error);
        if (entries[i].status == 0)
            entries[i].status = run_job(entries[i].in, entries[i].out, job, context, &error);
        if (entries[i].status < 0)
            (void)fprintf(stderr, "ravel: %s\n", error.text);
    }
}

static int run_many(const char *directory, const char *suffix, int n, char **names,
                    ravel_tool_job *job, void *context)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        (void)fprintf(stderr, "ravel: cannot make '%s': %s\n", directory, strerror(errno));
        return RAVEL_EXIT_INPUT;
    }
    entry *entries = calloc((size_t)n, sizeof *entries);
    if (entries == NULL) {
        (void)fputs("ravel: no memory\n", stderr);
        return RAVEL_EXIT_INPUT;
    }
    for (int i = 0; i < n; i++)
        entries[i] = (entry){.in = names[i], .out = output_name(directory, names[i], suffix)};
    run_entries(entries, n, job, context);
    int code = ravel_tool_stopped() ? RAVEL_EXIT_BATCH : report_batch(entries, n);
    for (int i = 0; i < n; i++)
        free(entries[i].out);
    free(entries);
    return code;
}

int ravel_tool_run(const ravel_tool_options *options, const char *verb, const char *suffix,
                   int n_names, char **names, ravel_tool_job *job, void *context)
{
    if (options->directory == NULL)
        return run_one(verb, n_names, names, job, context);
    if (n_names == 0)
        return ravel_tool_usage_error(verb, "-d without an input");
    return run_many(options->directory, suffix, n_names, names, job, context);
}
