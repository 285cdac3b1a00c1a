/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How near degraded speech is to its reference. Both are mono, n samples of one rate, and aligned:
 * sample i of one belongs to sample i of the other (tools/measure/align.h).
 */
#ifndef RAVEL_TOOLS_MEASURE_H
#define RAVEL_TOOLS_MEASURE_H

enum { RAVEL_MEASURE_RATE_HZ = 24000 };

typedef struct {
    double estoi, stoi;           /* intelligibility: about 0 (nothing in common) ... 1 (equal) */
    double si_sdr_db, seg_snr_db; /* waveform: more is nearer */
    double lsd_db, mel_db;        /* spectrum: 0 (equal) or more */
} ravel_measures;

/*
 * All of them.
 *
 * reference, degraded    n samples at RAVEL_MEASURE_RATE_HZ
 * return                 0; RAVEL_ERR_DATA with less than 0.4 s of sound in the reference;
 *                        RAVEL_ERR_MEMORY
 */
int ravel_measure_all(const float *reference, const float *degraded, int n,
                      ravel_measures *measures);

/*
 * Short-time objective intelligibility (Taal et al., IEEE TASLP 19(7), 2011) and the extended one
 * (Jensen and Taal, IEEE TASLP 24(11), 2016), with the resampling, the windows and the treatment of
 * silence of the authors' programs.
 *
 * rate_hz    any; other rates than 10 kHz are resampled to it
 * return     as above
 */
int ravel_measure_stoi(const float *reference, const float *degraded, int n, int rate_hz,
                       double *stoi, double *estoi);

/*
 * Spectra of 1024 samples every 256.
 *
 * lsd_db    log-spectral distance: the mean over time of the root mean square difference in dB
 * mel_db    the mean difference of 80 mel bands in dB
 *
 * What lies more than 60 dB below the reference's loudest bin (band) counts as 60 dB below it.
 *
 * reference, degraded    n samples at RAVEL_MEASURE_RATE_HZ
 * return                 0; RAVEL_ERR_DATA with less than one window; RAVEL_ERR_MEMORY
 */
int ravel_measure_spectra(const float *reference, const float *degraded, int n, double *lsd_db,
                          double *mel_db);

/*
 * Scale-invariant signal-to-distortion ratio (Le Roux et al., "SDR - half-baked or well done?",
 * ICASSP 2019) in dB, kept to -100 ... 100; -100 where one of them is silent.
 */
double ravel_measure_si_sdr(const float *reference, const float *degraded, int n);

/*
 * Segmental signal-to-noise ratio in dB: the mean over pieces of 20 ms, each kept to -10 ... 35
 * (Hansen and Pellom, ICSLP 1998); pieces more than 40 dB below the reference's loudest are left out.
 * -10 where there is no sound.
 */
double ravel_measure_seg_snr(const float *reference, const float *degraded, int n, int rate_hz);

#endif
