/* SPDX-License-Identifier: BSD-3-Clause */
/* What a model that opened must do, whatever it is. */
#ifndef RAVEL_TESTS_FUZZ_RUN_MODEL_H
#define RAVEL_TESTS_FUZZ_RUN_MODEL_H

#include "ravel/ravel.h"

/*
 * Encodes and decodes a few frames, at once and in pieces, which must give the same; predicts some,
 * where there is a prior. Models of which that would take minutes are passed over.
 */
void ravel_fuzz_run_model(const ravel_model *model);

#endif
