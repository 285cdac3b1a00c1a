/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *   mouth_to_ear SECONDS
 *
 * How late a sound comes back through whatever is wired between this program's two JACK ports: out
 * of ravel_mouth:out go bursts of noise, back into ravel_mouth:in comes what they have become. Begins
 * when both are wired, and prints one JSON object in the end; tests/bench/mouth_to_ear.sh puts
 * `ravel live` between them.
 *
 * The program stands for a sound card: it tells JACK that its sound is a block old when it hands it
 * over, and will be heard two blocks after it was given back, as JACK's dummy says of itself; and so
 * it counts. What it gives in one cycle of JACK it gets back in the next, which is taken off.
 *
 * A burst's time is where half of its energy has passed: a codec that blurs a burst of 20 ms moves
 * that by 0.2 ms in the median (both ways by 4 ms at most), where it would move an onset by much
 * more. Bursts come every 503 ms, so that they fall everywhere in the codec's frames.
 */
#include <jack/jack.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/random.h"

enum { IN_BLOCKS = 1, OUT_BLOCKS = 2, WIRE_BLOCKS = 1 };
enum { PERIOD_MS = 503, BURST_MS = 20, MAX_BURSTS = 10000, MAX_SECONDS = 5000, SETTLE_S = 2 };

/* What comes back is heard if it is not below the burst by more than this. */
static const double least_gain = 1e-3; /* -30 dB */

typedef struct {
    jack_port_t *in, *out;
    size_t block, period, burst_samples; /* samples */
    size_t n;                            /* to be recorded */
    float *burst;                        /* [burst_samples] */
    float *heard;                        /* [n] */
    atomic_bool begun;                   /* both ports are wired */
    atomic_size_t at;                    /* recorded so far */
    atomic_int n_xruns;
} measurement;

/* JACK's thread: a burst begins at every multiple of the period. */
static int process(jack_nframes_t n_frames, void *context)
{
    measurement *m = context;
    const float *in = jack_port_get_buffer(m->in, n_frames);
    float *out = jack_port_get_buffer(m->out, n_frames);
    size_t at = m->at;
    if (!m->begun) {
        memset(out, 0, n_frames * sizeof *out);
        return 0;
    }
    for (jack_nframes_t i = 0; i < n_frames; i++, at++) {
        const size_t phase = at % m->period;
        out[i] = phase < m->burst_samples ? m->burst[phase] : 0.0f;
        if (at < m->n)
            m->heard[at] = in[i];
    }
    m->at = at;
    return 0;
}

static int count_xrun(void *context)
{
    measurement *m = context;
    m->n_xruns++;
    return 0;
}

/* What stands before the program's output, and behind its input. */
static void tell_latency(jack_latency_callback_mode_t mode, void *context)
{
    measurement *m = context;
    const jack_nframes_t in = (jack_nframes_t)(IN_BLOCKS * m->block);
    const jack_nframes_t out = (jack_nframes_t)(OUT_BLOCKS * m->block);
    if (mode == JackCaptureLatency)
        jack_port_set_latency_range(m->out, mode, &(jack_latency_range_t){in, in});
    else
        jack_port_set_latency_range(m->in, mode, &(jack_latency_range_t){out, out});
}

/* --- What came back --------------------------------------------------------------------------- */

static double energy(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

/* Samples until half of the energy has passed. */
static double half_energy(const float *x, size_t n)
{
    const double half = 0.5 * energy(x, n);
    double sum = 0.0;
    size_t i = 0;
    while (i < n && sum < half) {
        sum += (double)x[i] * (double)x[i];
        i++;
    }
    return (double)i;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const measurement *m, double rate_hz)
{
    static double delays_ms[MAX_BURSTS];
    const double sent = energy(m->burst, m->burst_samples);
    const double card = (double)m->block * (IN_BLOCKS + OUT_BLOCKS - WIRE_BLOCKS);
    const double middle = half_energy(m->burst, m->burst_samples) - card;
    int n_heard = 0, n_sent = 0;
    for (size_t k = 0; (k + 1) * m->period <= m->n; k++, n_sent++) {
        const float *heard = m->heard + k * m->period;
        if (energy(heard, m->period) > least_gain * sent)
            delays_ms[n_heard++] = 1e3 * (half_energy(heard, m->period) - middle) / rate_hz;
    }
    qsort(delays_ms, (size_t)n_heard, sizeof *delays_ms, ascending);
    printf("{\"bursts\": %d, \"heard\": %d, \"xruns\": %d", n_sent, n_heard, m->n_xruns);
    if (n_heard > 0)
        printf(", \"median_ms\": %.2f, \"min_ms\": %.2f, \"max_ms\": %.2f", delays_ms[n_heard / 2],
               delays_ms[0], delays_ms[n_heard - 1]);
    puts("}");
}

/* --- The program ------------------------------------------------------------------------------ */

static void make_burst(measurement *m)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < m->burst_samples; i++)
        m->burst[i] = 0.5f * ravel_random_float(&seed);
}

static int prepare(measurement *m, jack_client_t *client, double seconds)
{
    const double rate_hz = jack_get_sample_rate(client);
    m->block = jack_get_buffer_size(client);
    m->period = (size_t)(rate_hz * PERIOD_MS / 1000);
    m->burst_samples = (size_t)(rate_hz * BURST_MS / 1000);
    m->n = (size_t)(rate_hz * seconds);
    m->burst = calloc(m->burst_samples, sizeof *m->burst);
    m->heard = malloc(m->n * sizeof *m->heard);
    /* PortAudio hears of the latency of physical ports alone. */
    m->in = jack_port_register(client, "in", JACK_DEFAULT_AUDIO_TYPE,
                               JackPortIsInput | JackPortIsPhysical, 0);
    m->out = jack_port_register(client, "out", JACK_DEFAULT_AUDIO_TYPE,
                                JackPortIsOutput | JackPortIsPhysical, 0);
    if (m->burst == NULL || m->heard == NULL || m->in == NULL || m->out == NULL)
        return -1;
    memset(m->heard, 0, m->n * sizeof *m->heard); /* JACK's thread shall find the pages there */
    make_burst(m);
    return 0;
}

int main(int argc, char **argv)
{
    static measurement m;
    const double seconds = argc > 1 ? atof(argv[1]) : 0.0;
    if (!(seconds >= 1.0 && seconds <= MAX_SECONDS)) {
        (void)fprintf(stderr, "usage: mouth_to_ear SECONDS (1 to %d)\n", MAX_SECONDS);
        return 2;
    }
    jack_client_t *client = jack_client_open("ravel_mouth", JackNoStartServer, NULL);
    if (client == NULL || prepare(&m, client, seconds) < 0) {
        (void)fputs("mouth_to_ear: no JACK server, no port or no memory\n", stderr);
        return 1;
    }
    jack_set_process_callback(client, process, &m);
    jack_set_latency_callback(client, tell_latency, &m);
    jack_set_xrun_callback(client, count_xrun, &m);
    if (jack_activate(client) != 0)
        return 1;
    while (!jack_port_connected(m.in) || !jack_port_connected(m.out))
        usleep(100000);
    sleep(SETTLE_S);
    m.begun = true;
    while (m.at < m.n)
        usleep(100000);
    const double rate_hz = jack_get_sample_rate(client);
    jack_client_close(client);
    report(&m, rate_hz);
    free(m.burst);
    free(m.heard);
    return 0;
}
