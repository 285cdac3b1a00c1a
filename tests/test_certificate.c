/* SPDX-License-Identifier: BSD-3-Clause */
/* The certificate of a user's calls: made once, kept, and kept to himself. */
#define _XOPEN_SOURCE 700
#include "audio_io/call/transport/certificate.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/folder.h"

static char folder[RAVEL_TEST_FOLDER];
static ravel_error error;

static void enter(void)
{
    ravel_test_folder_enter(folder);
}

static void leave(void)
{
    ravel_test_folder_leave(folder);
}

TestSuite(certificate, .init = enter, .fini = leave);

static void write_file(const char *text, size_t size, mode_t mode)
{
    int fd = open("certificate.pem", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, text, size), (ssize_t)size);
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void expect_refusal(const char *word)
{
    error.text[0] = '\0';
    cr_assert_null(ravel_certificate_open(folder, &error));
    cr_assert_not_null(strstr(error.text, word), "%s", error.text);
}

Test(certificate, is_made_once)
{
    struct stat status;
    ravel_certificate *made = ravel_certificate_open(folder, &error);
    ravel_certificate *again = ravel_certificate_open(folder, &error);
    ravel_certificate *other = ravel_certificate_new(&error);
    cr_assert(made != NULL && again != NULL && other != NULL, "%s", error.text);
    cr_assert_eq(strlen(ravel_certificate_fingerprint(made)), 95);
    cr_assert_str_eq(ravel_certificate_fingerprint(made), ravel_certificate_fingerprint(again));
    cr_assert_str_neq(ravel_certificate_fingerprint(made), ravel_certificate_fingerprint(other));
    cr_assert_eq(stat("certificate.pem", &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    ravel_certificate_free(made);
    ravel_certificate_free(again);
    ravel_certificate_free(other);
}

Test(certificate, is_refused_where_others_can_read_it)
{
    ravel_certificate_free(ravel_certificate_open(folder, &error));
    cr_assert_eq(chmod("certificate.pem", 0640), 0);
    expect_refusal("640");
}

/* Cut anywhere, or with the key of another. */
Test(certificate, is_refused_where_it_is_damaged)
{
    char text[4096], other[4096];
    ravel_certificate_free(ravel_certificate_open(folder, &error));
    FILE *file = fopen("certificate.pem", "r");
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    for (size_t cut = 0; cut < size - 4; cut += 37) {
        write_file(text, cut, 0600);
        expect_refusal("not a key");
    }
    cr_assert_eq(unlink("certificate.pem"), 0);
    ravel_certificate_free(ravel_certificate_open(folder, &error));
    file = fopen("certificate.pem", "r");
    size_t other_size = fread(other, 1, sizeof other - 1, file);
    fclose(file);
    other[other_size] = '\0';
    size_t key = (size_t)(strstr(other, "-----BEGIN CERT") - other);
    memcpy(text, other, key); /* keys of one kind are of one length */
    write_file(text, size, 0600);
    expect_refusal("not a key");
}

Test(certificate, lies_in_the_folder_of_the_configuration)
{
    char path[256], expected[256];
    struct stat status;
    (void)snprintf(expected, sizeof expected, "%s/ravel", folder);
    cr_assert_eq(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    cr_assert_eq(ravel_config_folder(path, sizeof path, &error), RAVEL_OK);
    cr_assert_str_eq(path, expected);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    cr_assert_eq(ravel_config_folder(path, 10, &error), RAVEL_ERR_IO);
    cr_assert_eq(rmdir(expected), 0);
    cr_assert_eq(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
    cr_assert_eq(setenv("HOME", "", 1), 0);
    cr_assert_eq(ravel_config_folder(path, sizeof path, &error), RAVEL_ERR_IO);
}
