/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of tools/peak.h in one instruction set; built once for each, as PEAK. */
#include "nn/simd.h"
#include "tools/peak.h"

enum { CHAINS = V_LANES == 8 ? 12 : 16 }; /* AVX2 has but sixteen registers */

double PEAK(int n_rounds)
{
    vfloat sum[CHAINS];
    for (int i = 0; i < CHAINS; i++) {
        sum[i] = v_set1((float)i);
    }
    const vfloat factor = v_set1(0.9999f);
    const vfloat term = v_set1(1e-3f);
    for (int r = 0; r < n_rounds; r++) {
        V_UNROLL
        for (int i = 0; i < CHAINS; i++) {
            sum[i] = v_fma(sum[i], factor, term);
        }
    }
    float total[V_LANES] = {0};
    for (int i = 0; i < CHAINS; i++) {
        v_store(total, v_add(v_load(total), sum[i]));
    }
    volatile float kept = total[0]; /* so that the loop is not removed */
    (void)kept;
    return (double)n_rounds * CHAINS * V_LANES;
}
