/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/progress.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tools/tool.h"

enum { BAR_WIDTH = 30 };

static const double interval_s[] = {
    [RAVEL_PROGRESS_NONE] = 1e9, [RAVEL_PROGRESS_BAR] = 0.1, [RAVEL_PROGRESS_JSON] = 1.0};

double ravel_progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

ravel_progress ravel_progress_begin(ravel_progress_kind kind, const char *name, double total_s)
{
    double now = ravel_progress_clock();
    return (ravel_progress){
        .kind = kind, .name = name, .total_s = total_s, .begin = now, .shown = now};
}

static double elapsed(const ravel_progress *progress, double now)
{
    return now - progress->begin > 1e-6 ? now - progress->begin : 1e-6;
}

/* Done so far, 0 to 1: of the items of a batch, else of the sound. */
static double share(const ravel_progress *progress, double done_s)
{
    double part = progress->n_items > 0 ? (double)progress->items_done / (double)progress->n_items
                                        : done_s / progress->total_s;
    return part < 1.0 ? part : 1.0;
}

static void show_bar(const ravel_progress *progress, double done_s, double now)
{
    double took_s = elapsed(progress, now), speed = done_s / took_s;
    if (progress->total_s <= 0.0 && progress->n_items == 0) {
        (void)fprintf(stderr, "\r\033[K%s  %.1f s  %.0fx", progress->name, done_s, speed);
        return;
    }
    double part = share(progress, done_s);
    int filled = (int)(part * BAR_WIDTH);
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[BAR_WIDTH] = '\0';
    int left = part > 0.0 ? (int)(took_s / part - took_s + 0.5) : 0;
    (void)fprintf(stderr, "\r\033[K%s  [%s] %3.0f %%  %.0fx  %d:%02d left", progress->name, bar,
                  100.0 * part, speed, left / 60, left % 60);
}

static void show_json(const ravel_progress *progress, double done_s, double now, int end)
{
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "file", progress->name);
    ravel_tool_add_number(line, "done_s", done_s);
    if (progress->total_s > 0.0)
        ravel_tool_add_number(line, "total_s", progress->total_s);
    if (progress->n_items > 0 || progress->items_done > 0) {
        ravel_tool_add_number(line, "items_done", (double)progress->items_done);
        if (progress->n_items > 0)
            ravel_tool_add_number(line, "items", (double)progress->n_items);
    }
    ravel_tool_add_number(line, "times_real_time", done_s / elapsed(progress, now));
    cJSON_AddBoolToObject(line, "end", end);
    char *text = cJSON_PrintUnformatted(line);
    if (text != NULL)
        (void)fprintf(stderr, "%s\n", text);
    free(text);
    cJSON_Delete(line);
}

void ravel_progress_update(ravel_progress *progress, double done_s)
{
    double now = ravel_progress_clock();
    if (now - progress->shown < interval_s[progress->kind])
        return;
    progress->shown = now;
    if (progress->kind == RAVEL_PROGRESS_BAR)
        show_bar(progress, done_s, now);
    else
        show_json(progress, done_s, now, 0);
}

double ravel_progress_end(ravel_progress *progress, double done_s)
{
    double now = ravel_progress_clock();
    if (progress->kind == RAVEL_PROGRESS_BAR)
        (void)fputs("\r\033[K", stderr);
    if (progress->kind == RAVEL_PROGRESS_JSON)
        show_json(progress, done_s, now, 1);
    return elapsed(progress, now);
}
