/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/sdes.h"

#include <stdio.h>
#include <string.h>

#include "audio_io/call/transport/libre.h"

enum { KEY_TEXT = 40, MAX_TAG = 999999999 };

void ravel_sdes_write(int tag, const uint8_t key[RAVEL_SRTP_MAX_KEY], char text[RAVEL_SDES_TEXT])
{
    char key_text[KEY_TEXT + 1];
    size_t n = KEY_TEXT;
    if (base64_encode(key, RAVEL_SRTP_MAX_KEY, key_text, &n) != 0)
        n = 0; /* cannot be: 30 bytes make 40 letters */
    key_text[n] = '\0';
    (void)snprintf(text, RAVEL_SDES_TEXT, "%d %s inline:%s", tag,
                   ravel_srtp_suite_name((ravel_srtp_suite)RAVEL_SDES_SUITE), key_text);
}

static bool read_tag(const char **at, int *tag)
{
    const char *start = *at;
    int value = 0;
    while (**at >= '0' && **at <= '9' && value <= MAX_TAG / 10)
        value = 10 * value + (*(*at)++ - '0');
    *tag = value;
    return *at > start && **at == ' ';
}

static bool skip(const char **at, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(*at, word, n) != 0)
        return false;
    *at += n;
    return true;
}

/* "|2^20" or "|1048576", but not "|1:4", a key index, which would lengthen every packet. */
static bool only_lifetime(const char *rest)
{
    return *rest == '\0' || (*rest == '|' && strspn(rest + 1, "0123456789^") == strlen(rest + 1));
}

bool ravel_sdes_read(const char *text, int *tag, uint8_t key[RAVEL_SRTP_MAX_KEY])
{
    const char *at = text;
    if (!read_tag(&at, tag) || !skip(&at, " ") ||
        !skip(&at, ravel_srtp_suite_name((ravel_srtp_suite)RAVEL_SDES_SUITE)) ||
        !skip(&at, " inline:") || strlen(at) < KEY_TEXT || !only_lifetime(at + KEY_TEXT))
        return false;
    size_t n = RAVEL_SRTP_MAX_KEY;
    return base64_decode(at, KEY_TEXT, key, &n) == 0 && n == RAVEL_SRTP_MAX_KEY;
}
