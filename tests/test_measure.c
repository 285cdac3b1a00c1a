/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ravel/ravel.h"
#include "tests/support/measure_cases.h"
#include "tests/support/random.h"
#include "tools/measure/align.h"
#include "tools/measure/measure.h"
#include "tools/measure/octave.h"

enum { N = RAVEL_CASE_SAMPLES };

static const double tolerance = 1e-4;

static float clean[N], degraded[N];

#define assert_near(value, expected)                                                               \
    cr_assert(fabs((value) - (expected)) < tolerance, "%f is not %f", (value), (expected))

/* By pystoi 0.4.1: stoi(clean, degraded, rate), and with extended=True (reference/measures.py). */
Test(measure, stoi_equals_pystoi)
{
    static const struct {
        ravel_measure_case which;
        int rate_hz;
        double stoi, estoi;
    } known[] = {
        {RAVEL_CASE_EQUAL, 24000, 1, 1},
        {RAVEL_CASE_NOISE, 10000, 0.94515, 0.83183},
        {RAVEL_CASE_NOISE, 16000, 0.96026, 0.88535},
        {RAVEL_CASE_NOISE, 24000, 0.97839, 0.86828},
        {RAVEL_CASE_NOISE, 44100, 0.99179, 0.96788},
        {RAVEL_CASE_CLIPPED, 10000, 0.74708, 0.58885},
        {RAVEL_CASE_CLIPPED, 24000, 0.76371, 0.55133},
        {RAVEL_CASE_DULL, 24000, 0.99983, 0.99938},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        double stoi = 0, estoi = 0;
        ravel_measure_sounds(known[i].which, known[i].rate_hz, clean, degraded);
        cr_assert_eq(ravel_measure_stoi(clean, degraded, N, known[i].rate_hz, &stoi, &estoi), 0);
        assert_near(stoi, known[i].stoi);
        assert_near(estoi, known[i].estoi);
    }
}

/* By NumPy (reference/measures.py). */
Test(measure, the_others_equal_their_formulas)
{
    static const struct {
        ravel_measure_case which;
        double si_sdr, seg_snr, lsd, mel;
    } known[] = {
        {RAVEL_CASE_EQUAL, 100, 35, 0, 0},
        {RAVEL_CASE_NOISE, 15.77784, 11.65393, 12.50916, 9.83374},
        {RAVEL_CASE_CLIPPED, 0.44242, -2.90401, 20.73097, 18.34209},
        {RAVEL_CASE_DULL, 2.08089, 2.16144, 7.99974, 8.81554},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        ravel_measures m;
        ravel_measure_sounds(known[i].which, RAVEL_MEASURE_RATE_HZ, clean, degraded);
        cr_assert_eq(ravel_measure_all(clean, degraded, N, &m), 0);
        assert_near(m.si_sdr_db, known[i].si_sdr);
        assert_near(m.seg_snr_db, known[i].seg_snr);
        assert_near(m.lsd_db, known[i].lsd);
        assert_near(m.mel_db, known[i].mel);
    }
}

Test(measure, si_sdr_does_not_depend_on_the_scale)
{
    ravel_measure_sounds(RAVEL_CASE_NOISE, 24000, clean, degraded);
    double before = ravel_measure_si_sdr(clean, degraded, N);
    for (int i = 0; i < N; i++)
        degraded[i] *= -0.01F;
    assert_near(ravel_measure_si_sdr(clean, degraded, N), before);
}

Test(measure, silence_has_the_worst_figures)
{
    ravel_measures m;
    ravel_measure_sounds(RAVEL_CASE_EQUAL, 24000, clean, degraded);
    memset(degraded, 0, sizeof degraded);
    cr_assert_eq(ravel_measure_all(clean, degraded, N, &m), 0);
    cr_assert_eq(m.si_sdr_db, -100);
    assert_near(m.seg_snr_db, 0.0); /* the error is as great as the sound */
    assert_near(m.stoi, 0.0);
    assert_near(m.estoi, 0.0);
    cr_assert_eq(ravel_measure_all(degraded, clean, N, &m), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_measure_si_sdr(degraded, clean, N), -100);
    cr_assert_eq(ravel_measure_seg_snr(degraded, clean, N, 24000), -10);
}

Test(measure, less_than_a_segment_is_refused)
{
    double a, b;
    ravel_measure_sounds(RAVEL_CASE_NOISE, 24000, clean, degraded);
    cr_assert_eq(ravel_measure_stoi(clean, degraded, 9000, 24000, &a, &b), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_measure_stoi(clean, degraded, 0, 24000, &a, &b), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_measure_spectra(clean, degraded, 1023, &a, &b), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_measure_spectra(clean, degraded, 1024, &a, &b), 0);
}

Test(measure, octave_resampling_keeps_what_is_low_and_its_time)
{
    static float out[N];
    const double turn = 2 * 3.14159265358979323846 * 440;
    for (int i = 0; i < N; i++)
        clean[i] = (float)sin(turn * i / 44100);
    cr_assert_eq(ravel_octave_samples(N, 44100, 10000), 9071);
    cr_assert_eq(ravel_octave_resample(clean, N, 44100, 10000, out), 0);
    for (int o = 200; o < 9071 - 200; o++)
        cr_assert(fabs((double)out[o] - sin(turn * o / 10000)) < 2e-3, "%d", o);
}

/* --- Alignment -------------------------------------------------------------------------------- */

enum { MAX_DELAY = 3000 };

static void check_delay(int delay, int n_degraded)
{
    ravel_alignment found;
    uint64_t seed = 5;
    ravel_measure_sounds(RAVEL_CASE_EQUAL, 24000, clean, degraded);
    for (int i = 0; i < N; i++) {
        int from = i - delay;
        degraded[i] = (from >= 0 && from < N ? clean[from] : 0) + ravel_random_float(&seed) / 20;
    }
    cr_assert_eq(ravel_align(clean, N, degraded, n_degraded, MAX_DELAY, &found), 0);
    cr_assert_eq(found.delay_samples, delay, "%d, not %d", found.delay_samples, delay);
    cr_assert(found.correlation > 0.9 && found.correlation < 1, "%f", found.correlation);
}

Test(align, finds_delays_of_either_sign_and_length)
{
    static const int delays[] = {0, 1, -1, 777, -2999, MAX_DELAY, -MAX_DELAY};
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        check_delay(delays[i], N);
        check_delay(delays[i], N - 20001);
    }
}

Test(align, tells_how_sure_it_is)
{
    ravel_alignment found;
    uint64_t seed = 7;
    ravel_measure_sounds(RAVEL_CASE_EQUAL, 24000, clean, degraded);
    cr_assert_eq(ravel_align(clean, N, degraded, N, MAX_DELAY, &found), 0);
    assert_near(found.correlation, 1.0);
    for (int i = 0; i < N; i++)
        degraded[i] = ravel_random_float(&seed);
    cr_assert_eq(ravel_align(clean, N, degraded, N, MAX_DELAY, &found), 0);
    cr_assert(found.correlation < 0.1, "%f", found.correlation);
    memset(degraded, 0, sizeof degraded);
    cr_assert_eq(ravel_align(clean, N, degraded, N, MAX_DELAY, &found), 0);
    cr_assert_eq(found.delay_samples, 0);
    cr_assert_eq(found.correlation, 0);
}
