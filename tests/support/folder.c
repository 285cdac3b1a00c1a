/* SPDX-License-Identifier: BSD-3-Clause */
#define _XOPEN_SOURCE 700
#include "tests/support/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ravel_test_folder_enter(char path[RAVEL_TEST_FOLDER])
{
    strcpy(path, "/tmp/ravel-test-XXXXXX");
    if (mkdtemp(path) == NULL || chdir(path) != 0) {
        perror(path);
        abort();
    }
}

void ravel_test_folder_leave(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}
