/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that are known by their certificates. */
#define _XOPEN_SOURCE 700
#include "audio_io/call/pins.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/folder.h"

#define EIGHT(pair) pair ":" pair ":" pair ":" pair ":" pair ":" pair ":" pair ":" pair
#define PRINT(pair) EIGHT(pair) ":" EIGHT(pair) ":" EIGHT(pair) ":" EIGHT(pair)

static const char first[] = PRINT("0A"), second[] = PRINT("B1");
static char folder[RAVEL_TEST_FOLDER], known[RAVEL_PIN_TEXT];
static ravel_error error;

static void enter(void)
{
    ravel_test_folder_enter(folder);
}

static void leave(void)
{
    ravel_test_folder_leave(folder);
}

TestSuite(pins, .init = enter, .fini = leave);

static ravel_pin look(const char *peer, const char *fingerprint)
{
    ravel_pin pin;
    cr_assert_eq(ravel_pins_look(folder, peer, fingerprint, &pin, known, &error), 0, "%s",
                 error.text);
    return pin;
}

static void keep(const char *peer, const char *fingerprint)
{
    cr_assert_eq(ravel_pins_keep(folder, peer, fingerprint, &error), 0, "%s", error.text);
}

static void write_file(const char *text)
{
    FILE *file = fopen("known_peers", "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

Test(pins, a_peer_is_trusted_at_first_use_and_recognised_after_it)
{
    struct stat status;
    cr_assert_eq(look("alice@example.org", first), RAVEL_PIN_NEW);
    cr_assert_str_empty(known);
    keep("alice@example.org", first);
    cr_assert_eq(look("alice@example.org", first), RAVEL_PIN_SAME);
    cr_assert_eq(look("alice@example.org", PRINT("0a")), RAVEL_PIN_SAME, "letters of any case");
    cr_assert_eq(look("bob@example.org", first), RAVEL_PIN_NEW);
    cr_assert_eq(look("alice@example.or", first), RAVEL_PIN_NEW);
    cr_assert_eq(stat("known_peers", &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
}

Test(pins, another_certificate_is_told_and_none_as_well)
{
    keep("alice@example.org", first);
    keep("bob@example.org", second);
    cr_assert_eq(look("alice@example.org", second), RAVEL_PIN_CHANGED);
    cr_assert_str_eq(known, first);
    cr_assert_eq(look("alice@example.org", ""), RAVEL_PIN_CHANGED);
    cr_assert_eq(look("carol@example.org", ""), RAVEL_PIN_NEW);
}

Test(pins, the_last_line_counts)
{
    keep("alice@example.org", first);
    keep("alice@example.org", second);
    cr_assert_eq(look("alice@example.org", second), RAVEL_PIN_SAME);
    cr_assert_eq(look("alice@example.org", first), RAVEL_PIN_CHANGED);
}

Test(pins, a_last_line_without_its_end_stays_whole)
{
    write_file(PRINT("0A") " alice@example.org");
    keep("bob@example.org", second);
    cr_assert_eq(look("alice@example.org", first), RAVEL_PIN_SAME);
    cr_assert_eq(look("bob@example.org", second), RAVEL_PIN_SAME);
}

Test(pins, what_would_break_the_file_is_refused)
{
    char longest[RAVEL_PEER_TEXT + 1];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_assert_eq(ravel_pins_keep(folder, "a b", first, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_pins_keep(folder, "a\nb", first, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_pins_keep(folder, "", first, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_pins_keep(folder, longest, first, &error), RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_pins_keep(folder, "alice", "0A:0B", &error), RAVEL_ERR_ARGUMENT);
    longest[RAVEL_PEER_TEXT - 1] = '\0';
    keep(longest, first);
    cr_assert_eq(look(longest, first), RAVEL_PIN_SAME);
}

Test(pins, a_damaged_file_makes_nobody_new)
{
    ravel_pin pin;
    static const char *const texts[] = {"nonsense\n", PRINT("0A") "\n", PRINT("0A") " alice@x\n :",
                                        PRINT("0G") " alice@example.org\n"};
    for (int i = 0; i < 4; i++) {
        write_file(texts[i]);
        cr_assert_eq(ravel_pins_look(folder, "alice@example.org", first, &pin, known, &error),
                     RAVEL_ERR_DATA);
        cr_assert_not_null(strstr(error.text, "known_peers: line"), "%s", error.text);
    }
    write_file("# friends\n\n" PRINT("0A") " alice@example.org\n");
    cr_assert_eq(look("alice@example.org", first), RAVEL_PIN_SAME);
}

Test(pins, strangers_cannot_fill_the_disk)
{
    FILE *file = fopen("known_peers", "w");
    cr_assert_not_null(file);
    for (int i = 0; i < (1 << 20) / 100; i++)
        (void)fprintf(file, "#%98s\n", "");
    (void)fclose(file);
    cr_assert_eq(ravel_pins_keep(folder, "alice@example.org", first, &error), RAVEL_ERR_SPACE);
    cr_assert_eq(look("alice@example.org", first), RAVEL_PIN_NEW);
}
