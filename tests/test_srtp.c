/* SPDX-License-Identifier: BSD-3-Clause */
/* SRTP of a call: what gets through, and that what does not changes nothing. */
#include "audio_io/call/transport/srtp.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <string.h>

#include "audio_io/call/transport/rtp_header.h"

enum { PAYLOAD = 40, SENT = RAVEL_RTP_HEADER + PAYLOAD, ROOM = SENT + RAVEL_SRTP_MAX_OVERHEAD };

typedef struct {
    alignas(4) uint8_t bytes[ROOM];
    size_t size;
} packet;

static const uint8_t key[RAVEL_SRTP_MAX_KEY] = {1, 2, 3, 4, 5, 6, 7, 8};

static packet plain(uint32_t ssrc, uint16_t sequence)
{
    packet p = {.size = SENT};
    ravel_rtp_header header = {.payload_type = 96, .sequence = sequence, .ssrc = ssrc};
    ravel_rtp_header_write(&header, p.bytes);
    memset(p.bytes + RAVEL_RTP_HEADER, sequence & 0xff, PAYLOAD);
    return p;
}

static packet protected(ravel_srtp *sender, uint32_t ssrc, uint16_t sequence)
{
    packet p = plain(ssrc, sequence);
    cr_assert_eq(ravel_srtp_protect(sender, p.bytes, &p.size), RAVEL_OK);
    return p;
}

static ravel_srtp_verdict receive(ravel_srtp *receiver, packet p)
{
    return ravel_srtp_unprotect(receiver, p.bytes, &p.size);
}

static void check_suite(ravel_srtp_suite suite)
{
    ravel_srtp *sender = ravel_srtp_new(suite, key, true);
    ravel_srtp *receiver = ravel_srtp_new(suite, key, false);
    ravel_srtp *again = ravel_srtp_new(suite, key, false);
    packet good = protected(sender, 7, 65535), whole = good, next = protected(sender, 7, 0);
    packet forged = good, cut = good;
    forged.bytes[20] ^= 1;
    forged.bytes[3] ^= 0x80; /* half a turn of sequence numbers ahead */
    cut.size = RAVEL_RTP_HEADER + 3;
    cr_assert_eq(receive(receiver, forged), RAVEL_SRTP_FORGED);
    cr_assert_neq(receive(receiver, cut), RAVEL_SRTP_GOOD);
    cr_assert_eq(receive(receiver, good), RAVEL_SRTP_GOOD);
    cr_assert_eq(receive(receiver, good), RAVEL_SRTP_REPLAYED);
    cr_assert_neq(receive(receiver, forged), RAVEL_SRTP_GOOD);
    cr_assert_eq(receive(receiver, next), RAVEL_SRTP_GOOD, "the roll-over counter moved on");
    cr_assert_eq(receive(receiver, next), RAVEL_SRTP_REPLAYED);
    cr_assert_eq(receive(receiver, good), RAVEL_SRTP_REPLAYED);
    packet sent = plain(7, 65535);
    cr_assert_eq(ravel_srtp_unprotect(again, whole.bytes, &whole.size), RAVEL_SRTP_GOOD);
    cr_assert_eq(whole.size, SENT);
    cr_assert_eq(memcmp(whole.bytes, sent.bytes, SENT), 0);
    ravel_srtp *other = ravel_srtp_new(suite, key, false);
    cr_assert_eq(receive(other, protected(sender, 7, 1)), RAVEL_SRTP_FORGED,
                 "its counter has not rolled over");
    ravel_srtp_free(again);
    ravel_srtp_free(other);
    ravel_srtp_free(sender);
    ravel_srtp_free(receiver);
}

Test(srtp, counter_mode)
{
    check_suite(RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80);
}

Test(srtp, gcm)
{
    check_suite(RAVEL_SRTP_AEAD_AES_128_GCM);
}

Test(srtp, sources_are_few)
{
    ravel_srtp *sender = ravel_srtp_new(RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80, key, true);
    ravel_srtp *receiver = ravel_srtp_new(RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80, key, false);
    for (uint32_t ssrc = 1; ssrc <= 100; ssrc++) { /* strangers take no place */
        packet forged = protected(sender, ssrc, 1);
        forged.bytes[SENT] ^= 1;
        cr_assert_eq(receive(receiver, forged), RAVEL_SRTP_FORGED);
    }
    for (uint32_t ssrc = 1; ssrc <= 9; ssrc++)
        cr_assert_eq(receive(receiver, protected(sender, ssrc, 2)),
                     ssrc <= 8 ? RAVEL_SRTP_GOOD : RAVEL_SRTP_REPLAYED);
    ravel_srtp_free(sender);
    ravel_srtp_free(receiver);
}

Test(srtp, reports)
{
    ravel_srtp *sender = ravel_srtp_new(RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80, key, true);
    ravel_srtp *receiver = ravel_srtp_new(RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80, key, false);
    packet report = {.bytes = {0x80, 201, 0, 1, 0, 0, 0, 7}, .size = 8};
    packet clear = report;
    cr_assert_eq(ravel_srtcp_protect(sender, report.bytes, &report.size), RAVEL_OK);
    packet again = report;
    cr_assert_neq(ravel_srtcp_unprotect(receiver, clear.bytes, &clear.size), RAVEL_SRTP_GOOD);
    cr_assert_eq(ravel_srtcp_unprotect(receiver, report.bytes, &report.size), RAVEL_SRTP_GOOD);
    cr_assert_eq(report.size, 8);
    cr_assert_eq(ravel_srtcp_unprotect(receiver, again.bytes, &again.size), RAVEL_SRTP_REPLAYED);
    ravel_srtp_free(sender);
    ravel_srtp_free(receiver);
}
