/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptions (SDP) of whoever calls: read, judged, and answered. What is accepted is no weaker than
 * what was allowed, and its answer can be written. The first byte says what is allowed.
 */
#include <string.h>

#include "audio_io/call/offer.h"
#include "audio_io/call/transport/certificate.h"
#include "audio_io/call/transport/libre.h"
#include "audio_io/call/transport/transport.h"
#include "tests/fuzz/fuzz.h"

static void on_packet(const ravel_rtp_packet *packet, void *context)
{
    (void)packet, (void)context;
}

static void on_report(const ravel_network_report *report, void *context)
{
    (void)report, (void)context;
}

static void on_event(ravel_transport_event event, const char *text, void *context)
{
    (void)event, (void)text, (void)context;
}

static ravel_transport *open_transport(ravel_media_security weakest, bool ice)
{
    static ravel_certificate *certificate;
    static const ravel_transport_handlers handlers = {on_packet, on_report, on_event, NULL};
    struct sa here;
    if (certificate == NULL) {
        FUZZ_CHECK(ravel_libre_begin() == 0);
        certificate = ravel_certificate_new(NULL);
    }
    FUZZ_CHECK(sa_set_str(&here, "127.0.0.1", 0) == 0);
    const ravel_transport_config config = {
        .address = &here, .certificate = certificate, .weakest = weakest, .ice = ice};
    return ravel_transport_open(&config, &handlers, NULL);
}

static void answer(ravel_transport *transport, struct sdp_session *session,
                   ravel_media_security weakest)
{
    struct mbuf *text = NULL;
    FUZZ_CHECK(ravel_transport_security(transport) <= weakest);
    FUZZ_CHECK(ravel_transport_describe(transport, false, NULL) == RAVEL_OK);
    FUZZ_CHECK(sdp_encode(&text, session, false) == 0);
    mem_deref(text);
}

static void read_offer(ravel_transport *transport, ravel_media_security weakest,
                       const uint8_t *data, size_t size)
{
    const ravel_offer offer = {.opus = ravel_voice_default(NULL)};
    struct sdp_session *session = NULL;
    struct sdp_media *media = NULL;
    struct sa here;
    ravel_agreement agreement;
    ravel_error error;
    uint8_t *copy = malloc(size + 1);
    FUZZ_CHECK(copy != NULL && sa_set_str(&here, "127.0.0.1", 0) == 0);
    memcpy(copy, data, size);
    struct mbuf text = {.buf = copy, .size = size, .end = size};
    FUZZ_CHECK(sdp_session_alloc(&session, &here) == 0);
    FUZZ_CHECK(ravel_transport_add_media(transport, session, &media, NULL) == RAVEL_OK);
    FUZZ_CHECK(ravel_offer_add(&offer, media, NULL) == RAVEL_OK);
    if (sdp_decode(session, &text, true) == 0 &&
        ravel_offer_agree(&offer, media, true, &agreement, &error) == RAVEL_OK &&
        ravel_transport_apply(transport, true, &error) == RAVEL_OK)
        answer(transport, session, weakest);
    mem_deref(session);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ravel_transport *kept[3]; /* to open one takes as long as a thousand descriptions */
    if (size == 0)
        return 0;
    ravel_media_security weakest = (ravel_media_security)(data[0] % 3);
    bool ice =
        data[0] == 0xff; /* which a transport gives up for good, so that it takes a new one */
    ravel_transport *transport = ice ? open_transport(weakest, true) : kept[weakest];
    if (transport == NULL)
        transport = kept[weakest] = open_transport(weakest, false);
    FUZZ_CHECK(transport != NULL);
    read_offer(transport, weakest, data + 1, size - 1);
    if (ice)
        ravel_transport_close(transport);
    return 0;
}
