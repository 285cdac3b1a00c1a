/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/live/realtime.h"

#include <pthread.h>
#include <sched.h>

int ravel_realtime_begin(ravel_realtime rank)
{
    const int priority = sched_get_priority_min(SCHED_RR) + (int)rank;
    const struct sched_param wanted = {.sched_priority = priority};
    return pthread_setschedparam(pthread_self(), SCHED_RR, &wanted);
}
