/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Comparing the library with the reference implementations of published codecs, by their vectors
 * (a folder a codec, described by its README.md).
 */
#ifndef RAVEL_TESTS_CONFORMANCE_H
#define RAVEL_TESTS_CONFORMANCE_H

#include <stdio.h>

/* What was compared: each comparison is a line of the report. */
typedef struct {
    FILE *report;
    int n_checks, n_failed;
} ravel_conformance;

/* Whether the folder has the vectors; the checks count a missing file as a failure. */
int ravel_conformance_present(const char *dir);

/* EnCodec 24 kHz: latents, codes, quantised latents, samples; reflect, zero padding, short input. */
void ravel_conformance_encodec(ravel_conformance *c, const char *dir);

/* Lyra V2, float path: features, indices, samples at its three rates. */
void ravel_conformance_lyra(ravel_conformance *c, const char *dir);

#endif
