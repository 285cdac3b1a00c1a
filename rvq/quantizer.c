/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/quantizer.h"

void ravel_quantizer_destroy(ravel_quantizer *q)
{
    if (q)
        q->ops->destroy(q);
}

int ravel_quantizer_codes(const ravel_quantizer *q, int n_codebooks)
{
    int codes = 0;
    for (int b = 0; b < n_codebooks; b++) {
        codes += q->steps[b];
    }
    return codes;
}
