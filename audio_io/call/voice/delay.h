/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long packets take, and how long a receiver had better wait: the transit of a frame is the time
 * of its arrival less its timestamp. The clocks of the two sides differ, so only differences of
 * transits mean anything; the least one of late is the fastest way.
 */
#ifndef RAVEL_CALL_VOICE_DELAY_H
#define RAVEL_CALL_VOICE_DELAY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RAVEL_DELAY_FRAMES = 256,    /* remembered: some seconds */
    RAVEL_DELAY_LATE_SHARE = 50, /* one in so many may come too late */
    RAVEL_DELAY_MAX_US = 400000
};

typedef struct {
    int64_t transit_us[RAVEL_DELAY_FRAMES];
    int n, next;
    int64_t fastest_us; /* the least of them */
    int64_t wait_us;    /* that is in time for nearly all, 0 ... RAVEL_DELAY_MAX_US */
} ravel_delay;

/* Knows nothing. */
ravel_delay ravel_delay_new(void);

/* A frame has come, for the first time. */
void ravel_delay_add(ravel_delay *delay, int64_t transit_us);

/* Whether a transit is so different from all others that it is another stream's, or an attack. */
bool ravel_delay_strange(const ravel_delay *delay, int64_t transit_us);

#endif
