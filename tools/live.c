/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel live: the microphone through the codec to the loudspeaker. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/live/devices.h"
#include "tools/live/display.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel live [OPTION]...\n"
    "\n"
    "Lets you hear the codec: sound from the microphone goes through encoder, packets and decoder\n"
    "to the loudspeaker (use headphones). Ends by Ctrl-C. The line tells levels; the delay from\n"
    "mouth to ear; what of a processor the codec takes; packets lost; and under- and overruns.\n"
    "\n"
    "      --list-devices      what --input and --output can name\n"
    "      --input DEVICE      a number, a part of a name, or none; the system's default\n"
    "      --output DEVICE     the same\n"
    "      --block MS          of the devices, 1 to 100 (5)\n"
    "  -b, --bitrate KBPS      never more than so many kilobits a second; all of the model's\n"
    "      --loss PERCENT      lose so many packets, 0 to 99 (0)\n"
    "      --burst N           so many in a row on average; as many as chance gives\n"
    "      --record FILE.rvl   write down what was encoded\n"
    "      --duration TIME     end after so long: seconds, or [H:]M:S\n"
    "      --json              list or summary as one JSON object on standard output\n"
    "  -m, --model FILE        instead of RAVEL_MODEL or the built-in model\n"
    "      --progress HOW      none, bar (a line, usual) or json, on standard error\n"
    "  -q, --quiet             no line and no summary\n"
    "  -h, --help              this\n";

/* Losses are the same each time, so that two models can be heard with the same ones. */
enum { LOSS_SEED = 1, LOOK_MS = 100 };

typedef struct {
    ravel_tool_options common;
    const ravel_model *model;
    ravel_engine_config devices;
    double kbps, loss_percent, burst, duration_s; /* 0: not given */
    int n_codebooks;
    const char *record;
    bool list, json;
} live_options;

/* --- A session -------------------------------------------------------------------------------- */

typedef struct {
    const live_options *options;
    ravel_loop *loop;
    ravel_engine *engine;
    ravel_recorder *recorder;
} session;

static int open_loop(session *s, ravel_error *error)
{
    const live_options *options = s->options;
    const double share = 1e-2 * options->loss_percent;
    const double burst = options->burst > 0.0 ? options->burst : ravel_loss_independent(share);
    const ravel_loss loss = ravel_loss_new(share, burst, LOSS_SEED);
    s->loop = ravel_loop_new(options->model, options->n_codebooks, &loss, error);
    return s->loop != NULL ? 0 : (int)error->status;
}

/* The file comes last: one that was there is not to be replaced because no device was found. */
static int open_session(session *s, ravel_error *error)
{
    int status = open_loop(s, error);
    if (status < 0)
        return status;
    s->engine = ravel_engine_open(&s->options->devices, error);
    if (s->engine == NULL)
        return (int)error->status;
    if (s->options->record != NULL) {
        s->recorder = ravel_recorder_open(s->options->record, s->options->model,
                                          s->options->n_codebooks, error);
        if (s->recorder == NULL)
            return (int)error->status;
    }
    return 0;
}

static void note_realtime(const live_options *options, int reason)
{
    if (reason != 0 && !options->common.quiet)
        (void)fprintf(stderr,
                      "ravel: no real-time priority (%s): a busy machine may be heard; see "
                      "ravel-live(1)\n",
                      strerror(reason));
}

/* Until the time is over or a signal comes. */
static void watch(const session *s, ravel_live_voice *voice, ravel_live_display *display)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    const double limit_s = s->options->duration_s;
    bool noted = false;
    while (!ravel_tool_stopped() &&
           (limit_s <= 0.0 || display->now_s - display->begin_s < limit_s)) {
        nanosleep(&pause, NULL);
        ravel_engine_status engine;
        ravel_engine_get_status(s->engine, &engine);
        const ravel_live_figures figures = ravel_live_voice_figures(voice);
        if (!noted && figures.realtime >= 0) {
            note_realtime(s->options, figures.realtime);
            noted = true;
        }
        ravel_live_display_update(display, &engine, &figures);
    }
}

static int close_recorder(session *s, ravel_error *error)
{
    ravel_stream_rates rates;
    if (s->recorder == NULL)
        return 0;
    const int64_t n_samples = ravel_loop_get_counts(s->loop).n_samples;
    const int64_t dropped = ravel_recorder_close(s->recorder, n_samples, &rates, error);
    if (dropped < 0)
        return (int)dropped;
    if (dropped > 0)
        (void)fprintf(stderr, "ravel: the disk was too slow: %lld frames are missing in '%s'\n",
                      (long long)dropped, s->options->record);
    if (!s->options->common.quiet)
        (void)fprintf(stderr, "recorded to %s, %.2f kb/s\n", s->options->record,
                      1e-3 * rates.file_bps);
    return 0;
}

static int run_session(session *s, ravel_error *error)
{
    const live_options *options = s->options;
    ravel_live_display display =
        ravel_live_display_begin(options->model, options->n_codebooks, options->common.progress);
    ravel_live_voice *voice = ravel_live_voice_start(s->engine, s->loop, s->recorder, error);
    if (voice == NULL)
        return (int)error->status;
    watch(s, voice, &display);
    display.figures = ravel_live_voice_stop(voice);
    ravel_tool_stop_was_end();
    ravel_live_display_end(&display, !options->common.quiet);
    return options->json ? ravel_live_display_json(&display) : RAVEL_OK;
}

static int live(const live_options *options, ravel_error *error)
{
    session s = {.options = options};
    int status = open_session(&s, error);
    if (status == 0)
        status = run_session(&s, error);
    ravel_engine_close(s.engine);
    const int recorded = close_recorder(&s, status == 0 ? error : &(ravel_error){0});
    ravel_loop_free(s.loop);
    return status < 0 ? status : recorded;
}

/* --- Options ---------------------------------------------------------------------------------- */

enum {
    OPT_LIST = RAVEL_TOOL_OWN,
    OPT_INPUT,
    OPT_OUTPUT,
    OPT_BLOCK,
    OPT_LOSS,
    OPT_BURST,
    OPT_RECORD,
    OPT_DURATION,
    OPT_JSON
};

static const struct option long_options[] = {
    {"list-devices", no_argument, NULL, OPT_LIST},
    {"input", required_argument, NULL, OPT_INPUT},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"block", required_argument, NULL, OPT_BLOCK},
    {"bitrate", required_argument, NULL, 'b'},
    {"loss", required_argument, NULL, OPT_LOSS},
    {"burst", required_argument, NULL, OPT_BURST},
    {"record", required_argument, NULL, OPT_RECORD},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"json", no_argument, NULL, OPT_JSON},
    {"model", required_argument, NULL, 'm'},
    {"progress", required_argument, NULL, RAVEL_TOOL_PROGRESS},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

/* return    1 taken, 0 not one of these, -1 a bad value */
static int own_option(void *context, int letter, const char *value)
{
    live_options *options = context;
    switch (letter) {
    case 'b':
        return ravel_tool_double(value, 1e-3, 1e6, &options->kbps) ? 1 : -1;
    case OPT_INPUT:
        options->devices.input = value;
        return 1;
    case OPT_OUTPUT:
        options->devices.output = value;
        return 1;
    case OPT_BLOCK:
        return ravel_tool_int(value, 1, 100, &options->devices.block_ms) ? 1 : -1;
    case OPT_LOSS:
        return ravel_tool_double(value, 0.0, 99.0, &options->loss_percent) ? 1 : -1;
    case OPT_BURST:
        return ravel_tool_double(value, 1.0, 1e6, &options->burst) ? 1 : -1;
    case OPT_RECORD:
        options->record = value;
        return 1;
    case OPT_DURATION:
        return ravel_tool_time(value, &options->duration_s) && options->duration_s > 0.0 ? 1 : -1;
    case OPT_LIST:
        options->list = true;
        return 1;
    case OPT_JSON:
        options->json = true;
        return 1;
    default:
        return 0;
    }
}

/* What the options ask for together. */
static int check_options(live_options *options)
{
    const double shortest = ravel_loss_shortest(1e-2 * options->loss_percent);
    if (options->burst > 0.0 && options->burst < shortest)
        return ravel_tool_usage_error(
            "live", "--burst %g: where %g %% are lost, bursts are %.3g long or more on average",
            options->burst, options->loss_percent, shortest);
    if (options->record != NULL && strcmp(options->record, "-") == 0 && options->json)
        return ravel_tool_usage_error("live", "--record - and --json would share the output");
    return ravel_tool_codebooks("live", options->model, options->kbps, &options->n_codebooks);
}

static int run(live_options *options)
{
    ravel_error error = {0};
    if (options->list) {
        int status = ravel_live_list_devices(options->json, &error);
        if (status < 0)
            (void)fprintf(stderr, "ravel: %s\n", error.text);
        return ravel_tool_exit_code(status);
    }
    options->model = ravel_tool_need_encoding_model(&options->common);
    if (options->model == NULL)
        return RAVEL_EXIT_MODEL;
    int code = check_options(options);
    if (code != RAVEL_EXIT_DONE)
        return code;
    options->devices.sample_rate_hz = ravel_model_get_info(options->model)->sample_rate_hz;
    int status = live(options, &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}

static const ravel_tool_own_options own_options = {"b:m:qh", long_options, usage, own_option};

int ravel_tool_live(int argc, char **argv)
{
    live_options options = {.common = ravel_tool_options_new(), .devices = {.block_ms = 5}};
    options.common.progress = RAVEL_PROGRESS_BAR; /* without a terminal too, as lines */
    int code = ravel_tool_read_options(&options.common, &own_options, &options, argc, argv);
    if (code >= 0)
        return code;
    if (argc > optind)
        return ravel_tool_usage_error("live", "'%s' is no option", argv[optind]);
    code = run(&options);
    ravel_tool_options_free(&options.common);
    return code;
}
