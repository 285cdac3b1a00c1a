/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/measure_cases.h"

#include "tests/support/sound.h"

static float noise(uint32_t *random)
{
    return (float)(ravel_test_random(random) >> 8) / 8388608.0F - 1;
}

static float clip(float x)
{
    return x < -0.3F ? -0.3F : x > 0.3F ? 0.3F : x;
}

void ravel_measure_sounds(ravel_measure_case which, int rate_hz, float *clean, float *degraded)
{
    uint32_t random = 99;
    float dull = 0;
    ravel_test_speech(clean, RAVEL_CASE_SAMPLES, rate_hz, 21);
    for (int i = 0; i < RAVEL_CASE_SAMPLES; i++) {
        float noisy = clean[i] + noise(&random) * 0.03F;
        dull += (clean[i] - dull) * 0.25F;
        switch (which) {
        case RAVEL_CASE_NOISE:
            degraded[i] = noisy;
            break;
        case RAVEL_CASE_CLIPPED:
            degraded[i] = clip(3 * noisy);
            break;
        case RAVEL_CASE_DULL:
            degraded[i] = dull * 0.5F;
            break;
        default:
            degraded[i] = clean[i];
            break;
        }
    }
}
