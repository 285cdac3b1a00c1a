/* SPDX-License-Identifier: BSD-3-Clause */
/* A stream of PortAudio between devices and ports: of one direction or, of one device, of both. */
#ifndef RAVEL_AUDIO_IO_LIVE_DEVICE_STREAM_H
#define RAVEL_AUDIO_IO_LIVE_DEVICE_STREAM_H

#include "audio_io/live/device.h"

typedef struct {
    PaStream *stream;    /* NULL: none */
    ravel_port *port[2]; /* NULL: not of this stream */
    int channels[2];
    int64_t opened_ns;
    atomic_bool disowned; /* lost, but perhaps not yet closed: its callback is to do nothing */
    bool fixed_delay;     /* it is not for us to choose */
    /* How it did in the last seconds. */
    int64_t judged_ns, judged_samples, judged_xruns;
} ravel_device_stream;

/* What PortAudio is asked for: the lowest delay that the device offers, and keeps. */
PaStreamParameters ravel_device_parameters(const ravel_device *device, int direction);

/* Whether one stream is to serve both directions. */
bool ravel_device_stream_is_duplex(const ravel_device device[2]);

/*
 * ports     a direction that is NULL is left out
 * return    0; RAVEL_ERR_IO with *error
 */
int ravel_device_stream_open(ravel_device_stream *stream, const ravel_device device[2],
                             ravel_port *const ports[2], int block_ms, ravel_error *error);
int ravel_device_stream_start(ravel_device_stream *stream, ravel_error *error);

/* PortAudio says so, and callbacks come. */
bool ravel_device_stream_runs(const ravel_device_stream *stream, int64_t now_ns);

/*
 * To be asked now and then: whether it did not keep up in the last seconds, with its reported delay,
 * and would with more of it.
 */
bool ravel_device_stream_stumbles(ravel_device_stream *stream, int64_t now_ns);

/* From now on its callback leaves the ports alone. */
void ravel_device_stream_disown(ravel_device_stream *stream);

/* May wait long for a device that is gone. Nothing where there is no stream. */
void ravel_device_stream_close(ravel_device_stream *stream);

/* PaStreamCallback. context: the stream */
int ravel_device_stream_callback(const void *in, void *out, unsigned long n,
                                 const PaStreamCallbackTimeInfo *time, PaStreamCallbackFlags flags,
                                 void *context);

#endif
