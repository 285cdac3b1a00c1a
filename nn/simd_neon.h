/* SPDX-License-Identifier: BSD-3-Clause */
/* nn/simd.h with NEON of arm64: four lanes. */
#ifndef RAVEL_NN_SIMD_NEON_H
#define RAVEL_NN_SIMD_NEON_H

#include <arm_neon.h>

enum { V_LANES = 4 };
enum {
    V_TILE_ROWS = 3,
    V_PANELS_1_ROW = 2,
    V_PANELS_2_ROWS = 1,
    V_PANELS_3_ROWS = 1,
    V_PANELS_4_ROWS = 1
};

typedef float32x4_t vfloat;
typedef int32x4_t vint;
typedef uint32x4_t vmask;

V_INLINE vfloat v_load(const float *p)
{
    return vld1q_f32(p);
}

V_INLINE vfloat v_load_n(const float *p, int n)
{
    float lane[V_LANES] = {0};
    for (int i = 0; i < n; i++) {
        lane[i] = p[i];
    }
    return vld1q_f32(lane);
}

V_INLINE void v_store(float *p, vfloat a)
{
    vst1q_f32(p, a);
}

V_INLINE void v_store_n(float *p, vfloat a, int n)
{
    float lane[V_LANES];
    vst1q_f32(lane, a);
    for (int i = 0; i < n; i++) {
        p[i] = lane[i];
    }
}

V_INLINE vfloat v_set1(float x)
{
    return vdupq_n_f32(x);
}

V_INLINE vfloat v_add(vfloat a, vfloat b)
{
    return vaddq_f32(a, b);
}

V_INLINE vfloat v_sub(vfloat a, vfloat b)
{
    return vsubq_f32(a, b);
}

V_INLINE vfloat v_mul(vfloat a, vfloat b)
{
    return vmulq_f32(a, b);
}

V_INLINE vfloat v_div(vfloat a, vfloat b)
{
    return vdivq_f32(a, b);
}

V_INLINE vfloat v_sqrt(vfloat a)
{
    return vsqrtq_f32(a);
}

V_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c)
{
    return vfmaq_f32(c, a, b);
}

V_INLINE vmask v_gt(vfloat a, vfloat b)
{
    return vcgtq_f32(a, b);
}

V_INLINE vmask v_ge(vfloat a, vfloat b)
{
    return vcgeq_f32(a, b);
}

V_INLINE vfloat v_select(vmask m, vfloat a, vfloat b)
{
    return vbslq_f32(m, a, b);
}

V_INLINE vint v_bits(vfloat a)
{
    return vreinterpretq_s32_f32(a);
}

V_INLINE vfloat v_from_bits(vint i)
{
    return vreinterpretq_f32_s32(i);
}

V_INLINE vfloat v_from_int(vint i)
{
    return vcvtq_f32_s32(i);
}

V_INLINE vint vi_set1(int32_t i)
{
    return vdupq_n_s32(i);
}

V_INLINE vint vi_add(vint a, vint b)
{
    return vaddq_s32(a, b);
}

V_INLINE vint vi_sub(vint a, vint b)
{
    return vsubq_s32(a, b);
}

V_INLINE vint vi_and(vint a, vint b)
{
    return vandq_s32(a, b);
}

V_INLINE vint vi_or(vint a, vint b)
{
    return vorrq_s32(a, b);
}

V_INLINE vint vi_xor(vint a, vint b)
{
    return veorq_s32(a, b);
}

V_INLINE vint vi_mul(vint a, vint b)
{
    return vmulq_s32(a, b);
}

V_INLINE vint vi_shl(vint a, int n)
{
    return vshlq_s32(a, vdupq_n_s32(n));
}

/* A shift to the left by a negative number is one to the right; both fold to immediates. */
V_INLINE vint vi_shr(vint a, int n)
{
    return vshlq_s32(a, vdupq_n_s32(-n));
}

V_INLINE vint vi_shr_zero(vint a, int n)
{
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n)));
}

V_INLINE vfloat v_load_f16(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

V_INLINE vfloat v_load_bf16(const uint16_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

V_INLINE vfloat v_load_i8(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

#endif
