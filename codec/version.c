/* SPDX-License-Identifier: BSD-3-Clause */
#include "ravel/ravel.h"

#define TEXT(x)         #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *ravel_version(void)
{
    return DOTTED(RAVEL_VERSION_MAJOR, RAVEL_VERSION_MINOR, RAVEL_VERSION_PATCH);
}
