/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/transport_pair.h"

#include <stdio.h>
#include <string.h>

#include "audio_io/live/clock.h"
#include "tests/support/random.h"

/* --- The loop ------------------------------------------------------------------------------- */

typedef struct {
    const bool *done;
    int64_t until_us;
    struct tmr timer;
} watch;

static void look(void *arg)
{
    watch *w = arg;
    if (*w->done || ravel_clock_now_us() >= w->until_us)
        re_cancel();
    else
        tmr_start(&w->timer, 1, look, w);
}

bool ravel_test_run(const bool *done, int limit_ms)
{
    watch w = {.done = done, .until_us = ravel_clock_now_us() + 1000 * (int64_t)limit_ms};
    tmr_init(&w.timer);
    tmr_start(&w.timer, 0, look, &w);
    re_main(NULL);
    tmr_cancel(&w.timer);
    return *done;
}

/* --- Handlers ------------------------------------------------------------------------------- */

static void on_packet(const ravel_rtp_packet *packet, void *context)
{
    ravel_test_end *end = context;
    end->n_packets++;
    end->last = *packet;
    memcpy(end->last_payload, packet->payload, packet->size);
    end->last.payload = end->last_payload;
}

static void on_report(const ravel_network_report *report, void *context)
{
    ravel_test_end *end = context;
    end->n_reports++;
    end->last_report = *report;
}

static void on_event(ravel_transport_event event, const char *text, void *context)
{
    ravel_test_end *end = context;
    end->gathered = end->gathered || event == RAVEL_TRANSPORT_GATHERED;
    end->secure = end->secure || event == RAVEL_TRANSPORT_SECURE;
    end->failed = end->failed || event == RAVEL_TRANSPORT_FAILED;
    end->left = end->left || event == RAVEL_TRANSPORT_BYE;
    (void)snprintf(end->text, sizeof end->text, "%s", text);
}

/* --- Ends ----------------------------------------------------------------------------------- */

static bool open_end(ravel_test_end *end, ravel_media_security weakest, const ravel_test_call *call)
{
    const ravel_transport_handlers handlers = {
        .packet = on_packet, .report = on_report, .event = on_event, .context = end};
    struct sa here;
    *end = (ravel_test_end){0};
    if (sa_set_str(&here, "127.0.0.1", 0) != 0 ||
        (end->certificate = ravel_certificate_new(&end->error)) == NULL)
        return false;
    const ravel_transport_config config = {.address = &here,
                                           .certificate = end->certificate,
                                           .weakest = weakest,
                                           .ice = call->ice,
                                           .stun_server = call->stun_server};
    end->transport = ravel_transport_open(&config, &handlers, &end->error);
    struct sdp_format *format = NULL;
    return end->transport != NULL && sdp_session_alloc(&end->session, &here) == 0 &&
           ravel_transport_add_media(end->transport, end->session, &end->media, &end->error) ==
               RAVEL_OK &&
           sdp_format_add(&format, end->media, false, "96", "ravel", RAVEL_TEST_CLOCK_HZ, 1, NULL,
                          NULL, NULL, false, NULL) == 0;
}

void ravel_test_end_close(ravel_test_end *end)
{
    ravel_transport_close(end->transport);
    mem_deref(end->session);
    ravel_certificate_free(end->certificate);
    end->transport = NULL;
    end->session = NULL;
    end->certificate = NULL;
}

struct sa ravel_test_address(const ravel_test_end *end)
{
    struct sa address;
    (void)sa_set_str(&address, "127.0.0.1", sa_port(sdp_media_laddr(end->media)));
    return address;
}

/* --- Offer and answer ----------------------------------------------------------------------- */

/* From one end's description to the other's, by way of the text. */
static bool pass(ravel_test_end *from, ravel_test_end *to, bool offer, const ravel_test_call *call)
{
    char text[RAVEL_TEST_DESCRIPTION];
    struct mbuf *description = NULL;
    if (ravel_transport_describe(from->transport, offer, &from->error) != RAVEL_OK ||
        sdp_encode(&description, from->session, offer) != 0)
        return false;
    (void)snprintf(text, sizeof text, "%.*s", (int)mbuf_get_left(description),
                   (const char *)mbuf_buf(description));
    mem_deref(description);
    if (call->edit != NULL)
        call->edit(text, offer, call->context);
    struct mbuf edited = {
        .buf = (uint8_t *)text, .size = sizeof text, .pos = 0, .end = strlen(text)};
    return sdp_decode(to->session, &edited, offer) == 0 &&
           ravel_transport_apply(to->transport, offer, &to->error) == RAVEL_OK;
}

bool ravel_test_call_open(ravel_test_end *caller, ravel_test_end *callee,
                          const ravel_test_call *call)
{
    *callee = (ravel_test_end){0};
    /* The offer comes before its answerer has gathered anything, as in a call. */
    bool opened = open_end(caller, call->offered, call) &&
                  ravel_test_run(&caller->gathered, 5000) &&
                  open_end(callee, call->accepted, call) && pass(caller, callee, true, call) &&
                  ravel_test_run(&callee->gathered, 5000) && pass(callee, caller, false, call);
    if (!opened)
        return false;
    ravel_transport_set_format(caller->transport, RAVEL_TEST_PAYLOAD_TYPE, RAVEL_TEST_PAYLOAD_TYPE,
                               RAVEL_TEST_CLOCK_HZ);
    ravel_transport_set_format(callee->transport, RAVEL_TEST_PAYLOAD_TYPE, RAVEL_TEST_PAYLOAD_TYPE,
                               RAVEL_TEST_CLOCK_HZ);
    return true;
}

bool ravel_test_call_start(ravel_test_end *caller, ravel_test_end *callee)
{
    if (ravel_transport_start(callee->transport, &callee->error) != RAVEL_OK ||
        ravel_transport_start(caller->transport, &caller->error) != RAVEL_OK)
        return false;
    const bool never = false;
    for (int i = 0; i < 6000 && !(caller->secure && callee->secure); i++) {
        if (caller->failed || callee->failed)
            return false;
        ravel_test_run(&never, 2);
    }
    return caller->secure && callee->secure;
}

/* --- A wire between them -------------------------------------------------------------------- */

void ravel_test_replace(char *text, const char *from, const char *to)
{
    char edited[RAVEL_TEST_DESCRIPTION];
    const char *at = strstr(text, from);
    if (at == NULL)
        return;
    (void)snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - text), text, to,
                   at + strlen(from));
    memcpy(text, edited, sizeof edited);
}

static bool is_lost(ravel_test_wire *wire)
{
    return ravel_random_below(&wire->seed, 1000) < (int)(1000 * wire->loss);
}

/* By its second byte (RFC 5761). It goes out when a timer says so, between any two packets. */
static bool is_report(const struct mbuf *datagram)
{
    const uint8_t *data = mbuf_buf(datagram);
    return mbuf_get_left(datagram) >= 2 && data[1] >= 192 && data[1] < 224;
}

static void to_callee(const struct sa *from, struct mbuf *datagram, void *arg)
{
    ravel_test_wire *wire = arg;
    wire->caller = *from;
    if (!is_report(datagram)) {
        wire->last_size = mbuf_get_left(datagram);
        memcpy(wire->last, mbuf_buf(datagram), wire->last_size);
    }
    bool cut = wire->cut_after > 0 && wire->from_callee >= wire->cut_after;
    if (!cut && !is_lost(wire))
        (void)udp_send(wire->at_callee, &wire->callee, datagram);
}

static void to_caller(const struct sa *from, struct mbuf *datagram, void *arg)
{
    ravel_test_wire *wire = arg;
    (void)from;
    wire->from_callee++;
    if (!is_lost(wire))
        (void)udp_send(wire->at_caller, &wire->caller, datagram);
}

bool ravel_test_wire_open(ravel_test_wire *wire)
{
    struct sa here;
    *wire = (ravel_test_wire){0};
    return sa_set_str(&here, "127.0.0.1", 0) == 0 &&
           udp_listen(&wire->at_caller, &here, to_callee, wire) == 0 &&
           udp_listen(&wire->at_callee, &here, to_caller, wire) == 0 &&
           sa_set_str(&wire->caller, "127.0.0.1", 0) == 0 &&
           sa_set_str(&wire->callee, "127.0.0.1", 0) == 0;
}

void ravel_test_wire_close(ravel_test_wire *wire)
{
    wire->at_caller = mem_deref(wire->at_caller);
    wire->at_callee = mem_deref(wire->at_callee);
}

bool ravel_test_wire_move(ravel_test_wire *wire)
{
    struct sa here;
    mem_deref(wire->at_callee);
    wire->at_callee = NULL;
    return sa_set_str(&here, "127.0.0.1", 0) == 0 &&
           udp_listen(&wire->at_callee, &here, to_caller, wire) == 0;
}

/* The port that the description names becomes the wire's, and the wire sends there. */
void ravel_test_wire_edit(char *description, bool offer, void *arg)
{
    ravel_test_wire *wire = arg;
    struct sa *end = offer ? &wire->caller : &wire->callee, local;
    const char *line = strstr(description, "m=audio ");
    unsigned port = 0;
    char from[32], to[32];
    if (line == NULL || sscanf(line, "m=audio %u", &port) != 1 ||
        udp_local_get(offer ? wire->at_callee : wire->at_caller, &local) != 0)
        return;
    sa_set_port(end, (uint16_t)port);
    (void)snprintf(from, sizeof from, "m=audio %u", port);
    (void)snprintf(to, sizeof to, "m=audio %u", sa_port(&local));
    ravel_test_replace(description, from, to);
}

void ravel_test_wire_inject(ravel_test_wire *wire, const uint8_t *data, size_t size)
{
    struct mbuf datagram = {.buf = (uint8_t *)data, .size = size, .end = size};
    (void)udp_send(wire->at_callee, &wire->callee, &datagram);
}
