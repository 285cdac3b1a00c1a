/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sound to codes on all cores. Each job is two threads: one reads, decodes and resamples, the other
 * encodes. Between them go lanes, each an utterance under way with a second or two of its samples;
 * there are a few lanes for each job, so memory is bounded whatever the number and the length of
 * the inputs. A lane's codes depend on its own samples alone: not on the number of threads, nor on
 * the lanes that are encoded with it.
 */
#ifndef RAVEL_TOOLS_TOKENS_PIPELINE_H
#define RAVEL_TOOLS_TOKENS_PIPELINE_H

#include "tools/tokens/inputs.h"
#include "tools/tokens/outputs.h"

typedef struct {
    const ravel_model *model;
    int n_codebooks;
    int n_jobs, n_batch; /* lanes that are encoded together, if so many are ready */
    ravel_inputs *inputs;
    ravel_outputs *outputs;
    bool (*stopped)(void); /* whether the user wants no more: then failures are none */
    /* What failed is told here, a line each, from one thread at a time. */
    void (*listen)(void *context, const char *line);
    void *listen_context;
} ravel_pipeline_options;

typedef struct {
    int64_t n_done, n_skipped, n_failed; /* items */
    double seconds;                      /* of sound, with those under way */
    bool finished, stopped;
} ravel_pipeline_state;

typedef struct ravel_pipeline ravel_pipeline;

/* Starts the threads. NULL with *error. */
ravel_pipeline *ravel_pipeline_start(const ravel_pipeline_options *options, ravel_error *error);

/* How far it is; waits for at most wait_ms or until it is finished. */
ravel_pipeline_state ravel_pipeline_wait(ravel_pipeline *pipeline, int wait_ms);

/*
 * Gives up what is under way; call it until it is finished. Threads that wait for a pipe are woken
 * by SIGUSR1, which must have a handler.
 */
void ravel_pipeline_stop(ravel_pipeline *pipeline);

/* After it is finished. */
void ravel_pipeline_free(ravel_pipeline *pipeline);

#endif
