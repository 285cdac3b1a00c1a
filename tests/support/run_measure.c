/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     run_measure DIR
 *
 * For measures.py: of every pair of sounds writes DIR/CASE-RATE.f32, the clean samples and then the
 * degraded ones, and prints a line "CASE RATE stoi estoi si_sdr seg_snr lsd mel".
 */
#include <stdio.h>

#include "tests/support/measure_cases.h"
#include "tools/measure/measure.h"

enum { N = RAVEL_CASE_SAMPLES };

static int write_sounds(const char *directory, int which, int rate_hz, const float *sounds)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%d-%d.f32", directory, which, rate_hz);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return -1;
    size_t n = fwrite(sounds, sizeof *sounds, 2 * N, file);
    return fclose(file) == 0 && n == 2 * N ? 0 : -1;
}

static int run(const char *directory, int which, int rate_hz)
{
    static float sounds[2 * N];
    ravel_measures m;
    float *clean = sounds, *degraded = sounds + N;
    ravel_measure_sounds((ravel_measure_case)which, rate_hz, clean, degraded);
    if (ravel_measure_stoi(clean, degraded, N, rate_hz, &m.stoi, &m.estoi) < 0 ||
        ravel_measure_spectra(clean, degraded, N, &m.lsd_db, &m.mel_db) < 0)
        return -1;
    (void)printf("%d %d %.9f %.9f %.9f %.9f %.9f %.9f\n", which, rate_hz, m.stoi, m.estoi,
                 ravel_measure_si_sdr(clean, degraded, N),
                 ravel_measure_seg_snr(clean, degraded, N, rate_hz), m.lsd_db, m.mel_db);
    return write_sounds(directory, which, rate_hz, sounds);
}

int main(int argc, char **argv)
{
    static const int rates_hz[] = {10000, 16000, 24000, 44100};
    if (argc != 2)
        return 2;
    for (int which = 0; which < RAVEL_N_CASES; which++)
        for (int i = 0; i < 4; i++)
            if (run(argv[1], which, rates_hz[i]) < 0)
                return 1;
    return 0;
}
