/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/rope.h"

#include "nn/turn.h"

static double power(double x, int n)
{
    double result = 1.0;
    for (; n > 0; n /= 2) {
        result *= n % 2 ? x : 1.0;
        x *= x;
    }
    return result;
}

/* base^(-1 / n) by bisection: nothing of libm, whose last bit differs from system to system. */
static double inverse_root(double base, int n)
{
    double low = 0.0, high = 1.0;
    for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + high);
        if (power(middle, n) * base < 1.0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

void ravel_rope_frequencies(double *frequency, int head_dim, double base)
{
    const double turns_per_radian = 0.15915494309189535;
    const double ratio = inverse_root(base, head_dim / 2);
    for (int i = 0; i < head_dim / 2; i++) {
        frequency[i] = power(ratio, i) * turns_per_radian;
    }
}

void ravel_rope_angles(const double *frequency, int n_pairs, int64_t position, float *cosine,
                       float *sine)
{
    for (int i = 0; i < n_pairs; i++) {
        const double turns = (double)position * frequency[i];
        const ravel_angle angle = ravel_turn(turns - (double)(int64_t)turns);
        cosine[i] = (float)angle.cosine;
        sine[i] = (float)angle.sine;
    }
}

void ravel_rope_turn(ravel_rope rope, float *head, int head_dim, const float *cosine,
                     const float *sine)
{
    const int step = rope == RAVEL_ROPE_INTERLEAVED ? 2 : 1;
    const int apart = rope == RAVEL_ROPE_INTERLEAVED ? 1 : head_dim / 2;
    for (int i = 0; i < head_dim / 2; i++) {
        float *a = head + i * step, *b = a + apart;
        const float x = *a, y = *b;
        *a = x * cosine[i] - y * sine[i];
        *b = x * sine[i] + y * cosine[i];
    }
}
