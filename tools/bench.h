/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel bench, its measurements: tools/bench_run.c takes them, tools/bench.c prints them. */
#ifndef RAVEL_TOOLS_BENCH_H
#define RAVEL_TOOLS_BENCH_H

#include "ravel/ravel.h"

/*
 * What is timed: a push of the encoder, its two parts alone (the layers, and the search for codes),
 * and a push of the decoder.
 */
typedef enum {
    RAVEL_BENCH_ENCODE,
    RAVEL_BENCH_ENCODER,
    RAVEL_BENCH_QUANTIZER,
    RAVEL_BENCH_DECODE,
    RAVEL_BENCH_PARTS
} ravel_bench_part_id;

typedef struct {
    double cpu_s; /* of this thread: what else runs does not count, but slows it down */
    double wall_s;
} ravel_bench_time;

typedef struct {
    const char *name;
    double macs_per_s;                /* multiply-adds a second of audio */
    size_t weight_bytes;              /* read by a step */
    ravel_bench_time offline;         /* for all of the audio */
    double *step_cpu_s, *step_wall_s; /* [n_steps], ascending */
} ravel_bench_part;

typedef struct {
    const char *kernels;
    double audio_s;
    int n_steps;                               /* of one frame each; 0: too late for a call */
    double peak_offline, peak_steps;           /* multiply-adds a second, in turns with the parts */
    double peak_read;                          /* bytes a second, after the steps */
    ravel_bench_part parts[RAVEL_BENCH_PARTS]; /* by ravel_bench_part_id */
} ravel_bench;

/*
 * Times the model on about so many seconds of a seeded signal, with all of its codebooks.
 * return    0 or RAVEL_ERR_MEMORY; to be freed in either case
 */
int ravel_bench_run(ravel_bench *bench, const ravel_model *model, double seconds);
void ravel_bench_free(ravel_bench *bench);

#endif
