/* SPDX-License-Identifier: BSD-3-Clause */
/* nn/simd.h with AVX2, FMA and F16C: eight lanes. */
#ifndef RAVEL_NN_SIMD_AVX2_H
#define RAVEL_NN_SIMD_AVX2_H

#include <immintrin.h>

enum { V_LANES = 8 };
enum {
    V_TILE_ROWS = 3,
    V_PANELS_1_ROW = 2,
    V_PANELS_2_ROWS = 1,
    V_PANELS_3_ROWS = 1,
    V_PANELS_4_ROWS = 1
};

typedef __m256 vfloat;
typedef __m256i vint;
typedef __m256 vmask;

V_INLINE vfloat v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

V_INLINE __m256i v_first(int n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}

V_INLINE vfloat v_load_n(const float *p, int n)
{
    return _mm256_maskload_ps(p, v_first(n));
}

V_INLINE void v_store(float *p, vfloat a)
{
    _mm256_storeu_ps(p, a);
}

V_INLINE void v_store_n(float *p, vfloat a, int n)
{
    _mm256_maskstore_ps(p, v_first(n), a);
}

V_INLINE vfloat v_set1(float x)
{
    return _mm256_set1_ps(x);
}

V_INLINE vfloat v_add(vfloat a, vfloat b)
{
    return _mm256_add_ps(a, b);
}

V_INLINE vfloat v_sub(vfloat a, vfloat b)
{
    return _mm256_sub_ps(a, b);
}

V_INLINE vfloat v_mul(vfloat a, vfloat b)
{
    return _mm256_mul_ps(a, b);
}

V_INLINE vfloat v_div(vfloat a, vfloat b)
{
    return _mm256_div_ps(a, b);
}

V_INLINE vfloat v_sqrt(vfloat a)
{
    return _mm256_sqrt_ps(a);
}

V_INLINE vfloat v_fma(vfloat a, vfloat b, vfloat c)
{
    return _mm256_fmadd_ps(a, b, c);
}

V_INLINE vmask v_gt(vfloat a, vfloat b)
{
    return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}

V_INLINE vmask v_ge(vfloat a, vfloat b)
{
    return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}

V_INLINE vfloat v_select(vmask m, vfloat a, vfloat b)
{
    return _mm256_blendv_ps(b, a, m);
}

V_INLINE vint v_bits(vfloat a)
{
    return _mm256_castps_si256(a);
}

V_INLINE vfloat v_from_bits(vint i)
{
    return _mm256_castsi256_ps(i);
}

V_INLINE vfloat v_from_int(vint i)
{
    return _mm256_cvtepi32_ps(i);
}

V_INLINE vint vi_set1(int32_t i)
{
    return _mm256_set1_epi32(i);
}

V_INLINE vint vi_add(vint a, vint b)
{
    return _mm256_add_epi32(a, b);
}

V_INLINE vint vi_sub(vint a, vint b)
{
    return _mm256_sub_epi32(a, b);
}

V_INLINE vint vi_and(vint a, vint b)
{
    return _mm256_and_si256(a, b);
}

V_INLINE vint vi_or(vint a, vint b)
{
    return _mm256_or_si256(a, b);
}

V_INLINE vint vi_xor(vint a, vint b)
{
    return _mm256_xor_si256(a, b);
}

V_INLINE vint vi_mul(vint a, vint b)
{
    return _mm256_mullo_epi32(a, b);
}

V_INLINE vint vi_shl(vint a, int n)
{
    return _mm256_slli_epi32(a, n);
}

V_INLINE vint vi_shr(vint a, int n)
{
    return _mm256_srai_epi32(a, n);
}

V_INLINE vint vi_shr_zero(vint a, int n)
{
    return _mm256_srli_epi32(a, n);
}

V_INLINE vfloat v_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

V_INLINE vfloat v_load_bf16(const uint16_t *p)
{
    const __m128i half = _mm_loadu_si128((const __m128i *)p);
    return v_from_bits(vi_shl(_mm256_cvtepu16_epi32(half), 16));
}

V_INLINE vfloat v_load_i8(const int8_t *p)
{
    return v_from_int(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

#endif
