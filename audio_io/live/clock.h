/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a device is: its callback leaves after each block how many samples have passed and when; any
 * thread reads it, and neither waits for the other (a sequence lock; Boehm, "Can seqlocks get along
 * with programming language memory models?", 2012).
 */
#ifndef RAVEL_AUDIO_IO_LIVE_CLOCK_H
#define RAVEL_AUDIO_IO_LIVE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t time_ns;
    int64_t samples; /* that the device gave or took until then */
    int64_t moved;   /* of these, those that went into or came out of the ring */
} ravel_stamp;

typedef struct {
    _Atomic uint32_t turn; /* odd while a stamp is written; 0 before the first */
    _Atomic int64_t time_ns, samples, moved;
} ravel_clock;

/* Of the system, which never goes back. */
int64_t ravel_clock_now_ns(void);
int64_t ravel_clock_now_us(void);

/* One thread at a time. */
void ravel_clock_write(ravel_clock *clock, ravel_stamp stamp);

/* The last stamp. return    false before the first */
bool ravel_clock_read(const ravel_clock *clock, ravel_stamp *stamp);

#endif
