/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/fmtp.h"

#include <stdio.h>
#include <string.h>

#include "nn/error.h"

enum { IDENTITY_BYTES = 8, IDENTITY_TEXT = 2 * IDENTITY_BYTES + 1, MOST_DIGITS = 6 };

static void identity_text(const uint8_t *identity, char text[IDENTITY_TEXT])
{
    for (int i = 0; i < IDENTITY_BYTES; i++)
        (void)snprintf(text + (ptrdiff_t)2 * i, 3, "%02x", identity[i]);
}

void ravel_fmtp_write(const ravel_model *model, char text[RAVEL_FMTP_TEXT])
{
    const ravel_model_info *info = ravel_model_get_info(model);
    char tokenizer[IDENTITY_TEXT], prior[IDENTITY_TEXT];
    identity_text(info->tokenizer_identity, tokenizer);
    identity_text(info->prior_identity, prior);
    const bool coded = info->entropy != RAVEL_ENTROPY_NONE;
    (void)snprintf(text, RAVEL_FMTP_TEXT, "version=%d;tokenizer=%s%s%s;codebooks=%d;maxframes=%d",
                   RAVEL_FMTP_VERSION, tokenizer, coded ? ";prior=" : "", coded ? prior : "",
                   info->n_codebooks, RAVEL_PACKET_MAX_FRAMES);
}

/* The value of a parameter, not terminated; NULL where it is missing. *size: its characters. */
static const char *find(const char *text, const char *name, size_t *size)
{
    const size_t n_name = strlen(name);
    for (const char *at = text; *at != '\0';) {
        at += strspn(at, " \t;");
        const size_t n = strcspn(at, ";");
        if (n > n_name && strncmp(at, name, n_name) == 0 && at[n_name] == '=') {
            *size = strcspn(at + n_name + 1, " \t;");
            return at + n_name + 1;
        }
        at += n;
    }
    return NULL;
}

/* least ... INT_MAX; other_value where it is missing; RAVEL_ERR_DATA where it is no such number */
static int find_number(const char *text, const char *name, int least, int other_value,
                       ravel_error *error)
{
    size_t size = 0;
    const char *digits = find(text, name, &size);
    if (!digits)
        return other_value;
    int value = 0;
    const bool number = size > 0 && size <= MOST_DIGITS && strspn(digits, "0123456789") >= size;
    for (size_t i = 0; number && i < size; i++)
        value = 10 * value + (digits[i] - '0');
    if (!number || value < least)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "the peer's format parameter %s=%.*s is no number from %d on", name,
                               size > 20 ? 20 : (int)size, digits, least);
    return value;
}

static bool same_identity(const char *text, const char *name, const uint8_t *identity)
{
    char ours[IDENTITY_TEXT];
    identity_text(identity, ours);
    size_t size = 0;
    const char *theirs = find(text, name, &size);
    return theirs && size == strlen(ours) && strncmp(theirs, ours, size) == 0;
}

static int check_tokenizer(const char *text, const ravel_model_info *info, ravel_error *error)
{
    if (same_identity(text, "tokenizer", info->tokenizer_identity))
        return RAVEL_OK;
    char ours[IDENTITY_TEXT];
    identity_text(info->tokenizer_identity, ours);
    size_t size = 0;
    const char *theirs = find(text, "tokenizer", &size);
    if (!theirs)
        return ravel_error_set(error, RAVEL_ERR_DATA, "the peer does not name its tokenizer");
    if (size > IDENTITY_TEXT - 1)
        size = IDENTITY_TEXT - 1;
    return ravel_error_set(error, RAVEL_ERR_MODEL,
                           "the peer's model has the tokenizer %.*s, ours (%s) has %s", (int)size,
                           theirs, info->name, ours);
}

static int check_version(const char *text, ravel_error *error)
{
    const int version = find_number(text, "version", 0, 0, error);
    if (version < 0)
        return version;
    if (version != RAVEL_FMTP_VERSION)
        return ravel_error_set(error, RAVEL_ERR_VERSION,
                               "the peer speaks version %d of the payload, we speak %d", version,
                               RAVEL_FMTP_VERSION);
    return RAVEL_OK;
}

static int at_most(int value, int most)
{
    return value < most ? value : most;
}

int ravel_fmtp_read(const char *text, ravel_voice *voice, ravel_error *error)
{
    const ravel_model_info *info = ravel_model_get_info(voice->model);
    if (!text)
        text = "";
    int status = check_version(text, error);
    if (!status)
        status = check_tokenizer(text, info, error);
    if (status)
        return status;
    const int codebooks = find_number(text, "codebooks", 1, info->n_codebooks, error);
    const int frames = find_number(text, "maxframes", 1, RAVEL_PACKET_MAX_FRAMES, error);
    if (codebooks < 0 || frames < 0)
        return RAVEL_ERR_DATA;
    voice->max_codebooks = at_most(codebooks, info->n_codebooks);
    voice->max_frames = at_most(frames, voice->max_frames);
    voice->min_frames = at_most(voice->min_frames, voice->max_frames);
    voice->coded =
        info->entropy != RAVEL_ENTROPY_NONE && same_identity(text, "prior", info->prior_identity);
    return RAVEL_OK;
}
