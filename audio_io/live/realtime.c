/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/live/realtime.h"

#include <pthread.h>
#include <sched.h>

int ravel_realtime_begin(void)
{
    const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    return pthread_setschedparam(pthread_self(), SCHED_RR, &least);
}
