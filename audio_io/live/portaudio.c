/* SPDX-License-Identifier: BSD-3-Clause */
/* PortAudio's devices. */
#include "audio_io/live/portaudio.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "audio_io/live/engine.h"
#include "nn/error.h"

/* --- Quiet ------------------------------------------------------------------------------------ */

static void say_nothing(const char *text, ...)
{
    (void)text;
}

static void say_nothing_of(const char *file, int line, const char *function, int code,
                           const char *format, ...)
{
    (void)file, (void)line, (void)function, (void)code, (void)format;
}

/*
 * PortAudio and the libraries behind it print to stderr what they tried while they look for devices,
 * and when a server goes away. They are asked not to, where they are there (Ravel itself links none of
 * them); what cannot be asked gets another stderr for that while.
 */
static void silence_hosts(void)
{
    static const char *const jack[] = {"jack_set_error_function", "jack_set_info_function"};
    void (*set)(void (*)(const char *, ...));
    for (int i = 0; i < 2; i++) {
        *(void **)&set = dlsym(RTLD_DEFAULT, jack[i]);
        if (set != NULL)
            set(say_nothing);
    }
    int (*set_alsa)(void (*)(const char *, int, const char *, int, const char *, ...));
    *(void **)&set_alsa = dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
    if (set_alsa != NULL)
        (void)set_alsa(say_nothing_of);
}

static PaError begin_in_silence(void)
{
    (void)fflush(stderr);
    int kept = dup(STDERR_FILENO), nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept >= 0 && nothing >= 0)
        (void)dup2(nothing, STDERR_FILENO);
    PaError status = Pa_Initialize();
    if (kept >= 0) {
        (void)dup2(kept, STDERR_FILENO);
        (void)close(kept);
    }
    if (nothing >= 0)
        (void)close(nothing);
    return status;
}

int ravel_portaudio_begin(ravel_error *error)
{
    silence_hosts();
    PaError status = begin_in_silence();
    if (status != paNoError)
        return ravel_error_set(error, RAVEL_ERR_IO, "PortAudio does not begin: %s",
                               Pa_GetErrorText(status));
    return 0;
}

void ravel_portaudio_end(void)
{
    (void)Pa_Terminate();
}

/* --- Names ------------------------------------------------------------------------------------ */

static int channels_of(PaDeviceIndex number, bool input)
{
    const PaDeviceInfo *info = Pa_GetDeviceInfo(number);
    return info == NULL ? 0 : input ? info->maxInputChannels : info->maxOutputChannels;
}

void ravel_portaudio_name(PaDeviceIndex number, char name[RAVEL_DEVICE_NAME])
{
    const PaDeviceInfo *info = Pa_GetDeviceInfo(number);
    (void)snprintf(name, RAVEL_DEVICE_NAME, "%s: %s", Pa_GetHostApiInfo(info->hostApi)->name,
                   info->name);
}

static bool contains(const char *text, const char *part)
{
    for (size_t n = strlen(part); *text != '\0'; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return false;
}

/* How well a device fits a name: 3 is it, 2 its short name is it, 1 has it in it, 0 is not. */
static int fit(PaDeviceIndex number, const char *name)
{
    char full[RAVEL_DEVICE_NAME];
    ravel_portaudio_name(number, full);
    if (strcasecmp(full, name) == 0)
        return 3;
    if (strcasecmp(Pa_GetDeviceInfo(number)->name, name) == 0)
        return 2;
    return contains(full, name) ? 1 : 0;
}

static int find_default(bool input, ravel_error *error)
{
    PaDeviceIndex number = input ? Pa_GetDefaultInputDevice() : Pa_GetDefaultOutputDevice();
    if (number == paNoDevice)
        return ravel_error_set(error, RAVEL_ERR_IO, "this machine has no %s",
                               input ? "microphone" : "loudspeaker");
    return number;
}

static int find_number(const char *name, long number, bool input, ravel_error *error)
{
    if (number >= Pa_GetDeviceCount())
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "no device %s: there are %d", name,
                               Pa_GetDeviceCount());
    if (channels_of((PaDeviceIndex)number, input) == 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "device %s has no %s", name,
                               input ? "input" : "output");
    return (int)number;
}

int ravel_portaudio_find(const char *name, bool input, ravel_error *error)
{
    if (name == NULL)
        return find_default(input, error);
    char *end;
    long number = strtol(name, &end, 10);
    if (end != name && *end == '\0' && number >= 0)
        return find_number(name, number, input, error);
    int best = -1, best_fit = 0;
    for (PaDeviceIndex i = 0; i < Pa_GetDeviceCount(); i++) {
        int fits = channels_of(i, input) > 0 ? fit(i, name) : 0;
        if (fits > best_fit) {
            best = i;
            best_fit = fits;
        }
    }
    if (best < 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "no %s device has '%s' in its name",
                               input ? "input" : "output", name);
    return best;
}

int ravel_devices_list(ravel_device_info *devices, int capacity, ravel_error *error)
{
    int status = ravel_portaudio_begin(error);
    if (status < 0)
        return status;
    int n = Pa_GetDeviceCount();
    for (int i = 0; i < n && i < capacity; i++) {
        const PaDeviceInfo *info = Pa_GetDeviceInfo(i);
        devices[i] = (ravel_device_info){
            .number = i,
            .n_inputs = info->maxInputChannels,
            .n_outputs = info->maxOutputChannels,
            .rate_hz = (int)info->defaultSampleRate,
            .input_ms = info->defaultLowInputLatency * 1e3,
            .output_ms = info->defaultLowOutputLatency * 1e3,
            .default_input = i == Pa_GetDefaultInputDevice(),
            .default_output = i == Pa_GetDefaultOutputDevice(),
        };
        ravel_portaudio_name(i, devices[i].name);
    }
    ravel_portaudio_end();
    return n > 0 ? n : 0;
}
