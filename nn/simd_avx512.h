/* SPDX-License-Identifier: BSD-3-Clause */
/* nn/simd.h with AVX-512 F, VL, BW and DQ: sixteen lanes. */
#ifndef RAVEL_NN_SIMD_AVX512_H
#define RAVEL_NN_SIMD_AVX512_H

#include <immintrin.h>

enum { V_LANES = 16 };
enum {
    V_TILE_ROWS = 8,
    V_PANELS_1_ROW = 4,
    V_PANELS_2_ROWS = 4,
    V_PANELS_3_ROWS = 2,
    V_PANELS_4_ROWS = 2
};

typedef __m512 vfloat;
typedef __m512i vint;
typedef __mmask16 vmask;

V_INLINE vfloat v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

V_INLINE vmask v_first(int n)
{
    return (vmask)((1u << n) - 1u);
}

V_INLINE vfloat v_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(v_first(n), p);
}

V_INLINE void v_store(float *p, vfloat a)
{
    _mm512_storeu_ps(p, a);
}

V_INLINE void v_store_n(float *p, vfloat a, int n)
{
    _mm512_mask_storeu_ps(p, v_first(n), a);
}

V_INLINE vfloat v_set1(float x)
{
    return _mm512_set1_ps(x);
}

V_INLINE vfloat v_add(vfloat a, vfloat b)
{
    return _mm512_add_ps(a, b);
}

V_INLINE vfloat v_sub(vfloat a, vfloat b)
{
    return _mm512_sub_ps(a, b);
}

V_INLINE vfloat v_mul(vfloat a, vfloat b)
{
    return _mm512_mul_ps(a, b);
}

V_INLINE vfloat v_div(vfloat a, vfloat b)
{
    return _mm512_div_ps(a, b);
}

V_INLINE vfloat v_sqrt(vfloat a)
{
    return _mm512_sqrt_ps(a);
}

V_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c)
{
    return _mm512_fmadd_ps(a, b, c);
}

V_INLINE vmask v_gt(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

V_INLINE vmask v_ge(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

V_INLINE vfloat v_select(vmask m, vfloat a, vfloat b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

V_INLINE vint v_bits(vfloat a)
{
    return _mm512_castps_si512(a);
}

V_INLINE vfloat v_from_bits(vint i)
{
    return _mm512_castsi512_ps(i);
}

V_INLINE vfloat v_from_int(vint i)
{
    return _mm512_cvtepi32_ps(i);
}

V_INLINE vint vi_set1(int32_t i)
{
    return _mm512_set1_epi32(i);
}

V_INLINE vint vi_add(vint a, vint b)
{
    return _mm512_add_epi32(a, b);
}

V_INLINE vint vi_sub(vint a, vint b)
{
    return _mm512_sub_epi32(a, b);
}

V_INLINE vint vi_and(vint a, vint b)
{
    return _mm512_and_si512(a, b);
}

V_INLINE vint vi_or(vint a, vint b)
{
    return _mm512_or_si512(a, b);
}

V_INLINE vint vi_xor(vint a, vint b)
{
    return _mm512_xor_si512(a, b);
}

V_INLINE vint vi_mul(vint a, vint b)
{
    return _mm512_mullo_epi32(a, b);
}

V_INLINE vint vi_shl(vint a, int n)
{
    return _mm512_slli_epi32(a, (unsigned)n);
}

V_INLINE vint vi_shr(vint a, int n)
{
    return _mm512_srai_epi32(a, (unsigned)n);
}

V_INLINE vint vi_shr_zero(vint a, int n)
{
    return _mm512_srli_epi32(a, (unsigned)n);
}

V_INLINE vfloat v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

V_INLINE vfloat v_load_bf16(const uint16_t *p)
{
    const __m256i half = _mm256_loadu_si256((const __m256i *)p);
    return v_from_bits(vi_shl(_mm512_cvtepu16_epi32(half), 16));
}

V_INLINE vfloat v_load_i8(const int8_t *p)
{
    return v_from_int(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

#endif
