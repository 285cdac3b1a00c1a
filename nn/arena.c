/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>

#include "nn/layer_impl.h"

enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector */

size_t ravel_arena_bytes(size_t bytes)
{
    return ravel_size_add(bytes, ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *ravel_arena_take(ravel_arena *arena, size_t bytes)
{
    const size_t taken = ravel_arena_bytes(bytes);
    assert(taken <= arena->size - arena->used);
    void *memory = arena->base + arena->used;
    arena->used += taken;
    return memory;
}

size_t ravel_size_add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

size_t ravel_size_mul(size_t a, size_t b)
{
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

size_t ravel_rows_bytes(int n_lanes, int rows, int width)
{
    const size_t row = (size_t)width * sizeof(float);
    return ravel_arena_bytes(ravel_size_mul(ravel_size_mul((size_t)n_lanes, (size_t)rows), row));
}
