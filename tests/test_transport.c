/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport of calls: what it agrees on, what it carries, and what it keeps out. */
#include "audio_io/call/transport.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "audio_io/call/dtls.h"
#include "tests/support/transport_pair.h"

static ravel_test_end caller, callee;
static ravel_test_wire wire;
static const bool never = false;

static void set_up(void)
{
    cr_assert_eq(ravel_libre_begin(), 0);
}

static void tear_down(void)
{
    ravel_test_end_close(&caller);
    ravel_test_end_close(&callee);
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

/* However slow the machine is just now. return    whether it came to that */
static bool wait_for(const int *count, int least)
{
    for (int i = 0; i < 2000 && *count < least; i++)
        ravel_test_run(&never, 1);
    return *count >= least;
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

static void open_call(const ravel_test_call *wanted)
{
    cr_assert(ravel_test_call_open(&caller, &callee, wanted), "%s%s", caller.error.text,
              callee.error.text);
}

static void call_as(const ravel_test_call *wanted)
{
    open_call(wanted);
    cr_assert(ravel_test_call_start(&caller, &callee), "%s%s", caller.text, callee.text);
}

static void call(ravel_media_security offered, ravel_media_security accepted)
{
    call_as(&(ravel_test_call){.offered = offered, .accepted = accepted});
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

/* --- What is agreed on ---------------------------------------------------------------------- */

Test(transport, is_encrypted_by_keys_in_the_description_where_both_want_that)
{
    call(RAVEL_MEDIA_SDES, RAVEL_MEDIA_SDES);
    cr_assert_eq(ravel_transport_security(callee.transport), RAVEL_MEDIA_SDES);
    cr_assert_eq(ravel_transport_security(caller.transport), RAVEL_MEDIA_SDES);
    cr_assert_str_eq(ravel_transport_peer_fingerprint(callee.transport), "");
    talk(10);
}

Test(transport, is_clear_where_both_want_that)
{
    call(RAVEL_MEDIA_CLEAR, RAVEL_MEDIA_CLEAR);
    cr_assert_eq(ravel_transport_security(callee.transport), RAVEL_MEDIA_CLEAR);
    cr_assert_str_eq(status_of(&callee).suite, "");
    talk(10);
}

Test(transport, takes_the_best_that_is_offered)
{
    call(RAVEL_MEDIA_DTLS, RAVEL_MEDIA_CLEAR);
    cr_assert_eq(ravel_transport_security(callee.transport), RAVEL_MEDIA_DTLS);
    talk(10);
}

/* Less than what is accepted, or than what was offered. */
Test(transport, refuses_what_is_weaker)
{
    const ravel_media_security weaker[] = {RAVEL_MEDIA_SDES, RAVEL_MEDIA_CLEAR};
    for (int i = 0; i < 2; i++) {
        const ravel_test_call wanted = {.offered = weaker[i], .accepted = RAVEL_MEDIA_DTLS};
        cr_assert_not(ravel_test_call_open(&caller, &callee, &wanted));
        cr_assert_eq(callee.error.status, RAVEL_ERR_DATA);
        cr_assert_not_null(strstr(callee.error.text, i == 0 ? "SDES" : "in the clear"), "%s",
                           callee.error.text);
        ravel_test_end_close(&caller);
        ravel_test_end_close(&callee);
    }
}

/* A line of a description, and what somebody makes of it. */
typedef struct {
    ravel_media_security security;
    bool offer;
    const char *from, *to;
    const char *says; /* what the other side says to it; NULL: nothing is wrong */
} edit_case;

static void edit_line(char *description, bool offer, void *context)
{
    const edit_case *c = context;
    if (c->offer == offer)
        ravel_test_replace(description, c->from, c->to);
}

Test(transport, refuses_descriptions_that_cannot_be)
{
    static const edit_case cases[] = {
        {RAVEL_MEDIA_DTLS, true, "a=fingerprint:sha-256", "a=fingerprint:sha-1", "encrypted in"},
        {RAVEL_MEDIA_DTLS, true, "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 zz", "encrypted"},
        {RAVEL_MEDIA_DTLS, true, "a=fingerprint", "a=thumbprint", "encrypted in"},
        {RAVEL_MEDIA_DTLS, true, "a=setup:actpass", "a=setup:holdconn", "a=setup"},
        {RAVEL_MEDIA_DTLS, false, "a=setup:active", "a=setup:actpass", "a=setup"},
        {RAVEL_MEDIA_DTLS, true, "c=IN IP4 127.0.0.1", "c=IN IP4 224.0.0.1", "no address"},
        {RAVEL_MEDIA_DTLS, true, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", "no address"},
        {RAVEL_MEDIA_DTLS, false, "a=fingerprint", "a=thumbprint", "encrypted in"},
        {RAVEL_MEDIA_SDES, true, "a=crypto:1 AES_CM_128_HMAC_SHA1_80", "a=crypto:1 NULL", "encr"},
        {RAVEL_MEDIA_SDES, true, "inline:", "inline:|", "encrypted in"},
        {RAVEL_MEDIA_SDES, true, "inline:", "inline:x", "encrypted in"},
        {RAVEL_MEDIA_SDES, true, "a=crypto:1", "a=crypto:", "encrypted in"},
        {RAVEL_MEDIA_SDES, true, "a=crypto:1", "a=crypto:99999999999999", "encrypted in"},
        {RAVEL_MEDIA_SDES, false, "a=crypto:1", "a=crypto:2", "SDES"},
        {RAVEL_MEDIA_SDES, true, "a=crypto:1",
         "a=crypto:7 F8_128_HMAC_SHA1_80 inline:a\r\na=crypto:1", NULL},
        {RAVEL_MEDIA_DTLS, true, "a=fingerprint", "a=fingerprint:sha-1 00\r\na=fingerprint", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const edit_case *c = &cases[i];
        edit_case copy = *c;
        const ravel_test_call wanted = {
            .offered = c->security, .accepted = c->security, .edit = edit_line, .context = &copy};
        bool opened = ravel_test_call_open(&caller, &callee, &wanted);
        const char *said = c->offer ? callee.error.text : caller.error.text;
        cr_assert_eq(opened, c->says == NULL, "%s -> %s: %s", c->from, c->to, said);
        cr_assert(c->says == NULL || strstr(said, c->says) != NULL, "%s -> %s: %s", c->from, c->to,
                  said);
        ravel_test_end_close(&caller);
        ravel_test_end_close(&callee);
    }
}

/* One digit of the fingerprint: the certificate is another's. */
static void change_fingerprint(char *description, bool offer, void *context)
{
    const bool *in_offer = context;
    char *digit = strstr(description, "sha-256 ");
    if (offer == *in_offer && digit != NULL)
        digit[8] = digit[8] == '0' ? '1' : '0';
}

Test(transport, refuses_a_certificate_that_is_not_the_described_one)
{
    for (int i = 0; i < 2; i++) {
        bool in_offer = i == 0;
        const ravel_test_call wanted = {.edit = change_fingerprint, .context = &in_offer};
        ravel_test_end *deceived = in_offer ? &callee : &caller;
        open_call(&wanted);
        cr_assert_not(ravel_test_call_start(&caller, &callee));
        cr_assert(deceived->failed && !deceived->secure);
        cr_assert_not_null(strstr(deceived->text, "certificate"), "%s", deceived->text);
        cr_assert_eq(ravel_transport_send(deceived->transport, false, 0, (const uint8_t *)"", 1),
                     RAVEL_ERR_ARGUMENT);
        ravel_test_end_close(&caller);
        ravel_test_end_close(&callee);
    }
}

/* --- Reports -------------------------------------------------------------------------------- */

static void check_reports(void)
{
    talk(20);
    cr_assert(wait_for(&caller.n_reports, 1) && wait_for(&callee.n_reports, 1));
    cr_assert_eq(caller.last_report.loss, 0);
    cr_assert_eq(status_of(&caller).dropped[RAVEL_DROP_UNKNOWN], 0);
}

Test(transport, reports)
{
    call(RAVEL_MEDIA_DTLS, RAVEL_MEDIA_DTLS);
    check_reports();
}

/* Old phones have a second socket for reports, with a handshake of its own. */
Test(transport, reports_without_multiplexing)
{
    edit_case apart = {.offer = true, .from = "a=rtcp-mux\r\n", .to = ""};
    for (int i = RAVEL_MEDIA_DTLS; i <= RAVEL_MEDIA_CLEAR; i++) {
        ravel_media_security security = (ravel_media_security)i;
        call_as(&(ravel_test_call){
            .offered = security, .accepted = security, .edit = edit_line, .context = &apart});
        check_reports();
        ravel_test_end_close(&caller);
        ravel_test_end_close(&callee);
    }
}

Test(transport, says_goodbye)
{
    for (int i = RAVEL_MEDIA_DTLS; i <= RAVEL_MEDIA_CLEAR; i++) {
        call((ravel_media_security)i, (ravel_media_security)i);
        talk(3);
        ravel_test_end_close(&caller);
        cr_assert(ravel_test_run(&callee.left, 5000));
        ravel_test_end_close(&callee);
    }
}

/* --- Ways to the peer ----------------------------------------------------------------------- */

Test(transport, finds_a_way_by_ice)
{
    call_as(&(ravel_test_call){.ice = true});
    talk(10);
    cr_assert_eq(status_of(&callee).dropped[RAVEL_DROP_UNKNOWN], 0);
}

Test(transport, does_without_ice_where_the_peer_has_none)
{
    edit_case without = {.offer = true, .from = "a=ice-pwd", .to = "a=no-pwd"};
    call_as(&(ravel_test_call){.ice = true, .edit = edit_line, .context = &without});
    talk(10);
}

static void call_by_wire(ravel_media_security security)
{
    cr_assert(ravel_test_wire_open(&wire));
    call_as(&(ravel_test_call){
        .offered = security, .accepted = security, .edit = ravel_test_wire_edit, .context = &wire});
    talk(5);
}

/* A third of the packets, of the handshake too. */
Test(transport, gets_its_keys_over_a_bad_network)
{
    cr_assert(ravel_test_wire_open(&wire));
    wire.loss = 0.33;
    wire.seed = 1;
    call_as(&(ravel_test_call){.edit = ravel_test_wire_edit, .context = &wire});
    wire.loss = 0;
    talk(5);
    ravel_test_wire_close(&wire);
}

/* A server that answers what it sees, as from behind a translator: another port. */
static void answer_binding(const struct sa *from, struct mbuf *datagram, void *arg)
{
    struct udp_sock **socket = arg;
    struct stun_msg *request = NULL;
    struct stun_unknown_attr unknown;
    struct sa mapped = *from;
    sa_set_port(&mapped, 40000);
    cr_assert_eq(stun_msg_decode(&request, datagram, &unknown), 0);
    (void)stun_reply(IPPROTO_UDP, *socket, from, 0, request, NULL, 0, false, 1,
                     STUN_ATTR_XOR_MAPPED_ADDR, &mapped);
    mem_deref(request);
}

static void look_for_candidate(char *description, bool offer, void *context)
{
    (void)offer;
    int *found = context;
    const char *line = strstr(description, " 127.0.0.1 40000 typ srflx");
    *found += line != NULL;
}

Test(transport, asks_a_stun_server_for_its_address)
{
    struct udp_sock *server = NULL;
    struct sa address;
    int found = 0;
    cr_assert_eq(sa_set_str(&address, "127.0.0.1", 0), 0);
    cr_assert_eq(udp_listen(&server, &address, answer_binding, &server), 0);
    cr_assert_eq(udp_local_get(server, &address), 0);
    call_as(&(ravel_test_call){
        .ice = true, .stun_server = &address, .edit = look_for_candidate, .context = &found});
    cr_assert_eq(found, 2);
    talk(5);
    mem_deref(server);
}

Test(transport, does_not_wait_for_a_stun_server_that_is_silent)
{
    struct udp_sock *server = NULL;
    struct sa address;
    cr_assert_eq(sa_set_str(&address, "127.0.0.1", 0), 0);
    cr_assert_eq(udp_listen(&server, &address, NULL, NULL), 0);
    cr_assert_eq(udp_local_get(server, &address), 0);
    call_as(&(ravel_test_call){.ice = true, .stun_server = &address});
    talk(5);
    mem_deref(server);
}

Test(transport, follows_a_peer_that_moves)
{
    call_by_wire(RAVEL_MEDIA_DTLS);
    cr_assert(ravel_test_wire_move(&wire));
    int before = caller.n_packets;
    for (int i = 0; i < 5; i++) {
        int heard = callee.n_packets;
        cr_assert_eq(status_of(&callee).peer_moved, 0);
        send_one(&callee, i); /* to the old address */
        send_one(&caller, i);
        cr_assert(wait_for(&callee.n_packets, heard + 1));
    }
    cr_assert_eq(status_of(&callee).peer_moved, 1);
    for (int i = 0; i < 5; i++)
        send_one(&callee, i);
    cr_assert(wait_for(&caller.n_packets, before + 5));
    cr_assert_eq(caller.n_packets, before + 5);
    ravel_test_wire_close(&wire);
}

/* --- Strangers ------------------------------------------------------------------------------ */

static void expect_drop(ravel_drop kind, const uint8_t *data, size_t size)
{
    uint64_t before = status_of(&callee).dropped[kind];
    int packets = callee.n_packets;
    ravel_test_wire_inject(&wire, data, size);
    for (int i = 0; i < 500 && status_of(&callee).dropped[kind] == before; i++)
        ravel_test_run(&never, 1);
    cr_assert_eq(status_of(&callee).dropped[kind], before + 1, "%s", ravel_drop_name(kind));
    cr_assert_eq(callee.n_packets, packets);
}

/* A packet of the caller that the callee has not had, kept on its way. */
static size_t catch_packet(uint8_t data[2048])
{
    struct udp_sock *line = wire.at_callee;
    wire.at_callee = NULL;
    wire.last_size = 0;
    send_one(&caller, 7);
    for (int i = 0; i < 500 && wire.last_size == 0; i++)
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
    for (size_t i = 2; i < size; i++) {
        data[i] ^= 0x80; /* of the sequence number too: half a turn away */
        expect_drop(RAVEL_DROP_UNAUTHENTICATED, data, size);
        data[i] ^= 0x80;
    }
    int before = callee.n_packets;
    ravel_test_wire_inject(&wire, data, size);
    for (int i = 0; i < 500 && callee.n_packets == before; i++)
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

Test(transport, keeps_strangers_out)
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
Test(transport, strangers_do_not_take_the_place_of_the_peer)
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
Test(transport, senseless_handshakes_do_no_harm)
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

Test(transport, forged_alerts_do_not_end_the_handshake)
{
    uint8_t alert[15] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40};
    call_among_forgeries(alert, sizeof alert, true);
    call_among_forgeries(alert, sizeof alert, false);
}

/* A greeting, and a certificate, of four senseless bytes: OpenSSL gives a handshake up for them. */
Test(transport, forged_messages_do_not_end_the_handshake)
{
    uint8_t hello[29] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16,
                         2,  0,    0,    4, 0, 0, 0, 0, 0, 0, 0, 4};
    uint8_t certificate[29] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16,
                               11, 0,    0,    4, 0, 1, 0, 0, 0, 0, 0, 4};
    call_among_forgeries(hello, sizeof hello, true);
    call_among_forgeries(certificate, sizeof certificate, false);
}

/* One side has the keys, but the last packet never reaches the other, which then begins anew. */
Test(transport, a_handshake_that_ended_on_one_side_only_begins_anew)
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

Test(transport, drops_handshakes_beyond_measure)
{
    call_by_wire(RAVEL_MEDIA_DTLS);
    uint8_t record[60] = {22, 0xfe, 0xfd};
    for (int i = 0; i < 1000; i++)
        ravel_test_wire_inject(&wire, record, sizeof record);
    ravel_transport_status status = status_of(&callee);
    for (int i = 0;
         i < 2000 &&
         status.dropped[RAVEL_DROP_HANDSHAKE] + status.dropped[RAVEL_DROP_OVERFLOW] < 700;
         i++) {
        ravel_test_run(&never, 1);
        status = status_of(&callee);
    }
    cr_assert_geq(status.dropped[RAVEL_DROP_HANDSHAKE] + status.dropped[RAVEL_DROP_OVERFLOW], 700);
    cr_assert_gt(status.dropped[RAVEL_DROP_HANDSHAKE], 0);
    talk(5);
    ravel_test_wire_close(&wire);
}

Test(transport, in_the_clear_listens_to_one_address)
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
Test(transport, counts_what_the_system_could_not_queue)
{
    enum { FLOOD = 20000 };
    call_by_wire(RAVEL_MEDIA_DTLS);
    uint8_t data[2048];
    size_t size = wire.last_size;
    memcpy(data, wire.last, size);
    for (int i = 0; i < FLOOD; i++)
        ravel_test_wire_inject(&wire, data, size);
    uint64_t counted = 0;
    for (int i = 0; i < 5000 && counted < FLOOD; i++) {
        ravel_test_run(&never, 1);
        ravel_transport_status status = status_of(&callee);
        counted = status.dropped[RAVEL_DROP_OVERFLOW] + status.dropped[RAVEL_DROP_REPLAYED];
    }
    cr_assert_eq(counted, FLOOD);
    cr_assert_gt(status_of(&callee).dropped[RAVEL_DROP_OVERFLOW], 0);
    cr_assert_gt(status_of(&callee).dropped[RAVEL_DROP_REPLAYED], 100);
    talk(5);
    ravel_test_wire_close(&wire);
}
#endif
