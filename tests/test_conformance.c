/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vectors of published codecs. They are not part of the repository: ../shared beside the
 * sources, or where RAVEL_SHARED says. Where they are missing the tests are skipped, and say so.
 */
#define _XOPEN_SOURCE 700
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/conformance.h"
#include "tests/support/folder.h"

enum { PATH = 400 };

/* Skips the test where the vectors of a codec are missing. */
static void find(const char *codec, char dir[PATH])
{
    const char *shared = getenv("RAVEL_SHARED");
    (void)snprintf(dir, PATH, "%s/vectors/%s", shared ? shared : RAVEL_SHARED_DIR, codec);
    if (!ravel_conformance_present(dir))
        cr_skip_test("SKIPPED: no vectors in %s (RAVEL_SHARED names another place)", dir);
}

static void check(const char *codec)
{
    char dir[PATH];
    find(codec, dir);
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

/* --- Vectors that are wrong ------------------------------------------------------------------- */

/* The same files in the folder where the test works. */
static void link_files(const char *dir)
{
    char path[PATH + 256];
    DIR *folder = opendir(dir);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.')
            cr_assert_eq(symlink(path, entry->d_name), 0);
    }
    (void)closedir(folder);
}

/* In the place of a link, a copy of what it leads to with other last four bytes. */
static void spoil(const char *name, const void *last)
{
    static char bytes[1 << 20];
    FILE *file = fopen(name, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    memcpy(bytes + n - 4, last, 4);
    cr_assert_eq(unlink(name), 0);
    file = fopen(name, "wb");
    cr_assert_eq(fwrite(bytes, 1, n, file), n);
    (void)fclose(file);
}

/* Runs the checks on vectors with other last values; codes and margins only where they are given. */
static ravel_conformance run_spoiled(const char *dir, const char *array, const void *last,
                                     const float *margin)
{
    char path[RAVEL_TEST_FOLDER];
    ravel_test_folder_enter(path);
    link_files(dir);
    spoil(array, last);
    if (margin)
        spoil("margin.npy", margin);
    ravel_conformance c = ravel_conformance_run(".", stderr);
    ravel_test_folder_leave(path);
    return c;
}

/* A wrong code is heard and read, too; its excuse is of the line on codes alone. */
Test(conformance, sees_what_is_wrong)
{
    char dir[PATH];
    const float far = 3.0f, near_margin = 1e-9f;
    const int32_t code = 1;
    find("encodec24-a", dir);
    ravel_conformance c = run_spoiled(dir, "latent.npy", &far, NULL);
    cr_expect_eq(c.n_failed, 1, "%d lines failed for a latent", c.n_failed);
    c = run_spoiled(dir, "output.npy", &far, NULL);
    cr_expect_eq(c.n_failed, 1, "%d lines failed for a sample", c.n_failed);
    c = run_spoiled(dir, "codes.npy", &code, NULL);
    cr_expect_geq(c.n_failed, 3, "%d lines failed for a code", c.n_failed);
    cr_expect_eq(c.n_excused, 0);
    int without = c.n_failed;
    c = run_spoiled(dir, "codes.npy", &code, &near_margin);
    cr_expect_eq(c.n_failed, without - 1, "%d lines failed for an excused code", c.n_failed);
    cr_expect_eq(c.n_excused, 1);
}
