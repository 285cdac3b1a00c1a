/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checkpoints of a few kilobytes, of every kind that `ravel import` reads: names and shapes as
 * published, widths and depths as small as they can be, weights random.
 */
#ifndef RAVEL_TESTS_SMALL_CHECKPOINTS_H
#define RAVEL_TESTS_SMALL_CHECKPOINTS_H

#include <stddef.h>

/* Of the i-th: "snac with attention"; NULL after the last. Its first word is the kind's. */
const char *ravel_small_name(int i);

/* What lies beside it: the text of a JSON object. */
const char *ravel_small_config(int i);

/*
 * Its tensors, a line each: a name, a letter, extents. In the name {0-2} and {1,3} stand for each of
 * these numbers. The letter says what stands under the name:
 *
 *   t    the tensor NAME
 *   i    NAME, whole numbers (I32), which follow in the place of extents; its shape is [1, n, 1]
 *   w    a convolution: NAME.weight and NAME.bias
 *   g    the same, weight norm apart as NAME.weight_g and NAME.weight_v
 *   p    the same, as NAME.parametrizations.weight.original0 and original1
 *   W G P    transposed convolutions
 *   v q      convolutions without bias, spelled as w and p
 */
const char *ravel_small_tensors(int i);

/* The safetensors file of these (small_checkpoint_file.c); free() it. */
void *ravel_small_checkpoint(int i, size_t *size);

#endif
