/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ravel live` tells while it runs and when it ends. */
#ifndef RAVEL_TOOLS_LIVE_DISPLAY_H
#define RAVEL_TOOLS_LIVE_DISPLAY_H

#include "tools/live/voice.h"
#include "tools/tool.h"

/* From mouth to ear, milliseconds. */
typedef struct {
    double device_in; /* as the device says itself */
    double frame;     /* a frame is collected as long as it is played */
    double codec;     /* what the model looks ahead, and the time of a step */
    double jitter;    /* what is kept in hand in the rings, and the resamplers */
    double device_out;
    double total;
} ravel_live_budget;

ravel_live_budget ravel_live_budget_of(const ravel_model_info *model,
                                       const ravel_engine_status *engine,
                                       const ravel_live_figures *figures);

typedef struct {
    const ravel_model *model;
    int n_codebooks;
    /* RAVEL_PROGRESS_BAR: one line in its place on a terminal, elsewhere a line now and then. */
    ravel_progress_kind kind;
    bool terminal;
    double begin_s, shown_s; /* by the clock */
    double now_s;            /* of what follows */
    ravel_engine_status engine;
    ravel_live_figures figures;
    double shown_cpu_s; /* of the codec's thread, when it was last shown */
} ravel_live_display;

ravel_live_display ravel_live_display_begin(const ravel_model *model, int n_codebooks,
                                            ravel_progress_kind kind);

/* Takes the figures, and shows them where it is time to. */
void ravel_live_display_update(ravel_live_display *display, const ravel_engine_status *engine,
                               const ravel_live_figures *figures);

/* After the last update: takes the line away, and with summary tells the whole on standard error. */
void ravel_live_display_end(const ravel_live_display *display, bool summary);

/* The same as one JSON object on standard output. return    RAVEL_OK or RAVEL_ERR_MEMORY */
int ravel_live_display_json(const ravel_live_display *display);

#endif
