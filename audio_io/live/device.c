/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices, and two threads: the keeper, which alone calls PortAudio once the devices run, closes what
 * was lost and opens it again; and the ticker, which drives what has no device. They are two because
 * PortAudio may wait minutes for a device that does not answer any more.
 */
#include "audio_io/live/device.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio_io/live/device_stream.h"
#include "audio_io/live/realtime.h"
#include "nn/error.h"

enum {
    DEFAULT_RATE_HZ = 48000,
    TICK_MS = 5,
    BLOCK_MS = 6, /* most that the ticker moves at once: a tick, and as much as timers are late */
    LOOK_MS = 50,
    RETRY_MS = 1000,
    LATE_MS = 300, /* of a tick: what it missed is not made up for */
    MOST_LEISURE = 16,
    PATIENCE_MS = 2000 /* with PortAudio, when all is to end */
};

struct ravel_devices {
    pthread_mutex_t lock; /* of device, between the keeper and who asks */
    ravel_device device[2];
    int block_ms;
    ravel_port *port[2];
    ravel_device_stream
        streams[2]; /* of the input, of the output; the first alone where they are one */
    bool duplex;
    bool begun;              /* PortAudio is */
    int64_t ticked_ns[2];    /* until when the ticker drove a port; 0: it does not */
    atomic_bool unserved[2]; /* the ticker is to drive the port */
    pthread_t keeper, ticker;
    bool kept, ticking;     /* the threads are there */
    atomic_bool stop, done; /* the latter by the keeper */
};

/* --- What is to be opened --------------------------------------------------------------------- */

static bool takes_rate(const ravel_device *device, int direction, int rate_hz)
{
    PaStreamParameters parameters = ravel_device_parameters(device, direction);
    return Pa_IsFormatSupported(direction == RAVEL_IN ? &parameters : NULL,
                                direction == RAVEL_IN ? NULL : &parameters, rate_hz) == paNoError;
}

/* Finds a device again, or for the first time. */
static int find(ravel_device *device, int direction, ravel_error *error)
{
    const char *name = device->wanted[0] != '\0' ? device->wanted : NULL;
    int number = ravel_portaudio_find(name, direction == RAVEL_IN, error);
    if (number < 0)
        return number;
    const PaDeviceInfo *info = Pa_GetDeviceInfo(number);
    int channels = direction == RAVEL_IN ? info->maxInputChannels : info->maxOutputChannels;
    device->number = number;
    device->channels = channels < 2 ? channels : 2;
    ravel_portaudio_name(number, device->name);
    if (name != NULL) /* a number may be another device's next time */
        memcpy(device->wanted, device->name, sizeof device->wanted);
    if (device->rate_hz == 0)
        device->rate_hz = takes_rate(device, direction, DEFAULT_RATE_HZ)
                              ? DEFAULT_RATE_HZ
                              : (int)info->defaultSampleRate;
    if (!takes_rate(device, direction, device->rate_hz))
        return ravel_error_set(error, RAVEL_ERR_IO, "%s does not work at %d Hz", device->name,
                               device->rate_hz);
    return 0;
}

static bool is_none(const char *name)
{
    return name != NULL && strcmp(name, "none") == 0;
}

static int find_first(ravel_device *device, const char *name, int direction, ravel_error *error)
{
    *device = (ravel_device){.number = paNoDevice, .leisure = 1};
    if (is_none(name)) {
        device->none = true;
        device->rate_hz = DEFAULT_RATE_HZ;
        device->channels = 1;
        memcpy(device->name, "none", sizeof "none");
        return 0;
    }
    if (name != NULL && strlen(name) >= sizeof device->wanted)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "no device has so long a name");
    if (name != NULL)
        memcpy(device->wanted, name, strlen(name) + 1);
    return find(device, direction, error);
}

ravel_devices *ravel_devices_find(const char *const names[2], int block_ms, ravel_error *error)
{
    ravel_devices *devices = calloc(1, sizeof *devices);
    if (devices == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    pthread_mutex_init(&devices->lock, NULL);
    devices->block_ms = block_ms;
    int status = 0;
    if (!is_none(names[RAVEL_IN]) || !is_none(names[RAVEL_OUT])) {
        status = ravel_portaudio_begin(error);
        devices->begun = status == 0;
    }
    for (int i = 0; i < 2 && status == 0; i++)
        status = find_first(&devices->device[i], names[i], i, error);
    if (status < 0) {
        (void)ravel_devices_close(devices);
        return NULL;
    }
    return devices;
}

ravel_device ravel_devices_get(ravel_devices *devices, int direction)
{
    pthread_mutex_lock(&devices->lock);
    ravel_device device = devices->device[direction];
    pthread_mutex_unlock(&devices->lock);
    return device;
}

/* Finds again what was lost. */
static bool find_again(ravel_devices *devices)
{
    ravel_device found[2] = {devices->device[RAVEL_IN], devices->device[RAVEL_OUT]};
    for (int i = 0; i < 2; i++)
        if (!found[i].none && find(&found[i], i, NULL) < 0)
            return false;
    pthread_mutex_lock(&devices->lock);
    memcpy(devices->device, found, sizeof found);
    pthread_mutex_unlock(&devices->lock);
    return true;
}

/* --- Streams ---------------------------------------------------------------------------------- */

/* Hands the ports of a stream to its callback, or back to the ticker. */
static void serve(ravel_devices *devices, const ravel_device_stream *stream, bool served)
{
    for (int i = 0; i < 2; i++) {
        ravel_port *port = stream->port[i];
        if (port == NULL)
            continue;
        atomic_store(&port->lost, !served);
        atomic_store(&port->own_clock, served && !devices->duplex);
        atomic_store(&devices->unserved[i], !served);
        atomic_fetch_add(&port->generation, 1);
    }
}

/* first: RAVEL_IN or RAVEL_OUT; a duplex stream is of RAVEL_IN. */
static int open_stream(ravel_devices *devices, int first, ravel_error *error)
{
    ravel_device_stream *stream = &devices->streams[first];
    if (atomic_load(&devices->stop)) /* PortAudio took so long that nobody waits for it now */
        return RAVEL_ERR_IO;
    bool has_in = first == RAVEL_IN, has_out = first == RAVEL_OUT || devices->duplex;
    ravel_port *const ports[2] = {has_in ? devices->port[RAVEL_IN] : NULL,
                                  has_out ? devices->port[RAVEL_OUT] : NULL};
    int status = ravel_device_stream_open(stream, devices->device, ports, devices->block_ms, error);
    if (status < 0)
        return status;
    serve(devices, stream, true);
    status = ravel_device_stream_start(stream, error);
    if (status < 0) {
        serve(devices, stream, false);
        ravel_device_stream_close(stream);
    }
    return status;
}

/* Opens what should run and does not. */
static int open_streams(ravel_devices *devices, ravel_error *error)
{
    int status = 0;
    devices->duplex = ravel_device_stream_is_duplex(devices->device);
    for (int i = 0; i < 2 && status == 0; i++) {
        bool second = i == RAVEL_OUT && devices->duplex;
        if (!devices->device[i].none && devices->streams[i].stream == NULL && !second)
            status = open_stream(devices, i, error);
    }
    return status;
}

/* --- Watch ------------------------------------------------------------------------------------ */

static void lose(ravel_devices *devices, ravel_device_stream *stream)
{
    ravel_device_stream_disown(stream);
    serve(devices, stream, false);
    for (int i = 0; i < 2; i++)
        if (stream->port[i] != NULL)
            atomic_fetch_add(&stream->port[i]->losses, 1);
    ravel_device_stream_close(stream);
}

/* Some devices promise a delay that they cannot keep, as servers of sound do. */
static void give_leisure(ravel_devices *devices, int first)
{
    ravel_device_stream *stream = &devices->streams[first];
    ravel_device_stream_disown(stream);
    serve(devices, stream, false);
    ravel_device_stream_close(stream);
    pthread_mutex_lock(&devices->lock);
    for (int i = 0; i < 2; i++)
        if (stream->port[i] != NULL)
            devices->device[i].leisure *= 2;
    pthread_mutex_unlock(&devices->lock);
    (void)open_stream(devices, first, NULL);
}

static bool is_served(const ravel_devices *devices, int direction)
{
    return devices->streams[direction].stream != NULL ||
           (direction == RAVEL_OUT && devices->duplex && devices->streams[RAVEL_IN].stream != NULL);
}

/*
 * PortAudio looks for devices only when it begins. It begins anew where nothing runs; while the other
 * direction does, the device is hoped for under its old number.
 */
static void open_again(ravel_devices *devices)
{
    bool running = devices->streams[0].stream != NULL || devices->streams[1].stream != NULL;
    if (!running) {
        if (devices->begun)
            ravel_portaudio_end();
        devices->begun = ravel_portaudio_begin(NULL) == 0;
        if (!devices->begun || !find_again(devices))
            return;
    }
    (void)open_streams(devices, NULL);
}

/* The longest block counts as delay from then on: a ticker that is late for once moves several. */
static void move(ravel_port *port, int direction, int n, int64_t now_ns)
{
    const int block = port->rate_hz * BLOCK_MS / 1000;
    for (int left = n; left > 0; left -= block) {
        const int now = left < block ? left : block;
        if (direction == RAVEL_IN)
            ravel_port_take(port, NULL, 1, now, now_ns);
        else
            ravel_port_give(port, NULL, 1, now, now_ns);
    }
}

/* Moves what the clock says that a device would have moved. */
static void tick(ravel_devices *devices, int direction, int64_t now_ns)
{
    ravel_port *port = devices->port[direction];
    if (!atomic_load(&devices->unserved[direction])) {
        devices->ticked_ns[direction] = 0;
        return;
    }
    int64_t passed_ns = now_ns - devices->ticked_ns[direction];
    if (devices->ticked_ns[direction] == 0 || passed_ns > (int64_t)LATE_MS * 1000000) {
        devices->ticked_ns[direction] = now_ns;
        return;
    }
    int64_t due = passed_ns * port->rate_hz / 1000000000;
    move(port, direction, (int)due, now_ns);
    devices->ticked_ns[direction] += due * 1000000000 / port->rate_hz;
}

static void sleep_ms(int ms)
{
    const struct timespec step = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&step, NULL);
}

static void *run_ticker(void *context)
{
    ravel_devices *devices = context;
    (void)ravel_realtime_begin(RAVEL_REALTIME_VOICE);
    while (!atomic_load(&devices->stop)) {
        sleep_ms(TICK_MS);
        for (int i = 0; i < 2; i++)
            tick(devices, i, ravel_clock_now_ns());
    }
    return NULL;
}

static void *run_keeper(void *context)
{
    ravel_devices *devices = context;
    int64_t tried_ns = ravel_clock_now_ns();
    while (!atomic_load(&devices->stop)) {
        bool missing = false;
        for (int i = 0; i < 2 && !atomic_load(&devices->stop); i++) {
            ravel_device_stream *stream = &devices->streams[i];
            if (stream->stream != NULL && !ravel_device_stream_runs(stream, ravel_clock_now_ns()))
                lose(devices, stream);
            else if (stream->stream != NULL && devices->device[i].leisure < MOST_LEISURE &&
                     ravel_device_stream_stumbles(stream, ravel_clock_now_ns()))
                give_leisure(devices, i);
            missing = missing || (!devices->device[i].none && !is_served(devices, i));
        }
        if (missing && ravel_clock_now_ns() - tried_ns > (int64_t)RETRY_MS * 1000000 &&
            !atomic_load(&devices->stop)) {
            open_again(devices);
            tried_ns = ravel_clock_now_ns();
        }
        sleep_ms(LOOK_MS);
    }
    atomic_store(&devices->done, true);
    return NULL;
}

int ravel_devices_start(ravel_devices *devices, ravel_port *const ports[2], ravel_error *error)
{
    for (int i = 0; i < 2; i++) {
        devices->port[i] = ports[i];
        atomic_store(&devices->unserved[i], true);
    }
    int status = open_streams(devices, error);
    if (status < 0)
        return status;
    devices->kept = pthread_create(&devices->keeper, NULL, run_keeper, devices) == 0;
    devices->ticking = pthread_create(&devices->ticker, NULL, run_ticker, devices) == 0;
    return devices->kept && devices->ticking ? 0 : ravel_error_memory(error);
}

/* return    false: it waits for a device, and is left to itself */
static bool end_keeper(ravel_devices *devices)
{
    for (int ms = 0; !atomic_load(&devices->done); ms++) {
        if (ms == PATIENCE_MS) {
            pthread_detach(devices->keeper);
            return false;
        }
        sleep_ms(1);
    }
    pthread_join(devices->keeper, NULL);
    return true;
}

bool ravel_devices_close(ravel_devices *devices)
{
    if (devices == NULL)
        return true;
    atomic_store(&devices->stop, true);
    if (devices->ticking)
        pthread_join(devices->ticker, NULL);
    const bool ended = !devices->kept || end_keeper(devices);
    for (int i = 0; i < 2; i++) {
        ravel_device_stream_disown(&devices->streams[i]);
        if (ended)
            ravel_device_stream_close(&devices->streams[i]);
    }
    if (!ended)
        return false;
    if (devices->begun)
        ravel_portaudio_end();
    pthread_mutex_destroy(&devices->lock);
    free(devices);
    return true;
}
