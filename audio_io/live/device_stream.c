/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams of PortAudio. */
#include "audio_io/live/device_stream.h"

#include <string.h>

#ifdef __linux__
#include <pa_linux_alsa.h>
#endif

#include "nn/error.h"

enum {
    SILENT_MS = 2000, /* without a callback: it does not run any more */
    JUDGED_MS = 2000,
    MANY_XRUNS = 4 /* that is how often in that time a busy machine may be to blame */
};

/* --- The callback ----------------------------------------------------------------------------- */

static void count_xruns(const ravel_device_stream *stream, PaStreamCallbackFlags flags)
{
    static const PaStreamCallbackFlags late[2] = {paInputUnderflow | paInputOverflow,
                                                  paOutputUnderflow | paOutputOverflow};
    for (int i = 0; i < 2; i++)
        if (stream->port[i] != NULL && (flags & late[i]) != 0)
            atomic_fetch_add_explicit(&stream->port[i]->device_xruns, 1, memory_order_relaxed);
}

/* The time is read from memory that the kernel shares (vDSO): no system call. */
int ravel_device_stream_callback(const void *in, void *out, unsigned long n,
                                 const PaStreamCallbackTimeInfo *time, PaStreamCallbackFlags flags,
                                 void *context)
{
    const ravel_device_stream *stream = context;
    int64_t now_ns = ravel_clock_now_ns();
    (void)time;
    if (atomic_load_explicit(&stream->disowned, memory_order_acquire))
        return paAbort;
    if (stream->port[RAVEL_IN] != NULL)
        ravel_port_take(stream->port[RAVEL_IN], in, stream->channels[RAVEL_IN], (int)n, now_ns);
    if (stream->port[RAVEL_OUT] != NULL)
        ravel_port_give(stream->port[RAVEL_OUT], out, stream->channels[RAVEL_OUT], (int)n, now_ns);
    if (flags != 0)
        count_xruns(stream, flags);
    return paContinue;
}

/* --- Opening ---------------------------------------------------------------------------------- */

PaStreamParameters ravel_device_parameters(const ravel_device *device, int direction)
{
    const PaDeviceInfo *info = Pa_GetDeviceInfo(device->number);
    const double least_s =
        direction == RAVEL_IN ? info->defaultLowInputLatency : info->defaultLowOutputLatency;
    return (PaStreamParameters){
        .device = device->number,
        .channelCount = device->channels,
        .sampleFormat = paFloat32,
        .suggestedLatency = device->leisure * least_s,
    };
}

static bool of_host(const ravel_device *device, PaHostApiTypeId type)
{
    return Pa_GetHostApiInfo(Pa_GetDeviceInfo(device->number)->hostApi)->type == type;
}

/*
 * One device has one clock. But plug-ins of ALSA, such as those of PulseAudio and PipeWire, hardly
 * give or take anything in such a stream if the delay is to be low, and do in two streams.
 */
bool ravel_device_stream_is_duplex(const ravel_device device[2])
{
    const ravel_device *in = &device[RAVEL_IN], *out = &device[RAVEL_OUT];
    if (in->none || out->none || in->number != out->number || in->rate_hz != out->rate_hz)
        return false;
    return !of_host(in, paALSA) || strstr(in->name, "(hw:") != NULL;
}

/* Tells the threads behind the ports what the stream turned out to be. */
static void set_ports(ravel_device_stream *stream, const ravel_device device[2])
{
    const PaStreamInfo *info = Pa_GetStreamInfo(stream->stream);
    for (int i = 0; i < 2; i++) {
        if (stream->port[i] == NULL)
            continue;
        double latency_s = i == RAVEL_IN ? info->inputLatency : info->outputLatency;
        if (stream->fixed_delay) /* JACK: the stream's is a block too short there */
            latency_s = ravel_device_parameters(&device[i], i).suggestedLatency;
        atomic_store(&stream->port[i]->latency_ns, (int64_t)(latency_s * 1e9));
        atomic_store(&stream->port[i]->block_samples, 0);
    }
}

int ravel_device_stream_open(ravel_device_stream *stream, const ravel_device device[2],
                             ravel_port *const ports[2], int block_ms, ravel_error *error)
{
    PaStreamParameters parameters[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        stream->port[i] = ports[i];
        stream->channels[i] = device[i].channels;
        if (ports[i] != NULL)
            parameters[i] = ravel_device_parameters(&device[i], i);
    }
    const ravel_device *first = &device[ports[RAVEL_IN] != NULL ? RAVEL_IN : RAVEL_OUT];
    /* JACK has one block for all, and another one would be made of it with a delay. */
    unsigned long block = of_host(first, paJACK)
                              ? paFramesPerBufferUnspecified
                              : (unsigned long)(first->rate_hz * block_ms / 1000);
    PaError status =
        Pa_OpenStream(&stream->stream, ports[RAVEL_IN] != NULL ? &parameters[RAVEL_IN] : NULL,
                      ports[RAVEL_OUT] != NULL ? &parameters[RAVEL_OUT] : NULL, first->rate_hz,
                      block, paClipOff | paDitherOff, ravel_device_stream_callback, stream);
    if (status != paNoError) {
        stream->stream = NULL;
        return ravel_error_set(error, RAVEL_ERR_IO, "%s does not open: %s", first->name,
                               Pa_GetErrorText(status));
    }
#ifdef __linux__
    if (of_host(first, paALSA))
        PaAlsa_EnableRealtimeScheduling(stream->stream, 1);
#endif
    stream->fixed_delay = of_host(first, paJACK);
    set_ports(stream, device);
    return 0;
}

int ravel_device_stream_start(ravel_device_stream *stream, ravel_error *error)
{
    stream->opened_ns = ravel_clock_now_ns();
    stream->judged_ns = 0;
    atomic_store(&stream->disowned, false);
    PaError status = Pa_StartStream(stream->stream);
    if (status != paNoError)
        return ravel_error_set(error, RAVEL_ERR_IO, "the sound device does not start: %s",
                               Pa_GetErrorText(status));
    return 0;
}

/* --- Running ---------------------------------------------------------------------------------- */

/* The one that is looked at where there are two: they go in step. */
static const ravel_port *port_of(const ravel_device_stream *stream)
{
    return stream->port[stream->port[RAVEL_IN] != NULL ? RAVEL_IN : RAVEL_OUT];
}

static int64_t count_device_xruns(const ravel_device_stream *stream)
{
    int64_t sum = 0;
    for (int i = 0; i < 2; i++)
        if (stream->port[i] != NULL)
            sum += atomic_load(&stream->port[i]->device_xruns);
    return sum;
}

bool ravel_device_stream_stumbles(ravel_device_stream *stream, int64_t now_ns)
{
    const ravel_port *port = port_of(stream);
    ravel_stamp stamp;
    if (stream->fixed_delay || !ravel_clock_read(&port->clock, &stamp))
        return false;
    int64_t passed_ns = now_ns - stream->judged_ns, xruns = count_device_xruns(stream);
    if (stream->judged_ns != 0 && passed_ns < (int64_t)JUDGED_MS * 1000000)
        return false;
    int64_t due = passed_ns / 1000 * port->rate_hz / 1000000;
    bool stumbles =
        stream->judged_ns != 0 && (xruns - stream->judged_xruns >= MANY_XRUNS ||
                                   stamp.samples - stream->judged_samples < due * 19 / 20);
    stream->judged_ns = now_ns;
    stream->judged_samples = stamp.samples;
    stream->judged_xruns = xruns;
    return stumbles;
}

bool ravel_device_stream_runs(const ravel_device_stream *stream, int64_t now_ns)
{
    ravel_stamp stamp = {.time_ns = 0};
    (void)ravel_clock_read(&port_of(stream)->clock, &stamp);
    int64_t last_ns = stamp.time_ns > stream->opened_ns ? stamp.time_ns : stream->opened_ns;
    return Pa_IsStreamActive(stream->stream) == 1 &&
           now_ns - last_ns <= (int64_t)SILENT_MS * 1000000;
}

void ravel_device_stream_disown(ravel_device_stream *stream)
{
    atomic_store(&stream->disowned, true);
}

void ravel_device_stream_close(ravel_device_stream *stream)
{
    if (stream->stream != NULL)
        (void)Pa_CloseStream(stream->stream); /* waits for the callback */
    stream->stream = NULL;
}
