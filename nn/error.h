/* SPDX-License-Identifier: BSD-3-Clause */
/* Filling in a ravel_error. */
#ifndef RAVEL_NN_ERROR_H
#define RAVEL_NN_ERROR_H

#include "ravel/ravel.h"

#if defined(__GNUC__)
#define RAVEL_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define RAVEL_PRINTF(format_at, first_at)
#endif

/* error may be NULL; the text is cut where it is too long. Returns status. */
int ravel_error_set(ravel_error *error, ravel_status status, const char *format, ...)
    RAVEL_PRINTF(3, 4);

/* RAVEL_ERR_MEMORY, with its usual words. */
int ravel_error_memory(ravel_error *error);

#endif
