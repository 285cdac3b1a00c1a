/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the codec's thread of `ravel live` does between its waits allocates nothing, takes no lock and
 * makes no system call: steps with losses, and codes for the recorder, whose disk stands still.
 */
#include <stdio.h>
#include <stdlib.h>

#include "audio_io/live/loop.h"
#include "audio_io/live/recorder.h"
#include "tests/support/sound.h"
#include "tests/support/watched.h"

/* Steps of a short run, each recorded often enough that the recorder's five minutes are full. */
enum { N_STEPS = 500, N_COPIES = 40, MAX_HOP = 4096 };

typedef struct {
    ravel_loop *loop;
    ravel_recorder *recorder;
    float pcm[MAX_HOP];
    float *out;
} call;

static int run(void *context)
{
    call *c = context;
    for (int i = 0; i < N_STEPS; i++) {
        int n_frames;
        if (ravel_loop_step(c->loop, c->pcm, c->out) < 0)
            return 1;
        const uint16_t *codes = ravel_loop_codes(c->loop, &n_frames);
        for (int k = 0; k < N_COPIES; k++)
            ravel_recorder_write(c->recorder, codes, n_frames);
    }
    return 0;
}

int main(void)
{
    static call c;
    const ravel_model *model = ravel_model_builtin();
    const ravel_loss loss = ravel_loss_new(0.3, 2.0, 1);
    ravel_error error = {0};
    c.loop = ravel_loop_new(model, 6, &loss, &error);
    c.recorder = ravel_recorder_open("/dev/null", model, 6, &error);
    c.out = c.loop != NULL ? calloc((size_t)ravel_loop_capacity(c.loop), sizeof *c.out) : NULL;
    if (c.recorder == NULL || c.out == NULL || ravel_loop_hop(c.loop) > MAX_HOP) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    ravel_test_speech(c.pcm, ravel_loop_hop(c.loop), 24000, 3);
    ravel_loop_warm_up(c.loop, c.pcm, c.out);
    const int result = ravel_test_watched("the codec's thread of ravel live", run, &c);
    ravel_stream_rates rates;
    const bool closed = ravel_recorder_close(c.recorder, 0, &rates, &error) >= 0;
    ravel_loop_free(c.loop);
    free(c.out);
    return result != 0 || !closed;
}
