/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport of calls: what it agrees on, what it carries, and what it keeps out. */
#include "audio_io/call/transport.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/transport_pair.h"

static ravel_test_end caller, callee;
static const bool never = false;

static void set_up(void)
{
    cr_assert_eq(libre_init(), 0);
}

static void tear_down(void)
{
    ravel_test_end_close(&caller);
    ravel_test_end_close(&callee);
    tmr_debug();
    libre_close();
}

TestSuite(transport, .init = set_up, .fini = tear_down, .timeout = 30);

static void send_one(ravel_test_end *from, int i)
{
    uint8_t payload[40];
    memset(payload, i, sizeof payload);
    cr_assert_eq(
        ravel_transport_send(from->transport, i == 0, 480 * (uint32_t)i, payload, sizeof payload),
        RAVEL_OK);
}

/* Packets in both directions; each comes as it was sent. */
static void talk(int n)
{
    int before = callee.n_packets;
    for (int i = 0; i < n; i++) {
        uint16_t sequence = callee.last.sequence;
        uint32_t timestamp = callee.last.timestamp;
        send_one(&caller, i);
        send_one(&callee, i);
        ravel_test_run(&never, 2);
        cr_assert_eq(callee.n_packets, before + i + 1);
        cr_assert_eq(callee.last.size, 40);
        cr_assert_eq(callee.last.payload[39], i & 0xff);
        cr_assert_eq(callee.last.marker, i == 0);
        if (i > 0) {
            cr_assert_eq((uint16_t)(callee.last.sequence - sequence), 1);
            cr_assert_eq(callee.last.timestamp - timestamp, 480);
        }
    }
}

static void call(ravel_media_security offered, ravel_media_security accepted)
{
    const ravel_test_call wanted = {.offered = offered, .accepted = accepted};
    cr_assert(ravel_test_call_open(&caller, &callee, &wanted), "%s%s", caller.error.text,
              callee.error.text);
    cr_assert(ravel_test_call_start(&caller, &callee), "%s%s", caller.text, callee.text);
}

static ravel_transport_status status_of(const ravel_test_end *end)
{
    ravel_transport_status status;
    ravel_transport_get_status(end->transport, &status);
    return status;
}

Test(transport, is_encrypted_by_a_handshake)
{
    call(RAVEL_MEDIA_DTLS, RAVEL_MEDIA_DTLS);
    cr_assert_eq(ravel_transport_security(callee.transport), RAVEL_MEDIA_DTLS);
    cr_assert_str_eq(ravel_transport_peer_fingerprint(callee.transport),
                     ravel_certificate_fingerprint(caller.certificate));
    cr_assert_str_eq(status_of(&caller).suite, "AES_CM_128_HMAC_SHA1_80");
    talk(20);
    cr_assert_eq(status_of(&callee).received_packets, 20);
    for (int i = 0; i < RAVEL_DROP_KINDS; i++)
        cr_assert_eq(status_of(&callee).dropped[i], 0, "%s", ravel_drop_name((ravel_drop)i));
}
