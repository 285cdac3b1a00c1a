/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write_model NAME FILE: writes the small model of that name, for scripts: ravel_tiny_name, or
 * "decoder" (ravel_test_decoder), "late" (ravel_test_late).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/tiny_model.h"

/* NULL where there is none of that name. */
static void *make(const char *name, size_t *size)
{
    if (strcmp(name, "decoder") == 0)
        return ravel_test_decoder(size);
    if (strcmp(name, "late") == 0)
        return ravel_test_late(size);
    int kind = 0;
    while (kind < RAVEL_TINY_KINDS && strcmp(name, ravel_tiny_name((ravel_tiny_kind)kind)) != 0)
        kind++;
    return kind < RAVEL_TINY_KINDS ? ravel_test_model((ravel_tiny_kind)kind, size) : NULL;
}

int main(int argc, char **argv)
{
    size_t size;
    void *model = argc == 3 ? make(argv[1], &size) : NULL;
    if (model == NULL)
        return 2;
    FILE *file = fopen(argv[2], "wb");
    int failed = file == NULL || fwrite(model, 1, size, file) != size || fclose(file) != 0;
    free(model);
    return failed;
}
