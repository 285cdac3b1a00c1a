/* SPDX-License-Identifier: BSD-3-Clause */
/* What the verbs of the `ravel` command have in common. */
#ifndef RAVEL_TOOLS_TOOL_H
#define RAVEL_TOOLS_TOOL_H

#include <stdbool.h>

#include "ravel/io.h"
#include "tools/progress.h"

struct option; /* of getopt.h */
struct cJSON;

/* Exit codes, the same for every verb. */
enum {
    RAVEL_EXIT_DONE = 0,
    RAVEL_EXIT_INPUT = 1, /* input, output or data at fault; also where damage was concealed */
    RAVEL_EXIT_USAGE = 2,
    RAVEL_EXIT_MODEL = 3, /* the model is missing, unusable, or not the stream's */
    RAVEL_EXIT_BATCH = 4  /* some files of several failed */
};

int ravel_tool_exit_code(int status);

/* The verbs; argv[0] is the verb. Each returns an exit code. */
int ravel_tool_encode(int argc, char **argv);
int ravel_tool_decode(int argc, char **argv);
int ravel_tool_info(int argc, char **argv);
int ravel_tool_import(int argc, char **argv);
int ravel_tool_tokens(int argc, char **argv);
int ravel_tool_detokens(int argc, char **argv);
/* ravel tokens --stats. picture: a path or NULL */
int ravel_tool_tokens_stats(const ravel_model *model, int n_names, char **names,
                            const char *picture, bool json);
#ifdef RAVEL_COMPARE
int ravel_tool_compare(int argc, char **argv);
#endif
int ravel_tool_bench(int argc, char **argv);
#ifdef RAVEL_LIVE
int ravel_tool_live(int argc, char **argv);
int ravel_tool_call(int argc, char **argv);
#endif

/* Whether SIGINT, SIGTERM or SIGHUP asked to stop. */
bool ravel_tool_stopped(void);

/* The verb ran until it was told to end, once or more often: that is done then, and no failure. */
void ravel_tool_stop_was_end(void);

/* --- Options ---------------------------------------------------------------------------------- */

typedef struct {
    const char *model_path; /* NULL: RAVEL_MODEL, else the built-in model */
    const char *directory;  /* of the outputs; NULL: one input and one output */
    bool quiet;
    ravel_progress_kind progress;
    ravel_model *opened; /* what ravel_tool_model opened */
} ravel_tool_options;

/* Letters and long names of -m, -d, -q, -h and --progress, for getopt_long. */
#define RAVEL_TOOL_LETTERS "m:d:qh"
/* clang-format off */
#define RAVEL_TOOL_LONG                                      \
    {"model", required_argument, NULL, 'm'},                 \
    {"directory", required_argument, NULL, 'd'},             \
    {"quiet", no_argument, NULL, 'q'},                       \
    {"help", no_argument, NULL, 'h'},                        \
    {"progress", required_argument, NULL, RAVEL_TOOL_PROGRESS}
/* clang-format on */
enum { RAVEL_TOOL_PROGRESS = 256, RAVEL_TOOL_OWN = 257 }; /* a verb's own ones begin there */

ravel_tool_options ravel_tool_options_new(void);

/*
 * Takes an option that is common to the verbs, or tells that there is none like it.
 * usage     the verb's help, printed for -h
 * return    true to go on; false: return *exit_code
 */
bool ravel_tool_option(ravel_tool_options *options, int letter, const char *value,
                       const char *usage, int *exit_code);

/* The options that a verb has itself. */
typedef struct {
    const char *letters; /* for getopt_long, with the common ones that the verb takes */
    const struct option *names;
    const char *usage;
    /* return    1 taken, 0 not one of these, -1 a bad value */
    int (*take)(void *context, int letter, const char *value);
} ravel_tool_own_options;

/*
 * Reads all options; what remains begins at argv[optind].
 * context   of own->take
 * return    -1 to go on, or the exit code
 */
int ravel_tool_read_options(ravel_tool_options *options, const ravel_tool_own_options *own,
                            void *context, int argc, char **argv);

/* Prints "ravel VERB: ..." and where help is. return    RAVEL_EXIT_USAGE */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int ravel_tool_usage_error(const char *verb, const char *format, ...);

/* Whole numbers and decimal ones in a range, nothing behind them. */
bool ravel_tool_int(const char *text, int low, int high, int *value);
bool ravel_tool_double(const char *text, double low, double high, double *value);
/* Of a sample: 16, 24, 32, or f32, which is -32. */
bool ravel_tool_bits(const char *text, int *bits);
/* Seconds, or [H:]M:S. */
bool ravel_tool_time(const char *text, double *seconds);

/* The model of -m, of RAVEL_MODEL, or the built-in one; NULL with *error filled. */
const ravel_model *ravel_tool_model(ravel_tool_options *options, ravel_error *error);
/* The same, also NULL where it has no encoder. */
const ravel_model *ravel_tool_encoding_model(ravel_tool_options *options, ravel_error *error);
/* The same two; NULL with the reason told. */
const ravel_model *ravel_tool_need_model(ravel_tool_options *options);
const ravel_model *ravel_tool_need_encoding_model(ravel_tool_options *options);
void ravel_tool_options_free(ravel_tool_options *options);

/*
 * The most codebooks whose packed codes take no more than kbps; all of the model's for 0. Where one
 * takes more: tells so.
 * return    exit code
 */
int ravel_tool_codebooks(const char *verb, const ravel_model *model, double kbps, int *n_codebooks);

/*
 * Frames that go through a model at once, where all of the sound is there: many, since the weights are
 * read for each piece, but of no more than some seconds. A few where a frame is long: its segment
 * runs with its neighbours.
 */
int ravel_tool_piece_frames(const ravel_model_info *info);

/* --- Files ------------------------------------------------------------------------------------ */

/* One file. return    0, or a negative status with *error filled */
typedef int ravel_tool_job(void *context, const char *in, const char *out, ravel_error *error);

/*
 * Runs the job on IN and OUT, either of which may be missing or "-", or with a directory on each
 * name, going on after a bad one.
 * suffix    of outputs in the directory, with its dot
 * return    exit code
 */
int ravel_tool_run(const ravel_tool_options *options, const char *verb, const char *suffix,
                   int n_names, char **names, ravel_tool_job *job, void *context);

/* RAVEL_ERR_IO with the words for it. */
int ravel_tool_interrupted(ravel_error *error);

/* Processors that are there, as many as jobs without --jobs. */
int ravel_tool_processors(void);

/* --- Words ------------------------------------------------------------------------------------ */

enum { RAVEL_TOOL_TEXT = 32 };

/* "1:02:03.45", "2:03.45", "3.45 s" */
const char *ravel_tool_duration(double seconds, char text[RAVEL_TOOL_TEXT]);
/* "999 bytes", "12.3 kB", "4.5 MB" */
const char *ravel_tool_size(double bytes, char text[RAVEL_TOOL_TEXT]);
/* To standard output. return    RAVEL_OK, or RAVEL_ERR_MEMORY, which NULL is taken for too */
int ravel_tool_print_json(const struct cJSON *json);
/* Rounded to thousandths, which is enough for seconds, milliseconds and decibels. */
void ravel_tool_add_number(struct cJSON *object, const char *name, double value);

#endif
