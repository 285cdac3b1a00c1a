/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/frequencies.h"

/* 4096 weights of it fit into 32 bits, and it is finer than the total of the range coder. */
#define GREATEST_WEIGHT 0x1p19f

/* False for NaN. */
static uint32_t weight_of(float exponential)
{
    if (!(exponential > 0.0f))
        return 0;
    return (uint32_t)((exponential < 1.0f ? exponential : 1.0f) * GREATEST_WEIGHT);
}

void ravel_frequencies_make(const ravel_kernels *kernels, float *logits, int n,
                            uint32_t *cumulative)
{
    const float greatest = logits[kernels->argmax(logits, n)];
    for (int i = 0; i < n; i++) {
        logits[i] -= greatest;
    }
    kernels->exp(logits, logits, n);
    cumulative[0] = 0;
    for (int i = 0; i < n; i++) {
        cumulative[i + 1] = cumulative[i] + weight_of(logits[i]);
    }
    if (cumulative[n] > 0)
        return;
    for (int i = 0; i < n; i++) {
        cumulative[i + 1] = (uint32_t)(i + 1);
    }
}

static uint32_t begin_of(const uint32_t *cumulative, int n, int symbol)
{
    const uint64_t spread = RAVEL_RANGE_TOTAL - (uint32_t)n;
    return (uint32_t)symbol + (uint32_t)(cumulative[symbol] * spread / cumulative[n]);
}

ravel_interval ravel_frequencies_interval(const uint32_t *cumulative, int n, int symbol)
{
    const uint32_t low = begin_of(cumulative, n, symbol);
    return (ravel_interval){low, begin_of(cumulative, n, symbol + 1) - low};
}

int ravel_frequencies_find(const uint32_t *cumulative, int n, uint32_t target)
{
    int low = 0, high = n; /* begin_of(low) <= target < begin_of(high) */
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (begin_of(cumulative, n, middle) <= target) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
