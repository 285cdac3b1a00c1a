/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/packet_ring.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PACKETS = 65536, CACHE_LINE = 64 };

/*
 * Counts of packets ever put and taken; the difference is what lies in the ring. Each is written by
 * one thread only, and lies apart from the other so that they do not fight for a cache line.
 */
struct ravel_packet_ring {
    _Alignas(CACHE_LINE) atomic_uint put;
    _Alignas(CACHE_LINE) atomic_uint taken;
    _Alignas(CACHE_LINE) unsigned mask;
    unsigned room;
    ravel_voice_packet *packets; /* [mask + 1] */
};

/* The least power of two that is not below n: counts then wrap around without a jump. */
static unsigned power_of_two(unsigned n)
{
    unsigned power = 1;
    while (power < n)
        power *= 2;
    return power;
}

ravel_packet_ring *ravel_packet_ring_new(int n_packets)
{
    if (n_packets < 1 || n_packets > MOST_PACKETS)
        return NULL;
    ravel_packet_ring *ring = aligned_alloc(CACHE_LINE, sizeof *ring);
    if (!ring)
        return NULL;
    const unsigned size = power_of_two((unsigned)n_packets);
    ring->mask = size - 1;
    ring->room = (unsigned)n_packets;
    ring->packets = calloc(size, sizeof *ring->packets);
    atomic_init(&ring->put, 0);
    atomic_init(&ring->taken, 0);
    if (!ring->packets) {
        free(ring);
        return NULL;
    }
    return ring;
}

void ravel_packet_ring_free(ravel_packet_ring *ring)
{
    if (!ring)
        return;
    free(ring->packets);
    free(ring);
}

/* Only the bytes that are there: most packets are short. */
static void copy(ravel_voice_packet *to, const ravel_voice_packet *from)
{
    memcpy(to, from, offsetof(ravel_voice_packet, bytes));
    memcpy(to->bytes, from->bytes, (size_t)from->n_bytes);
}

bool ravel_packet_ring_put(ravel_packet_ring *ring, const ravel_voice_packet *packet)
{
    if (packet->n_bytes < 0 || packet->n_bytes > RAVEL_VOICE_PACKET_BYTES)
        return false;
    const unsigned put = atomic_load_explicit(&ring->put, memory_order_relaxed);
    if (put - atomic_load_explicit(&ring->taken, memory_order_acquire) >= ring->room)
        return false;
    copy(&ring->packets[put & ring->mask], packet);
    atomic_store_explicit(&ring->put, put + 1, memory_order_release);
    return true;
}

bool ravel_packet_ring_take(ravel_packet_ring *ring, ravel_voice_packet *packet)
{
    const unsigned taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    if (atomic_load_explicit(&ring->put, memory_order_acquire) == taken)
        return false;
    copy(packet, &ring->packets[taken & ring->mask]);
    atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
    return true;
}
