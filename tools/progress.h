/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far a file is, on standard error: a bar with rate and remaining time for people, a JSON
 * object a line for logs.
 */
#ifndef RAVEL_TOOLS_PROGRESS_H
#define RAVEL_TOOLS_PROGRESS_H

typedef enum { RAVEL_PROGRESS_NONE, RAVEL_PROGRESS_BAR, RAVEL_PROGRESS_JSON } ravel_progress_kind;

typedef struct {
    ravel_progress_kind kind;
    const char *name;
    double total_s;                /* of sound; 0 where it is not known */
    long long n_items, items_done; /* of a batch; 0 items: not a batch, or not known how many */
    double begin, shown;           /* by the clock */
} ravel_progress;

/* Seconds of a clock that only goes forward. */
double ravel_progress_clock(void);

ravel_progress ravel_progress_begin(ravel_progress_kind kind, const char *name, double total_s);

/* done_s: seconds of sound; shown a few times a second at most. */
void ravel_progress_update(ravel_progress *progress, double done_s);

/* Clears the bar, or writes the last line. return    seconds that it took, greater than 0 */
double ravel_progress_end(ravel_progress *progress, double done_s);

#endif
