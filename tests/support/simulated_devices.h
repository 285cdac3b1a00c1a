/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A microphone and a loudspeaker with clocks of their own, in simulated time: what an engine has
 * inside, without devices and without waiting.
 */
#ifndef RAVEL_TESTS_SUPPORT_SIMULATED_DEVICES_H
#define RAVEL_TESTS_SUPPORT_SIMULATED_DEVICES_H

#include "audio_io/live/capture.h"

typedef struct {
    int rate_hz, block;
    double ppm;    /* faster than time */
    double late_s; /* most that a callback comes late */
} ravel_simulated_device;

typedef struct ravel_simulated_devices ravel_simulated_devices;

struct ravel_simulated_devices {
    ravel_port port[2];
    ravel_playout playout;
    ravel_capture capture;
    ravel_echo *echo;
    ravel_simulated_device device[2];
    int64_t now_ns;
    int64_t n_blocks[2];
    double late_s[2]; /* of the next block */
    uint64_t random;

    /* What the microphone hears: n samples from sample `at` of its clock on. */
    void (*hear)(ravel_simulated_devices *, int64_t at, float *pcm, int n);
    /* What the loudspeaker gets. */
    void (*say)(ravel_simulated_devices *, int64_t at, const float *pcm, int n);
    void *context;
};

/* return    false without memory */
bool ravel_simulated_begin(ravel_simulated_devices *s, const ravel_simulated_device device[2],
                           int codec_hz, bool echo);
void ravel_simulated_end(ravel_simulated_devices *s);

/* Lets all blocks pass that are due until a time. */
void ravel_simulated_run(ravel_simulated_devices *s, int64_t until_ns);

#endif
