/* SPDX-License-Identifier: BSD-3-Clause */
/* What is made up in the place of a loss, as a codec is asked for it. */
#include <criterion/criterion.h>
#include <string.h>

#include "audio_io/call/voice/pacer.h"

enum { RATE = 8000, FRAME = 160, FRAME_US = 20000, MOST_CALLS = 32 };

/* A codec that notes what it is asked for. */
typedef struct {
    ravel_listener listener;
    int n_calls;
    int distance[MOST_CALLS]; /* 0: a unit was decoded; -1: concealed, with nothing known */
    uint8_t next[MOST_CALLS]; /* the first byte of the unit decoded, or known */
} scribe;

static int note(ravel_listener *listener, const ravel_unit *unit, int distance, float *pcm)
{
    scribe *s = (scribe *)listener;
    cr_assert_lt(s->n_calls, MOST_CALLS);
    s->distance[s->n_calls] = distance;
    s->next[s->n_calls++] = unit ? unit->bytes[0] : 0;
    for (int i = 0; i < FRAME; i++)
        pcm[i] = i % 2 ? 0.5f : -0.5f;
    return FRAME;
}

static int decode(ravel_listener *listener, const ravel_unit *unit, float *pcm, int capacity)
{
    cr_assert_geq(capacity, FRAME);
    return note(listener, unit, 0, pcm);
}

static int conceal(ravel_listener *listener, const ravel_unit *next, int distance, float *pcm,
                   int capacity)
{
    cr_assert_geq(capacity, FRAME);
    cr_assert(!next || distance >= 1);
    return note(listener, next, next ? distance : -1, pcm);
}

static const ravel_listener_ops ops = {.decode = decode, .conceal = conceal};

/* Frames 1, 2, ... that came, 0 ends the list; all wait 100 ms. Then `n` frames are asked for. */
static scribe pace(const uint8_t *came, int n)
{
    const ravel_voice_format format = {RATE, RATE, FRAME, FRAME};
    const ravel_delay delay = {.n = 1, .wait_us = 5 * FRAME_US};
    scribe s = {.listener.ops = &ops};
    ravel_jitter *jitter = ravel_jitter_new();
    ravel_counters counters = {0};
    ravel_pacer pacer;
    float pcm[FRAME];
    cr_assert_eq(ravel_pacer_init(&pacer, &format, &s.listener, jitter, &counters), RAVEL_OK);
    for (; *came; came++) {
        const ravel_waiting waiting = {.begin = *came * FRAME,
                                       .sequence = *came,
                                       .unit = {.ticks = FRAME, .bytes = came, .n_bytes = 1}};
        cr_assert_eq(ravel_jitter_put(jitter, &waiting), RAVEL_JITTER_NEW);
    }
    for (int i = 0; i < n; i++)
        ravel_pacer_take(&pacer, &delay, pcm, FRAME, 5 * FRAME_US + (1 + i) * FRAME_US);
    ravel_pacer_free(&pacer);
    ravel_jitter_free(jitter);
    return s;
}

Test(pacer, tells_how_far_the_next_frame_is)
{
    const uint8_t came[] = {1, 2, 6, 7, 9, 0};
    const int distance[] = {0, 0, 3, 2, 1, 0, 0, 1, 0};
    const uint8_t next[] = {1, 2, 6, 6, 6, 6, 7, 9, 9};
    const scribe s = pace(came, 9);
    cr_assert_eq(s.n_calls, 9);
    cr_assert_arr_eq(s.distance, distance, sizeof distance);
    cr_assert_arr_eq(s.next, next, sizeof next);
}

Test(pacer, conceals_where_nothing_waits)
{
    const uint8_t came[] = {1, 2, 0};
    const int distance[] = {0, 0, -1, -1};
    const scribe s = pace(came, 4);
    cr_assert_eq(s.n_calls, 4);
    cr_assert_arr_eq(s.distance, distance, sizeof distance);
}
