/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sender and receiver of a call allocate nothing, take no lock and make no system call, with a model
 * and with Opus: through losses, silence, and packets of strangers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "audio_io/call/voice/receiver.h"
#include "audio_io/call/voice/sender.h"
#include "tests/support/sound.h"
#include "tests/support/watched.h"

enum { N_FRAMES = 1500, CLIP_FRAMES = 100, MOST_FRAME = 960 };

typedef struct {
    ravel_voice_format format;
    ravel_sender *sender;
    ravel_receiver *receiver;
    float clip[CLIP_FRAMES * MOST_FRAME];
} call;

static int run(void *context)
{
    call *c = context;
    ravel_voice_packet packet = {0};
    float pcm[MOST_FRAME];
    uint16_t sequence = 0;
    for (int i = 0; i < N_FRAMES; i++) {
        const int64_t now_us = 20000 * (int64_t)i;
        const ravel_network_report report = {.loss = (float)(i % 7) * 0.05f,
                                             .round_trip_us = i * 100};
        if (i % 100 == 0)
            ravel_sender_report(c->sender, &report);
        const float *in = c->clip + (ptrdiff_t)(i % CLIP_FRAMES) * c->format.frame_samples;
        const int due = ravel_sender_push(c->sender, in, &packet);
        if (due < 0)
            return 1;
        packet.sequence = sequence;
        packet.time_us = now_us + i % 40 * 1000;
        sequence = (uint16_t)(sequence + due);
        if (i % 200 == 150)
            packet.bytes[0] ^= 0xff;
        if (due && i % 9 != 3)
            ravel_receiver_put(c->receiver, &packet);
        ravel_receiver_get(c->receiver, pcm, c->format.frame_samples, now_us);
    }
    return 0;
}

static int watch(const char *name, const ravel_model *model)
{
    static call c;
    ravel_error error = {0};
    ravel_voice voice = ravel_voice_default(model);
    voice.dtx = true;
    voice.coded = model != NULL;
    c.sender = ravel_sender_new(&voice, &error);
    c.receiver = ravel_receiver_new(&voice, &error);
    if (c.sender == NULL || c.receiver == NULL ||
        ravel_voice_get_format(&voice, &c.format, &error) != 0) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    ravel_test_speech(c.clip, CLIP_FRAMES * c.format.frame_samples, c.format.rate_hz, 3);
    const int result = ravel_test_watched(name, run, &c);
    ravel_receiver_free(c.receiver);
    ravel_sender_free(c.sender);
    return result;
}

int main(void)
{
    const int model = watch("a call with the built-in model", ravel_model_builtin());
    const int opus = watch("a call with Opus", NULL);
    return model != 0 || opus != 0;
}
