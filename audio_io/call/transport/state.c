/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/state.h"

void ravel_transport_emit(ravel_transport *transport, ravel_transport_event event, const char *text)
{
    if (transport->failed || (event == RAVEL_TRANSPORT_SECURE && transport->secure))
        return;
    transport->failed = event == RAVEL_TRANSPORT_FAILED;
    transport->secure = transport->secure || event == RAVEL_TRANSPORT_SECURE;
    transport->handlers.event(event, text, transport->handlers.context);
}

ravel_channel *ravel_transport_report_channel(ravel_transport *transport)
{
    return transport->peer.multiplexed ? &transport->media : &transport->reports;
}

const char *ravel_drop_name(ravel_drop kind)
{
    static const char *const names[RAVEL_DROP_KINDS] = {
        [RAVEL_DROP_TRUNCATED] = "truncated",
        [RAVEL_DROP_OVERSIZED] = "oversized",
        [RAVEL_DROP_UNKNOWN] = "unknown",
        [RAVEL_DROP_EARLY] = "early",
        [RAVEL_DROP_UNAUTHENTICATED] = "unauthenticated",
        [RAVEL_DROP_REPLAYED] = "replayed",
        [RAVEL_DROP_PAYLOAD_TYPE] = "payload type",
        [RAVEL_DROP_HANDSHAKE] = "handshake",
        [RAVEL_DROP_OVERFLOW] = "overflow",
    };
    return names[kind];
}
