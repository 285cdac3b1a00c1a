/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Comparing the library with the reference implementation of a published codec, by a folder of its
 * vectors: a checkpoint, its configuration, a recording, and what the reference made of them.
 */
#ifndef RAVEL_TESTS_CONFORMANCE_H
#define RAVEL_TESTS_CONFORMANCE_H

#include <stdio.h>

typedef struct {
    int n_checks, n_failed; /* lines of the report */
    int n_skipped;          /* arrays that nothing was compared with, each with its reason */
    int n_excused;          /* codes that differ where the reference says that rounding decides */
} ravel_conformance;

/* Whether the folder is there and can be read. */
int ravel_conformance_present(const char *dir);

/*
 * Imports the checkpoint and compares; each comparison is a line of the report.
 * return    what was compared; a folder that is no set of vectors fails one check
 */
ravel_conformance ravel_conformance_run(const char *dir, FILE *report);

#endif
