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

/* The safetensors file; free() it. */
void *ravel_small_checkpoint(int i, size_t *size);

#endif
