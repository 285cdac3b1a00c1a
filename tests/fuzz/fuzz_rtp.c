/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes from the network before it is a voice: headers of RTP, reports (RTCP), and keys in a
 * description. The first byte chooses.
 */
#include <string.h>

#include "audio_io/call/transport/rtcp.h"
#include "audio_io/call/transport/sdes.h"
#include "tests/fuzz/fuzz.h"

enum { CLOCK_HZ = 24000 };

static void read_header(const uint8_t *data, size_t size)
{
    ravel_rtp_header header;
    if (!ravel_rtp_header_read(&header, data, size))
        return;
    FUZZ_CHECK(header.size >= RAVEL_RTP_HEADER && header.size <= size);
    int payload = ravel_rtp_payload_size(&header, data, size);
    FUZZ_CHECK(payload >= -1 && payload <= (int)(size - header.size));
    uint8_t again[RAVEL_RTP_HEADER];
    ravel_rtp_header_write(&header, again);
    FUZZ_CHECK((data[0] & 0x3f) != 0 || memcmp(again, data, sizeof again) == 0);
}

static void read_report(const uint8_t *data, size_t size)
{
    ravel_rtcp rtcp;
    ravel_network_report report;
    uint8_t answer[RAVEL_RTCP_MAX];
    ravel_rtcp_init(&rtcp, 0x30303030, CLOCK_HZ, "0123456789abcdef");
    int found = ravel_rtcp_read(&rtcp, data, size, 123456789, &report);
    FUZZ_CHECK(found >= -1 && found <= (RAVEL_RTCP_REPORT | RAVEL_RTCP_BYE));
    if (found > 0 && (found & RAVEL_RTCP_REPORT) != 0) {
        FUZZ_CHECK(report.loss >= 0 && report.loss <= 1);
        FUZZ_CHECK(report.round_trip_us >= -1 && report.peer_jitter_us >= 0);
    }
    FUZZ_CHECK(ravel_rtcp_write(&rtcp, true, 223456789, answer) <= RAVEL_RTCP_MAX);
}

/* What is accepted is written again with the same key. */
static void read_key(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), again[RAVEL_SDES_TEXT];
    uint8_t key[RAVEL_SRTP_MAX_KEY], copy[RAVEL_SRTP_MAX_KEY];
    int tag, same;
    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (ravel_sdes_read(text, &tag, key)) {
        ravel_sdes_write(tag, key, again);
        FUZZ_CHECK(ravel_sdes_read(again, &same, copy) && same == tag);
        FUZZ_CHECK(memcmp(key, copy, sizeof key) == 0);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *, size_t) = {read_header, read_report, read_key};
    if (size > 0)
        readers[data[0] % 3](data + 1, size - 1);
    return 0;
}
