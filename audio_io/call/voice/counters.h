/* SPDX-License-Identifier: BSD-3-Clause */
/* What a receiver tells other threads: numbers that one thread writes, each by itself. */
#ifndef RAVEL_CALL_VOICE_COUNTERS_H
#define RAVEL_CALL_VOICE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    _Atomic int64_t packets, bad, duplicates, lost, late;
    _Atomic int64_t frames, recovered, concealed, silent, dropped;
    _Atomic int64_t delay_us, target_us, position;
} ravel_counters;

static inline void ravel_count(_Atomic int64_t *counter, int64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void ravel_counter_set(_Atomic int64_t *counter, int64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline int64_t ravel_counter_get(const _Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
