/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/pitch.h"

#include <math.h>

/* Fewer samples a second, or longer segments, than any codec has; 951 Hz * 4096 / 1000 Hz turns. */
enum { MIN_RATE_HZ = 1000, MAX_RATE_HZ = 768000, MAX_HOP = 4096 };

/* Roots of two by halving the exponent eight times, then products: within 1e-14 before rounding. */
void ravel_pitch_table_fill(ravel_pitch_table *table)
{
    double root = 2.0, power = 1.0;
    for (int i = RAVEL_STEPS_PER_OCTAVE; i > 1; i /= 2) {
        root = sqrt(root);
    }
    for (int i = 0; i <= RAVEL_PITCH_STEPS; i++) {
        table->hz[i] = (float)RAVEL_PITCH_MIN_HZ * (float)power;
        power = (i + 1) % RAVEL_STEPS_PER_OCTAVE != 0
                    ? power * root
                    : (double)(1 << ((i + 1) / RAVEL_STEPS_PER_OCTAVE));
    }
}

float ravel_pitch_hz(const ravel_pitch_table *table, float octaves)
{
    const float highest = (float)RAVEL_PITCH_STEPS / (float)RAVEL_STEPS_PER_OCTAVE;
    const float inside = octaves > 0.0f ? (octaves < highest ? octaves : highest) : 0.0f;
    return table->hz[(int)(inside * (float)RAVEL_STEPS_PER_OCTAVE + 0.5f)];
}

bool ravel_pitch_check(int hop, int sample_rate_hz, ravel_error *error)
{
    if (hop >= 1 && hop <= MAX_HOP && sample_rate_hz >= MIN_RATE_HZ &&
        sample_rate_hz <= MAX_RATE_HZ) {
        return true;
    }
    ravel_error_set(
        error, RAVEL_ERR_MODEL,
        "a source of segments of %d samples at %d Hz; up to %d at %d ... %d Hz are known", hop,
        sample_rate_hz, MAX_HOP, MIN_RATE_HZ, MAX_RATE_HZ);
    return false;
}

/* Turns of a whole segment, the whole ones taken off, as a fixed-point number: adding is exact. */
static uint32_t segment_turns(float before_hz, float pitch_hz, int hop, int sample_rate_hz)
{
    const float seconds = (float)(0.5 * hop / sample_rate_hz);
    const float turns = (before_hz + pitch_hz) * seconds;
    return (uint32_t)((turns - (float)(int)turns) * 0x1p32f);
}

ravel_pulses ravel_pulses_between(float before_hz, float pitch_hz, int hop, int sample_rate_hz,
                                  uint32_t *phase)
{
    const float rate = (float)sample_rate_hz;
    const float higher = before_hz > pitch_hz ? before_hz : pitch_hz;
    const ravel_pulses train = {
        .start = (float)(*phase >> 8) * 0x1p-24f,
        .step = before_hz / rate,
        .slope = (pitch_hz - before_hz) / (float)(2.0 * hop * sample_rate_hz),
        .harmonics = (float)(int)(0.5f * rate / higher),
        .gain = sqrtf(pitch_hz * (float)(4.0 / sample_rate_hz)),
    };
    *phase += segment_turns(before_hz, pitch_hz, hop, sample_rate_hz);
    return train;
}
