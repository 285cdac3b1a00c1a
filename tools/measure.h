/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How near decoded speech is to the original. Both signals are mono, of equal length and rate, and
 * aligned: sample i of one belongs to sample i of the other.
 */
#ifndef RAVEL_TOOLS_MEASURE_H
#define RAVEL_TOOLS_MEASURE_H

enum { RAVEL_ESTOI_RATE_HZ = 10000, RAVEL_MEL_RATE_HZ = 24000 };

/*
 * Extended short-time objective intelligibility (Jensen and Taal, "An Algorithm for Predicting the
 * Intelligibility of Speech Masked by Modulated Noise Maskers", IEEE TASLP 24(11), 2016).
 *
 * reference, degraded    n samples at RAVEL_ESTOI_RATE_HZ
 * estoi                  set to about 0 (nothing in common) ... 1 (equal)
 * return                 0; RAVEL_ERR_DATA with less than 0.4 s of sound; RAVEL_ERR_MEMORY
 */
int ravel_measure_estoi(const float *reference, const float *degraded, int n, double *estoi);

/*
 * Mean difference of the spectra in dB: windows of 1024 samples every 256, 80 mel bands up to 12 kHz;
 * what lies more than 60 dB below the reference's loudest band counts as 60 dB below it.
 *
 * reference, degraded    n samples at RAVEL_MEL_RATE_HZ
 * mel_db                 set to 0 (equal) or more
 * return                 0; RAVEL_ERR_DATA with less than one window; RAVEL_ERR_MEMORY
 */
int ravel_measure_mel(const float *reference, const float *degraded, int n, double *mel_db);

#endif
