/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/pacer.h"

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

int ravel_pacer_init(ravel_pacer *pacer, const ravel_voice_format *format, ravel_listener *listener,
                     ravel_jitter *jitter, ravel_counters *counters)
{
    /* A unit twice: one that waits to be taken and one that is decoded behind it, or two blended. */
    const int unit =
        (int)((int64_t)format->rate_hz * RAVEL_MAX_UNIT_MS / 1000) + format->frame_samples;
    *pacer = (ravel_pacer){.format = *format,
                           .listener = listener,
                           .jitter = jitter,
                           .counters = counters,
                           .level_db = always_pause_db,
                           .peak_db = always_pause_db,
                           .capacity = 4 * unit};
    pacer->pcm = calloc((size_t)pacer->capacity, sizeof *pacer->pcm);
    return pacer->pcm ? RAVEL_OK : RAVEL_ERR_MEMORY;
}

void ravel_pacer_free(ravel_pacer *pacer)
{
    free(pacer->pcm);
}

void ravel_pacer_restart(ravel_pacer *pacer)
{
    ravel_jitter_clear(pacer->jitter);
    pacer->playing = false;
    pacer->made_up = 0;
    pacer->n_missed = 0;
}

/* --- Frames that were skipped --------------------------------------------------------------- */

bool ravel_pacer_over(const ravel_pacer *pacer, int64_t begin)
{
    return pacer->playing && begin < pacer->next;
}

bool ravel_pacer_missed(ravel_pacer *pacer, int64_t begin)
{
    const int n = pacer->n_missed < RAVEL_PACER_MISSED ? pacer->n_missed : RAVEL_PACER_MISSED;
    for (int i = 0; i < n; i++) {
        if (pacer->missed[i] == begin) {
            pacer->missed[i] = INT64_MIN;
            return true;
        }
    }
    return false;
}

/* Of a long gap the last frames are enough: none further back is ever repeated. */
static void note_missed(ravel_pacer *pacer, int64_t from, int64_t to)
{
    const int ticks = pacer->format.frame_ticks;
    const int64_t most = (int64_t)RAVEL_PACER_MISSED * ticks;
    for (int64_t begin = to - from > most ? to - most : from; begin < to; begin += ticks) {
        pacer->missed[pacer->n_missed % RAVEL_PACER_MISSED] = begin;
        /* Stays where it is modulo the list's length, and never overflows. */
        if (++pacer->n_missed == 2 * RAVEL_PACER_MISSED)
            pacer->n_missed = RAVEL_PACER_MISSED;
    }
}

/* --- Making sound --------------------------------------------------------------------------- */

static float *space(const ravel_pacer *pacer, int *room)
{
    *room = pacer->capacity - pacer->n_pcm;
    return pacer->pcm + pacer->n_pcm;
}

static void listen_to_level(ravel_pacer *pacer, const float *pcm, int n)
{
    if (n <= 0)
        return;
    pacer->level_db = ravel_level_db(pcm, n);
    pacer->peak_db = fmaxf(pacer->level_db, pacer->peak_db - peak_fall_db);
}

static bool in_pause(const ravel_pacer *pacer)
{
    return pacer->level_db < pacer->peak_db - pause_below_peak_db ||
           pacer->level_db < always_pause_db;
}

/*
 * In the place of a frame that is not there: silence before the first one.
 * next    what comes distance frames later, NULL where that is not known
 */
static void make_up(ravel_pacer *pacer, const ravel_waiting *next, int distance)
{
    int room;
    float *pcm = space(pacer, &room);
    ravel_listener *listener = pacer->listener;
    const ravel_unit *unit = next ? &next->unit : NULL;
    int n = pacer->playing ? listener->ops->conceal(listener, unit, distance, pcm, room)
                           : RAVEL_ERR_DATA;
    if (n < 0) {
        n = pacer->format.frame_samples;
        memset(pcm, 0, (size_t)n * sizeof *pcm);
    }
    pacer->n_pcm += n;
    if (pacer->playing) {
        pacer->made_up++;
        ravel_count(&pacer->counters->frames, 1);
        ravel_count(&pacer->counters->concealed, 1);
    }
}

/* What was made up before a unit was silence where no packet is missing in between. */
static void settle_made_up(ravel_pacer *pacer, const ravel_waiting *unit, bool follows)
{
    if (!follows && unit->sequence - pacer->last_sequence <= 1) {
        ravel_count(&pacer->counters->concealed, -pacer->made_up);
        ravel_count(&pacer->counters->silent, pacer->made_up);
    }
    pacer->made_up = 0;
}

/*
 * A decoder holds back its lookahead from the first unit: silence before it makes up for that, or
 * the next unit would be wanted before it is there. Some give in the end more than that at once; of
 * these the newest are heard. return    samples of the whole unit
 */
static int fit(const ravel_pacer *pacer, int ticks, float *pcm, int n)
{
    const ravel_voice_format *format = &pacer->format;
    const int whole = (int)((int64_t)ticks * format->rate_hz / format->clock_hz);
    if (n >= whole) {
        memmove(pcm, pcm + (n - whole), (size_t)whole * sizeof *pcm);
    } else {
        memmove(pcm + (whole - n), pcm, (size_t)n * sizeof *pcm);
        memset(pcm, 0, (size_t)(whole - n) * sizeof *pcm);
    }
    return whole;
}

/* Decodes the unit behind what is there. return    samples */
static int play(ravel_pacer *pacer, const ravel_waiting *unit, bool follows)
{
    int room;
    float *pcm = space(pacer, &room);
    ravel_listener *listener = pacer->listener;
    if (pacer->playing) {
        settle_made_up(pacer, unit, follows);
        if (!follows)
            note_missed(pacer, pacer->next, unit->begin);
    }
    pacer->playing = true;
    pacer->next = unit->begin + unit->unit.ticks;
    ravel_counter_set(&pacer->counters->position, pacer->next);
    if (unit->sequence > pacer->last_sequence || !follows)
        pacer->last_sequence = unit->sequence;
    int n = listener->ops->decode(listener, &unit->unit, pcm, room);
    ravel_count(&pacer->counters->frames, 1);
    ravel_count(&pacer->counters->recovered, unit->unit.redundant);
    if (n < 0) { /* it was checked when it came, but Opus finds errors only now */
        ravel_count(&pacer->counters->concealed, 1);
        n = listener->ops->conceal(listener, NULL, 0, pcm, room);
    }
    n = fit(pacer, unit->unit.ticks, pcm, n > 0 ? n : 0);
    listen_to_level(pacer, pcm, n);
    pacer->n_pcm += n;
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

static bool follows(const ravel_pacer *pacer, const ravel_waiting *unit)
{
    return pacer->playing && unit->begin - pacer->next < pacer->format.frame_ticks / 2;
}

static int64_t frame_us(const ravel_pacer *pacer)
{
    return ravel_ticks_us(pacer->format.frame_ticks, pacer->format.clock_hz);
}

/* How much longer than the fastest way a unit has taken when what is made now is heard. */
static int64_t delay_us(const ravel_pacer *pacer, const ravel_delay *delay, int64_t begin,
                        int64_t now_us)
{
    const int64_t behind_us = (int64_t)pacer->n_pcm * 1000000 / pacer->format.rate_hz;
    return now_us + behind_us - ravel_ticks_us(begin, pacer->format.clock_hz) - delay->fastest_us;
}

static bool may_change(const ravel_pacer *pacer, bool urgent)
{
    return pacer->since_change >= CALM_FRAMES ? in_pause(pacer) || urgent
                                              : urgent && pacer->since_change >= URGENT_FRAMES;
}

/* What is to be played next. */
typedef struct {
    const ravel_waiting *unit; /* NULL: nothing is there */
    int64_t late_us;           /* how much later than it was to be it would be played now */
    int distance;              /* frames to be made up before it; 0: it is to be played now */
} next_unit;

/* Frames until a unit that would be too early now is not so by more than half a frame. */
static int frames_until_due(const ravel_pacer *pacer, int64_t late_us)
{
    const int64_t frame = frame_us(pacer);
    return late_us < -frame / 2 ? (int)((frame / 2 - 1 - late_us) / frame) : 0;
}

static next_unit choose(ravel_pacer *pacer, const ravel_delay *delay, int64_t now_us)
{
    const int64_t from = pacer->playing ? pacer->next : INT64_MIN;
    const ravel_waiting *unit = ravel_jitter_first(pacer->jitter, from);
    int64_t late_us = 0;
    for (; unit; unit = ravel_jitter_first(pacer->jitter, pacer->next)) {
        late_us = delay_us(pacer, delay, unit->begin, now_us) - delay->wait_us;
        if (late_us <= MORE_THAN_ENOUGH_US)
            break;
        pacer->playing = true;
        pacer->next = unit->begin + unit->unit.ticks;
        pacer->last_sequence = unit->sequence;
        ravel_count(&pacer->counters->dropped, 1);
    }
    next_unit next = {.unit = unit, .late_us = late_us};
    if (!unit)
        return next;
    if (!follows(pacer, unit)) {
        next.distance = frames_until_due(pacer, late_us);
    } else if (late_us < -frame_us(pacer) && may_change(pacer, true)) {
        pacer->since_change = 0;
        next.distance = 1;
    }
    return next;
}

/* Blends the unit just played into the one behind it, where that is there and of equal length. */
static void shorten(ravel_pacer *pacer, int n)
{
    const ravel_waiting *unit = ravel_jitter_first(pacer->jitter, pacer->next);
    if (!unit || !follows(pacer, unit) || n == 0)
        return;
    if (play(pacer, unit, true) != n)
        return;
    pacer->n_pcm -= n;
    blend(pacer->pcm + pacer->n_pcm - n, n);
    pacer->since_change = 0;
    ravel_count(&pacer->counters->dropped, 1);
}

/* One frame more, or two in one. */
static void advance(ravel_pacer *pacer, const ravel_delay *delay, int64_t now_us)
{
    const next_unit next = choose(pacer, delay, now_us);
    if (pacer->since_change < CALM_FRAMES)
        pacer->since_change++;
    if (!next.unit || next.distance > 0) {
        make_up(pacer, next.unit, next.distance);
        return;
    }
    ravel_counter_set(&pacer->counters->delay_us, next.late_us + delay->wait_us);
    ravel_counter_set(&pacer->counters->target_us, delay->wait_us);
    const int n = play(pacer, next.unit, follows(pacer, next.unit));
    const bool urgent = next.late_us > URGENT_SURPLUS * frame_us(pacer);
    if (next.late_us > frame_us(pacer) * 5 / 4 && may_change(pacer, urgent))
        shorten(pacer, n);
}

void ravel_pacer_take(ravel_pacer *pacer, const ravel_delay *delay, float *pcm, int n,
                      int64_t now_us)
{
    while (n > 0) {
        if (pacer->n_pcm == 0)
            advance(pacer, delay, now_us);
        const int taken = pacer->n_pcm < n ? pacer->n_pcm : n;
        pacer->n_pcm -= taken;
        memcpy(pcm, pacer->pcm, (size_t)taken * sizeof *pcm);
        memmove(pacer->pcm, pacer->pcm + taken, (size_t)pacer->n_pcm * sizeof *pcm);
        pcm += taken;
        n -= taken;
        now_us += (int64_t)taken * 1000000 / pacer->format.rate_hz;
    }
}
