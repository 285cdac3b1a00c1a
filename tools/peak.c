/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "tools/peak.h"

double ravel_peak_run(const char *kernels, int n_rounds)
{
#if defined(__x86_64__)
    if (strcmp(kernels, "avx512") == 0)
        return ravel_peak_avx512(n_rounds);
    if (strcmp(kernels, "avx2") == 0)
        return ravel_peak_avx2(n_rounds);
#elif defined(__aarch64__)
    if (strcmp(kernels, "neon") == 0)
        return ravel_peak_neon(n_rounds);
#endif
    (void)kernels;
    return ravel_peak_c(n_rounds);
}

float ravel_peak_read(const char *kernels, const float *x, size_t n)
{
#if defined(__x86_64__)
    if (strcmp(kernels, "avx512") == 0)
        return ravel_peak_read_avx512(x, n);
    if (strcmp(kernels, "avx2") == 0)
        return ravel_peak_read_avx2(x, n);
#elif defined(__aarch64__)
    if (strcmp(kernels, "neon") == 0)
        return ravel_peak_read_neon(x, n);
#endif
    (void)kernels;
    return ravel_peak_read_c(x, n);
}
