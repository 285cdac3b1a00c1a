/* SPDX-License-Identifier: BSD-3-Clause */
/* Letters of five by seven dots, two rows below for those that hang down. */
#ifndef RAVEL_TOOLS_PICTURE_FONT_H
#define RAVEL_TOOLS_PICTURE_FONT_H

#include <stdbool.h>

enum { RAVEL_FONT_WIDTH = 5, RAVEL_FONT_HEIGHT = 9 };

/* Whether there is a dot; false outside of the letter. */
bool ravel_font_dot(char letter, int column, int row);

#endif
