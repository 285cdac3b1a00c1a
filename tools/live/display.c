/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/live/display.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DELAY_TEXT = 128, LINE_TEXT = 512 };

/* --- Figures ---------------------------------------------------------------------------------- */

static double tenths(double value)
{
    return floor(10.0 * value + 0.5) / 10.0;
}

/*
 * The input device's delay is that of the first sample of a block, so the block that completes a
 * frame is part of both; it is taken off where the rings are. Terms are in tenths, so that what is
 * shown adds up.
 */
ravel_live_budget ravel_live_budget_of(const ravel_model_info *model,
                                       const ravel_engine_status *engine,
                                       const ravel_live_figures *figures)
{
    const double ms = 1e3 / model->sample_rate_hz;
    const int64_t n_steps = figures->counts.n_samples / model->hop_samples;
    const double step_ms = n_steps > 0 ? 1e3 * figures->busy_s / (double)n_steps : 0.0;
    ravel_live_budget budget = {
        .device_in = tenths(engine->in.device_ms),
        .frame = tenths(ms * model->hop_samples),
        .codec = tenths(ms * (model->delay_samples - model->hop_samples) + step_ms),
        .jitter = tenths(engine->in.ring_ms + engine->in.resample_ms + engine->out.ring_ms +
                         engine->out.resample_ms - engine->in.block_ms),
        .device_out = tenths(engine->out.device_ms)};
    budget.total =
        budget.device_in + budget.frame + budget.codec + budget.jitter + budget.device_out;
    return budget;
}

static double elapsed_s(const ravel_live_display *display)
{
    return display->now_s - display->begin_s > 1e-3 ? display->now_s - display->begin_s : 1e-3;
}

/* Of the packets, without what a network adds to them. */
static double kbps(const ravel_live_display *display)
{
    const ravel_loop_counts *counts = &display->figures.counts;
    const ravel_model_info *info = ravel_model_get_info(display->model);
    const double sent_s = (double)counts->n_frames * info->hop_samples / info->sample_rate_hz;
    return sent_s > 0.0 ? 8e-3 * (double)counts->n_bytes / sent_s : 0.0;
}

static int64_t device_xruns(const ravel_engine_status *engine)
{
    return engine->in.device_xruns + engine->out.device_xruns;
}

/* --- For programs ----------------------------------------------------------------------------- */

static void add_budget(cJSON *facts, const ravel_live_budget *budget)
{
    cJSON *delay = cJSON_AddObjectToObject(facts, "delay_ms");
    ravel_tool_add_number(delay, "device_in", budget->device_in);
    ravel_tool_add_number(delay, "frame", budget->frame);
    ravel_tool_add_number(delay, "codec", budget->codec);
    ravel_tool_add_number(delay, "jitter", budget->jitter);
    ravel_tool_add_number(delay, "device_out", budget->device_out);
    ravel_tool_add_number(delay, "total", budget->total);
}

static void add_side(cJSON *facts, const char *name, const ravel_engine_side *side,
                     const char *xruns)
{
    cJSON *one = cJSON_AddObjectToObject(facts, name);
    cJSON_AddStringToObject(one, "device", side->name);
    ravel_tool_add_number(one, "rate_hz", side->rate_hz);
    ravel_tool_add_number(one, "channels", side->channels);
    ravel_tool_add_number(one, "level_dbfs", side->level_dbfs);
    ravel_tool_add_number(one, "peak_dbfs", side->peak_dbfs);
    ravel_tool_add_number(one, xruns, (double)side->xruns);
    ravel_tool_add_number(one, "device_xruns", (double)side->device_xruns);
    ravel_tool_add_number(one, "losses", (double)side->losses);
    cJSON_AddBoolToObject(one, "lost", side->lost);
}

/* busy: the share of its time that the codec's thread is on the processor */
static char *print_facts(const ravel_live_display *display, double busy)
{
    const ravel_model_info *info = ravel_model_get_info(display->model);
    const ravel_live_figures *figures = &display->figures;
    const ravel_live_budget budget = ravel_live_budget_of(info, &display->engine, figures);
    cJSON *facts = cJSON_CreateObject();
    cJSON_AddStringToObject(facts, "model", info->name);
    ravel_tool_add_number(facts, "codebooks", display->n_codebooks);
    ravel_tool_add_number(facts, "elapsed_s", elapsed_s(display));
    ravel_tool_add_number(facts, "kbps", kbps(display));
    add_budget(facts, &budget);
    add_side(facts, "input", &display->engine.in, "overruns");
    add_side(facts, "output", &display->engine.out, "underruns");
    ravel_tool_add_number(facts, "drift_ppm", display->engine.drift_ppm);
    ravel_tool_add_number(facts, "load", busy);
    ravel_tool_add_number(facts, "longest_step_ms", figures->longest_ms);
    cJSON_AddBoolToObject(facts, "realtime", figures->realtime == 0);
    ravel_tool_add_number(facts, "frames", (double)figures->counts.n_frames);
    ravel_tool_add_number(facts, "lost_frames", (double)figures->counts.n_lost_frames);
    char *text = cJSON_PrintUnformatted(facts);
    cJSON_Delete(facts);
    return text;
}

int ravel_live_display_json(const ravel_live_display *display)
{
    char *text = print_facts(display, display->figures.cpu_s / elapsed_s(display));
    if (text != NULL)
        (void)puts(text);
    free(text);
    return text != NULL ? RAVEL_OK : RAVEL_ERR_MEMORY;
}

/* --- For people ------------------------------------------------------------------------------- */

static void print_budget(const ravel_live_budget *budget, char text[DELAY_TEXT])
{
    (void)snprintf(text, DELAY_TEXT,
                   "%.1f in + %.1f frame + %.1f codec + %.1f jitter + %.1f out = %.1f ms",
                   budget->device_in, budget->frame, budget->codec, budget->jitter,
                   budget->device_out, budget->total);
}

static const char *lost_device(const ravel_engine_status *engine)
{
    return engine->in.lost && engine->out.lost ? "  DEVICES LOST"
           : engine->in.lost                   ? "  MICROPHONE LOST"
           : engine->out.lost                  ? "  LOUDSPEAKER LOST"
                                               : "";
}

static void print_line(const ravel_live_display *display, double busy, char text[LINE_TEXT])
{
    const ravel_engine_status *engine = &display->engine;
    const ravel_loop_counts *counts = &display->figures.counts;
    char delay[DELAY_TEXT];
    const ravel_live_budget budget =
        ravel_live_budget_of(ravel_model_get_info(display->model), engine, &display->figures);
    print_budget(&budget, delay);
    (void)snprintf(text, LINE_TEXT,
                   "%4.0f dB in %4.0f dB out  %s  load %.0f %%  lost %lld  under %lld  over %lld%s",
                   engine->in.level_dbfs, engine->out.level_dbfs, delay, 1e2 * busy,
                   (long long)counts->n_lost_frames, (long long)engine->out.xruns,
                   (long long)engine->in.xruns, lost_device(engine));
}

/* A line that is longer than the terminal is wide could not be taken away again. */
static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1
                                                                           : LINE_TEXT;
}

static void show(const ravel_live_display *display, double busy)
{
    char line[LINE_TEXT];
    print_line(display, busy, line);
    if (display->terminal)
        (void)fprintf(stderr, "\r\033[K%.*s", terminal_width(), line);
    else
        (void)fprintf(stderr, "%s\n", line);
}

static void show_json(const ravel_live_display *display, double busy)
{
    char *text = print_facts(display, busy);
    if (text != NULL)
        (void)fprintf(stderr, "%s\n", text);
    free(text);
}

/* --- All along -------------------------------------------------------------------------------- */

ravel_live_display ravel_live_display_begin(const ravel_model *model, int n_codebooks,
                                            ravel_progress_kind kind)
{
    const double now_s = ravel_progress_clock();
    return (ravel_live_display){.model = model,
                                .n_codebooks = n_codebooks,
                                .kind = kind,
                                .terminal = isatty(STDERR_FILENO) != 0,
                                .begin_s = now_s,
                                .shown_s = now_s,
                                .now_s = now_s};
}

static double interval_s(const ravel_live_display *display)
{
    return display->kind == RAVEL_PROGRESS_JSON ? 1.0 : display->terminal ? 0.1 : 5.0;
}

void ravel_live_display_update(ravel_live_display *display, const ravel_engine_status *engine,
                               const ravel_live_figures *figures)
{
    display->now_s = ravel_progress_clock();
    display->engine = *engine;
    display->figures = *figures;
    const double since_s = display->now_s - display->shown_s;
    if (display->kind == RAVEL_PROGRESS_NONE || since_s < interval_s(display))
        return;
    const double busy = (figures->cpu_s - display->shown_cpu_s) / since_s;
    display->shown_s = display->now_s;
    display->shown_cpu_s = figures->cpu_s;
    if (display->kind == RAVEL_PROGRESS_JSON)
        show_json(display, busy);
    else
        show(display, busy);
}

static void sum_up(const ravel_live_display *display)
{
    const ravel_engine_status *engine = &display->engine;
    const ravel_live_figures *figures = &display->figures;
    const ravel_live_budget budget =
        ravel_live_budget_of(ravel_model_get_info(display->model), engine, figures);
    char delay[DELAY_TEXT], length[RAVEL_TOOL_TEXT];
    print_budget(&budget, delay);
    (void)fprintf(stderr, "%s -> %s: %s, %d codebooks, %.2f kb/s in packets\n", engine->in.name,
                  engine->out.name, ravel_tool_duration(elapsed_s(display), length),
                  display->n_codebooks, kbps(display));
    (void)fprintf(stderr, "delay: %s\n", delay);
    (void)fprintf(stderr, "codec: %.1f %% of a processor, longest step %.1f ms\n",
                  1e2 * figures->cpu_s / elapsed_s(display), figures->longest_ms);
    (void)fprintf(stderr, "frames: %lld, lost %lld\n", (long long)figures->counts.n_frames,
                  (long long)figures->counts.n_lost_frames);
    (void)fprintf(stderr, "underruns: %lld, overruns: %lld, reported by devices: %lld\n",
                  (long long)engine->out.xruns, (long long)engine->in.xruns,
                  (long long)device_xruns(engine));
    (void)fprintf(stderr, "devices lost: %lld times, clocks apart: %.0f ppm\n",
                  (long long)(engine->in.losses + engine->out.losses), engine->drift_ppm);
}

void ravel_live_display_end(const ravel_live_display *display, bool summary)
{
    if (display->terminal && display->kind == RAVEL_PROGRESS_BAR)
        (void)fputs("\r\033[K", stderr);
    if (summary)
        sum_up(display);
}
