/* SPDX-License-Identifier: BSD-3-Clause */
/* Stamps of a device's clock. */
#include "audio_io/live/clock.h"

#include <time.h>

int64_t ravel_clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ravel_clock_now_us(void)
{
    return ravel_clock_now_ns() / 1000;
}

void ravel_clock_write(ravel_clock *clock, ravel_stamp stamp)
{
    uint32_t turn = atomic_load_explicit(&clock->turn, memory_order_relaxed);
    atomic_store_explicit(&clock->turn, turn + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&clock->time_ns, stamp.time_ns, memory_order_relaxed);
    atomic_store_explicit(&clock->samples, stamp.samples, memory_order_relaxed);
    atomic_store_explicit(&clock->moved, stamp.moved, memory_order_relaxed);
    atomic_store_explicit(&clock->turn, turn + 2, memory_order_release);
}

bool ravel_clock_read(const ravel_clock *clock, ravel_stamp *stamp)
{
    uint32_t before, after;
    do {
        before = atomic_load_explicit(&clock->turn, memory_order_acquire);
        stamp->time_ns = atomic_load_explicit(&clock->time_ns, memory_order_relaxed);
        stamp->samples = atomic_load_explicit(&clock->samples, memory_order_relaxed);
        stamp->moved = atomic_load_explicit(&clock->moved, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&clock->turn, memory_order_relaxed);
    } while (before != after || before % 2 != 0);
    return before != 0;
}
