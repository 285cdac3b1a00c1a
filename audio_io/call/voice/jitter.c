/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/jitter.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    ravel_waiting waiting;
    uint8_t bytes[RAVEL_UNIT_BYTES];
} slot;

/* The slots lie where they were taken, `order` has their numbers by time: the first n_used of them
 * are used, the others free. */
struct ravel_jitter {
    int n_used;
    uint16_t order[RAVEL_JITTER_UNITS];
    slot slots[RAVEL_JITTER_UNITS];
};

ravel_jitter *ravel_jitter_new(void)
{
    ravel_jitter *jitter = malloc(sizeof *jitter);
    if (!jitter)
        return NULL;
    memset(jitter, 0, sizeof *jitter); /* touches the pages, too */
    for (int i = 0; i < RAVEL_JITTER_UNITS; i++)
        jitter->order[i] = (uint16_t)i;
    return jitter;
}

void ravel_jitter_free(ravel_jitter *jitter)
{
    free(jitter);
}

void ravel_jitter_clear(ravel_jitter *jitter)
{
    jitter->n_used = 0;
}

static slot *at_place(ravel_jitter *jitter, int place)
{
    return &jitter->slots[jitter->order[place]];
}

/* Where the first unit stands that begins at `from` or later; n_used where none does. */
static int find_place(ravel_jitter *jitter, int64_t from)
{
    int low = 0, high = jitter->n_used;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (at_place(jitter, middle)->waiting.begin < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void fill(slot *to, const ravel_waiting *waiting)
{
    to->waiting = *waiting;
    to->waiting.unit.offset_ticks = 0;
    to->waiting.unit.bytes = to->bytes;
    memcpy(to->bytes, waiting->unit.bytes, (size_t)waiting->unit.n_bytes);
}

ravel_jitter_put_result ravel_jitter_put(ravel_jitter *jitter, const ravel_waiting *waiting)
{
    const int place = find_place(jitter, waiting->begin);
    if (waiting->unit.n_bytes < 0 || waiting->unit.n_bytes > RAVEL_UNIT_BYTES)
        return RAVEL_JITTER_FULL;
    if (place < jitter->n_used && at_place(jitter, place)->waiting.begin == waiting->begin) {
        slot *known = at_place(jitter, place);
        if (known->waiting.unit.rank >= waiting->unit.rank)
            return RAVEL_JITTER_KNOWN;
        fill(known, waiting);
        return RAVEL_JITTER_BETTER;
    }
    if (jitter->n_used == RAVEL_JITTER_UNITS)
        return RAVEL_JITTER_FULL;
    const uint16_t taken = jitter->order[jitter->n_used];
    memmove(jitter->order + place + 1, jitter->order + place,
            (size_t)(jitter->n_used - place) * sizeof *jitter->order);
    jitter->order[place] = taken;
    jitter->n_used++;
    fill(&jitter->slots[taken], waiting);
    return RAVEL_JITTER_NEW;
}

/* The slots of the first n places become free ones. */
static void remove_first(ravel_jitter *jitter, int n)
{
    uint16_t freed[RAVEL_JITTER_UNITS];
    const int left = jitter->n_used - n;
    memcpy(freed, jitter->order, (size_t)n * sizeof *freed);
    memmove(jitter->order, jitter->order + n, (size_t)left * sizeof *freed);
    memcpy(jitter->order + left, freed, (size_t)n * sizeof *freed);
    jitter->n_used = left;
}

const ravel_waiting *ravel_jitter_first(ravel_jitter *jitter, int64_t from)
{
    const int before = find_place(jitter, from);
    if (before > 0)
        remove_first(jitter, before);
    return jitter->n_used > 0 ? &at_place(jitter, 0)->waiting : NULL;
}
