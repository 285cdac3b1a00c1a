/* SPDX-License-Identifier: BSD-3-Clause */
/* NEON, which every arm64 has. */
#define RAVEL_SIMD_NEON
#define TABLE      ravel_kernels_neon
#define TABLE_NAME "neon"
#include "nn/kernels_template.h"
