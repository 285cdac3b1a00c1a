/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Units of sound in the order of their time, whenever they came. Of two for the same time the better
 * one is kept.
 */
#ifndef RAVEL_CALL_VOICE_JITTER_H
#define RAVEL_CALL_VOICE_JITTER_H

#include "audio_io/call/voice/coder.h"

enum { RAVEL_JITTER_UNITS = 256 };

typedef struct ravel_jitter ravel_jitter;

/* A unit that waits. */
typedef struct {
    int64_t begin;    /* ticks, extended beyond 32 bits */
    int64_t sequence; /* of its packet, extended beyond 16 bits */
    ravel_unit unit;  /* offset_ticks is 0; bytes are the buffer's */
} ravel_waiting;

/* What came of putting a unit. */
typedef enum {
    RAVEL_JITTER_NEW,    /* the first for its time */
    RAVEL_JITTER_BETTER, /* it replaces one */
    RAVEL_JITTER_KNOWN,  /* one as good is there */
    RAVEL_JITTER_FULL    /* no room, or the unit is too large */
} ravel_jitter_put_result;

ravel_jitter *ravel_jitter_new(void); /* NULL without memory */
void ravel_jitter_free(ravel_jitter *jitter);
void ravel_jitter_clear(ravel_jitter *jitter);

/* Copies the unit's bytes. */
ravel_jitter_put_result ravel_jitter_put(ravel_jitter *jitter, const ravel_waiting *waiting);

/*
 * The first unit that begins at `from` or later, which stays; all that begin before are removed.
 * return    NULL where there is none; valid until the next put
 */
const ravel_waiting *ravel_jitter_first(ravel_jitter *jitter, int64_t from);

#endif
