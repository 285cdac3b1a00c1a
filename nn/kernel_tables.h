/* SPDX-License-Identifier: BSD-3-Clause */
/* The variants that are built for this processor family. */
#ifndef RAVEL_NN_KERNEL_TABLES_H
#define RAVEL_NN_KERNEL_TABLES_H

#include "nn/kernels.h"

extern const ravel_kernels ravel_kernels_c;
#if defined(__x86_64__)
extern const ravel_kernels ravel_kernels_avx2;
extern const ravel_kernels ravel_kernels_avx512;
#elif defined(__aarch64__)
extern const ravel_kernels ravel_kernels_neon;
#endif

#endif
