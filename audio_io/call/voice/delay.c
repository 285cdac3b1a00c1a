/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/delay.h"

enum { STRANGE_US = 3000000, MOST_LATE = RAVEL_DELAY_FRAMES / RAVEL_DELAY_LATE_SHARE + 1 };

ravel_delay ravel_delay_new(void)
{
    return (ravel_delay){0};
}

/* Keeps the greatest `room` values seen, greatest first. */
static void keep_greatest(int64_t *greatest, int *n, int room, int64_t value)
{
    int at = *n;
    if (at == room) {
        if (value <= greatest[room - 1])
            return;
        at--;
    } else {
        ++*n;
    }
    for (; at > 0 && greatest[at - 1] < value; at--)
        greatest[at] = greatest[at - 1];
    greatest[at] = value;
}

void ravel_delay_add(ravel_delay *delay, int64_t transit_us)
{
    delay->transit_us[delay->next] = transit_us;
    delay->next = (delay->next + 1) % RAVEL_DELAY_FRAMES;
    if (delay->n < RAVEL_DELAY_FRAMES)
        delay->n++;
    int64_t greatest[MOST_LATE], least = transit_us;
    int n_greatest = 0;
    const int room = delay->n / RAVEL_DELAY_LATE_SHARE + 1;
    for (int i = 0; i < delay->n; i++) {
        const int64_t transit = delay->transit_us[i];
        least = transit < least ? transit : least;
        keep_greatest(greatest, &n_greatest, room, transit);
    }
    const int64_t wait = greatest[n_greatest - 1] - least;
    delay->fastest_us = least;
    delay->wait_us = wait < RAVEL_DELAY_MAX_US ? wait : RAVEL_DELAY_MAX_US;
}

bool ravel_delay_strange(const ravel_delay *delay, int64_t transit_us)
{
    const int64_t later_us = transit_us - delay->fastest_us;
    return delay->n > 0 && (later_us > STRANGE_US || later_us < -STRANGE_US);
}
