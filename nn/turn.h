/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cosine and sine of a fraction of a turn, in double, from additions and multiplications alone:
 * tables made of them are the same on every machine. The error is below 3e-16; multiples of a
 * quarter turn are exact.
 */
#ifndef RAVEL_NN_TURN_H
#define RAVEL_NN_TURN_H

typedef struct {
    double cosine, sine;
} ravel_angle;

/* turns in 0 ... 1 */
ravel_angle ravel_turn(double turns);

#endif
