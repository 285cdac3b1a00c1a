/* SPDX-License-Identifier: BSD-3-Clause */
/* The body of the devices' callbacks. */
#include "audio_io/live/port.h"

#include <string.h>

enum { CHUNK = 256 };

bool ravel_port_init(ravel_port *port, int rate_hz, int capacity_ms)
{
    *port = (ravel_port){.rate_hz = rate_hz, .busy = ATOMIC_FLAG_INIT, .starved = true};
    return ravel_ring_init(&port->ring, (int)((int64_t)rate_hz * capacity_ms / 1000));
}

void ravel_port_free(ravel_port *port)
{
    ravel_ring_free(&port->ring);
}

static void add(_Atomic int64_t *count, int64_t n)
{
    atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

/* After a block of n samples, of which `moved` went through the ring. */
static void account(ravel_port *port, int n, int moved, int64_t now_ns)
{
    port->samples += n;
    port->moved += moved;
    if (n > atomic_load_explicit(&port->block_samples, memory_order_relaxed))
        atomic_store_explicit(&port->block_samples, n, memory_order_relaxed);
    if (moved < n && atomic_load_explicit(&port->begun, memory_order_relaxed)) {
        add(&port->missing_samples, n - moved);
        if (!atomic_exchange_explicit(&port->starved, true, memory_order_acq_rel))
            add(&port->xruns, 1);
    }
    ravel_clock_write(&port->clock, (ravel_stamp){now_ns, port->samples, port->moved});
}

static void mix(const float *in, int channels, int n, float *mono)
{
    const float scale = 1.0f / (float)channels;
    for (int t = 0; t < n; t++) {
        float sum = 0.0f;
        for (int c = 0; c < channels; c++)
            sum += in[t * channels + c];
        mono[t] = sum * scale;
    }
}

void ravel_port_take(ravel_port *port, const float *in, int channels, int n, int64_t now_ns)
{
    float mono[CHUNK];
    int moved = 0;
    if (atomic_flag_test_and_set_explicit(&port->busy, memory_order_acquire))
        return;
    if (in == NULL)
        moved = ravel_ring_write_silence(&port->ring, n);
    for (int at = 0; in != NULL && at < n; at += CHUNK) {
        int count = n - at < CHUNK ? n - at : CHUNK;
        mix(in + at * channels, channels, count, mono);
        moved += ravel_ring_write(&port->ring, mono, count);
    }
    if (moved == n)
        atomic_store_explicit(&port->starved, false, memory_order_relaxed);
    account(port, n, moved, now_ns);
    atomic_flag_clear_explicit(&port->busy, memory_order_release);
}

static void spread(const float *mono, int channels, int n, float *out)
{
    for (int t = 0; t < n; t++)
        for (int c = 0; c < channels; c++)
            out[t * channels + c] = mono[t];
}

void ravel_port_give(ravel_port *port, float *out, int channels, int n, int64_t now_ns)
{
    float mono[CHUNK];
    int moved = 0;
    if (atomic_flag_test_and_set_explicit(&port->busy, memory_order_acquire)) {
        if (out != NULL)
            memset(out, 0, sizeof *out * (size_t)channels * (size_t)n);
        return;
    }
    for (int at = 0; at < n; at += CHUNK) {
        int count = n - at < CHUNK ? n - at : CHUNK;
        int got = ravel_ring_read(&port->ring, mono, count);
        for (int t = got; t < count; t++)
            mono[t] = 0.0f;
        moved += got;
        if (out != NULL)
            spread(mono, channels, count, out + at * channels);
    }
    account(port, n, moved, now_ns);
    atomic_flag_clear_explicit(&port->busy, memory_order_release);
}
