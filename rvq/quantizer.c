/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/quantizer.h"

void ravel_quantizer_destroy(ravel_quantizer *q)
{
    if (q)
        q->ops->destroy(q);
}
