/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Payloads of a call from the network. The first byte chooses: a payload alone, what is accepted of
 * which must be the same when written and read again; or a receiver's life, a series of packets of
 * Ravel or of Opus with jumps in their numbers.
 */
#include <string.h>

#include "audio_io/call/voice/fmtp.h"
#include "audio_io/call/voice/payload.h"
#include "audio_io/call/voice/receiver.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/tiny_model.h"

enum { MAX_BYTES = 4096, MAX_FRAME = 960 };

static bool same(const ravel_payload_part *a, const ravel_payload_part *b)
{
    return a->distance == b->distance && a->silence == b->silence && a->n_frames == b->n_frames &&
           a->n_codebooks == b->n_codebooks &&
           memcmp(a->codes, b->codes,
                  (size_t)a->n_frames * (size_t)a->n_codebooks * sizeof *a->codes) == 0;
}

static void read_payload(const ravel_model *model, const uint8_t *data, int size)
{
    ravel_payload_part parts[RAVEL_PAYLOAD_MAX_PARTS], again[RAVEL_PAYLOAD_MAX_PARTS];
    uint8_t payload[MAX_BYTES];
    const int n = ravel_payload_read(model, data, size, parts);
    if (n < 0)
        return;
    FUZZ_CHECK(n >= 1 && n <= RAVEL_PAYLOAD_MAX_PARTS);
    const int written = ravel_payload_write(model, parts, n, false, payload, sizeof payload);
    FUZZ_CHECK(written > 0);
    FUZZ_CHECK(ravel_payload_read(model, payload, written, again) == n);
    for (int i = 0; i < n; i++)
        FUZZ_CHECK(same(&parts[i], &again[i]));
}

/* Six bytes of numbers and a length before each payload. */
static void live(const ravel_voice *voice, const uint8_t *data, size_t size)
{
    ravel_receiver *receiver = ravel_receiver_new(voice, NULL);
    ravel_receiver_status status;
    ravel_voice_packet packet = {0};
    int64_t n_packets = 0;
    while (size >= 6) {
        const int room = (int)size - 6, n = data[5] < room ? data[5] : room;
        float pcm[MAX_FRAME];
        packet.sequence = (uint16_t)(packet.sequence + (int8_t)data[0]);
        packet.timestamp += (uint32_t)(int8_t)data[1] << (data[2] & 31);
        packet.time_us += (int64_t)data[3] << (data[4] & 15);
        packet.n_bytes = n;
        memcpy(packet.bytes, data + 6, (size_t)n);
        ravel_receiver_put(receiver, &packet);
        ravel_receiver_get(receiver, pcm, 1 + data[2] * 3, packet.time_us);
        data += 6 + n;
        size -= (size_t)n + 6;
        n_packets++;
    }
    ravel_receiver_get_status(receiver, &status);
    FUZZ_CHECK(status.packets == n_packets && status.bad + status.duplicates <= n_packets);
    FUZZ_CHECK(status.lost >= 0 && status.concealed >= 0 && status.silent >= 0);
    FUZZ_CHECK(status.concealed + status.silent <= status.frames);
    ravel_receiver_free(receiver);
}

static void read_fmtp(const ravel_model *model, const uint8_t *data, size_t size)
{
    char text[MAX_BYTES];
    ravel_voice voice = ravel_voice_default(model);
    ravel_error error = {0};
    if (size >= sizeof text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    if (ravel_fmtp_read(text, &voice, &error) == RAVEL_OK)
        FUZZ_CHECK(voice.max_codebooks >= 1 && voice.max_frames >= 1 &&
                   voice.min_frames <= voice.max_frames);
    else
        FUZZ_CHECK(error.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ravel_model *model;
    if (model == NULL)
        model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    if (size == 0 || size > MAX_BYTES)
        return 0;
    const ravel_voice ours = ravel_voice_default(model), opus = ravel_voice_default(NULL);
    switch (data[0] % 4) {
    case 0:
        read_payload(model, data + 1, (int)size - 1);
        break;
    case 1:
        live(&ours, data + 1, size - 1);
        break;
    case 2:
        live(&opus, data + 1, size - 1);
        break;
    default:
        read_fmtp(model, data + 1, size - 1);
        break;
    }
    return 0;
}
