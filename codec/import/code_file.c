/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/import/code_file.h"

#include <string.h>
#include <strings.h>

const ravel_code_file *ravel_code_file_of(const char *path)
{
    static const ravel_code_file *const files[] = {&ravel_ecdc_file, &ravel_lyra_file};
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const size_t n = strlen(files[i]->suffix);
        if (length > n && strcasecmp(path + length - n, files[i]->suffix) == 0)
            return files[i];
    }
    return NULL;
}
