/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/turn.h"

/* Taylor's series; for |x| <= pi / 4 the first term left out is below 1e-19. */
static double sine_near_zero(double x)
{
    const double s = x * x;
    double sum = 1.0;
    for (int n = 16; n >= 2; n -= 2) {
        sum = 1.0 - s / (double)(n * (n + 1)) * sum;
    }
    return x * sum;
}

static double cosine_near_zero(double x)
{
    const double s = x * x;
    double sum = 1.0;
    for (int n = 17; n >= 1; n -= 2) {
        sum = 1.0 - s / (double)(n * (n + 1)) * sum;
    }
    return sum;
}

ravel_angle ravel_turn(double turns)
{
    const double two_pi = 6.283185307179586;
    const int quarters = (int)(4.0 * turns + 0.5);
    const double x = two_pi * (turns - 0.25 * quarters); /* the difference is exact */
    const double c = cosine_near_zero(x), s = sine_near_zero(x);
    switch (quarters % 4) {
    case 0:
        return (ravel_angle){c, s};
    case 1:
        return (ravel_angle){-s, c};
    case 2:
        return (ravel_angle){-c, -s};
    default:
        return (ravel_angle){s, -c};
    }
}
