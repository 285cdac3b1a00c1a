/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Grouped quantisation: each part has consecutive dimensions of the vector to itself (HiFi-Codec,
 * arXiv 2305.02765, section 2.2). The dimensions of parts that go unused are zeros.
 */
#include <string.h>

#include "rvq/compound.h"

static int widest(const ravel_compound *self)
{
    int dim = 0;
    for (int p = 0; p < self->n_parts; p++) {
        dim = self->part[p]->dim > dim ? self->part[p]->dim : dim;
    }
    return dim;
}

static size_t part_bytes(const ravel_compound *self, int n)
{
    return (size_t)n * (size_t)widest(self) * sizeof(float);
}

/* n pieces of `width` floats, from and to rows of those lengths */
static void copy_pieces(const float *from, int from_row, float *to, int to_row, int width, int n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        memcpy(to + i * to_row, from + i * from_row, (size_t)width * sizeof *to);
    }
}

static void clear_if_partial(const ravel_quantizer *q, int n, int n_codebooks, float *y)
{
    if (n_codebooks < q->n_codebooks)
        memset(y, 0, ravel_vector_bytes(q, n));
}

static void grouped_encode(const ravel_quantizer *q, const float *x, int n, int n_codebooks,
                           uint16_t *codes, int code_stride, float *y, ravel_arena *scratch)
{
    const ravel_compound *self = (const ravel_compound *)q;
    const ravel_arena mark = *scratch;
    float *own = ravel_arena_take(scratch, part_bytes(self, n));
    float *said = y ? ravel_arena_take(scratch, part_bytes(self, n)) : NULL;
    if (y)
        clear_if_partial(q, n, n_codebooks, y);

    for (int p = 0, left = n_codebooks, begin = 0; left > 0; p++) {
        const ravel_quantizer *part = self->part[p];
        const int now = ravel_compound_codebooks(part, left);
        copy_pieces(x + begin, q->dim, own, part->dim, part->dim, n);
        part->ops->encode(part, own, n, now, codes, code_stride, said, scratch);
        if (y)
            copy_pieces(said, part->dim, y + begin, q->dim, part->dim, n);
        codes += ravel_quantizer_codes(part, now);
        begin += part->dim;
        left -= now;
    }
    *scratch = mark;
}

static void grouped_decode(const ravel_quantizer *q, const uint16_t *codes, int code_stride, int n,
                           int n_codebooks, float *y, ravel_arena *scratch)
{
    const ravel_compound *self = (const ravel_compound *)q;
    const ravel_arena mark = *scratch;
    float *said = ravel_arena_take(scratch, part_bytes(self, n));
    clear_if_partial(q, n, n_codebooks, y);

    for (int p = 0, left = n_codebooks, begin = 0; left > 0; p++) {
        const ravel_quantizer *part = self->part[p];
        const int now = ravel_compound_codebooks(part, left);
        part->ops->decode(part, codes, code_stride, n, now, said, scratch);
        copy_pieces(said, part->dim, y + begin, q->dim, part->dim, n);
        codes += ravel_quantizer_codes(part, now);
        begin += part->dim;
        left -= now;
    }
    *scratch = mark;
}

static size_t grouped_scratch_size(const ravel_quantizer *q, int n)
{
    const size_t bytes = part_bytes((const ravel_compound *)q, n);
    return 2 * ravel_arena_bytes(bytes) + ravel_compound_scratch_size(q, n);
}

ravel_quantizer *ravel_grouped_quantizer_new(const ravel_kernels *kernels, ravel_quantizer **parts,
                                             int n_parts, ravel_error *error)
{
    static const ravel_quantizer_ops ops = {grouped_encode, grouped_decode, grouped_scratch_size,
                                            ravel_compound_destroy};
    return ravel_compound_new(kernels, &ops, RAVEL_COMPOUND_SIDE_BY_SIDE, "grouped quantiser: part",
                              parts, n_parts, error);
}
