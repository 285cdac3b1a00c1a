/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "audio_io/call/voice/fmtp.h"
#include "audio_io/call/voice/payload.h"
#include "tests/support/random.h"
#include "tests/support/tiny_model.h"

enum { MAX_BYTES = 2048 };

static ravel_payload_part make_part(const ravel_model *model, int distance, int n_frames,
                                    int n_codebooks, uint64_t *seed)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_payload_part part = {
        .distance = distance, .n_frames = n_frames, .n_codebooks = n_codebooks};
    for (int i = 0; i < n_frames * n_codebooks; i++)
        part.codes[i] = (uint16_t)ravel_random_below(seed, info->codebook_size[i % n_codebooks]);
    return part;
}

static void assert_same_part(const ravel_payload_part *a, const ravel_payload_part *b)
{
    cr_assert_eq(a->distance, b->distance);
    cr_assert_eq(a->silence, b->silence);
    cr_assert_eq(a->n_frames, b->n_frames);
    cr_assert_eq(a->n_codebooks, b->n_codebooks);
    cr_assert_arr_eq(a->codes, b->codes,
                     (size_t)a->n_frames * (size_t)a->n_codebooks * sizeof *a->codes);
}

/* --- Payload -------------------------------------------------------------------------------- */

Test(payload, what_was_written_is_read)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    const int most = ravel_model_get_info(model)->n_codebooks;
    uint64_t seed = 1;
    for (int trial = 0; trial < 400; trial++) {
        ravel_payload_part parts[RAVEL_PAYLOAD_MAX_PARTS], read[RAVEL_PAYLOAD_MAX_PARTS];
        uint8_t payload[MAX_BYTES];
        const int n_parts = 1 + ravel_random_below(&seed, RAVEL_PAYLOAD_MAX_PARTS);
        for (int i = 0; i < n_parts; i++) {
            const int n_frames = 1 + ravel_random_below(&seed, RAVEL_PACKET_MAX_FRAMES);
            const int room = RAVEL_PAYLOAD_MAX_DISTANCE - n_frames + 1;
            const int distance = i == n_parts - 1 ? 0 : n_frames + ravel_random_below(&seed, room);
            parts[i] =
                make_part(model, distance, n_frames, 1 + ravel_random_below(&seed, most), &seed);
        }
        const int size =
            ravel_payload_write(model, parts, n_parts, trial % 2, payload, sizeof payload);
        cr_assert_gt(size, 0);
        cr_assert_eq(ravel_payload_read(model, payload, size, read), n_parts);
        for (int i = 0; i < n_parts; i++)
            assert_same_part(&parts[i], &read[i]);
        for (int room = 0; room < size; room += 3)
            cr_assert_eq(ravel_payload_write(model, parts, n_parts, false, payload, room),
                         RAVEL_ERR_SPACE);
    }
    ravel_model_free(model);
}

Test(payload, without_redundancy_is_the_packet)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    uint64_t seed = 2;
    const ravel_payload_part part = make_part(model, 0, 3, 2, &seed);
    uint8_t payload[MAX_BYTES], packet[MAX_BYTES];
    const int n = ravel_packet_write(model, part.codes, 3, 2, packet, sizeof packet);
    cr_assert_eq(ravel_payload_write(model, &part, 1, false, payload, sizeof payload), n);
    cr_assert_arr_eq(payload, packet, (size_t)n);
    ravel_model_free(model);
}

Test(payload, silence_is_told)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    uint64_t seed = 3;
    ravel_payload_part part = make_part(model, 0, 1, 2, &seed), read[RAVEL_PAYLOAD_MAX_PARTS];
    uint8_t payload[MAX_BYTES];
    part.silence = true;
    const int size = ravel_payload_write(model, &part, 1, true, payload, sizeof payload);
    cr_assert_gt(size, 0);
    cr_assert_eq(payload[0], 0xc0);
    cr_assert_eq(ravel_payload_read(model, payload, size, read), 1);
    assert_same_part(&part, &read[0]);

    part = make_part(model, 0, 2, 2, &seed);
    part.silence = true; /* one frame tells it */
    cr_assert_eq(ravel_payload_write(model, &part, 1, true, payload, sizeof payload),
                 RAVEL_ERR_ARGUMENT);
    ravel_model_free(model);
}

Test(payload, what_later_versions_add_is_passed_over)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    uint64_t seed = 4;
    const ravel_payload_part part = make_part(model, 0, 2, 2, &seed);
    ravel_payload_part read[RAVEL_PAYLOAD_MAX_PARTS];
    uint8_t payload[MAX_BYTES] = {0xff, 3, 0xff, 0xff, 0xff, 0xff, 0};
    const int n = ravel_payload_write(model, &part, 1, true, payload + 7, sizeof payload - 7);
    cr_assert_eq(ravel_payload_read(model, payload, n + 7, read), 1);
    assert_same_part(&part, &read[0]);
    ravel_model_free(model);
}

Test(payload, what_is_no_payload_is_refused)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    uint64_t seed = 5;
    ravel_payload_part parts[RAVEL_PAYLOAD_MAX_PARTS + 1], read[RAVEL_PAYLOAD_MAX_PARTS];
    uint8_t payload[MAX_BYTES];
    parts[0] = make_part(model, 3, 3, 2, &seed);
    parts[1] = make_part(model, 0, 3, 2, &seed);
    const int size = ravel_payload_write(model, parts, 2, false, payload, sizeof payload);
    for (int n = 0; n < size; n++)
        cr_assert_lt(ravel_payload_read(model, payload, n, read), 0, "%d of %d bytes", n, size);
    cr_assert_lt(ravel_payload_read(model, payload, size + 1, read), 0);
    payload[0] = 0xc0 | 2; /* three frames cannot begin two before the newest */
    cr_assert_eq(ravel_payload_read(model, payload, size, read), RAVEL_ERR_DATA);
    payload[0] = 0xc0 | 3;
    payload[1] |= 0x80; /* earlier parts are packed */
    cr_assert_eq(ravel_payload_read(model, payload, size, read), RAVEL_ERR_DATA);

    parts[0].distance = 2;
    cr_assert_eq(ravel_payload_write(model, parts, 2, false, payload, sizeof payload),
                 RAVEL_ERR_ARGUMENT);
    cr_assert_eq(ravel_payload_write(model, parts, 1, false, payload, sizeof payload),
                 RAVEL_ERR_ARGUMENT, "there must be a newest part");
    ravel_model_free(model);
}

Test(payload, more_parts_than_there_can_be_are_refused)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    uint64_t seed = 6;
    ravel_payload_part parts[2] = {make_part(model, 1, 1, 1, &seed),
                                   make_part(model, 0, 1, 1, &seed)};
    ravel_payload_part read[RAVEL_PAYLOAD_MAX_PARTS];
    uint8_t payload[MAX_BYTES], one[MAX_BYTES];
    const int both = ravel_payload_write(model, parts, 2, false, one, sizeof one);
    const int newest = ravel_payload_write(model, parts + 1, 1, false, payload, sizeof payload);
    const int earlier = both - newest;
    for (int n = 1; n <= RAVEL_PAYLOAD_MAX_PARTS; n++) {
        for (int i = 0; i < n; i++)
            memcpy(payload + (ptrdiff_t)i * earlier, one, (size_t)earlier);
        memcpy(payload + (ptrdiff_t)n * earlier, one + earlier, (size_t)newest);
        const int result = ravel_payload_read(model, payload, n * earlier + newest, read);
        cr_assert_eq(result, n < RAVEL_PAYLOAD_MAX_PARTS ? n + 1 : RAVEL_ERR_DATA);
    }
    ravel_model_free(model);
}

/* --- Format parameters ---------------------------------------------------------------------- */

static int read_fmtp(const char *text, ravel_voice *voice, ravel_error *error)
{
    *error = (ravel_error){0};
    const int status = ravel_fmtp_read(text, voice, error);
    cr_assert_eq(error->status, status);
    cr_assert_eq(error->text[0] != '\0', status != RAVEL_OK);
    return status;
}

Test(fmtp, equal_models_agree)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    ravel_voice voice = ravel_voice_default(model);
    ravel_error error;
    char text[RAVEL_FMTP_TEXT];
    ravel_fmtp_write(model, text);
    cr_assert_eq(read_fmtp(text, &voice, &error), RAVEL_OK);
    cr_assert(voice.coded);
    cr_assert_eq(voice.max_codebooks, ravel_model_get_info(model)->n_codebooks);
    cr_assert_eq(voice.max_frames, RAVEL_PACKET_MAX_FRAMES);
    ravel_model_free(model);
}

Test(fmtp, the_weaker_side_decides)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    ravel_voice voice = ravel_voice_default(model);
    ravel_error error;
    char text[RAVEL_FMTP_TEXT], more[2 * RAVEL_FMTP_TEXT];
    ravel_fmtp_write(model, text);
    char *prior = strstr(text, ";prior=");
    cr_assert_not_null(prior);
    *prior = '\0'; /* and all that follows */
    (void)snprintf(more, sizeof more, "future=1 ; %s; codebooks=1;maxframes=2", text);
    voice.min_frames = 4;
    cr_assert_eq(read_fmtp(more, &voice, &error), RAVEL_OK);
    cr_assert_not(voice.coded);
    cr_assert_eq(voice.max_codebooks, 1);
    cr_assert_eq(voice.max_frames, 2);
    cr_assert_eq(voice.min_frames, 2);
    ravel_model_free(model);
}

Test(fmtp, other_models_and_nonsense_are_refused)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    ravel_model *other = ravel_test_model_open(RAVEL_TINY_LOOKAHEAD);
    ravel_voice voice = ravel_voice_default(model);
    ravel_error error;
    char text[RAVEL_FMTP_TEXT], more[2 * RAVEL_FMTP_TEXT];
    ravel_fmtp_write(other, text);
    cr_assert_eq(read_fmtp(text, &voice, &error), RAVEL_ERR_MODEL);
    cr_assert_eq(read_fmtp(NULL, &voice, &error), RAVEL_ERR_VERSION);
    cr_assert_eq(read_fmtp("", &voice, &error), RAVEL_ERR_VERSION);
    cr_assert_eq(read_fmtp("version=2;tokenizer=00", &voice, &error), RAVEL_ERR_VERSION);
    cr_assert_eq(read_fmtp("version=1", &voice, &error), RAVEL_ERR_DATA);
    cr_assert_eq(read_fmtp("version=1;tokenizer=", &voice, &error), RAVEL_ERR_MODEL);
    cr_assert_eq(read_fmtp("version=99999999999999", &voice, &error), RAVEL_ERR_DATA);
    ravel_fmtp_write(model, text);
    static const char *const bad[] = {"codebooks=0", "codebooks=-1", "codebooks=", "codebooks=1x",
                                      "maxframes=0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(more, sizeof more, "%s;%s", bad[i], text);
        cr_assert_eq(read_fmtp(more, &voice, &error), RAVEL_ERR_DATA, "%s", bad[i]);
    }
    ravel_model_free(other);
    ravel_model_free(model);
}
