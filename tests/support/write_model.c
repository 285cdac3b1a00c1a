/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write_model NAME FILE: writes the small model of that name, for scripts: ravel_tiny_name, or
 * "decoder" (ravel_test_decoder).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/tiny_model.h"

static int find(const char *name)
{
    int kind = 0;
    while (kind < RAVEL_TINY_KINDS && strcmp(name, ravel_tiny_name((ravel_tiny_kind)kind)) != 0)
        kind++;
    return kind;
}

int main(int argc, char **argv)
{
    int kind = argc == 3 ? find(argv[1]) : RAVEL_TINY_KINDS;
    bool decoder = argc == 3 && strcmp(argv[1], "decoder") == 0;
    size_t size;
    if (kind == RAVEL_TINY_KINDS && !decoder)
        return 2;
    void *model =
        decoder ? ravel_test_decoder(&size) : ravel_test_model((ravel_tiny_kind)kind, &size);
    FILE *file = model != NULL ? fopen(argv[2], "wb") : NULL;
    int failed = file == NULL || fwrite(model, 1, size, file) != size || fclose(file) != 0;
    free(model);
    return failed;
}
