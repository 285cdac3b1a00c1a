/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of samples between two threads: one writes, one reads, neither ever waits (Lamport, "Proving
 * the correctness of multiprocess programs", 1977). Positions count all samples since the begin and
 * never wrap.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_RING_H
#define RAVEL_AUDIO_IO_LIVE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    float *samples;
    uint32_t mask; /* size - 1 */
    /* Apart from each other, so that the two threads do not fight for one cache line. */
    _Alignas(64) _Atomic uint64_t written;
    _Alignas(64) _Atomic uint64_t read;
} ravel_ring;

/* capacity: samples that fit, at least; 1 ... 2^24. return    false without memory */
bool ravel_ring_init(ravel_ring *ring, int capacity);
void ravel_ring_free(ravel_ring *ring);

int ravel_ring_size(const ravel_ring *ring);

/* Any thread; what the writer sees grows never by itself, what the reader sees never shrinks. */
int ravel_ring_fill(const ravel_ring *ring);

/* The writer. return    samples written: n, or what fits */
int ravel_ring_write(ravel_ring *ring, const float *pcm, int n);
int ravel_ring_write_silence(ravel_ring *ring, int n);

/* The reader. pcm: NULL throws them away. return    samples read: n, or what is there */
int ravel_ring_read(ravel_ring *ring, float *pcm, int n);

#endif
