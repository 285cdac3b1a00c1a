/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <math.h>

#include "ravel/ravel.h"
#include "tests/support/sound.h"
#include "tools/measure.h"

enum { N = 40000 };

static float clean[N], degraded[N];

static void make_sounds(int rate_hz, float noise)
{
    uint32_t random = 99;
    ravel_test_speech(clean, N, rate_hz, 21);
    for (int i = 0; i < N; i++) {
        float uniform = (float)(ravel_test_random(&random) >> 8) / 8388608.0f - 1;
        degraded[i] = clean[i] + uniform * noise;
    }
}

/* The values are those of pystoi 0.4.1, stoi(clean, degraded, 10000, extended=True). */
Test(measure, estoi_equals_pystoi)
{
    double estoi = 0;
    make_sounds(RAVEL_ESTOI_RATE_HZ, 0.03f);
    cr_assert_eq(ravel_measure_estoi(clean, degraded, N, &estoi), RAVEL_OK);
    cr_assert(fabs(estoi - 0.83183) < 1e-4, "%f", estoi);
    for (int i = 0; i < N; i++) {
        degraded[i] = fminf(fmaxf(3 * degraded[i], -0.3f), 0.3f);
    }
    cr_assert_eq(ravel_measure_estoi(clean, degraded, N, &estoi), RAVEL_OK);
    cr_assert(fabs(estoi - 0.58885) < 1e-4, "%f", estoi);
}

Test(measure, estoi_of_equal_sounds_is_one)
{
    double estoi = 0;
    make_sounds(RAVEL_ESTOI_RATE_HZ, 0);
    cr_assert_eq(ravel_measure_estoi(clean, degraded, N, &estoi), RAVEL_OK);
    cr_assert(fabs(estoi - 1) < 1e-6, "%f", estoi);
}

Test(measure, estoi_refuses_less_than_a_segment)
{
    double estoi;
    make_sounds(RAVEL_ESTOI_RATE_HZ, 0);
    cr_assert_eq(ravel_measure_estoi(clean, degraded, 3000, &estoi), RAVEL_ERR_DATA);
    cr_assert_eq(ravel_measure_estoi(clean, degraded, 0, &estoi), RAVEL_ERR_DATA);
}

Test(measure, mel_is_zero_for_equal_sounds_and_the_gain_for_louder_ones)
{
    double mel_db = -1;
    make_sounds(RAVEL_MEL_RATE_HZ, 0);
    cr_assert_eq(ravel_measure_mel(clean, degraded, N, &mel_db), RAVEL_OK);
    cr_assert_eq(mel_db, 0);
    make_sounds(RAVEL_MEL_RATE_HZ, 0.1f);
    for (int i = 0; i < N; i++) {
        clean[i] = degraded[i] / 2;
    }
    cr_assert_eq(ravel_measure_mel(clean, degraded, N, &mel_db), RAVEL_OK);
    cr_assert(fabs(mel_db - 20 * log10(2)) < 0.01, "%f", mel_db);
}

Test(measure, mel_grows_with_noise)
{
    double little = 0, much = 0;
    make_sounds(RAVEL_MEL_RATE_HZ, 0.003f);
    ravel_measure_mel(clean, degraded, N, &little);
    make_sounds(RAVEL_MEL_RATE_HZ, 0.1f);
    ravel_measure_mel(clean, degraded, N, &much);
    cr_assert(little > 0.1 && much > 2 * little, "%f %f", little, much);
    cr_assert_eq(ravel_measure_mel(clean, degraded, 1000, &much), RAVEL_ERR_DATA);
}
