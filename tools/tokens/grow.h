/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RAVEL_TOOLS_TOKENS_GROW_H
#define RAVEL_TOOLS_TOKENS_GROW_H

#include <stddef.h>

/*
 * Room for one more in a list from malloc that holds n; a full one doubles.
 * room      of the list, in elements
 * size      of an element
 * return    the list, which may have moved; NULL without memory: the old one remains
 */
void *ravel_grow(void *list, size_t n, size_t *room, size_t size);

#endif
