/* SPDX-License-Identifier: BSD-3-Clause */
/* AVX2, FMA and F16C (compiled with -mavx2 -mfma -mf16c). */
#define RAVEL_SIMD_AVX2
#define TABLE      ravel_kernels_avx2
#define TABLE_NAME "avx2"
#include "nn/kernels_template.h"
