/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sound in and out of devices in real time, as mono samples at the codec's rate.
 *
 *     capture thread                             playout thread
 *
 *     while (!stop) {                            while (!stop) {
 *         if (ravel_engine_capture(e, pcm, 480)      while (ravel_engine_wanted(e) > 0) {
 *             encode(pcm);                               receive(pcm);
 *         else                                           ravel_engine_play(e, pcm, 480);
 *             ravel_engine_wait(e);                  }
 *     }                                              ravel_engine_wait(e);
 *                                                }
 *
 * Who has no receiver to ask, but sound that comes at the microphone's pace, as a loop through the
 * codec does, plays it when it comes: the engine then holds the delay by itself.
 *
 * The devices' callbacks only move samples between the devices and two rings. The rest, the change
 * of rate and the echo canceller, is done on the two threads that call. The loudspeaker's clock is
 * the clock of both: where the microphone has another one, its samples are made more or fewer, by
 * some hundred in a million, so that as many are captured as are played.
 *
 * A device that is lost is opened again when it is back; meanwhile time goes on, the microphone is
 * silent and what is played is thrown away. Nothing here ends a call.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_ENGINE_H
#define RAVEL_AUDIO_IO_LIVE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ravel/ravel.h"

typedef struct ravel_engine ravel_engine;

typedef struct {
    /*
     * A device's number, its name or a part of it, in any case of letters; NULL: the system's
     * default; "none": no device, but a clock: silence comes in, what goes out is thrown away.
     */
    const char *input, *output;
    int sample_rate_hz; /* of the codec, 8000 ... 48000 */
    int block_ms;       /* of the device, 1 ... 100; JACK's own where the device is of JACK */
    bool echo_cancel;   /* takes out of the microphone what the loudspeaker plays */
} ravel_engine_config;

/* NULL with *error filled where a device is not found or refuses. */
ravel_engine *ravel_engine_open(const ravel_engine_config *config, ravel_error *error);
/* After the threads that use it have ended. NULL is allowed. */
void ravel_engine_close(ravel_engine *engine);

/* Capture thread. pcm: room for n samples, n up to 120 ms. return    n, or 0: not yet that many */
int ravel_engine_capture(ravel_engine *engine, float *pcm, int n);

/* Samples that the loudspeaker's ring lacks of what it should hold, or 0. */
int ravel_engine_wanted(const ravel_engine *engine);
/* Playout thread. Samples above what a ring can hold are dropped and counted. */
void ravel_engine_play(ravel_engine *engine, const float *pcm, int n);

/* Sleeps for about a millisecond; callbacks wake nobody, for that would be a system call. */
void ravel_engine_wait(const ravel_engine *engine);

typedef struct {
    char name[128]; /* "host: name" */
    int rate_hz, channels;
    bool lost;
    double device_ms;     /* delay of the device, as it says itself, for the first of a block */
    double block_ms;      /* sound that it gives or takes at once */
    double ring_ms;       /* delay of the ring, the mean of the last half second */
    double resample_ms;   /* delay of the change of rate */
    double level_dbfs;    /* root mean square of the last 0.3 s, -120 for silence */
    double peak_dbfs;     /* highest of the last second or so */
    int64_t xruns;        /* times that the ring ran empty or full, */
    double missing_ms;    /* and the sound that is missing for that */
    int64_t device_xruns; /* blocks that the device itself reported to be late */
    int64_t losses;       /* times that the device was lost */
} ravel_engine_side;

typedef struct {
    ravel_engine_side in, out;
    double drift_ppm; /* how much faster the microphone's clock runs than the loudspeaker's */
    /* Mean of what the canceller takes away while the other side speaks. */
    double echo_reduction_db;
} ravel_engine_status;

/* Any thread. */
void ravel_engine_get_status(const ravel_engine *engine, ravel_engine_status *status);

/* --- Devices ---------------------------------------------------------------------------------- */

typedef struct {
    int number;
    char name[128]; /* "host: name" */
    int n_inputs, n_outputs;
    int rate_hz;                /* its own */
    double input_ms, output_ms; /* lowest delay, as it says */
    bool default_input, default_output;
} ravel_device_info;

/* return    devices of the machine, capacity of them at most written; RAVEL_ERR_IO with *error */
int ravel_devices_list(ravel_device_info *devices, int capacity, ravel_error *error);

#endif
