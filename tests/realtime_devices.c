/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The devices' callback allocates nothing, takes no lock and makes no system call; nor does what the
 * capture and the playout thread do between their waits.
 */
#include <stdio.h>

#include "audio_io/live/capture.h"
#include "audio_io/live/device_stream.h"
#include "tests/support/watched.h"

enum { N_BLOCKS = 20000, BLOCK = 240, FRAME = 480, RATE_HZ = 48000, CODEC_HZ = 24000 };

typedef struct {
    ravel_port port[2];
    ravel_device_stream stream;
    ravel_playout playout;
    ravel_capture capture;
    ravel_echo *echo;
    float pcm[2 * BLOCK];
} engine;

/* Enough and too much and too little for the rings, by turns. */
static int run_callbacks(void *context)
{
    engine *e = context;
    for (int i = 0; i < N_BLOCKS; i++) {
        PaStreamCallbackFlags flags = i % 50 == 0 ? paInputOverflow | paOutputUnderflow : 0;
        if (ravel_device_stream_callback(e->pcm, e->pcm, BLOCK, NULL, flags, &e->stream) !=
            paContinue)
            return 1;
        if (i % 1000 < 300) {
            (void)ravel_ring_read(&e->port[RAVEL_IN].ring, NULL, BLOCK);
            (void)ravel_ring_write(&e->port[RAVEL_OUT].ring, e->pcm, BLOCK);
        }
    }
    return 0;
}

/* Both threads' halves, with the canceller, in simulated time; now and then the loudspeaker misses a
 * block, so that the clocks differ and the margin is laid anew. */
static int run_threads(void *context)
{
    engine *e = context;
    float pcm[FRAME];
    for (int i = 0; i < N_BLOCKS / 10; i++) {
        int64_t now_ns = 1 + (int64_t)i * 5000000;
        ravel_port_take(&e->port[RAVEL_IN], e->pcm, 2, BLOCK, now_ns);
        if (i % 500 != 0)
            ravel_port_give(&e->port[RAVEL_OUT], e->pcm, 2, BLOCK, now_ns);
        while (ravel_capture_pull(&e->capture, pcm, FRAME, now_ns) > 0)
            ravel_playout_push(&e->playout, pcm, FRAME, now_ns);
    }
    return 0;
}

static bool begin(engine *e)
{
    for (int i = 0; i < 2; i++) {
        if (!ravel_port_init(&e->port[i], RATE_HZ, 500))
            return false;
        atomic_store(&e->port[i].own_clock, true);
        atomic_store(&e->port[i].begun, true);
        e->stream.port[i] = &e->port[i];
        e->stream.channels[i] = 2;
    }
    e->echo = ravel_echo_new(CODEC_HZ);
    return e->echo != NULL &&
           ravel_playout_init(&e->playout, &e->port[RAVEL_OUT], e->echo, CODEC_HZ) &&
           ravel_capture_init(&e->capture, &e->port[RAVEL_IN], &e->playout, e->echo, CODEC_HZ);
}

int main(void)
{
    static engine e;
    if (!begin(&e))
        return 1;
    int result = ravel_test_watched("the devices' callback", run_callbacks, &e) |
                 ravel_test_watched("the engine's threads", run_threads, &e);
    ravel_capture_free(&e.capture);
    ravel_playout_free(&e.playout);
    ravel_echo_free(e.echo);
    for (int i = 0; i < 2; i++)
        ravel_port_free(&e.port[i]);
    return result;
}
