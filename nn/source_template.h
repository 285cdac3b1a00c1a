/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernels of the sound source that a decoder filters; nn/kernels.h describes them. */
#ifndef RAVEL_NN_SOURCE_TEMPLATE_H
#define RAVEL_NN_SOURCE_TEMPLATE_H

#include "nn/kernels.h"
#include "nn/simd.h"
#include "nn/vmath.h"

static const float one_to_sixteen[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/*
 * The sum of the cosines in closed form: sin(K t / 2) cos((K + 1) t / 2) / sin(t / 2), in turns, and
 * K at the pulse, where the quotient is of zeros. It has period 1, so t may be taken near zero,
 * where floats are dense. Unlike elsewhere in the kernels the products of t are rounded before they
 * are added, as PyTorch does it that trains on this source: the last bit of t moves a pulse.
 */
V_INLINE vfloat v_pulses(const ravel_pulses *train, vfloat i)
{
    const vfloat harmonics = v_set1(train->harmonics);
    const vfloat bend = v_mul(v_set1(train->slope), v_mul(i, i));
    vfloat t = v_add(v_add(v_mul(v_set1(train->step), i), bend), v_set1(train->start));
    t = v_sub(t, v_sub(v_add(t, v_set1(V_ROUNDER)), v_set1(V_ROUNDER)));
    const vfloat half = v_mul(t, v_set1(0.5f));
    const vfloat below = v_sin_turns(half, 0);
    const vfloat above = v_mul(v_sin_turns(v_mul(harmonics, half), 0),
                               v_sin_turns(v_mul(v_add(harmonics, v_set1(1.0f)), half), 1));
    const vmask at_pulse = v_gt(v_set1(1e-5f), v_abs(below));
    const vfloat sum = v_div(above, v_select(at_pulse, v_set1(1.0f), below));
    return v_mul(v_select(at_pulse, harmonics, sum), v_set1(train->gain));
}

static void pulses(const ravel_pulses *train, float *y, int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const vfloat number = v_add(v_load(one_to_sixteen), v_set1((float)i));
        v_store_part(y + i, v_pulses(train, number), n - i);
    }
}

/* The finaliser lowbias32 of Chris Wellons' hash prospector, as in "Prospecting for hash functions". */
V_INLINE vint v_hash(vint x)
{
    x = vi_mul(vi_xor(x, vi_shr_zero(x, 16)), vi_set1(0x7feb352d));
    x = vi_mul(vi_xor(x, vi_shr_zero(x, 15)), vi_set1((int32_t)0x846ca68bu));
    return vi_xor(x, vi_shr_zero(x, 16));
}

static void noise(uint32_t first, float *y, int n)
{
    const vfloat counted = v_add(v_load(one_to_sixteen), v_set1(V_ROUNDER - 1.0f));
    const vint lane = vi_sub(v_bits(counted), v_bits(v_set1(V_ROUNDER)));
    for (int i = 0; i < n; i += V_LANES) {
        const vint number = vi_add(lane, vi_set1((int32_t)(first + (uint32_t)i)));
        const vfloat x = v_from_int(v_hash(number));
        v_store_part(y + i, v_mul(x, v_set1(0x1.bb67aep-31f)), n - i);
    }
}

/* A gain for noise of this spectrum, which makes all its magnitudes one: chance keeps the phases. */
V_INLINE vfloat v_even(vfloat re, vfloat im)
{
    const vfloat magnitude = v_sqrt(v_fma(re, re, v_mul(im, im)));
    return v_div(v_set1(1.0f), v_add(magnitude, v_set1(1e-3f)));
}

static void filter_sources(const float *filters, const float *pulses_in, const float *noise_in,
                           float bound, float level, float *y, int n)
{
    for (int i = 0; i < n; i += V_LANES) {
        const int left = n - i;
        const float *filter = filters + i, *p = pulses_in + i, *q = noise_in + i;
        const vfloat m = v_min(v_set1(bound), v_exp(v_load_part(filter, left)));
        const vfloat phase = v_load_part(filter + n, left);
        const vfloat q_re = v_load_part(q, left), q_im = v_load_part(q + n, left);
        const vfloat loud =
            v_min(v_set1(bound), v_exp(v_load_part(filter + 2 * (ptrdiff_t)n, left)));
        const vfloat gain = v_mul(v_mul(loud, v_set1(level)), v_even(q_re, q_im));
        const vfloat c = v_mul(m, v_cos(phase)), s = v_mul(m, v_sin(phase));
        const vfloat p_re = v_load_part(p, left), p_im = v_load_part(p + n, left);
        const vfloat re = v_fma(c, p_re, v_mul(gain, q_re));
        const vfloat im = v_fma(c, p_im, v_mul(gain, q_im));
        v_store_part(y + i, v_fma(v_sub(v_set1(0.0f), s), p_im, re), left);
        v_store_part(y + n + i, v_fma(s, p_re, im), left);
    }
}

#endif
