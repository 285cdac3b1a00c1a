/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loudspeaker's thread: from the codec's rate to the device's, into its ring.
 *
 * The ring's slack is how late the next sound may be before a callback finds less than a block. It is
 * held at what threads are late. Where the ring ran empty the slack is laid anew, of silence, and is
 * larger for some minutes. Where it is larger than that for a second, because sound came late and
 * then all at once, the sound is played faster by less than a hundredth until it is not.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_PLAYOUT_H
#define RAVEL_AUDIO_IO_LIVE_PLAYOUT_H

#include "audio_io/live/echo.h"
#include "audio_io/live/level.h"
#include "audio_io/live/port.h"
#include "audio_io/live/rate.h"

typedef struct {
    ravel_port *port;
    ravel_rate *rate;
    ravel_echo *echo; /* or NULL */
    int rate_hz;      /* of the codec */
    ravel_level level;

    /* Samples at the device's rate. */
    _Atomic int extra;        /* slack above the usual */
    int64_t n_since_extra;    /* played since that last changed */
    int least, n_since_least; /* smallest slack when sound came, of that many samples played */
    bool steered;             /* the resampler ever was */
    _Atomic float mean_delay; /* of the ring */

    /*
     * Position of a sample at the codec's rate less that of the ring, which is the same sample at
     * the device's rate: for the canceller.
     */
    _Atomic double position_offset;
} ravel_playout;

/* return    false without memory */
bool ravel_playout_init(ravel_playout *playout, ravel_port *port, ravel_echo *echo, int rate_hz);
void ravel_playout_free(ravel_playout *playout);

/* Samples at the codec's rate that are to come now for the slack to be what it should be, or 0. */
int ravel_playout_wanted(const ravel_playout *playout, int64_t now_ns);

/* n samples at the codec's rate. */
void ravel_playout_push(ravel_playout *playout, const float *pcm, int n, int64_t now_ns);

/* Any thread: position, at the codec's rate, of the sample that leaves the loudspeaker at a time. */
double ravel_playout_position(const ravel_playout *playout, int64_t time_ns);

#endif
