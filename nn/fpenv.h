/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The floating-point control word, set to what the one arithmetic needs (round to nearest, no flush
 * to zero, no denormals-are-zero, exceptions masked) and put back afterwards. Every public step
 * function brackets its work with the two.
 */
#ifndef RAVEL_NN_FPENV_H
#define RAVEL_NN_FPENV_H

#include <stdint.h>

/* Returns the caller's control word for ravel_fpenv_leave. */
uint64_t ravel_fpenv_enter(void);

void ravel_fpenv_leave(uint64_t saved);

#endif
