/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hidden folder in which a shard's outputs are made before they get their names: so that nothing
 * unfinished is ever seen under a name, and a later run finds what a killed one has left. One
 * process at a time.
 */
#ifndef RAVEL_TOOLS_TOKENS_WORKPLACE_H
#define RAVEL_TOOLS_TOKENS_WORKPLACE_H

#include <stdbool.h>

#include "ravel/ravel.h"

typedef struct {
    char *path; /* of the folder */
    int lock;   /* descriptor that is locked */
    char *left; /* see ravel_workplace_find; [n_left][RAVEL_WORK_NAME], sorted */
    size_t n_left;
} ravel_workplace;

enum { RAVEL_WORK_NAME = 64 };

/*
 * Makes FOLDER/NAME and locks it. What an earlier process left half-done goes; what it left done
 * goes too, unless resume is set.
 * return    0 or a negative status with *error; close it in either case
 */
int ravel_workplace_open(ravel_workplace *work, const char *folder, const char *name, bool resume,
                         ravel_error *error);

/* done: takes the folder away with what is in it; else a later process finds what is there. */
void ravel_workplace_close(ravel_workplace *work, bool done);

/* The first file with that prefix that an earlier process left; NULL where there is none. */
const char *ravel_workplace_find(const ravel_workplace *work, const char *prefix);

/* A path in the folder; malloc'ed. */
char *ravel_workplace_path(const ravel_workplace *work, const char *name);

/* Gives a finished file its name, making the folders on the way. return    0 or a negative status */
int ravel_workplace_publish(const ravel_workplace *work, const char *name, const char *final_path,
                            ravel_error *error);

/* mkdir -p of the folders above a path; 0 or an errno. */
int ravel_make_folders(const char *path);

#endif
