/* SPDX-License-Identifier: BSD-3-Clause */
/* Levels. */
#include "audio_io/live/level.h"

#include <math.h>
#include <stdatomic.h>

static const double window_s = 0.3;
static const double fall_db = 20.0; /* a second */

void ravel_level_add(ravel_level *level, const float *pcm, int n, int rate_hz)
{
    if (n == 0)
        return;
    double sum = 0.0, seconds = (double)n / rate_hz;
    float peak = level->peak * (float)pow(10.0, -fall_db / 20.0 * seconds);
    for (int t = 0; t < n; t++) {
        sum += (double)pcm[t] * (double)pcm[t];
        peak = fmaxf(peak, fabsf(pcm[t])); /* leaves out what is not a number */
    }
    float share = (float)(1.0 - exp(-seconds / window_s));
    float power = level->power + share * ((float)(sum / n) - level->power);
    level->power = isfinite(power) ? power : 0.0f;
    level->peak = isfinite(peak) ? peak : 0.0f;
    atomic_store_explicit(&level->shown_power, level->power, memory_order_relaxed);
    atomic_store_explicit(&level->shown_peak, level->peak, memory_order_relaxed);
}

double ravel_decibels(double power)
{
    return power > 1e-12 ? 10.0 * log10(power) : -120.0;
}

double ravel_level_dbfs(const ravel_level *level)
{
    return ravel_decibels((double)atomic_load_explicit(&level->shown_power, memory_order_relaxed));
}

double ravel_level_peak_dbfs(const ravel_level *level)
{
    double peak = (double)atomic_load_explicit(&level->shown_peak, memory_order_relaxed);
    return ravel_decibels(peak * peak);
}
