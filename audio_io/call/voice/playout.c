/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/playout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/call/voice/activity.h"
#include "audio_io/call/voice/arrivals.h"

enum {
    MORE_THAN_ENOUGH_US = 150000, /* of delay: frames are left out without being decoded */
    CALM_FRAMES = 5,              /* between two changes of the delay in a pause */
    URGENT_FRAMES = 2,            /* between two changes while somebody speaks */
    URGENT_SURPLUS = 3            /* frames of delay too much that are urgent */
};

static const float pause_below_peak_db = 20.0f, always_pause_db = -60.0f, peak_fall_db = 0.1f;

int ravel_playout_init(ravel_playout *playout, const ravel_voice_format *format,
                       ravel_listener *listener, ravel_jitter *jitter, ravel_counters *counters)
{
    /* A unit twice: one that waits to be taken and one that is decoded behind it, or two blended. */
    const int unit =
        (int)((int64_t)format->rate_hz * RAVEL_MAX_UNIT_MS / 1000) + format->frame_samples;
    *playout = (ravel_playout){.format = *format,
                               .listener = listener,
                               .jitter = jitter,
                               .counters = counters,
                               .level_db = always_pause_db,
                               .peak_db = always_pause_db,
                               .capacity = 4 * unit};
    playout->pcm = calloc((size_t)playout->capacity, sizeof *playout->pcm);
    return playout->pcm ? RAVEL_OK : RAVEL_ERR_MEMORY;
}

void ravel_playout_free(ravel_playout *playout)
{
    free(playout->pcm);
}

void ravel_playout_restart(ravel_playout *playout)
{
    ravel_jitter_clear(playout->jitter);
    playout->playing = false;
    playout->made_up = 0;
    playout->n_missed = 0;
}

/* --- Frames that were skipped --------------------------------------------------------------- */

bool ravel_playout_over(const ravel_playout *playout, int64_t begin)
{
    return playout->playing && begin < playout->next;
}

bool ravel_playout_missed(ravel_playout *playout, int64_t begin)
{
    const int n =
        playout->n_missed < RAVEL_PLAYOUT_MISSED ? playout->n_missed : RAVEL_PLAYOUT_MISSED;
    for (int i = 0; i < n; i++) {
        if (playout->missed[i] == begin) {
            playout->missed[i] = INT64_MIN;
            return true;
        }
    }
    return false;
}

/* Of a long gap the last frames are enough: none further back is ever repeated. */
static void note_missed(ravel_playout *playout, int64_t from, int64_t to)
{
    const int ticks = playout->format.frame_ticks;
    const int64_t most = (int64_t)RAVEL_PLAYOUT_MISSED * ticks;
    for (int64_t begin = to - from > most ? to - most : from; begin < to; begin += ticks) {
        playout->missed[playout->n_missed % RAVEL_PLAYOUT_MISSED] = begin;
        /* Stays where it is modulo the list's length, and never overflows. */
        if (++playout->n_missed == 2 * RAVEL_PLAYOUT_MISSED)
            playout->n_missed = RAVEL_PLAYOUT_MISSED;
    }
}

/* --- Making sound --------------------------------------------------------------------------- */

static float *space(const ravel_playout *playout, int *room)
{
    *room = playout->capacity - playout->n_pcm;
    return playout->pcm + playout->n_pcm;
}

static void listen_to_level(ravel_playout *playout, const float *pcm, int n)
{
    if (n <= 0)
        return;
    playout->level_db = ravel_level_db(pcm, n);
    playout->peak_db = fmaxf(playout->level_db, playout->peak_db - peak_fall_db);
}

static bool in_pause(const ravel_playout *playout)
{
    return playout->level_db < playout->peak_db - pause_below_peak_db ||
           playout->level_db < always_pause_db;
}

/* In the place of a frame that is not there: silence before the first one. */
static void make_up(ravel_playout *playout)
{
    int room;
    float *pcm = space(playout, &room);
    ravel_listener *listener = playout->listener;
    int n = playout->playing ? listener->ops->conceal(listener, pcm, room) : RAVEL_ERR_DATA;
    if (n < 0) {
        n = playout->format.frame_samples;
        memset(pcm, 0, (size_t)n * sizeof *pcm);
    }
    playout->n_pcm += n;
    if (playout->playing) {
        playout->made_up++;
        ravel_count(&playout->counters->frames, 1);
        ravel_count(&playout->counters->concealed, 1);
    }
}

/* What was made up before a unit was silence where no packet is missing in between. */
static void settle_made_up(ravel_playout *playout, const ravel_waiting *unit, bool follows)
{
    if (!follows && unit->sequence - playout->last_sequence <= 1) {
        ravel_count(&playout->counters->concealed, -playout->made_up);
        ravel_count(&playout->counters->silent, playout->made_up);
    }
    playout->made_up = 0;
}

/* A decoder holds back its lookahead from the first unit: silence before it makes up for that, or
 * the next unit would be wanted before it is there. return    samples of the whole unit */
static int lengthen(const ravel_playout *playout, int ticks, float *pcm, int n)
{
    const ravel_voice_format *format = &playout->format;
    const int whole = (int)((int64_t)ticks * format->rate_hz / format->clock_hz);
    if (n >= whole)
        return n;
    memmove(pcm + (whole - n), pcm, (size_t)n * sizeof *pcm);
    memset(pcm, 0, (size_t)(whole - n) * sizeof *pcm);
    return whole;
}

/* Decodes the unit behind what is there. return    samples */
static int play(ravel_playout *playout, const ravel_waiting *unit, bool follows)
{
    int room;
    float *pcm = space(playout, &room);
    ravel_listener *listener = playout->listener;
    if (playout->playing) {
        settle_made_up(playout, unit, follows);
        if (!follows)
            note_missed(playout, playout->next, unit->begin);
    }
    playout->playing = true;
    playout->next = unit->begin + unit->unit.ticks;
    ravel_counter_set(&playout->counters->position, playout->next);
    if (unit->sequence > playout->last_sequence || !follows)
        playout->last_sequence = unit->sequence;
    int n = listener->ops->decode(listener, &unit->unit, pcm, room);
    ravel_count(&playout->counters->frames, 1);
    ravel_count(&playout->counters->recovered, unit->unit.redundant);
    if (n < 0) { /* it was checked when it came, but Opus finds errors only now */
        ravel_count(&playout->counters->concealed, 1);
        n = listener->ops->conceal(listener, pcm, room);
    }
    n = lengthen(playout, unit->unit.ticks, pcm, n > 0 ? n : 0);
    listen_to_level(playout, pcm, n);
    playout->n_pcm += n;
    return n;
}

/* Two stretches of n samples, one behind the other, become one. */
static void blend(float *pcm, int n)
{
    for (int i = 0; i < n; i++) {
        const float x = ((float)i + 0.5f) / (float)n, gain = x * x * (3.0f - 2.0f * x);
        pcm[i] += gain * (pcm[n + i] - pcm[i]);
    }
}

/* --- When ----------------------------------------------------------------------------------- */

static bool follows(const ravel_playout *playout, const ravel_waiting *unit)
{
    return playout->playing && unit->begin - playout->next < playout->format.frame_ticks / 2;
}

static int64_t frame_us(const ravel_playout *playout)
{
    return ravel_ticks_us(playout->format.frame_ticks, playout->format.clock_hz);
}

/* How much longer than the fastest way a unit has taken when what is made now is heard. */
static int64_t delay_us(const ravel_playout *playout, const ravel_delay *delay, int64_t begin,
                        int64_t now_us)
{
    const int64_t behind_us = (int64_t)playout->n_pcm * 1000000 / playout->format.rate_hz;
    return now_us + behind_us - ravel_ticks_us(begin, playout->format.clock_hz) - delay->fastest_us;
}

static bool may_change(const ravel_playout *playout, bool urgent)
{
    return playout->since_change >= CALM_FRAMES ? in_pause(playout) || urgent
                                                : urgent && playout->since_change >= URGENT_FRAMES;
}

/* The unit to be played now; NULL where there is none, or waiting is better. */
static const ravel_waiting *choose(ravel_playout *playout, const ravel_delay *delay, int64_t now_us,
                                   int64_t *late_us)
{
    const int64_t from = playout->playing ? playout->next : INT64_MIN;
    const ravel_waiting *unit = ravel_jitter_first(playout->jitter, from);
    for (; unit; unit = ravel_jitter_first(playout->jitter, playout->next)) {
        *late_us = delay_us(playout, delay, unit->begin, now_us) - delay->wait_us;
        if (*late_us <= MORE_THAN_ENOUGH_US)
            break;
        playout->playing = true;
        playout->next = unit->begin + unit->unit.ticks;
        playout->last_sequence = unit->sequence;
        ravel_count(&playout->counters->dropped, 1);
    }
    if (!unit)
        return NULL;
    if (!follows(playout, unit))
        return *late_us >= -frame_us(playout) / 2 ? unit : NULL;
    if (*late_us < -frame_us(playout) && may_change(playout, true)) {
        playout->since_change = 0;
        return NULL;
    }
    return unit;
}

/* Blends the unit just played into the one behind it, where that is there and of equal length. */
static void shorten(ravel_playout *playout, int n)
{
    const ravel_waiting *unit = ravel_jitter_first(playout->jitter, playout->next);
    if (!unit || !follows(playout, unit) || n == 0)
        return;
    if (play(playout, unit, true) != n)
        return;
    playout->n_pcm -= n;
    blend(playout->pcm + playout->n_pcm - n, n);
    playout->since_change = 0;
    ravel_count(&playout->counters->dropped, 1);
}

/* One frame more, or two in one. */
static void advance(ravel_playout *playout, const ravel_delay *delay, int64_t now_us)
{
    int64_t late_us = 0;
    const ravel_waiting *unit = choose(playout, delay, now_us, &late_us);
    if (playout->since_change < CALM_FRAMES)
        playout->since_change++;
    if (!unit) {
        make_up(playout);
        return;
    }
    ravel_counter_set(&playout->counters->delay_us, late_us + delay->wait_us);
    ravel_counter_set(&playout->counters->target_us, delay->wait_us);
    const int n = play(playout, unit, follows(playout, unit));
    const bool urgent = late_us > URGENT_SURPLUS * frame_us(playout);
    if (late_us > frame_us(playout) * 5 / 4 && may_change(playout, urgent))
        shorten(playout, n);
}

void ravel_playout_take(ravel_playout *playout, const ravel_delay *delay, float *pcm, int n,
                        int64_t now_us)
{
    while (n > 0) {
        if (playout->n_pcm == 0)
            advance(playout, delay, now_us);
        const int taken = playout->n_pcm < n ? playout->n_pcm : n;
        playout->n_pcm -= taken;
        memcpy(pcm, playout->pcm, (size_t)taken * sizeof *pcm);
        memmove(playout->pcm, playout->pcm + taken, (size_t)playout->n_pcm * sizeof *pcm);
        pcm += taken;
        n -= taken;
        now_us += (int64_t)taken * 1000000 / playout->format.rate_hz;
    }
}
