/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/delay.h"

enum { STRANGE_US = 3000000, MOST_LATE = RAVEL_DELAY_FRAMES / RAVEL_DELAY_LATE_SHARE + 1 };

ravel_delay ravel_delay_new(void)
{
    return (ravel_delay){0};
}

/* Puts a value among the greatest seen, greatest first. */
static void keep_greatest(int64_t greatest[MOST_LATE], int64_t value)
{
    for (int i = 0; i < MOST_LATE; i++) {
        if (value > greatest[i]) {
            const int64_t next = greatest[i];
            greatest[i] = value;
            value = next;
        }
    }
}

void ravel_delay_add(ravel_delay *delay, int64_t transit_us)
{
    delay->transit_us[delay->next] = transit_us;
    delay->next = (delay->next + 1) % RAVEL_DELAY_FRAMES;
    if (delay->n < RAVEL_DELAY_FRAMES)
        delay->n++;
    int64_t greatest[MOST_LATE], least = transit_us;
    for (int i = 0; i < MOST_LATE; i++)
        greatest[i] = INT64_MIN;
    for (int i = 0; i < delay->n; i++) {
        least = delay->transit_us[i] < least ? delay->transit_us[i] : least;
        keep_greatest(greatest, delay->transit_us[i]);
    }
    const int64_t wait = greatest[delay->n / RAVEL_DELAY_LATE_SHARE] - least;
    delay->fastest_us = least;
    delay->wait_us = wait < RAVEL_DELAY_MAX_US ? wait : RAVEL_DELAY_MAX_US;
}

bool ravel_delay_strange(const ravel_delay *delay, int64_t transit_us)
{
    const int64_t later_us = transit_us - delay->fastest_us;
    return delay->n > 0 && (later_us > STRANGE_US || later_us < -STRANGE_US);
}
