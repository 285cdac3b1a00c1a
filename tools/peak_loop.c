/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of tools/peak.h in one instruction set; built once for each, as PEAK and READ. */
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

/* Four places are read side by side: one alone is fetched ahead more slowly. */
float READ(const float *x, size_t n)
{
    enum { STREAMS = 4 };
    const size_t quarter = n / STREAMS;
    vfloat sum[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        sum[i] = v_set1(0.0f);
    }
    for (size_t at = 0; at + V_LANES <= quarter; at += V_LANES) {
        V_UNROLL
        for (int i = 0; i < STREAMS; i++) {
            sum[i] = v_add(sum[i], v_load(x + (size_t)i * quarter + at));
        }
    }
    float total[V_LANES];
    v_store(total, v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
    return total[0];
}
