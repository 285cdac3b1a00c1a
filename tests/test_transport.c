/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport of calls: what it agrees on, and what it carries. */
#include "audio_io/call/transport/transport.h"

#include "tests/support/transport_call.h"

/* The same for all: of timeouts that differ Criterion loses some, and leaks them. */
TestSuite(transport, .init = set_up, .fini = tear_down, .timeout = 100);

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

/* A third of the packets, of the handshake too. return    whether both have the keys in time */
static bool call_over_bad_network(uint64_t seed)
{
    cr_assert(ravel_test_wire_open(&wire));
    wire.loss = 0.33;
    wire.seed = seed;
    open_call(&(ravel_test_call){.edit = ravel_test_wire_edit, .context = &wire});
    const bool secure = ravel_test_call_start(&caller, &callee);
    wire.loss = 0;
    if (secure)
        talk(5);
    ravel_test_end_close(&caller);
    ravel_test_end_close(&callee);
    ravel_test_wire_close(&wire);
    return secure;
}

/* One call in 200 has bad luck, and who has it depends on what comes first. */
Test(transport, gets_its_keys_over_a_bad_network)
{
    int n_secure = 0;
    for (uint64_t seed = 1; seed <= 4 && n_secure < 2; seed++)
        n_secure += call_over_bad_network(seed);
    cr_assert_eq(n_secure, 2);
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

/* To the callee. They count as much as what is said, and come when a timer says so. */
static uint64_t n_reports_since(uint64_t before)
{
    return status_of(&callee).reports_received - before;
}

Test(transport, follows_a_peer_that_moves)
{
    call_by_wire(RAVEL_MEDIA_DTLS);
    cr_assert(ravel_test_wire_move(&wire));
    const uint64_t reports = status_of(&callee).reports_received;
    int before = caller.n_packets;
    for (int i = 0; i < 5; i++) {
        int heard = callee.n_packets;
        cr_assert(status_of(&callee).peer_moved == 0 || n_reports_since(reports) > 0);
        send_one(&callee, i); /* to the old address */
        send_one(&caller, i);
        cr_assert(wait_for(&callee.n_packets, heard + 1));
    }
    cr_assert_eq(status_of(&callee).peer_moved, 1);
    for (int i = 0; i < 5; i++)
        send_one(&callee, i);
    cr_assert(wait_for(&caller.n_packets, before + 5));
    cr_assert(caller.n_packets == before + 5 || n_reports_since(reports) > 0);
    ravel_test_wire_close(&wire);
}
