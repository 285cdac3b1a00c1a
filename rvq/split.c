/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split quantisation: parts that see the same vector and share the work of describing it, as the
 * semantic and the acoustic codebooks of Mimi do (arXiv 2410.00037, section 3.3).
 */
#include "rvq/compound.h"

static void split_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                         uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const ravel_compound *self = (const ravel_compound *)q;
    const ravel_arena mark = *scratch;
    float *said = y ? ravel_arena_take(scratch, ravel_vector_bytes(q, n)) : NULL;

    for (int p = 0, left = n_codebooks; left > 0; p++) {
        const ravel_quantizer *part = self->part[p];
        const int now = ravel_compound_codebooks(part, left);
        part->ops->encode(part, x, n, now, codes, code_stride, p == 0 ? y : said, scratch);
        if (y && p > 0)
            q->kernels->add(y, said, y, n * q->dim);
        codes += ravel_quantizer_codes(part, now);
        left -= now;
    }
    *scratch = mark;
}

static size_t split_scratch_size(const ravel_quantizer *q, int n)
{
    return ravel_arena_bytes(ravel_vector_bytes(q, n)) + ravel_compound_scratch_size(q, n);
}

ravel_quantizer *ravel_split_quantizer_new(const ravel_kernels *kernels, ravel_quantizer **parts,
                                           int n_parts, ravel_error *error)
{
    static const ravel_quantizer_ops ops = {split_encode, ravel_compound_decode_sum,
                                            split_scratch_size, ravel_compound_destroy};
    return ravel_compound_new(kernels, &ops, RAVEL_COMPOUND_ALIKE, "split quantiser: part", parts,
                              n_parts, error);
}
