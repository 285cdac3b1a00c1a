/* SPDX-License-Identifier: BSD-3-Clause */
#include "ravel/ravel.h"

const char *ravel_strerror(int status)
{
    if (status > 0)
        status = RAVEL_OK;
    switch ((ravel_status)status) {
    case RAVEL_OK:
        return "success";
    case RAVEL_ERR_ARGUMENT:
        return "argument out of range";
    case RAVEL_ERR_MEMORY:
        return "out of memory";
    case RAVEL_ERR_SPACE:
        return "output buffer too small";
    case RAVEL_ERR_IO:
        return "read or write failed";
    case RAVEL_ERR_DATA:
        return "wrong format, truncated or damaged";
    case RAVEL_ERR_VERSION:
        return "made by a newer version";
    case RAVEL_ERR_MODEL:
        return "wrong or unusable model";
    case RAVEL_ERR_CPU:
        return "RAVEL_CPU names an instruction set that cannot run here";
    }
    return "unknown status";
}
