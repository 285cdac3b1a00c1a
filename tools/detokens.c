/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel detokens: tokens in any layout and format -> codes -> sound. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio_io/file/sink.h"
#include "nn/error.h"
#include "tools/tokens/names.h"
#include "tools/tokens/token_inputs.h"
#include "tools/tokens/workplace.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel detokens [OPTION]... IN OUT\n"
    "       ravel detokens [OPTION]... -d DIR IN...\n"
    "\n"
    "Tokens of language models back to sound. IN is a file of tokens (.npy, .npz, .safetensors,\n"
    ".jsonl, .tar, .rvl) or, with -d, a folder of such files. Their metadata, or ravel.json\n"
    "beside or above them, tell the layout and the model; without any they are taken for\n"
    "parallel codes [frames, codebooks] of this model.\n"
    "\n"
    "  -d, --directory DIR     each utterance to DIR/NAME.wav, going on after a bad one\n"
    "      --to SUFFIX         wav without; flac, ogg, opus, mp3, aiff ...\n"
    "      --bits BITS         of a sample: 16, 24, 32, f32 for float\n"
    "  -m, --model FILE        instead of RAVEL_MODEL or the built-in model\n"
    "  -j, --jobs N            at once; as many as cores without\n"
    "      --progress HOW      none, bar (usual on a terminal) or json, on standard error\n"
    "  -q, --quiet             no bar and no summary\n"
    "  -h, --help              this\n"
    "\n"
    "Exit status 3 where tokens are of another model.\n";

typedef struct {
    ravel_tool_options common;
    const ravel_model *model;
    const char *suffix;
    int bits, n_jobs;
} detokens_options;

/* What the jobs share. */
typedef struct {
    const detokens_options *options;
    ravel_token_inputs *inputs;
    ravel_name_set names;
    const char *out; /* of the only utterance, or NULL */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int n_running;
    int64_t n_done, n_failed, n_samples;
    int status; /* of the last failure */
} detokens_run;

/* --- One utterance ---------------------------------------------------------------------------- */

typedef struct {
    const ravel_model_info *info;
    ravel_decoder *decoder;
    ravel_scratch *scratch;
    float *pcm;
    int room; /* samples */
} voice;

static int make_room(voice *v, int n_samples, ravel_error *error)
{
    if (v->pcm != NULL && n_samples <= v->room)
        return 0;
    n_samples = n_samples > 0 ? n_samples : 1;
    free(v->pcm);
    v->pcm = calloc((size_t)n_samples * (size_t)v->info->channels, sizeof *v->pcm);
    v->room = v->pcm != NULL ? n_samples : 0;
    return v->pcm != NULL ? 0 : ravel_error_memory(error);
}

/* The next n_frames frames, or the end for none; *left samples are still wanted, -1: all. */
static int decode_piece(voice *v, const ravel_utterance *utterance, int64_t first, int n_frames,
                        ravel_sink *sink, int64_t *left, ravel_error *error)
{
    const ravel_token_layout *layout = &utterance->meta.layout;
    int n = ravel_decoder_samples(v->decoder, n_frames, n_frames == 0);
    const int status = make_room(v, n, error);
    if (status < 0)
        return status;
    n = n_frames > 0
            ? ravel_decoder_push(v->decoder, v->scratch, utterance->codes + first * layout->columns,
                                 n_frames, layout->n_codebooks, v->pcm, v->room)
            : ravel_decoder_finish(v->decoder, v->scratch, v->pcm, v->room);
    if (n < 0)
        return ravel_error_set(error, (ravel_status)n, "decoding failed: %s", ravel_strerror(n));
    if (*left >= 0 && n > *left)
        n = (int)*left;
    *left -= *left >= 0 ? n : 0;
    return ravel_sink_write(sink, v->pcm, n, error);
}

/* Zeros for samples that the codec does not make: some end before the sound does, by a frame or two. */
static int write_missing(voice *v, ravel_sink *sink, int64_t left, ravel_error *error)
{
    const int most = 2 * v->info->hop_samples; /* a stranger wrote the length */
    const int n = left < most ? (int)left : most;
    const int status = n > 0 ? make_room(v, n, error) : 0;
    if (n <= 0 || status < 0)
        return status;
    memset(v->pcm, 0, (size_t)n * (size_t)v->info->channels * sizeof *v->pcm);
    return ravel_sink_write(sink, v->pcm, n, error);
}

static int decode_all(voice *v, const ravel_utterance *utterance, ravel_sink *sink,
                      ravel_error *error)
{
    const int piece = ravel_tool_piece_frames(v->info);
    int64_t left = utterance->n_samples;
    int status = 0;
    ravel_decoder_reset(v->decoder);
    for (int64_t at = 0; status == 0 && at < utterance->n_frames; at += piece) {
        const int64_t n = utterance->n_frames - at;
        status = decode_piece(v, utterance, at, n < piece ? (int)n : piece, sink, &left, error);
        if (ravel_tool_stopped())
            return ravel_tool_interrupted(error);
    }
    if (status == 0)
        status = decode_piece(v, utterance, 0, 0, sink, &left, error);
    return status < 0 ? status : write_missing(v, sink, left, error);
}

static int write_sound(const detokens_run *run, voice *v, const ravel_utterance *utterance,
                       const char *path, ravel_error *error)
{
    const ravel_sink_format format = {.rate_hz = v->info->sample_rate_hz,
                                      .channels = v->info->channels,
                                      .out_rate_hz = v->info->sample_rate_hz,
                                      .bits = run->options->bits};
    int status = ravel_token_meta_check(&utterance->meta, v->info, error);
    if (status == 0 && run->out == NULL && ravel_make_folders(path) != 0)
        status = ravel_error_set(error, RAVEL_ERR_IO, "cannot make the folder of '%s'", path);
    ravel_sink *sink = status == 0 ? ravel_sink_open(path, &format, error) : NULL;
    if (sink == NULL)
        return status < 0 ? status : (int)error->status;
    status = decode_all(v, utterance, sink, error);
    if (status == 0)
        return ravel_sink_close(sink, error);
    ravel_sink_abort(sink);
    return status;
}

/* --- Jobs ------------------------------------------------------------------------------------- */

static void fail(detokens_run *run, const ravel_error *error)
{
    run->n_failed++;
    run->status = (int)error->status;
    (void)fprintf(stderr, "%sravel: %s\n",
                  run->options->common.progress == RAVEL_PROGRESS_BAR ? "\r\033[K" : "",
                  error->text);
}

/* Whether no utterance before had this name. */
static int claim(detokens_run *run, const ravel_utterance *utterance, ravel_error *error)
{
    const int added = ravel_name_set_add(&run->names, utterance->name);
    if (added < 0)
        return ravel_error_memory(error);
    if (added == 0)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "'%s' would take the place of an earlier utterance of that name",
                               utterance->name);
    if (run->out != NULL && run->names.n_used > 1)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "there is more than one utterance: use -d DIR");
    return 0;
}

/* The next good utterance. return    false at the end */
static bool next_utterance(detokens_run *run, ravel_utterance *utterance)
{
    bool found = false, ended = false;
    pthread_mutex_lock(&run->lock);
    while (!found && !ended && !ravel_tool_stopped()) {
        ravel_error error = {0};
        const int got = ravel_token_inputs_next(run->inputs, utterance, &error);
        ended = got == 0;
        found = got > 0 && claim(run, utterance, &error) == 0;
        if (!found && !ended) {
            fail(run, &error);
            ravel_utterance_clear(utterance);
        }
    }
    pthread_mutex_unlock(&run->lock);
    return found;
}

static void use_utterance(detokens_run *run, voice *v, const ravel_utterance *utterance)
{
    ravel_error error = {0};
    char suffix[32];
    (void)snprintf(suffix, sizeof suffix, ".%.20s", run->options->suffix);
    char *path = run->out != NULL
                     ? strdup(run->out)
                     : ravel_name_join(run->options->common.directory, utterance->name, suffix);
    int status =
        path != NULL ? write_sound(run, v, utterance, path, &error) : ravel_error_memory(&error);
    free(path);
    if (status < 0 && strstr(error.text, utterance->name) == NULL) {
        const ravel_error reason = error;
        ravel_error_set(&error, reason.status, "'%.80s': %.150s", utterance->name, reason.text);
    }
    pthread_mutex_lock(&run->lock);
    if (status < 0 && !ravel_tool_stopped())
        fail(run, &error);
    run->n_done += status == 0;
    run->n_samples += utterance->n_frames * v->info->hop_samples;
    pthread_mutex_unlock(&run->lock);
}

static void *work(void *context)
{
    detokens_run *run = context;
    voice v = {.info = ravel_model_get_info(run->options->model),
               .decoder = ravel_decoder_new(run->options->model),
               .scratch = ravel_scratch_new(run->options->model, 1)};
    ravel_utterance utterance;
    const bool able = v.decoder != NULL && v.scratch != NULL;
    while (able && next_utterance(run, &utterance)) {
        use_utterance(run, &v, &utterance);
        ravel_utterance_clear(&utterance);
    }
    ravel_decoder_free(v.decoder);
    ravel_scratch_free(v.scratch);
    free(v.pcm);
    pthread_mutex_lock(&run->lock);
    if (!able)
        fail(run, &(ravel_error){RAVEL_ERR_MEMORY, "no memory for a job"});
    run->n_running--;
    pthread_cond_signal(&run->ended);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* --- All -------------------------------------------------------------------------------------- */

static void wait_a_moment(detokens_run *run)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&run->ended, &run->lock, &until);
}

static double watch(detokens_run *run)
{
    const double rate_hz = ravel_model_get_info(run->options->model)->sample_rate_hz;
    ravel_progress progress = ravel_progress_begin(run->options->common.progress, "detokens", 0.0);
    pthread_mutex_lock(&run->lock);
    while (run->n_running > 0) {
        wait_a_moment(run);
        progress.items_done = run->n_done + run->n_failed;
        ravel_progress_update(&progress, (double)run->n_samples / rate_hz);
    }
    pthread_mutex_unlock(&run->lock);
    return ravel_progress_end(&progress, (double)run->n_samples / rate_hz);
}

static int start_jobs(detokens_run *run, pthread_t *threads)
{
    int n = 0;
    pthread_mutex_lock(&run->lock);
    while (n < run->options->n_jobs && pthread_create(&threads[n], NULL, work, run) == 0)
        n++;
    run->n_running = n;
    pthread_mutex_unlock(&run->lock);
    return n;
}

static int exit_code(const detokens_run *run)
{
    if (run->n_failed == 0)
        return RAVEL_EXIT_DONE;
    if (run->out != NULL || run->status == RAVEL_ERR_MODEL)
        return ravel_tool_exit_code(run->status);
    return RAVEL_EXIT_BATCH;
}

static void report(const detokens_run *run, double took_s)
{
    char text[RAVEL_TOOL_TEXT];
    const double seconds =
        (double)run->n_samples / ravel_model_get_info(run->options->model)->sample_rate_hz;
    if (run->options->common.quiet)
        return;
    (void)fprintf(stderr, "%lld utterances, %s in %.2f s (%.1f times real time)",
                  (long long)run->n_done, ravel_tool_duration(seconds, text), took_s,
                  seconds / took_s);
    if (run->n_failed > 0)
        (void)fprintf(stderr, ", %lld failed", (long long)run->n_failed);
    (void)fputc('\n', stderr);
}

static int run_jobs(detokens_run *run)
{
    pthread_t *threads = calloc((size_t)run->options->n_jobs, sizeof *threads);
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->ended, NULL);
    const int n = threads != NULL && run->inputs != NULL ? start_jobs(run, threads) : 0;
    const double took_s = watch(run);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    pthread_cond_destroy(&run->ended);
    pthread_mutex_destroy(&run->lock);
    if (n == 0) {
        (void)fputs("ravel: no memory or no threads\n", stderr);
        return RAVEL_EXIT_INPUT;
    }
    report(run, took_s);
    return exit_code(run);
}

static int run_detokens(detokens_options *options, int n_names, char **names)
{
    detokens_run run = {.options = options};
    int n_inputs = n_names;
    if (options->common.directory == NULL) {
        if (n_names != 2)
            return ravel_tool_usage_error("detokens", "name one input and one output, or -d DIR");
        if (strcmp(names[1], "-") == 0 && isatty(STDOUT_FILENO))
            return ravel_tool_usage_error("detokens", "the output is a terminal: name a file");
        run.out = names[1];
        n_inputs = options->n_jobs = 1;
    } else if (n_names == 0)
        return ravel_tool_usage_error("detokens", "-d without an input");
    options->model = ravel_tool_need_model(&options->common);
    if (options->model == NULL)
        return RAVEL_EXIT_MODEL;
    run.inputs = ravel_token_inputs_open(names, n_inputs, options->model);
    const int code = run_jobs(&run);
    ravel_token_inputs_close(run.inputs);
    ravel_name_set_free(&run.names);
    return code;
}

/* --- Options ---------------------------------------------------------------------------------- */

enum { OPT_TO = RAVEL_TOOL_OWN, OPT_BITS };

static const struct option long_options[] = {{"to", required_argument, NULL, OPT_TO},
                                             {"bits", required_argument, NULL, OPT_BITS},
                                             {"jobs", required_argument, NULL, 'j'},
                                             RAVEL_TOOL_LONG,
                                             {NULL, 0, NULL, 0}};

/* return    1 taken, 0 not one of these, -1 a bad value */
static int own_option(void *context, int letter, const char *value)
{
    detokens_options *options = context;
    switch (letter) {
    case OPT_TO:
        options->suffix = value[0] == '.' ? value + 1 : value;
        return options->suffix[0] != '\0' && strchr(value, '/') == NULL ? 1 : -1;
    case OPT_BITS:
        return ravel_tool_bits(value, &options->bits) ? 1 : -1;
    case 'j':
        return ravel_tool_int(value, 1, 1024, &options->n_jobs) ? 1 : -1;
    default:
        return 0;
    }
}

static const ravel_tool_own_options own_options = {RAVEL_TOOL_LETTERS "j:", long_options, usage,
                                                   own_option};

int ravel_tool_detokens(int argc, char **argv)
{
    detokens_options options = {
        .common = ravel_tool_options_new(), .suffix = "wav", .n_jobs = ravel_tool_processors()};
    int code = ravel_tool_read_options(&options.common, &own_options, &options, argc, argv);
    if (code < 0)
        code = run_detokens(&options, argc - optind, argv + optind);
    ravel_tool_options_free(&options.common);
    return code;
}
