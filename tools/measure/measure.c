/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/measure/measure.h"

#include "ravel/ravel.h"

int ravel_measure_all(const float *reference, const float *degraded, int n,
                      ravel_measures *measures)
{
    int status = ravel_measure_stoi(reference, degraded, n, RAVEL_MEASURE_RATE_HZ, &measures->stoi,
                                    &measures->estoi);
    if (status == RAVEL_OK)
        status =
            ravel_measure_spectra(reference, degraded, n, &measures->lsd_db, &measures->mel_db);
    measures->si_sdr_db = ravel_measure_si_sdr(reference, degraded, n);
    measures->seg_snr_db = ravel_measure_seg_snr(reference, degraded, n, RAVEL_MEASURE_RATE_HZ);
    return status;
}
