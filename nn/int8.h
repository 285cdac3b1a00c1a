/* SPDX-License-Identifier: BSD-3-Clause */
/* Eight-bit weights: whole numbers from -127 to 127, and a scale that brings them back. */
#ifndef RAVEL_NN_INT8_H
#define RAVEL_NN_INT8_H

#include <float.h>
#include <stdint.h>

/* Makes 127 of the greatest magnitude; 0 where all are but zero. */
static inline float ravel_i8_scale(float greatest)
{
    const float scale = greatest / 127.0f;
    return scale < FLT_MIN ? 0.0f : scale;
}

/* The nearest whole number, of two the one further from zero. |x| is about 127 at most. */
static inline int8_t ravel_narrow_i8(float x)
{
    const int doubled = (int)(2.0f * x);
    return (int8_t)((doubled + (x < 0.0f ? -1 : 1)) / 2);
}

#endif
