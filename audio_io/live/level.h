/* SPDX-License-Identifier: BSD-3-Clause */
/* How loud a stream is: one thread measures, any other looks. */
#ifndef RAVEL_AUDIO_IO_LIVE_LEVEL_H
#define RAVEL_AUDIO_IO_LIVE_LEVEL_H

typedef struct {
    float power, peak; /* of the measuring thread; the peak falls by 20 dB a second */
    _Atomic float shown_power, shown_peak;
} ravel_level;

void ravel_level_add(ravel_level *level, const float *pcm, int n, int rate_hz);

/* Decibels of full scale, -120 at least. */
double ravel_level_dbfs(const ravel_level *level);
double ravel_level_peak_dbfs(const ravel_level *level);

/* Of a power and the like. */
double ravel_decibels(double power);

#endif
