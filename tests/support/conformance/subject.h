/* SPDX-License-Identifier: BSD-3-Clause */
/* The model under test: a checkpoint as it was imported, with its file and graph at hand. */
#ifndef RAVEL_TESTS_CONFORMANCE_SUBJECT_H
#define RAVEL_TESTS_CONFORMANCE_SUBJECT_H

#include "codec/model.h"
#include "codec/safetensors.h"
#include "tests/support/conformance/signal.h"

typedef struct {
    void *file;
    size_t size;
    ravel_safetensors st;
    struct cJSON *graph;
    ravel_model *model;
} ravel_subject;

/*
 * Imports a checkpoint of the set, with the configuration beside it and one setting of `ravel
 * import --set` (NULL: none). A failure is a line of the report.
 * return   whether there is a model
 */
bool ravel_subject_import(ravel_subject *subject, ravel_set *set, const char *weights,
                          const char *config, const char *setting);

/*
 * Another model of the same file in which the i-th `noise` node of the decoder, in the order in
 * which they run, adds noise[i] in the place of its own.
 */
bool ravel_subject_with_noise(ravel_subject *subject, ravel_set *set, const ravel_subject *plain,
                              const ravel_signal *noise, int n);

void ravel_subject_close(ravel_subject *subject);

/* Type of the outermost quantiser. */
const char *ravel_subject_quantizer(const ravel_subject *subject);

/* `noise` nodes of the graph. */
int ravel_subject_noises(const ravel_subject *subject);

#endif
