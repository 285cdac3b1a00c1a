/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mutations that keep the form: JSON stays JSON, and the tensors of a safetensors file fill its data,
 * so that what lies behind the parsers is reached.
 */
#ifndef RAVEL_TESTS_FUZZ_MUTATE_H
#define RAVEL_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

struct cJSON;

/* A whole number below n, n >= 1. */
unsigned ravel_fuzz_below(uint64_t *state, unsigned n);

/*
 * Changes one value of *root, which may be replaced: another number, a key or an item left out, a
 * copy of another value in its place or beside it, a node around it.
 * types    ends with NULL: of nodes that are put around others
 */
void ravel_fuzz_mutate_json(struct cJSON **root, const char *const *types, uint64_t *state);

/*
 * Changes one tensor of a safetensors file: its name, extents or type, or leaves it out; the others
 * keep their bytes. With `types`, now and then the graph in its metadata instead.
 * return    bytes of the file in `data`, which holds max_size; 0 where it cannot be done
 */
size_t ravel_fuzz_mutate_tensors(uint8_t *data, size_t size, size_t max_size,
                                 const char *const *types, uint64_t *state);

#endif
