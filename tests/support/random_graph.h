/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Models of random graphs: nodes of every kind in each other, with sizes and paddings that mostly,
 * not always, fit. Some are refused when they are opened; what opens must keep its promises.
 */
#ifndef RAVEL_TESTS_RANDOM_GRAPH_H
#define RAVEL_TESTS_RANDOM_GRAPH_H

#include <stddef.h>
#include <stdint.h>

/* The model file; free() it. */
void *ravel_test_random_model(uint64_t seed, size_t *size);

#endif
