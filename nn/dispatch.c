/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The choice of a table. Every call asks the processor again: that costs a few loads, and leaves no
 * state that threads could race for.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nn/kernel_tables.h"

/* Best first; plain C, the last, runs everywhere. */
static const ravel_kernels *const variants[] = {
    &ravel_kernels_c,
};

enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

static int runs_here(const ravel_kernels *kernels)
{
    (void)kernels;
    return 1;
}

const ravel_kernels *ravel_kernels_named(const char *name)
{
    for (int i = 0; i < N_VARIANTS; i++) {
        if (strcmp(variants[i]->name, name) == 0) {
            return runs_here(variants[i]) ? variants[i] : NULL;
        }
    }
    return NULL;
}

const ravel_kernels *ravel_kernels_select(void)
{
    const char *forced = getenv("RAVEL_CPU");
    if (forced != NULL && forced[0] != '\0') {
        return ravel_kernels_named(forced);
    }
    int i = 0;
    while (!runs_here(variants[i])) {
        i++;
    }
    return variants[i];
}
