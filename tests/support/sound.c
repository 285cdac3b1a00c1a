/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/sound.h"

enum { N_HARMONICS = 24 };

typedef struct {
    uint32_t random;
    double rate_hz;
    double phase, vibrato; /* turns, 0 ... 1 */
    double pitch_hz, formant_hz;
} voice;

uint32_t ravel_test_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

static double uniform(voice *v, double low, double high)
{
    return low + (high - low) * ravel_test_random(&v->random) / 4294967296.0;
}

/* Two parabolas in the place of a sine: phase in turns, 0 ... 1; -1 ... 1. */
static double wave(double phase)
{
    double x = phase < 0.5 ? 4 * phase - 1 : 3 - 4 * phase;
    double magnitude = x < 0 ? -x : x;
    return x * (2 - magnitude);
}

static double fraction(double x)
{
    return x - (double)(int64_t)x;
}

/* Harmonics up to 4 kHz, each weighed by its distance from the formant. */
static double voiced(voice *v)
{
    v->vibrato = fraction(v->vibrato + 5.5 / v->rate_hz);
    v->phase = fraction(v->phase + v->pitch_hz * (1 + 0.03 * wave(v->vibrato)) / v->rate_hz);
    double sum = 0;
    for (int h = 1; h <= N_HARMONICS && h * v->pitch_hz < 4000; h++) {
        double distance = (h * v->pitch_hz - v->formant_hz) / 400;
        sum += wave(fraction(h * v->phase)) / (1 + distance * distance) / 3;
    }
    return sum + 0.2 * wave(v->phase);
}

static double sample(voice *v, int kind)
{
    switch (kind) {
    case 0:
        return 0;
    case 1:
        return 0.3 * uniform(v, -1, 1);
    default:
        return 0.5 * voiced(v);
    }
}

static float to_16_bits(double x)
{
    double bounded = x > 0.99 ? 0.99 : x < -0.99 ? -0.99 : x;
    return (float)(int)(bounded * 32768) / 32768.0f;
}

/* One turn: swells and fades, so that it ends where the next begins. */
static void turn(voice *v, float *pcm, int n_samples, int kind)
{
    v->pitch_hz = uniform(v, 90, 240);
    v->formant_hz = uniform(v, 300, 2500);
    double level = uniform(v, 0.1, 1);
    for (int i = 0; i < n_samples; i++) {
        double t = (double)i / n_samples;
        pcm[i] = to_16_bits(level * 4 * t * (1 - t) * sample(v, kind));
    }
}

void ravel_test_speech(float *pcm, int n_samples, int rate_hz, uint32_t seed)
{
    voice v = {.random = seed * 2654435761u + 1, .rate_hz = rate_hz};
    for (int done = 0; done < n_samples;) {
        int length = (int)(uniform(&v, 0.05, 0.3) * rate_hz);
        if (length > n_samples - done) {
            length = n_samples - done;
        }
        turn(&v, pcm + done, length, (int)(ravel_test_random(&v.random) % 5));
        done += length;
    }
}
