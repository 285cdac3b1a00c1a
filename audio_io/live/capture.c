/* SPDX-License-Identifier: BSD-3-Clause */
/* The microphone's thread. */
#include "audio_io/live/capture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 128, STEER_MS = 100, STALE_MS = 500 };

bool ravel_capture_init(ravel_capture *capture, ravel_port *port, const ravel_playout *playout,
                        ravel_echo *echo, int rate_hz)
{
    *capture = (ravel_capture){.port = port, .playout = playout, .echo = echo, .rate_hz = rate_hz};
    capture->rate = ravel_rate_new(port->rate_hz, rate_hz);
    capture->capacity = rate_hz / 4;
    capture->ready = calloc((size_t)capture->capacity, sizeof *capture->ready);
    return capture->rate != NULL && capture->ready != NULL;
}

void ravel_capture_free(ravel_capture *capture)
{
    ravel_rate_free(capture->rate);
    free(capture->ready);
    capture->rate = NULL;
    capture->ready = NULL;
}

/* --- The clocks ------------------------------------------------------------------------------- */

/* Seconds that a device has run at a time, by its own count; false where it does not run. */
static bool seconds_of(const ravel_port *port, int64_t now_ns, double *seconds)
{
    ravel_stamp stamp;
    if (!ravel_clock_read(&port->clock, &stamp) ||
        now_ns - stamp.time_ns > (int64_t)STALE_MS * 1000000)
        return false;
    *seconds = (double)stamp.samples / port->rate_hz + (double)(now_ns - stamp.time_ns) * 1e-9;
    return true;
}

static bool same_clocks(ravel_capture *capture)
{
    uint32_t in = atomic_load_explicit(&capture->port->generation, memory_order_relaxed);
    uint32_t out = atomic_load_explicit(&capture->playout->port->generation, memory_order_relaxed);
    bool same = in == capture->generation[0] && out == capture->generation[1];
    capture->generation[0] = in;
    capture->generation[1] = out;
    return same;
}

/*
 * The samples delivered, and those still to be, less those that the loudspeaker has played, are to
 * stay as many as they were. All clocks are looked at in one moment.
 */
static void steer(ravel_capture *capture, int64_t now_ns)
{
    double in_s = 0.0, out_s = 0.0;
    capture->steered_ns = now_ns;
    if (!same_clocks(capture))
        ravel_drift_restart(&capture->drift);
    if (!seconds_of(capture->port, now_ns, &in_s) ||
        !seconds_of(capture->playout->port, now_ns, &out_s))
        return;
    /* What the ring could not take counts as waiting for ever: it is lost, not to be made up for. */
    double waiting_s = in_s - (double)capture->consumed / capture->port->rate_hz;
    double error_s = (double)capture->delivered / capture->rate_hz + waiting_s - out_s;
    ravel_rate_steer(capture->rate, ravel_drift_update(&capture->drift, error_s, now_ns));
    atomic_store_explicit(&capture->drift_ppm, (float)(-capture->drift.integral * 1e6),
                          memory_order_relaxed);
}

/* One device, or nothing to follow: the ratio stays exact. */
static bool two_clocks(const ravel_capture *capture)
{
    return atomic_load_explicit(&capture->port->own_clock, memory_order_relaxed) &&
           atomic_load_explicit(&capture->playout->port->own_clock, memory_order_relaxed);
}

/* --- The samples ------------------------------------------------------------------------------ */

/* Position at the codec's rate of what the loudspeaker played when the next block came in. */
static double position_of(const ravel_capture *capture, int n_behind)
{
    const ravel_port *port = capture->port;
    ravel_stamp stamp = {0};
    (void)ravel_clock_read(&port->clock, &stamp);
    double index = (double)capture->consumed - ravel_rate_delay(capture->rate) -
                   (double)n_behind * port->rate_hz / capture->rate_hz;
    /* The latency is that of the first sample of the last block. */
    int first = atomic_load_explicit(&port->block_samples, memory_order_relaxed);
    double before_s = ((double)stamp.moved - first - index) / port->rate_hz;
    int64_t time_ns = stamp.time_ns - (int64_t)(before_s * 1e9) -
                      atomic_load_explicit(&port->latency_ns, memory_order_relaxed);
    return ravel_playout_position(capture->playout, time_ns);
}

static void cancel_echo(ravel_capture *capture)
{
    const int block = ravel_echo_block(capture->echo);
    while (capture->n_raw >= block) {
        float *pcm = capture->ready + capture->n_ready - capture->n_raw;
        ravel_echo_cancel(capture->echo, pcm, position_of(capture, capture->n_raw));
        capture->n_raw -= block;
    }
}

/* return    false where the ring is empty */
static bool fetch(ravel_capture *capture)
{
    float in[CHUNK];
    int n = ravel_ring_read(&capture->port->ring, in, CHUNK), taken = n;
    if (n == 0)
        return false;
    float *out = capture->ready + capture->n_ready;
    int given =
        ravel_rate_push(capture->rate, in, &taken, out, capture->capacity - capture->n_ready);
    capture->consumed += taken;
    capture->delivered += given;
    capture->n_ready += given;
    if (capture->echo != NULL) {
        capture->n_raw += given;
        cancel_echo(capture);
    }
    return true;
}

/* Samples that wait when some were taken, and how long ago their block came, at the device's rate. */
static void measure_delay(ravel_capture *capture, int64_t now_ns)
{
    const ravel_port *port = capture->port;
    ravel_stamp stamp = {.time_ns = now_ns};
    (void)ravel_clock_read(&port->clock, &stamp);
    double waiting = (double)ravel_ring_fill(&port->ring) +
                     (double)capture->n_ready * port->rate_hz / capture->rate_hz +
                     (double)(now_ns - stamp.time_ns) * 1e-9 * port->rate_hz;
    float mean = atomic_load_explicit(&capture->mean_fill, memory_order_relaxed);
    mean += ((float)waiting - mean) * 0.05f;
    atomic_store_explicit(&capture->mean_fill, mean, memory_order_relaxed);
}

int ravel_capture_pull(ravel_capture *capture, float *pcm, int n, int64_t now_ns)
{
    atomic_store_explicit(&capture->port->begun, true, memory_order_relaxed);
    if (two_clocks(capture) && now_ns - capture->steered_ns >= (int64_t)STEER_MS * 1000000)
        steer(capture, now_ns);
    while (capture->n_ready - capture->n_raw < n)
        if (!fetch(capture))
            return 0;
    capture->n_ready -= n;
    memcpy(pcm, capture->ready, sizeof *pcm * (size_t)n);
    memmove(capture->ready, capture->ready + n, sizeof *pcm * (size_t)capture->n_ready);
    measure_delay(capture, now_ns);
    ravel_level_add(&capture->level, pcm, n, capture->rate_hz);
    return n;
}
