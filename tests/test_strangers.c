/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport of calls: what it keeps out, while the call goes on. */
#include <time.h>

#include "audio_io/call/transport/dtls.h"
#include "audio_io/live/clock.h"
#include "tests/support/transport_call.h"

TestSuite(strangers, .init = set_up, .fini = tear_down, .timeout = 100);

static void expect_drop(ravel_drop kind, const uint8_t *data, size_t size)
{
    uint64_t before = status_of(&callee).dropped[kind];
    uint64_t reports = status_of(&caller).reports_sent;
    int packets = callee.n_packets;
    ravel_test_wire_inject(&wire, data, size);
    for (int i = 0; i < 2000 && status_of(&callee).dropped[kind] == before; i++)
        ravel_test_run(&never, 1);
    reports = status_of(&caller).reports_sent - reports; /* dropped, some of them, like this one */
    uint64_t dropped = status_of(&callee).dropped[kind] - before;
    cr_assert(dropped >= 1 && dropped <= 1 + reports, "%s", ravel_drop_name(kind));
    cr_assert_eq(callee.n_packets, packets);
}

/* A packet of the caller that the callee has not had, kept on its way. */
static size_t catch_packet(uint8_t data[2048])
{
    struct udp_sock *line = wire.at_callee;
    wire.at_callee = NULL;
    wire.last_size = 0;
    send_one(&caller, 7);
    for (int i = 0; i < 2000 && wire.last_size == 0; i++)
        ravel_test_run(&never, 1);
    wire.at_callee = line;
    memcpy(data, wire.last, wire.last_size);
    return wire.last_size;
}

static void expect_replays(void)
{
    uint8_t copy[2048];
    size_t size = wire.last_size;
    memcpy(copy, wire.last, size);
    expect_drop(RAVEL_DROP_REPLAYED, copy, size);
    talk(3);
    expect_drop(RAVEL_DROP_REPLAYED, copy, size);
}

/* Each byte of a packet changed in turn, then the packet as it was, which still counts. */
static void expect_forgeries(void)
{
    uint8_t data[2048];
    size_t size = catch_packet(data);
    /* Of the sequence number too: half a turn ahead; but behind, and old, where it is a high one, as
     * it hardly ever is so early in a call. */
    for (size_t i = (data[2] & 0x80) != 0 ? 3 : 2; i < size; i++) {
        data[i] ^= 0x80;
        expect_drop(RAVEL_DROP_UNAUTHENTICATED, data, size);
        data[i] ^= 0x80;
    }
    int before = callee.n_packets;
    ravel_test_wire_inject(&wire, data, size);
    for (int i = 0; i < 2000 && callee.n_packets == before; i++)
        ravel_test_run(&never, 1);
    cr_assert_eq(callee.n_packets, before + 1);
}

static void expect_misfits(void)
{
    uint8_t data[2048];
    size_t size = catch_packet(data);
    uint8_t type = data[1];
    data[1] = (uint8_t)(type + 1);
    expect_drop(RAVEL_DROP_PAYLOAD_TYPE, data, size);
    data[1] = 200; /* a report, so they say */
    expect_drop(RAVEL_DROP_UNAUTHENTICATED, data, size);
    expect_drop(RAVEL_DROP_TRUNCATED, data, 12);
    data[1] = type;
    expect_drop(RAVEL_DROP_TRUNCATED, data, 1);
    expect_drop(RAVEL_DROP_TRUNCATED, data, 11);
    expect_drop(RAVEL_DROP_TRUNCATED, data, 15);
    data[0] |= 0x1f; /* more sources and an extension than there are bytes */
    expect_drop(RAVEL_DROP_TRUNCATED, data, size);
    expect_drop(RAVEL_DROP_OVERSIZED, data, 1501);
    data[0] = 0;
    expect_drop(RAVEL_DROP_UNKNOWN, data, size);
    data[0] = 79;
    expect_drop(RAVEL_DROP_UNKNOWN, data, size);
}

Test(strangers, keeps_strangers_out)
{
    call_by_wire(RAVEL_MEDIA_DTLS);
    expect_replays();
    expect_forgeries();
    expect_misfits();
    talk(5);
    cr_assert_eq(status_of(&callee).peer_moved, 0);
    cr_assert_not(callee.failed || callee.left);
    ravel_test_wire_close(&wire);
}

/* One who completes a handshake with the caller, with a certificate of his own. */
typedef struct {
    struct udp_sock *socket;
    ravel_certificate *certificate;
    ravel_dtls *dtls;
} stranger;

static void pass_over(ravel_srtp_suite suite, const uint8_t *send_key, const uint8_t *receive_key,
                      const struct sa *peer, void *context)
{
    (void)suite, (void)send_key, (void)receive_key, (void)peer, (void)context;
}

static void pass_over_failure(const char *why, void *context)
{
    (void)why, (void)context;
}

static void pass_over_end(void *context)
{
    (void)context;
}

static void begin_stranger(stranger *one, const struct sa *victim)
{
    const ravel_dtls_handlers handlers = {pass_over, pass_over_failure, pass_over_end, NULL};
    uint8_t digest[RAVEL_DTLS_DIGEST] = {0};
    struct sa here;
    cr_assert_eq(sa_set_str(&here, "127.0.0.1", 0), 0);
    cr_assert_eq(udp_listen(&one->socket, &here, NULL, NULL), 0);
    one->certificate = ravel_certificate_new(NULL);
    one->dtls = ravel_dtls_new(one->certificate, one->socket, &handlers, NULL);
    ravel_dtls_start(one->dtls, true, victim, digest);
}

static void end_stranger(stranger *one)
{
    ravel_dtls_free(one->dtls);
    ravel_certificate_free(one->certificate);
    mem_deref(one->socket);
}

/* More of them than there are places, before the peer comes and while it comes. */
Test(strangers, strangers_do_not_take_the_place_of_the_peer)
{
    stranger strangers[12] = {{0}};
    open_call(&(ravel_test_call){0});
    struct sa victim = *sdp_media_raddr(callee.media);
    for (int i = 0; i < 6; i++)
        begin_stranger(&strangers[i], &victim);
    ravel_test_run(&never, 300);
    for (int i = 6; i < 12; i++)
        begin_stranger(&strangers[i], &victim);
    cr_assert(ravel_test_call_start(&caller, &callee), "%s%s", caller.text, callee.text);
    talk(5);
    for (int i = 0; i < 12; i++)
        end_stranger(&strangers[i]);
    ravel_test_run(&never, 50);
    cr_assert_not(caller.failed || caller.left);
    talk(5);
}

/* Records that only look like a handshake, while it is awaited. */
Test(strangers, senseless_handshakes_do_no_harm)
{
    uint8_t record[200] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 187, 1, 0, 0, 175};
    cr_assert(ravel_test_wire_open(&wire));
    open_call(&(ravel_test_call){.edit = ravel_test_wire_edit, .context = &wire});
    wire.callee = wire.caller; /* which waits for the other side to begin */
    for (int i = 0; i < 200; i++) {
        record[60] = (uint8_t)i;
        ravel_test_wire_inject(&wire, record, sizeof record - (size_t)(i % 3) * 60);
    }
    ravel_test_run(&never, 100);
    wire.callee = ravel_test_address(&callee);
    cr_assert(ravel_test_call_start(&caller, &callee), "%s%s", caller.text, callee.text);
    talk(5);
    ravel_test_wire_close(&wire);
}

/* A call while somebody sends such packets in the name of the peer, for 30 ms, to one side. */
static void call_among_forgeries(uint8_t *data, size_t size, bool to_callee)
{
    cr_assert(ravel_test_wire_open(&wire));
    open_call(&(ravel_test_call){.edit = ravel_test_wire_edit, .context = &wire});
    cr_assert_eq(ravel_transport_start(callee.transport, &callee.error), RAVEL_OK);
    cr_assert_eq(ravel_transport_start(caller.transport, &caller.error), RAVEL_OK);
    struct mbuf datagram = {.buf = data, .size = size, .end = size};
    for (int i = 0; i < 9000 && !(caller.secure && callee.secure); i++) {
        data[10] = (uint8_t)i; /* the record's number */
        if (i < 30)
            (void)udp_send(to_callee ? wire.at_callee : wire.at_caller,
                           to_callee ? &wire.callee : &wire.caller, &datagram);
        ravel_test_run(&never, 1);
    }
    cr_assert(caller.secure && callee.secure, "%s%s", caller.text, callee.text);
    talk(3);
    ravel_test_end_close(&caller);
    ravel_test_end_close(&callee);
    ravel_test_wire_close(&wire);
}

Test(strangers, forged_alerts_do_not_end_the_handshake)
{
    uint8_t alert[15] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};
    call_among_forgeries(alert, sizeof alert, true);
    call_among_forgeries(alert, sizeof alert, false);
}

/* A greeting, and a certificate, of four senseless bytes: OpenSSL gives a handshake up for them. */
Test(strangers, forged_messages_do_not_end_the_handshake)
{
    uint8_t hello[29] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16,
                         2,  0,    0,    4, 0, 0, 0, 0, 0, 0, 0, 4};
    uint8_t certificate[29] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16,
                               11, 0,    0,    4, 0, 1, 0, 0, 0, 0, 0, 4};
    call_among_forgeries(hello, sizeof hello, true);
    call_among_forgeries(certificate, sizeof certificate, false);
}

/* One side has the keys, but the last packet never reaches the other, which then begins anew. */
Test(strangers, a_handshake_that_ended_on_one_side_only_begins_anew)
{
    cr_assert(ravel_test_wire_open(&wire));
    open_call(&(ravel_test_call){.edit = ravel_test_wire_edit, .context = &wire});
    wire.cut_after = 2;
    cr_assert_eq(ravel_transport_start(callee.transport, &callee.error), RAVEL_OK);
    cr_assert_eq(ravel_transport_start(caller.transport, &caller.error), RAVEL_OK);
    cr_assert(ravel_test_run(&caller.secure, 2500));
    cr_assert_not(ravel_test_run(&callee.secure, 3500));
    wire.cut_after = 0;
    cr_assert(ravel_test_run(&callee.secure, 5000), "%s", callee.text);
    talk(5);
    ravel_test_wire_close(&wire);
}

enum { N_RECORDS = 1000, RATE = 200 /* a second, and at once, that are looked at */ };

static int64_t dropped_handshakes(const ravel_transport_status *status)
{
    return (int64_t)(status->dropped[RAVEL_DROP_HANDSHAKE] + status->dropped[RAVEL_DROP_OVERFLOW]);
}

/* Of N_RECORDS since begin_us; fewer the slower the machine looks at them. */
static int64_t n_beyond_measure(int64_t begin_us)
{
    return N_RECORDS - RATE - (ravel_clock_now_us() - begin_us) * RATE / 1000000 - 1;
}

Test(strangers, drops_handshakes_beyond_measure)
{
    call_by_wire(RAVEL_MEDIA_DTLS);
    uint8_t record[60] = {22, 0xfe, 0xfd};
    const int64_t begin_us = ravel_clock_now_us();
    for (int i = 0; i < N_RECORDS; i++)
        ravel_test_wire_inject(&wire, record, sizeof record);
    ravel_transport_status status = status_of(&callee);
    for (int i = 0; i < 2000 && dropped_handshakes(&status) < n_beyond_measure(begin_us); i++) {
        ravel_test_run(&never, 1);
        status = status_of(&callee);
    }
    cr_assert_geq(dropped_handshakes(&status), n_beyond_measure(begin_us));
    cr_assert_gt(status.dropped[RAVEL_DROP_HANDSHAKE], 0);
    talk(5);
    ravel_test_wire_close(&wire);
}

Test(strangers, in_the_clear_listens_to_one_address)
{
    call_by_wire(RAVEL_MEDIA_CLEAR);
    uint8_t data[2048];
    memcpy(data, wire.last, wire.last_size);
    cr_assert(ravel_test_wire_move(&wire));
    expect_drop(RAVEL_DROP_UNAUTHENTICATED, data, wire.last_size);
    ravel_test_wire_close(&wire);
}

#ifdef __linux__ /* which counts them */
/* More at once than the socket holds: each is counted all the same, and then the call goes on. */
Test(strangers, counts_what_the_system_could_not_queue)
{
    /* A system that is busy puts off what it does for a socket, and drops it uncounted above 1000. */
    enum { FLOOD = 20000, SLICE = 400 };
    const struct timespec moment = {.tv_nsec = 1000000};
    call_by_wire(RAVEL_MEDIA_DTLS);
    uint8_t data[2048];
    size_t size = wire.last_size;
    memcpy(data, wire.last, size);
    for (int i = 0; i < FLOOD; i++) {
        ravel_test_wire_inject(&wire, data, size);
        if (i % SLICE == 0)
            nanosleep(&moment, NULL);
    }
    uint64_t counted = 0;
    for (int i = 0; i < 5000 && counted < FLOOD; i++) {
        ravel_test_run(&never, 1);
        ravel_transport_status status = status_of(&callee);
        counted = status.dropped[RAVEL_DROP_OVERFLOW] + status.dropped[RAVEL_DROP_REPLAYED];
    }
    /* A report of the caller's may not find room either. */
    cr_assert(counted >= FLOOD && counted <= FLOOD + status_of(&caller).reports_sent);
    cr_assert_gt(status_of(&callee).dropped[RAVEL_DROP_OVERFLOW], 0);
    cr_assert_gt(status_of(&callee).dropped[RAVEL_DROP_REPLAYED], 100);
    talk(5);
    ravel_test_wire_close(&wire);
}
#endif
