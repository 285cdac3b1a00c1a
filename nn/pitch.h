/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pitch of a sound source: from what a network says to a frequency, and to the pulses of a segment.
 *
 * A network says octaves above 50 Hz. They are rounded to 256ths: the phase of the pulses adds up
 * without end, and so a last bit that differs somewhere in the network does not in general reach it.
 */
#ifndef RAVEL_NN_PITCH_H
#define RAVEL_NN_PITCH_H

#include <stdbool.h>

#include "nn/error.h"
#include "nn/kernels.h"

enum {
    RAVEL_PITCH_MIN_HZ = 50,
    RAVEL_STEPS_PER_OCTAVE = 256,
    RAVEL_PITCH_STEPS = 17 * RAVEL_STEPS_PER_OCTAVE / 4 /* 4.25 octaves, up to 951 Hz */
};

typedef struct {
    float hz[RAVEL_PITCH_STEPS + 1];
} ravel_pitch_table;

void ravel_pitch_table_fill(ravel_pitch_table *table);

/* What lies outside the table counts as its end, NaN as its begin. */
float ravel_pitch_hz(const ravel_pitch_table *table, float octaves);

/* Whether the numbers of a segment stay where float and the kernels are exact enough. */
bool ravel_pitch_check(int hop, int sample_rate_hz, ravel_error *error);

/*
 * Pulses of the next `hop` samples, their frequency going in a line from one pitch to the other.
 * *phase, 2^32 a turn, is theirs at the begin and becomes that at the end.
 */
ravel_pulses ravel_pulses_between(float before_hz, float pitch_hz, int hop, int sample_rate_hz,
                                  uint32_t *phase);

#endif
