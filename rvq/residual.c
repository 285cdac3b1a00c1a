/* SPDX-License-Identifier: BSD-3-Clause */
/* Residual vector quantisation (SoundStream, arXiv 2107.03312, section III-C). */
#include <string.h>

#include "rvq/compound.h"

static void residual_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                            uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const ravel_compound *self = (const ravel_compound *)q;
    const int count = n * q->dim;
    const ravel_arena mark = *scratch;
    float *rest = ravel_arena_take(scratch, ravel_vector_bytes(q, n));
    float *part = ravel_arena_take(scratch, ravel_vector_bytes(q, n));
    memcpy(rest, x, ravel_vector_bytes(q, n));

    for (int s = 0, left = n_codebooks; left > 0; s++) {
        const ravel_quantizer *stage = self->part[s];
        const int now = ravel_compound_codebooks(stage, left);
        const int last = left == now;
        stage->ops->encode(stage, rest, n, now, codes, code_stride, last && !y ? NULL : part,
                           scratch);
        if (!last)
            q->kernels->axpy(part, -1.0f, rest, count);
        if (y && s == 0)
            memcpy(y, part, ravel_vector_bytes(q, n));
        if (y && s > 0)
            q->kernels->add(y, part, y, count);
        codes += ravel_quantizer_codes(stage, now);
        left -= now;
    }
    *scratch = mark;
}

static size_t residual_scratch_size(const ravel_quantizer *q, int n)
{
    return 2 * ravel_arena_bytes(ravel_vector_bytes(q, n)) + ravel_compound_scratch_size(q, n);
}

ravel_quantizer *ravel_residual_quantizer_new(const ravel_kernels *kernels,
                                              ravel_quantizer **stages, int n_stages,
                                              ravel_error *error)
{
    static const ravel_quantizer_ops ops = {residual_encode, ravel_compound_decode_sum,
                                            residual_scratch_size, ravel_compound_destroy};
    return ravel_compound_new(kernels, &ops, RAVEL_COMPOUND_ALIKE, "residual quantiser: stage",
                              stages, n_stages, error);
}
