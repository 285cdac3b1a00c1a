/* SPDX-License-Identifier: BSD-3-Clause */
/* Tiny models with another graph and the same tensors. Failures are Criterion's. */
#ifndef RAVEL_TESTS_CHANGED_MODEL_H
#define RAVEL_TESTS_CHANGED_MODEL_H

#include <cjson/cJSON.h>

#include "tests/support/tiny_model.h"

typedef void ravel_test_change(cJSON *graph);

/* The model with its graph changed, or NULL with *error where that is refused. */
ravel_model *ravel_test_changed(ravel_tiny_kind kind, ravel_test_change *change,
                                ravel_error *error);

/* The i-th node of a part that is a sequence. */
cJSON *ravel_test_node(cJSON *graph, const char *part, int i);

/* In the place of what was there. */
void ravel_test_set_number(cJSON *object, const char *key, double value);
void ravel_test_set_string(cJSON *object, const char *key, const char *value);

#endif
