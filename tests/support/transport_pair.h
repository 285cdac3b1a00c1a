/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two transports of one process that call each other over 127.0.0.1, for tests. Descriptions pass
 * through `edit`, which may change them on the way.
 */
#ifndef RAVEL_TESTS_SUPPORT_TRANSPORT_PAIR_H
#define RAVEL_TESTS_SUPPORT_TRANSPORT_PAIR_H

#include "audio_io/call/transport/certificate.h"
#include "audio_io/call/transport/libre.h"
#include "audio_io/call/transport/transport.h"

enum { RAVEL_TEST_DESCRIPTION = 4096, RAVEL_TEST_PAYLOAD_TYPE = 96, RAVEL_TEST_CLOCK_HZ = 24000 };

typedef struct {
    ravel_certificate *certificate;
    ravel_transport *transport;
    struct sdp_session *session;
    struct sdp_media *media;
    ravel_error error;
    /* What the handlers saw. */
    bool gathered, secure, failed, left;
    char text[240]; /* of the last event */
    int n_packets, n_reports;
    ravel_rtp_packet last; /* its payload is in last_payload */
    uint8_t last_payload[RAVEL_TRANSPORT_MAX_PAYLOAD];
    ravel_network_report last_report;
} ravel_test_end;

typedef struct {
    ravel_media_security offered, accepted; /* the weakest, of either side */
    bool ice;
    const struct sa *stun_server;
    /* In place, in RAVEL_TEST_DESCRIPTION bytes; or NULL. */
    void (*edit)(char *description, bool offer, void *context);
    void *context;
} ravel_test_call;

/* Runs libre's loop until *done, or for limit_ms. return    *done */
bool ravel_test_run(const bool *done, int limit_ms);

/* Both ends, with the offer made, answered and applied; not started.
 * return    false: one has refused, and says why in its error */
bool ravel_test_call_open(ravel_test_end *caller, ravel_test_end *callee,
                          const ravel_test_call *call);

/* return    whether both are secure */
bool ravel_test_call_start(ravel_test_end *caller, ravel_test_end *callee);

void ravel_test_end_close(ravel_test_end *end);

/* Where its description says that it is. */
struct sa ravel_test_address(const ravel_test_end *end);

/* Two sockets between the ends, which pass on what comes, and keep what went to the callee last, but
 * for reports. */
typedef struct {
    struct udp_sock *at_caller, *at_callee; /* where the one takes the other to be */
    struct sa caller, callee;
    double loss; /* share of the packets, both ways */
    uint64_t seed;
    int from_callee; /* packets */
    int cut_after;   /* so many of them nothing comes through to the callee; 0: never */
    uint8_t last[2048];
    size_t last_size;
} ravel_test_wire;

bool ravel_test_wire_open(ravel_test_wire *wire);
void ravel_test_wire_close(ravel_test_wire *wire);

/* The callee sees the caller at another address from now on, as when a translator forgets. */
bool ravel_test_wire_move(ravel_test_wire *wire);

/* For ravel_test_call: puts the wire, which is the context, between the ends. */
void ravel_test_wire_edit(char *description, bool offer, void *arg);

/* To the callee, from where it takes the caller to be. */
void ravel_test_wire_inject(ravel_test_wire *wire, const uint8_t *data, size_t size);

/* Replaces the first `from` of the text, which has RAVEL_TEST_DESCRIPTION bytes, where there is one. */
void ravel_test_replace(char *text, const char *from, const char *to);

#endif
