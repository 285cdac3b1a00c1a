/* SPDX-License-Identifier: BSD-3-Clause */
/* The loudspeaker's thread. */
#include "audio_io/live/playout.h"

#include <math.h>
#include <stddef.h>

enum {
    LATE_MS = 4,         /* that the playout thread may always be */
    MOST_EXTRA_MS = 60,  /* and above that, after it was */
    FORGET_S = 30,       /* without the ring running empty, for a block less of that */
    MOST_SLACK_MS = 200, /* above which sound is dropped */
    CHUNK = 256
};

static const double most_hurry = 0.008;

bool ravel_playout_init(ravel_playout *playout, ravel_port *port, ravel_echo *echo, int rate_hz)
{
    *playout = (ravel_playout){.port = port, .echo = echo, .rate_hz = rate_hz};
    playout->rate = ravel_rate_new(rate_hz, port->rate_hz);
    return playout->rate != NULL;
}

void ravel_playout_free(ravel_playout *playout)
{
    ravel_rate_free(playout->rate);
    playout->rate = NULL;
}

/* --- The slack -------------------------------------------------------------------------------- */

static int from_ms(const ravel_playout *playout, int ms)
{
    return (int)((int64_t)playout->port->rate_hz * ms / 1000);
}

static int block_of(const ravel_playout *playout)
{
    return atomic_load_explicit(&playout->port->block_samples, memory_order_relaxed);
}

static int extra_of(const ravel_playout *playout)
{
    return atomic_load_explicit(&playout->extra, memory_order_relaxed);
}

/* Samples until the next callback. */
static int until_block(const ravel_playout *playout, int64_t now_ns)
{
    const int block = block_of(playout);
    ravel_stamp stamp;
    if (!ravel_clock_read(&playout->port->clock, &stamp))
        return block;
    int64_t passed = (now_ns - stamp.time_ns) * playout->port->rate_hz / 1000000000;
    return passed <= 0 ? block : passed >= block ? 0 : block - (int)passed;
}

/* A part of a block is of no use to a callback. */
static int slack_of(const ravel_playout *playout, int64_t now_ns)
{
    const int block = block_of(playout), fill = ravel_ring_fill(&playout->port->ring);
    return until_block(playout, now_ns) + (block > 0 ? fill - fill % block : fill);
}

static int wanted_slack(const ravel_playout *playout)
{
    return from_ms(playout, LATE_MS) + extra_of(playout);
}

int ravel_playout_wanted(const ravel_playout *playout, int64_t now_ns)
{
    int lacking = wanted_slack(playout) - slack_of(playout, now_ns);
    if (lacking <= 0)
        return 0;
    return (int)((int64_t)lacking * playout->rate_hz / playout->port->rate_hz) + 1;
}

static void set_extra(ravel_playout *playout, int extra)
{
    int most = from_ms(playout, MOST_EXTRA_MS);
    extra = extra < 0 ? 0 : extra > most ? most : extra;
    atomic_store_explicit(&playout->extra, extra, memory_order_relaxed);
    playout->n_since_extra = 0;
}

/*
 * What the ring must hold when n samples come, for the slack. Where they are whole blocks of the
 * clock that also made them, they will always come at this phase of the blocks. Else they come at
 * all phases in turn, and up to a block later, when the last of them is in the next block of the
 * microphone; the worst of that counts.
 */
static int fill_for_slack(const ravel_playout *playout, int n, int64_t now_ns)
{
    const int block = block_of(playout), until = until_block(playout, now_ns);
    const int slack = wanted_slack(playout);
    const int64_t n_out = (int64_t)n * playout->port->rate_hz;
    bool same_clock = !atomic_load_explicit(&playout->port->own_clock, memory_order_relaxed);
    if (same_clock && block > 0 && n_out % ((int64_t)playout->rate_hz * block) == 0)
        return slack > until ? (slack - until + block - 1) / block * block : 0;
    return slack + block + block - until;
}

/* The ring ran empty, or was never filled; n samples come. */
static void lay_slack(ravel_playout *playout, int n, int64_t now_ns)
{
    if (atomic_load_explicit(&playout->port->xruns, memory_order_relaxed) > 0)
        set_extra(playout, extra_of(playout) + block_of(playout));
    int lacking = fill_for_slack(playout, n, now_ns) - ravel_ring_fill(&playout->port->ring);
    if (lacking > 0) {
        ravel_ring_write_silence(&playout->port->ring, lacking);
        if (playout->echo != NULL)
            (void)ravel_echo_played(
                playout->echo, NULL,
                (int)((int64_t)lacking * playout->rate_hz / playout->port->rate_hz));
    }
    playout->n_since_least = 0;
    atomic_store_explicit(&playout->port->starved, false, memory_order_release);
    atomic_store_explicit(&playout->port->begun, true, memory_order_relaxed);
}

/*
 * Once steered, the resampler is told every second: it meets the ratio only in the mean of what it is
 * told.
 */
static void hurry(ravel_playout *playout, int too_much)
{
    double seconds = (double)too_much / playout->port->rate_hz;
    playout->steered = playout->steered || too_much > 0;
    if (playout->steered)
        ravel_rate_steer(playout->rate, too_much > 0 ? -fmin(most_hurry, 0.2 * seconds) : 0.0);
}

/* Once a second: is there more slack than there must be? n: samples that come now */
static void watch_slack(ravel_playout *playout, int n, int64_t now_ns)
{
    int slack = slack_of(playout, now_ns);
    if (playout->n_since_least == 0 || slack < playout->least)
        playout->least = slack;
    playout->n_since_least += n;
    playout->n_since_extra += n;
    if (playout->n_since_least < playout->port->rate_hz)
        return;
    hurry(playout, playout->least - wanted_slack(playout) - 2 * block_of(playout));
    playout->n_since_least = 0;
    if (playout->n_since_extra > (int64_t)FORGET_S * playout->port->rate_hz)
        set_extra(playout, extra_of(playout) - block_of(playout));
}

/* --- Sound ------------------------------------------------------------------------------------ */

static void resample(ravel_playout *playout, const float *pcm, int n)
{
    float out[CHUNK];
    while (n > 0) {
        int taken = n;
        int given = ravel_rate_push(playout->rate, pcm, &taken, out, CHUNK);
        (void)ravel_ring_write(&playout->port->ring, out, given); /* there is room */
        pcm += taken;
        n -= taken;
    }
}

/* The first sample leaves when the block has begun in which it is, and as far in it as it stands. */
static void measure_delay(ravel_playout *playout, int64_t now_ns)
{
    int delay = ravel_ring_fill(&playout->port->ring) + until_block(playout, now_ns);
    float mean = atomic_load_explicit(&playout->mean_delay, memory_order_relaxed);
    mean += ((float)delay - mean) * (mean > 0.0f ? 0.05f : 1.0f);
    atomic_store_explicit(&playout->mean_delay, mean, memory_order_relaxed);
}

static void set_position(ravel_playout *playout, int64_t position)
{
    double ratio = (double)playout->rate_hz / playout->port->rate_hz;
    uint64_t written = atomic_load_explicit(&playout->port->ring.written, memory_order_relaxed);
    atomic_store_explicit(&playout->position_offset,
                          (double)position - ravel_rate_delay(playout->rate) -
                              (double)written * ratio,
                          memory_order_relaxed);
}

static void drop(ravel_playout *playout, int n)
{
    atomic_fetch_add_explicit(&playout->port->xruns, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&playout->port->missing_samples,
                              (int64_t)n * playout->port->rate_hz / playout->rate_hz,
                              memory_order_relaxed);
}

void ravel_playout_push(ravel_playout *playout, const float *pcm, int n, int64_t now_ns)
{
    ravel_level_add(&playout->level, pcm, n, playout->rate_hz);
    if (atomic_load_explicit(&playout->port->starved, memory_order_acquire))
        lay_slack(playout, n, now_ns);
    if (slack_of(playout, now_ns) > from_ms(playout, MOST_SLACK_MS)) {
        drop(playout, n);
        return;
    }
    measure_delay(playout, now_ns);
    watch_slack(playout, (int)((int64_t)n * playout->port->rate_hz / playout->rate_hz), now_ns);
    resample(playout, pcm, n);
    if (playout->echo != NULL)
        set_position(playout, ravel_echo_played(playout->echo, pcm, n));
}

double ravel_playout_position(const ravel_playout *playout, int64_t time_ns)
{
    const ravel_port *port = playout->port;
    ravel_stamp stamp;
    if (!ravel_clock_read(&port->clock, &stamp))
        return 0.0;
    int64_t left_ns =
        time_ns - stamp.time_ns - atomic_load_explicit(&port->latency_ns, memory_order_relaxed);
    /* The stamp's time is the begin of the block that it already counts. */
    double ring = (double)stamp.moved - block_of(playout) + (double)left_ns * 1e-9 * port->rate_hz;
    return atomic_load_explicit(&playout->position_offset, memory_order_relaxed) +
           ring * playout->rate_hz / port->rate_hz;
}
