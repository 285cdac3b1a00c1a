/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *   portaudio_loopback DEVICE SECONDS
 *
 * The least that a full-duplex program can do: PortAudio's callback copies its input to its output,
 * in the blocks that the device has. Prints how often PortAudio said that a block was late, as one JSON object: the yardstick for the
 * under- and overruns of `ravel live` in the same run.
 */
#include <portaudio.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    atomic_long callbacks, underruns, overruns;
} counts;

static int copy(const void *in, void *out, unsigned long n, const PaStreamCallbackTimeInfo *time,
                PaStreamCallbackFlags flags, void *context)
{
    counts *c = context;
    (void)time;
    memcpy(out, in, n * sizeof(float));
    c->callbacks++;
    c->underruns += (flags & (paInputUnderflow | paOutputUnderflow)) != 0;
    c->overruns += (flags & (paInputOverflow | paOutputOverflow)) != 0;
    return paContinue;
}

/* The first whose name has DEVICE in it; -1: none. */
static PaDeviceIndex find(const char *name)
{
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); i++) {
        const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
        if (strstr(info->name, name) != NULL && info->maxInputChannels > 0 &&
            info->maxOutputChannels > 0)
            return i;
    }
    return paNoDevice;
}

static int run(PaDeviceIndex device, double seconds)
{
    counts c = {0};
    PaStream *stream;
    const PaDeviceInfo *info = Pa_GetDeviceInfo(device);
    const PaStreamParameters in = {device, 1, paFloat32, info->defaultLowInputLatency, NULL},
                             out = {device, 1, paFloat32, info->defaultLowOutputLatency, NULL};
    PaError error = Pa_OpenStream(&stream, &in, &out, info->defaultSampleRate,
                                  paFramesPerBufferUnspecified, paNoFlag, copy, &c);
    if (error == paNoError)
        error = Pa_StartStream(stream);
    if (error != paNoError) {
        (void)fprintf(stderr, "portaudio_loopback: %s\n", Pa_GetErrorText(error));
        return 1;
    }
    Pa_Sleep((long)(1e3 * seconds));
    Pa_CloseStream(stream);
    printf("{\"callbacks\": %ld, \"underruns\": %ld, \"overruns\": %ld}\n", c.callbacks,
           c.underruns, c.overruns);
    return c.callbacks > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const double seconds = argc == 3 ? atof(argv[2]) : 0.0;
    if (!(seconds >= 1.0 && seconds <= 86400.0)) {
        (void)fputs("usage: portaudio_loopback DEVICE SECONDS\n", stderr);
        return 2;
    }
    if (Pa_Initialize() != paNoError)
        return 1;
    const PaDeviceIndex device = find(argv[1]);
    int code = 1;
    if (device == paNoDevice)
        (void)fprintf(stderr, "portaudio_loopback: no device '%s'\n", argv[1]);
    else
        code = run(device, seconds);
    Pa_Terminate();
    return code;
}
