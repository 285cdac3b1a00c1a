/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/error.h"

#include <stdarg.h>
#include <stdio.h>

int ravel_error_set(ravel_error *error, ravel_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

int ravel_error_memory(ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_MEMORY, "%s", ravel_strerror(RAVEL_ERR_MEMORY));
}
