/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The microphone's thread: out of the device's ring, to the codec's rate and the loudspeaker's clock,
 * through the echo canceller.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_CAPTURE_H
#define RAVEL_AUDIO_IO_LIVE_CAPTURE_H

#include "audio_io/live/drift.h"
#include "audio_io/live/echo.h"
#include "audio_io/live/level.h"
#include "audio_io/live/playout.h"
#include "audio_io/live/port.h"
#include "audio_io/live/rate.h"

typedef struct {
    ravel_port *port;
    const ravel_playout *playout;
    ravel_rate *rate;
    ravel_echo *echo; /* or NULL */
    int rate_hz;      /* of the codec */
    ravel_level level;

    int64_t consumed, delivered;  /* samples that went into the resampler and that came out */
    float *ready;                 /* samples for the caller, the first n_raw... */
    int n_ready, n_raw, capacity; /* ...of which the last n_raw wait for the canceller */

    ravel_drift drift;
    int64_t steered_ns;
    uint32_t generation[2];             /* of the two clocks, when the drift was last looked at */
    _Atomic float drift_ppm, mean_fill; /* the latter in samples at the device's rate */
} ravel_capture;

/*
 * playout    of the clock to follow
 * return     false without memory
 */
bool ravel_capture_init(ravel_capture *capture, ravel_port *port, const ravel_playout *playout,
                        ravel_echo *echo, int rate_hz);
void ravel_capture_free(ravel_capture *capture);

/*
 * n         up to 120 ms
 * return    n samples, or 0 where they are not there yet
 */
int ravel_capture_pull(ravel_capture *capture, float *pcm, int n, int64_t now_ns);

#endif
