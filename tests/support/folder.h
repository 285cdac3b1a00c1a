/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder in which one test works. */
#ifndef RAVEL_TESTS_FOLDER_H
#define RAVEL_TESTS_FOLDER_H

enum { RAVEL_TEST_FOLDER = 32 };

/* Makes an empty folder under /tmp, its name in `path`, and goes there. */
void ravel_test_folder_enter(char path[RAVEL_TEST_FOLDER]);

/* Removes it with the files in it. */
void ravel_test_folder_leave(const char *path);

#endif
