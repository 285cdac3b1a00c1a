/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vectors of published codecs. They are not part of the repository: ../shared beside the
 * sources, or where RAVEL_SHARED says. Where they are missing the tests are skipped, and say so.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/conformance.h"

static void check(const char *codec)
{
    char dir[400];
    const char *shared = getenv("RAVEL_SHARED");
    (void)snprintf(dir, sizeof dir, "%s/vectors/%s", shared ? shared : RAVEL_SHARED_DIR, codec);
    if (!ravel_conformance_present(dir))
        cr_skip_test("SKIPPED: no vectors in %s (RAVEL_SHARED names another place)", dir);
    ravel_conformance c = ravel_conformance_run(dir, stderr);
    cr_assert_gt(c.n_checks, 5);
    cr_assert_eq(c.n_failed, 0, "%d of %d comparisons failed", c.n_failed, c.n_checks);
}

Test(conformance, encodec_24khz)
{
    check("encodec24-a");
}

Test(conformance, dac)
{
    check("dac-a");
}

Test(conformance, encodec_48khz)
{
    check("encodec48-a");
}

Test(conformance, hificodec)
{
    check("hificodec-a");
}

Test(conformance, mimi)
{
    check("mimi-a");
}

Test(conformance, snac)
{
    check("snac-a");
}

Test(conformance, snac_with_attention)
{
    check("snac-attn-a");
}

Test(conformance, wavtokenizer)
{
    check("wavtokenizer-a");
}

Test(conformance, lyra_v2)
{
    check("lyra");
}
