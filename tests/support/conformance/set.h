/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A set of reference vectors: a folder of arrays (.npy, .safetensors) beside a checkpoint and its
 * configuration, and the report on it, a line a check.
 *
 * Every file of the folder is settled at the end: as a source, by a check, or by a line that says
 * why it was passed over.
 */
#ifndef RAVEL_TESTS_CONFORMANCE_SET_H
#define RAVEL_TESTS_CONFORMANCE_SET_H

#include <stdbool.h>
#include <stdio.h>

#include "nn/error.h"
#include "tests/support/npy.h"

struct cJSON;

enum { RAVEL_SET_NAME = 100, RAVEL_SET_PATH = 600 };

typedef struct {
    char name[RAVEL_SET_NAME];
    bool settled;
} ravel_set_file;

typedef struct {
    char dir[RAVEL_SET_PATH];
    ravel_set_file *files; /* [n_files], in order of their names */
    int n_files;
    struct cJSON *config; /* config.json, or NULL */
    FILE *report;
    int n_checks, n_failed, n_skipped, n_excused;
} ravel_set;

/* Lists the folder. return    0, or -1 where it cannot be read; then there is nothing to close */
int ravel_set_open(ravel_set *set, const char *dir, FILE *report);
void ravel_set_close(ravel_set *set);

bool ravel_set_has(const ravel_set *set, const char *format, ...) RAVEL_PRINTF(2, 3);

/*
 * What stands before `end` in the name of the next file that ends so, from the *i-th on, which it
 * becomes; false after the last.
 */
bool ravel_set_next(const ravel_set *set, const char *end, int *i, char beginning[RAVEL_SET_NAME]);

/* Marks a file as settled, where it is there. */
void ravel_set_settle(ravel_set *set, const char *name);

/* The bytes of a file, settled; free() them. NULL where it is not there. */
void *ravel_set_bytes(ravel_set *set, const char *name, size_t *size);

/* An array, settled; empty (values NULL) where it is not there. `format` names it without ".npy". */
ravel_npy ravel_set_array(ravel_set *set, const char *format, ...) RAVEL_PRINTF(2, 3);

/* Lines of the report: "ok  WHAT  TEXT" or "FAIL WHAT  TEXT"; "skip WHAT  (TEXT)". */
void ravel_set_check(ravel_set *set, bool good, const char *what, const char *format, ...)
    RAVEL_PRINTF(4, 5);
void ravel_set_skip(ravel_set *set, const char *what, const char *why);

/* Skips, for one reason, each file that is not settled and whose name has this piece. */
void ravel_set_skip_all(ravel_set *set, const char *piece, const char *why);

#endif
