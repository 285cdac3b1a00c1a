/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     conformance DIRECTORY...
 *
 * Compares the library with the reference implementations of published codecs, by folders of their
 * vectors: a line a check, and a line of sums for each folder. Exit: 0 all as the reference, 1 not,
 * 2 usage.
 */
#include "tests/support/conformance.h"

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2 || argv[1][0] == '-') {
        (void)fputs("usage: conformance DIRECTORY...\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        (void)printf("%s\n", argv[i]);
        ravel_conformance c = ravel_conformance_run(argv[i], stdout);
        (void)printf("%d checks, %d failed, %d codes excused, %d skipped\n", c.n_checks, c.n_failed,
                     c.n_excused, c.n_skipped);
        failed += c.n_failed;
    }
    return failed > 0;
}
