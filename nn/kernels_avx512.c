/* SPDX-License-Identifier: BSD-3-Clause */
/* AVX-512 F, VL, BW and DQ (compiled with the flags of these). */
#define RAVEL_SIMD_AVX512
#define TABLE      ravel_kernels_avx512
#define TABLE_NAME "avx512"
#include "nn/kernels_template.h"
