/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/grow.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST = 64 };

void *ravel_grow(void *list, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return list;
    if (*room > SIZE_MAX / 2 / size)
        return NULL;
    const size_t more = *room > 0 ? 2 * *room : FIRST;
    void *larger = realloc(list, more * size);
    if (larger != NULL)
        *room = more;
    return larger;
}
