/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that are not there or go away, by a PortAudio of our own: it loses devices when it is told to, and does not
 * come back from a call where the real one may wait for minutes.
 */
#include <criterion/criterion.h>
#include <portaudio.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "audio_io/live/clock.h"
#include "audio_io/live/engine.h"

/* --- PortAudio -------------------------------------------------------------------------------- */

enum { MICROPHONE, LOUDSPEAKER, N_DEVICES, RATE_HZ = 48000, BLOCK = 240 };

static const PaDeviceInfo infos[N_DEVICES] = {
    {.name = "microphone", .maxInputChannels = 1, .defaultSampleRate = RATE_HZ},
    {.name = "loudspeaker", .maxOutputChannels = 1, .defaultSampleRate = RATE_HZ}};
static const PaHostApiInfo host = {.name = "host", .type = paInDevelopment};
static const PaStreamInfo latencies = {.sampleRate = RATE_HZ};

static struct {
    PaStreamCallback *callback;
    void *context;
    atomic_bool active;
    atomic_int n_opened;
} streams[N_DEVICES];
static atomic_int n_begun;
static atomic_bool close_hangs, begin_hangs, hangs;

static void hang(const atomic_bool *as_told)
{
    const struct timespec step = {.tv_nsec = 1000000};
    while (atomic_load(as_told)) {
        atomic_store(&hangs, true);
        nanosleep(&step, NULL);
    }
}

PaError Pa_Initialize(void)
{
    hang(&begin_hangs);
    atomic_fetch_add(&n_begun, 1);
    return paNoError;
}

PaError Pa_Terminate(void)
{
    return paNoError;
}

PaDeviceIndex Pa_GetDeviceCount(void)
{
    return N_DEVICES;
}

PaDeviceIndex Pa_GetDefaultInputDevice(void)
{
    return MICROPHONE;
}

PaDeviceIndex Pa_GetDefaultOutputDevice(void)
{
    return LOUDSPEAKER;
}

const PaDeviceInfo *Pa_GetDeviceInfo(PaDeviceIndex device)
{
    return &infos[device];
}

const PaHostApiInfo *Pa_GetHostApiInfo(PaHostApiIndex api)
{
    (void)api;
    return &host;
}

PaError Pa_IsFormatSupported(const PaStreamParameters *in, const PaStreamParameters *out,
                             double rate_hz)
{
    (void)in;
    (void)out;
    (void)rate_hz;
    return paFormatIsSupported;
}

PaError Pa_OpenStream(PaStream **stream, const PaStreamParameters *in,
                      const PaStreamParameters *out, double rate_hz, unsigned long block,
                      PaStreamFlags flags, PaStreamCallback *callback, void *context)
{
    const int device = in != NULL ? in->device : out->device;
    (void)rate_hz;
    (void)block;
    (void)flags;
    streams[device].callback = callback;
    streams[device].context = context;
    *stream = &streams[device];
    atomic_fetch_add(&streams[device].n_opened, 1);
    return paNoError;
}

PaError Pa_StartStream(PaStream *stream)
{
    const int device = stream == &streams[MICROPHONE] ? MICROPHONE : LOUDSPEAKER;
    atomic_store(&streams[device].active, true);
    return paNoError;
}

PaError Pa_CloseStream(PaStream *stream)
{
    (void)stream;
    hang(&close_hangs);
    return paNoError;
}

PaError Pa_IsStreamActive(PaStream *stream)
{
    const int device = stream == &streams[MICROPHONE] ? MICROPHONE : LOUDSPEAKER;
    return atomic_load(&streams[device].active);
}

const PaStreamInfo *Pa_GetStreamInfo(PaStream *stream)
{
    (void)stream;
    return &latencies;
}

const char *Pa_GetErrorText(PaError code)
{
    (void)code;
    return "";
}

/* --- Tests ------------------------------------------------------------------------------------ */

static int call_back(int device)
{
    float sound[BLOCK] = {0};
    const bool in = device == MICROPHONE;
    return streams[device].callback(in ? sound : NULL, in ? NULL : sound, BLOCK, NULL, 0,
                                    streams[device].context);
}

static int n_opened(void)
{
    return streams[MICROPHONE].n_opened + streams[LOUDSPEAKER].n_opened;
}

static ravel_engine *open_engine(void)
{
    const ravel_engine_config config = {.sample_rate_hz = 24000, .block_ms = 5};
    ravel_error error = {0};
    ravel_engine *engine = ravel_engine_open(&config, &error);
    cr_assert_not_null(engine, "%s", error.text);
    cr_assert_eq(n_opened(), 2);
    cr_assert_eq(call_back(MICROPHONE), paContinue);
    cr_assert_eq(call_back(LOUDSPEAKER), paContinue);
    return engine;
}

static bool wait_for(const atomic_bool *what)
{
    const struct timespec step = {.tv_nsec = 1000000};
    for (int ms = 0; ms < 10000 && !atomic_load(what); ms++)
        nanosleep(&step, NULL);
    return atomic_load(what);
}

/* What was hanging when the engine was closed goes on, and has the time to do harm. */
static void come_back(atomic_bool *from)
{
    const struct timespec time = {.tv_nsec = 200000000};
    atomic_store(from, false);
    nanosleep(&time, NULL);
}

/*
 * A microphone in step with the clock until the loudspeaker runs again, a minute at most.
 * return    whether it was never so late that it might be taken for lost, as where the machine stands
 *           still
 */
static bool hear_until_it_runs(const ravel_engine *engine)
{
    enum { BLOCK_US = 1000000 / (RATE_HZ / BLOCK), LATE_US = 1000000, MOST_US = 60000000 };
    const int64_t begin_us = ravel_clock_now_us();
    int64_t heard_us = 0, latest_us = 0;
    while (!atomic_load(&streams[LOUDSPEAKER].active) && heard_us < MOST_US) {
        ravel_engine_wait(engine);
        const int64_t now_us = ravel_clock_now_us() - begin_us;
        latest_us = now_us - heard_us > latest_us ? now_us - heard_us : latest_us;
        for (; heard_us < now_us; heard_us += BLOCK_US)
            (void)call_back(MICROPHONE);
    }
    return latest_us < LATE_US;
}

Test(devices, are_opened_again)
{
    ravel_engine *engine = open_engine();
    ravel_engine_status status;
    atomic_store(&streams[LOUDSPEAKER].active, false);
    const bool in_time = hear_until_it_runs(engine);
    cr_assert_eq(streams[LOUDSPEAKER].n_opened, 2);
    cr_assert_eq(call_back(LOUDSPEAKER), paContinue);
    ravel_engine_get_status(engine, &status);
    cr_assert_eq(status.out.losses, 1);
    cr_assert(!in_time || status.in.losses == 0);
    cr_assert(!in_time || streams[MICROPHONE].n_opened == 1);
    ravel_engine_close(engine);
}

Test(devices, one_that_does_not_close_leaves_the_other_no_freed_memory)
{
    ravel_engine *engine = open_engine();
    atomic_store(&close_hangs, true);
    atomic_store(&streams[MICROPHONE].active, false);
    cr_assert(wait_for(&hangs));
    ravel_engine_close(engine);
    cr_assert_eq(call_back(LOUDSPEAKER), paAbort);
    come_back(&close_hangs);
    cr_assert_eq(n_opened(), 2);
}

Test(devices, found_too_late_are_not_opened)
{
    ravel_engine *engine = open_engine();
    atomic_store(&begin_hangs, true);
    atomic_store(&streams[MICROPHONE].active, false);
    atomic_store(&streams[LOUDSPEAKER].active, false);
    cr_assert(wait_for(&hangs));
    ravel_engine_close(engine);
    come_back(&begin_hangs);
    cr_assert_eq(n_begun, 2);
    cr_assert_eq(n_opened(), 2);
}

Test(devices, that_are_not_there_are_named)
{
    static char long_name[200];
    memset(long_name, 'x', sizeof long_name - 1);
    static const struct {
        ravel_engine_config config;
        ravel_status status;
        const char *text;
    } cases[] = {
        {{"none", "none", 4000, 5, false}, RAVEL_ERR_ARGUMENT, "4000"},
        {{"none", "none", 24000, 0, false}, RAVEL_ERR_ARGUMENT, "0 ms"},
        {{"no such microphone", "none", 24000, 5, false}, RAVEL_ERR_ARGUMENT, "no such micro"},
        {{"none", "no such box", 24000, 5, false}, RAVEL_ERR_ARGUMENT, "no such box"},
        {{"none", "9999", 24000, 5, false}, RAVEL_ERR_ARGUMENT, "9999"},
        {{"none", "microphone", 24000, 5, false}, RAVEL_ERR_ARGUMENT, "no output device"},
        {{"1", "none", 24000, 5, false}, RAVEL_ERR_ARGUMENT, "1 has no input"},
        {{"none", long_name, 24000, 5, false}, RAVEL_ERR_ARGUMENT, "name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ravel_error error = {0};
        cr_assert_null(ravel_engine_open(&cases[i].config, &error));
        cr_assert_eq(error.status, cases[i].status);
        cr_assert_not_null(strstr(error.text, cases[i].text), "'%s'", error.text);
    }
}
