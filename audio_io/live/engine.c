/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine: devices, rings, and the two threads' halves. */
#include "audio_io/live/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio_io/live/capture.h"
#include "audio_io/live/device.h"
#include "nn/error.h"

enum { RING_MS = 500 };

struct ravel_engine {
    ravel_devices *devices;
    ravel_port port[2];
    ravel_echo *echo; /* or NULL */
    ravel_capture capture;
    ravel_playout playout;
};

static int check_config(const ravel_engine_config *config, ravel_error *error)
{
    if (config->sample_rate_hz < 8000 || config->sample_rate_hz > 48000)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "devices are run for codecs of 8000 to 48000 Hz, not %d",
                               config->sample_rate_hz);
    if (config->block_ms < 1 || config->block_ms > 100)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "a block of %d ms is not 1 to 100",
                               config->block_ms);
    return 0;
}

static bool init_halves(ravel_engine *engine, const ravel_engine_config *config)
{
    const int rate_hz = config->sample_rate_hz;
    for (int i = 0; i < 2; i++)
        if (!ravel_port_init(&engine->port[i], ravel_devices_get(engine->devices, i).rate_hz,
                             RING_MS))
            return false;
    if (config->echo_cancel && (engine->echo = ravel_echo_new(rate_hz)) == NULL)
        return false;
    return ravel_playout_init(&engine->playout, &engine->port[RAVEL_OUT], engine->echo, rate_hz) &&
           ravel_capture_init(&engine->capture, &engine->port[RAVEL_IN], &engine->playout,
                              engine->echo, rate_hz);
}

static int start(ravel_engine *engine, const ravel_engine_config *config, ravel_error *error)
{
    const char *const names[2] = {config->input, config->output};
    ravel_port *const ports[2] = {&engine->port[RAVEL_IN], &engine->port[RAVEL_OUT]};
    engine->devices = ravel_devices_find(names, config->block_ms, error);
    if (engine->devices == NULL)
        return RAVEL_ERR_IO;
    if (!init_halves(engine, config))
        return ravel_error_memory(error);
    return ravel_devices_start(engine->devices, ports, error);
}

ravel_engine *ravel_engine_open(const ravel_engine_config *config, ravel_error *error)
{
    if (check_config(config, error) < 0)
        return NULL;
    /* Aligned for the rings' cache lines. */
    ravel_engine *engine = aligned_alloc(_Alignof(ravel_engine), sizeof *engine);
    if (engine == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    memset(engine, 0, sizeof *engine);
    if (start(engine, config, error) < 0) {
        ravel_engine_close(engine);
        return NULL;
    }
    return engine;
}

void ravel_engine_close(ravel_engine *engine)
{
    if (engine == NULL)
        return;
    if (!ravel_devices_close(engine->devices))
        return; /* the ports are part of the engine */
    ravel_capture_free(&engine->capture);
    ravel_playout_free(&engine->playout);
    ravel_echo_free(engine->echo);
    for (int i = 0; i < 2; i++)
        ravel_port_free(&engine->port[i]);
    free(engine);
}

int ravel_engine_capture(ravel_engine *engine, float *pcm, int n)
{
    return ravel_capture_pull(&engine->capture, pcm, n, ravel_clock_now_ns());
}

int ravel_engine_wanted(const ravel_engine *engine)
{
    return ravel_playout_wanted(&engine->playout, ravel_clock_now_ns());
}

void ravel_engine_play(ravel_engine *engine, const float *pcm, int n)
{
    ravel_playout_push(&engine->playout, pcm, n, ravel_clock_now_ns());
}

void ravel_engine_wait(const ravel_engine *engine)
{
    const struct timespec step = {.tv_nsec = 1000000};
    (void)engine;
    nanosleep(&step, NULL);
}

/* --- Status ----------------------------------------------------------------------------------- */

static ravel_engine_side side_of(const ravel_engine *engine, int direction)
{
    const ravel_device device = ravel_devices_get(engine->devices, direction);
    const ravel_port *port = &engine->port[direction];
    ravel_engine_side side = {
        .rate_hz = port->rate_hz,
        .channels = device.channels,
        .lost = atomic_load(&port->lost),
        .device_ms = (double)atomic_load(&port->latency_ns) * 1e-6,
        .block_ms = (double)atomic_load(&port->block_samples) * 1e3 / port->rate_hz,
        .xruns = atomic_load(&port->xruns),
        .missing_ms = (double)atomic_load(&port->missing_samples) * 1e3 / port->rate_hz,
        .device_xruns = atomic_load(&port->device_xruns),
        .losses = atomic_load(&port->losses),
    };
    memcpy(side.name, device.name, sizeof side.name);
    return side;
}

void ravel_engine_get_status(const ravel_engine *engine, ravel_engine_status *status)
{
    const ravel_capture *capture = &engine->capture;
    const ravel_playout *playout = &engine->playout;
    *status = (ravel_engine_status){
        .in = side_of(engine, RAVEL_IN),
        .out = side_of(engine, RAVEL_OUT),
        .drift_ppm = (double)atomic_load(&capture->drift_ppm),
    };
    ravel_engine_side *in = &status->in, *out = &status->out;
    in->ring_ms = (double)atomic_load(&capture->mean_fill) * 1e3 / in->rate_hz;
    out->ring_ms = (double)atomic_load(&playout->mean_delay) * 1e3 / out->rate_hz;
    in->resample_ms = ravel_rate_delay(capture->rate) * 1e3 / in->rate_hz;
    out->resample_ms = ravel_rate_delay(playout->rate) * 1e3 / playout->rate_hz;
    in->level_dbfs = ravel_level_dbfs(&capture->level);
    in->peak_dbfs = ravel_level_peak_dbfs(&capture->level);
    out->level_dbfs = ravel_level_dbfs(&playout->level);
    out->peak_dbfs = ravel_level_peak_dbfs(&playout->level);
    if (engine->echo != NULL)
        status->echo_reduction_db = ravel_echo_reduction_db(engine->echo);
}
