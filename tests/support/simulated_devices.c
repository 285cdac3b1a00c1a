/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices in simulated time. */
#include "tests/support/simulated_devices.h"

#include <math.h>
#include <string.h>

#include "tests/support/random.h"

enum { MAX_BLOCK = 2048, RING_MS = 500 };

bool ravel_simulated_begin(ravel_simulated_devices *s, const ravel_simulated_device device[2],
                           int codec_hz, bool echo)
{
    memset(s, 0, sizeof *s);
    memcpy(s->device, device, sizeof s->device);
    s->now_ns = 1000000000;
    bool two_clocks = fabs(device[0].ppm - device[1].ppm) > 0.0;
    for (int i = 0; i < 2; i++) {
        if (!ravel_port_init(&s->port[i], device[i].rate_hz, RING_MS))
            return false;
        atomic_store(&s->port[i].own_clock, two_clocks);
    }
    if (echo && (s->echo = ravel_echo_new(codec_hz)) == NULL)
        return false;
    return ravel_playout_init(&s->playout, &s->port[1], s->echo, codec_hz) &&
           ravel_capture_init(&s->capture, &s->port[0], &s->playout, s->echo, codec_hz);
}

void ravel_simulated_end(ravel_simulated_devices *s)
{
    ravel_capture_free(&s->capture);
    ravel_playout_free(&s->playout);
    ravel_echo_free(s->echo);
    for (int i = 0; i < 2; i++)
        ravel_port_free(&s->port[i]);
}

/* When the next callback of a device comes: its blocks are over, and it is a little late. */
static int64_t due_ns(const ravel_simulated_devices *s, int i)
{
    const ravel_simulated_device *d = &s->device[i];
    double seconds = (double)(s->n_blocks[i] + 1) * d->block / (d->rate_hz * (1.0 + d->ppm * 1e-6));
    return 1000000000 + (int64_t)((seconds + s->late_s[i]) * 1e9);
}

static void pass_block(ravel_simulated_devices *s, int i)
{
    float pcm[MAX_BLOCK];
    const ravel_simulated_device *d = &s->device[i];
    int64_t at = s->n_blocks[i] * d->block;
    if (i == 0) {
        s->hear(s, at, pcm, d->block);
        ravel_port_take(&s->port[0], pcm, 1, d->block, s->now_ns);
    } else {
        ravel_port_give(&s->port[1], pcm, 1, d->block, s->now_ns);
        s->say(s, at, pcm, d->block);
    }
    s->n_blocks[i]++;
    s->late_s[i] = d->late_s * (0.5 + 0.5 * (double)ravel_random_float(&s->random));
}

void ravel_simulated_run(ravel_simulated_devices *s, int64_t until_ns)
{
    for (;;) {
        int next = due_ns(s, 0) <= due_ns(s, 1) ? 0 : 1;
        if (due_ns(s, next) > until_ns)
            break;
        s->now_ns = due_ns(s, next);
        pass_block(s, next);
    }
    s->now_ns = until_ns;
}
