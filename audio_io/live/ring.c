/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of samples between two threads. */
#include "audio_io/live/ring.h"

#include <stdlib.h>
#include <string.h>

bool ravel_ring_init(ravel_ring *ring, int capacity)
{
    uint32_t size = 1;
    while (size < (uint32_t)capacity)
        size *= 2;
    ring->samples = calloc(size, sizeof *ring->samples);
    ring->mask = size - 1;
    atomic_init(&ring->written, 0);
    atomic_init(&ring->read, 0);
    return ring->samples != NULL;
}

void ravel_ring_free(ravel_ring *ring)
{
    free(ring->samples);
    ring->samples = NULL;
}

int ravel_ring_size(const ravel_ring *ring)
{
    return (int)(ring->mask + 1);
}

int ravel_ring_fill(const ravel_ring *ring)
{
    /* In this order: read never passes written, so the difference is not negative. */
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
    uint64_t fill = written - read;
    return fill > ring->mask ? (int)(ring->mask + 1) : (int)fill;
}

/* The n samples from a position on, in two pieces where they pass the end. NULL: zeros */
static void put(ravel_ring *ring, uint64_t position, const float *pcm, uint32_t n)
{
    uint32_t at = (uint32_t)position & ring->mask;
    uint32_t first = ring->mask + 1 - at < n ? ring->mask + 1 - at : n;
    if (pcm == NULL) {
        memset(ring->samples + at, 0, sizeof *pcm * first);
        memset(ring->samples, 0, sizeof *pcm * (n - first));
        return;
    }
    memcpy(ring->samples + at, pcm, sizeof *pcm * first);
    memcpy(ring->samples, pcm + first, sizeof *pcm * (n - first));
}

static int write(ravel_ring *ring, const float *pcm, int n)
{
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
    uint32_t room = ring->mask + 1 - (uint32_t)(written - read);
    uint32_t count = (uint32_t)n < room ? (uint32_t)n : room;
    put(ring, written, pcm, count);
    atomic_store_explicit(&ring->written, written + count, memory_order_release);
    return (int)count;
}

int ravel_ring_write(ravel_ring *ring, const float *pcm, int n)
{
    return write(ring, pcm, n);
}

int ravel_ring_write_silence(ravel_ring *ring, int n)
{
    return write(ring, NULL, n);
}

int ravel_ring_read(ravel_ring *ring, float *pcm, int n)
{
    uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
    uint32_t fill = (uint32_t)(written - read);
    uint32_t count = (uint32_t)n < fill ? (uint32_t)n : fill;
    if (pcm != NULL) {
        uint32_t at = (uint32_t)read & ring->mask;
        uint32_t first = ring->mask + 1 - at < count ? ring->mask + 1 - at : count;
        memcpy(pcm, ring->samples + at, sizeof *pcm * first);
        memcpy(pcm + first, ring->samples, sizeof *pcm * (count - first));
    }
    atomic_store_explicit(&ring->read, read + count, memory_order_release);
    return (int)count;
}
