/* SPDX-License-Identifier: BSD-3-Clause */
/* What the test programs of the transport share: a call between two, and what they say. */
#ifndef RAVEL_TESTS_SUPPORT_TRANSPORT_CALL_H
#define RAVEL_TESTS_SUPPORT_TRANSPORT_CALL_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/transport_pair.h"

static ravel_test_end caller, callee;
static ravel_test_wire wire;
static const bool never = false;

static inline void set_up(void)
{
    cr_assert_eq(ravel_libre_begin(), 0);
}

static inline void tear_down(void)
{
    ravel_test_end_close(&caller);
    ravel_test_end_close(&callee);
    libre_close();
}

static inline void send_one(ravel_test_end *from, int i)
{
    uint8_t payload[40];
    memset(payload, i, sizeof payload);
    cr_assert_eq(
        ravel_transport_send(from->transport, i == 0, 480 * (uint32_t)i, payload, sizeof payload),
        RAVEL_OK);
}

/* However slow the machine is just now. return    whether it came to that */
static inline bool wait_for(const int *count, int least)
{
    for (int i = 0; i < 2000 && *count < least; i++)
        ravel_test_run(&never, 1);
    return *count >= least;
}

/* Packets in both directions; each comes as it was sent. */
static inline void talk(int n)
{
    int before = callee.n_packets;
    for (int i = 0; i < n; i++) {
        uint16_t sequence = callee.last.sequence;
        uint32_t timestamp = callee.last.timestamp;
        send_one(&caller, i);
        send_one(&callee, i);
        cr_assert(wait_for(&callee.n_packets, before + i + 1));
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

static inline void open_call(const ravel_test_call *wanted)
{
    cr_assert(ravel_test_call_open(&caller, &callee, wanted), "%s%s", caller.error.text,
              callee.error.text);
}

static inline void call_as(const ravel_test_call *wanted)
{
    open_call(wanted);
    cr_assert(ravel_test_call_start(&caller, &callee), "%s%s", caller.text, callee.text);
}

static inline void call(ravel_media_security offered, ravel_media_security accepted)
{
    call_as(&(ravel_test_call){.offered = offered, .accepted = accepted});
}

static inline ravel_transport_status status_of(const ravel_test_end *end)
{
    ravel_transport_status status;
    ravel_transport_get_status(end->transport, &status);
    return status;
}

static inline void call_by_wire(ravel_media_security security)
{
    cr_assert(ravel_test_wire_open(&wire));
    call_as(&(ravel_test_call){
        .offered = security, .accepted = security, .edit = ravel_test_wire_edit, .context = &wire});
    talk(5);
}

#endif
