/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Points inside a graph. The output of a module of the reference is looked for by the names that
 * converters leave to tensors: it stands after the last node that is of this module.
 */
#ifndef RAVEL_TESTS_CONFORMANCE_POINTS_H
#define RAVEL_TESTS_CONFORMANCE_POINTS_H

#include "tests/support/conformance/subject.h"

typedef enum { RAVEL_POINT_ENCODER, RAVEL_POINT_DECODER } ravel_point_part;

/*
 * What a module makes of rows that go into a part, a stream at once.
 * module   as the reference calls it: "encoder.model.3"; modules without tensors (activations) are
 *          found behind the one before them, where the last number of the name tells it
 * return   rows; none (values NULL) where the graph has no such point, and *why says so then
 */
ravel_signal ravel_point_run(const ravel_subject *subject, ravel_point_part part,
                             const char *module, const ravel_signal *in, const char **why);

#endif
