/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The choice of a table. Every call asks the processor again: that costs a few loads, and leaves no
 * state that threads could race for.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "nn/kernel_tables.h"

typedef struct {
    const ravel_kernels *kernels;
    bool (*runs_here)(void);
} variant;

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

static bool has_avx512(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

/* Asked by hand, because clang 14's __builtin_cpu_supports does not know it. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

#endif

/* Best first; plain C, the last, runs everywhere. */
static const variant variants[] = {
#if defined(__x86_64__)
    {&ravel_kernels_avx512, has_avx512},
    {&ravel_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
    {&ravel_kernels_neon, always},
#endif
    {&ravel_kernels_c, always},
};

enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

const ravel_kernels *ravel_kernels_named(const char *name)
{
    for (int i = 0; i < N_VARIANTS; i++) {
        if (strcmp(variants[i].kernels->name, name) == 0) {
            return variants[i].runs_here() ? variants[i].kernels : NULL;
        }
    }
    return NULL;
}

const ravel_kernels *ravel_kernels_select(void)
{
    const char *forced = getenv("RAVEL_CPU");
    if (forced != NULL && forced[0] != '\0') {
        return ravel_kernels_named(forced);
    }
    int i = 0;
    while (!variants[i].runs_here()) {
        i++;
    }
    return variants[i].kernels;
}
